"""``training_summary.txt``: a run told on a page, as a person would write it."""

from __future__ import annotations

from pathlib import Path

from emovox.corpora.listing import Listing
from emovox.errors import to_resume
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.layout import FILES
from emovox.report import anchors, theory
from emovox.report.document import Code, Document, Paragraph, Section
from emovox.report.sections import scores
from emovox.report.words import (
    best_by_uar,
    caution,
    confusions,
    corpus_name,
    day,
    how_tested,
    listed,
    minutes,
    model_title,
    number,
    percent,
    plural,
    points,
    verdict,
)

COMPLETED = "TRAINING COMPLETED SUCCESSFULLY"


def page(evaluation: Evaluation, folder: Path) -> Document:
    """The page: what was done, how it was tested, the figures, what they mean, what lies in the folder."""
    done, tested, *meaning = told(evaluation)
    table, columns = scores(evaluation), (0, 1, 2, 5, 6, 7, 8)
    header, *rows = (tuple(row[i] for i in columns) for row in (table.header, *table.rows))
    data = (
        f"Data: {evaluation.corpus.get('citation') or corpus_name(evaluation)}",
        f"Licence of the data: {evaluation.corpus.get('licence', 'unknown')}",
    )
    return Document(
        f"Emotion from speech: {plural(len(evaluation.models), 'model')} on {corpus_name(evaluation)}",
        (
            done,
            tested,
            Listing("", header, tuple(rows)),
            *meaning,
            *(Paragraph(about(model, evaluation)) for model in best_by_uar(evaluation)),
            Paragraph(_caution(evaluation)),
            Section("In this folder", (files(folder),)),
            *map(Paragraph, data),
            Code(_last_line(evaluation, folder)),
        ),
        tags=evaluation.warnings,
    )


def told(evaluation: Evaluation) -> tuple[Paragraph, ...]:
    """What was done, how it was tested, which model is best, and how far it can be trusted."""
    return tuple(Paragraph(tell(evaluation)) for tell in (_what_was_done, _how, _verdict, _trust))


def files(folder: Path) -> Listing:
    """What lies in the run folder; the report is written last, and counts as there."""
    return Listing(
        "", (), tuple(row for row in FILES if row[0] == "report.html" or any(folder.glob(row[0].rstrip("/"))))
    )


def _what_was_done(evaluation: Evaluation) -> str:
    names = listed([model_title(model) for model in evaluation.models.values()])
    count = len(evaluation.folds) * evaluation.seeds
    seconds = sum(model.training_seconds for model in evaluation.models.values())
    each = "" if count == 1 else f", each {number(count)} times ({_times(evaluation)})"
    verb = "was" if len(evaluation.models) == 1 else "were"
    return (
        f"On {day(evaluation.timestamp)} {names} {verb} trained on {corpus_name(evaluation)}, "
        f"{evaluation.total_clips:,} recordings in {number(len(evaluation.labels))} emotions{each}. "
        f"The trainings took {minutes(seconds)} in all."
    )


def _times(evaluation: Evaluation) -> str:
    parts = [plural(len(evaluation.folds), "fold")] if len(evaluation.folds) > 1 else []
    return " by ".join([*parts, plural(evaluation.seeds, "seed")] if evaluation.seeds > 1 else parts)


def _how(evaluation: Evaluation) -> str:
    sentence = (
        f"The protocol is {evaluation.protocol}: {evaluation.protocol_rule}. Results are of {how_tested(evaluation)}."
    )
    if evaluation.leaky:
        return f"{sentence} {theory.PROTOCOLS[True]}"
    who = "" if len(evaluation.folds) > 1 else f" ({listed(next(iter(evaluation.folds.values())).test_speakers)})"
    few = (
        " With so few of them the results say little about other voices; --protocol speakers6 tests on every speaker."
        if evaluation.few_speakers
        else ""
    )
    return f"{sentence.removesuffix('.')}{who}. {theory.PROTOCOLS[False]}{few}"


def _verdict(evaluation: Evaluation) -> str:
    best = evaluation.best
    said = [verdict(evaluation), *evaluation.notices]
    people = anchors.people(evaluation)
    if people and people.accuracy is not None:
        above, below = best.accuracy.low > people.accuracy, best.accuracy.high < people.accuracy
        where = "more often than" if above else "less often than" if below else "about as often as"
        said.append(
            f"{model_title(best)} is right {where} people: listeners named the emotion of "
            f"{percent(people.accuracy)} of these recordings ({people.source})."
        )
        if evaluation.leaky:
            said.append("Note that people had not heard these speakers before, but the models had.")
    systems = anchors.systems(evaluation)
    if systems:
        quoted = listed([f"{anchor.name} {percent(anchor.uar)}" for anchor in systems if anchor.uar is not None])
        said.append(f"On the same folds large pretrained encoders reach a UAR of {quoted} ({systems[0].source}).")
    return " ".join(said)


def _trust(evaluation: Evaluation) -> str:
    """How far the best model's answers can be trusted, and on whose clips."""
    best = evaluation.best
    sets, abstention = best.sets, best.abstention
    who, least = sets.least
    said = [
        f"Sets of likely emotions, {sets.size:.1f} each for {model_title(best)}, contain the true one in "
        f"{percent(sets.coverage.value)} of clips ({percent(sets.target, 0)} was asked; "
        f"{percent(least, 0)} on speaker {who}, the least)."
    ]
    if abstention.threshold is None:
        said.append(f"No threshold makes {percent(abstention.target, 0)} of its answers right, so it always answers.")
    elif abstention.accuracy is not None:
        said.append(
            f"If it answers only when it is sure enough, it answers {percent(abstention.answered, 0)} of clips, and "
            f"{percent(abstention.accuracy)} of these answers are right."
        )
    for part in best.breakdowns:
        if part.gap and part.gap.low > 0:
            said.append(
                f"By {part.attribute}, its UAR is {100 * part.gap.value:.1f} points higher on {part.highest} than on "
                f"{part.lowest} (95 % interval {points(part.gap)})."
            )
    return " ".join(said)


def about(model: ModelEvaluation, evaluation: Evaluation) -> str:
    """A few sentences on what one model finds, what it mistakes for what, and how it learnt."""
    name = model_title(model)
    predicted = model.confusion.sum(axis=0)
    said = []
    if predicted.max() >= 0.9 * predicted.sum() and model.uar.low <= evaluation.chance_uar:
        said.append(
            f"{name} predicts {evaluation.labels[int(predicted.argmax())]} for nearly every clip, and is not shown to "
            "be better than chance."
        )
    else:
        known = sorted(((s.recall, label) for label, s in model.classes.items() if s.recall is not None), reverse=True)
        said.append(
            f"{name} recognises {known[0][1]} best ({percent(known[0][0], 0)} of its clips) and {known[-1][1]} least "
            f"({percent(known[-1][0], 0)})."
        )
        mistakes = confusions(model, evaluation.labels)[:2]
        if mistakes:
            told = listed([f"{true} for {other} ({percent(share, 0)})" for share, true, other in mistakes])
            said.append(f"Its most frequent errors: {told}.")
    if model.epochs_trained:
        several = ", the mean over trainings" if len(model.trainings) > 1 else ""
        said.append(f"It was trained for {plural(round(model.epochs_trained), 'epoch')}{several}.")
    if model.choices:
        chosen = listed([f"{name} {value:.2g}" for name, value in model.choices.items()])
        mean = ", the means over trainings" if len(model.trainings) > 1 else ""
        said.append(f"Chosen without test clips: {chosen}{mean}.")
    said.append(
        f"Its validation accuracy is {percent(model.best_val_accuracy)}, its calibration error "
        f"{percent(model.calibration_error)}."
    )
    return " ".join(said)


def _caution(evaluation: Evaluation) -> str:
    one = "Each model was trained from one seed; another seed would change the results by a point or two."
    return f"{caution(evaluation)} {one}" if evaluation.seeds == 1 else caution(evaluation)


def _last_line(evaluation: Evaluation, folder: Path) -> str:
    if evaluation.missing:
        names = listed(evaluation.missing)
        return f"TRAINING NOT YET COMPLETE: {names} left; continue with '{to_resume(folder)}'"
    return COMPLETED
