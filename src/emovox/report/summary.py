"""``training_summary.txt``: a run told on a page, as a person would write it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from emovox.errors import to_resume
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.files import write_text
from emovox.layout import FILES
from emovox.report import anchors, theory
from emovox.report.words import (
    best_by_uar,
    caution,
    confusions,
    corpus_name,
    day,
    deviation,
    epochs,
    how_tested,
    interval,
    listed,
    minutes,
    model_title,
    number,
    percent,
    plural,
    points,
    verdict,
)
from emovox.runs import Run

WIDTH = 88

COMPLETED = "TRAINING COMPLETED SUCCESSFULLY"


def write(run: Run, evaluation: Evaluation) -> Path:
    """Write the page into the run folder."""
    write_text(run.at.summary, text(evaluation, run.path))
    return run.at.summary


def text(evaluation: Evaluation, folder: Path) -> str:
    """The page: what was done, how it was tested, the figures, what they mean, what lies in the folder."""
    title = f"Emotion from speech: {plural(len(evaluation.models), 'model')} on {corpus_name(evaluation)}"
    warning = f"   [{' · '.join(evaluation.warnings)}]" if evaluation.warnings else ""
    parts = [
        title + warning,
        "=" * len(title + warning),
        "",
        _paragraph(_what_was_done(evaluation)),
        _paragraph(_how(evaluation)),
        _table(evaluation),
        "",
        _paragraph(_verdict(evaluation)),
        _paragraph(_trust(evaluation)),
        *(_paragraph(about(model, evaluation)) for model in best_by_uar(evaluation)),
        _paragraph(_caution(evaluation)),
        "In this folder",
        "--------------",
        *(f"  {name:<33}{what}" for name, what in FILES if _exists(folder, name)),
        "",
        _paragraph(f"Data: {evaluation.corpus.get('citation') or corpus_name(evaluation)}").rstrip(),
        f"Licence of the data: {evaluation.corpus.get('licence', 'unknown')}",
        "",
        _last_line(evaluation, folder),
    ]
    return "\n".join(parts) + "\n"


def _paragraph(sentences: str) -> str:
    return textwrap.fill(sentences, WIDTH, break_on_hyphens=False) + "\n"


def _exists(folder: Path, name: str) -> bool:
    """Whether the folder holds it, or is about to (the report is written last)."""
    return name in ("report.html", "training_summary.txt") or any(folder.glob(name.rstrip("/")))


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
        f"The protocol is {evaluation.protocol}: {evaluation.protocol_rule}. Figures are of {how_tested(evaluation)}."
    )
    if evaluation.leaky:
        return f"{sentence} {theory.PROTOCOLS[True]}"
    who = "" if len(evaluation.folds) > 1 else f" ({listed(next(iter(evaluation.folds.values())).test_speakers)})"
    few = (
        " With so few of them the figures say little of other voices; --protocol speakers6 tests on every speaker."
        if evaluation.few_speakers
        else ""
    )
    return f"{sentence.removesuffix('.')}{who}. {theory.PROTOCOLS[False]}{few}"


def _table(evaluation: Evaluation) -> str:
    header = ("model", "UAR", "95 % interval", "accuracy", "95 % interval", "loss", "parameters", "epochs", "time")
    rows = [header]
    for model in best_by_uar(evaluation):
        rows.append(
            (
                model_title(model),
                f"{100 * model.uar.value:.1f}{deviation(model.uar)}",
                interval(model.uar),
                f"{100 * model.accuracy.value:.1f}{deviation(model.accuracy)}",
                interval(model.accuracy),
                f"{model.loss:.2f}",
                f"{model.parameters:,}",
                epochs(model),
                minutes(model.training_seconds),
            )
        )
    chance = (f"{100 * evaluation.chance_uar:.1f}", "", f"{100 * evaluation.chance_accuracy:.1f}", "", "", "", "", "")
    rows.append(("chance level", *chance))
    people = anchors.people(evaluation)
    if people and people.accuracy is not None:
        rows.append(("people", "", "", f"{100 * people.accuracy:.1f}", "", "", "", "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join("  " + line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:]])


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
            said.append("Mind that people had not heard these speakers before, and the models had.")
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
        f"Sets of likely emotions, {sets.size:.1f} each for {model_title(best)}, hold the true one in "
        f"{percent(sets.coverage.value)} of clips ({percent(sets.target, 0)} was asked; on speaker {who} "
        f"{percent(least, 0)}, the least)."
    ]
    if abstention.threshold is None:
        said.append(f"No threshold makes {percent(abstention.target, 0)} of its answers right, so it always answers.")
    elif abstention.accuracy is not None:
        said.append(
            f"Where it answers only if it is sure enough, it answers {percent(abstention.answered, 0)} of clips, and "
            f"{percent(abstention.accuracy)} of those rightly."
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
            f"{name} predicts {evaluation.labels[int(predicted.argmax())]} whatever it hears, and is not shown to do "
            "better than chance."
        )
    else:
        known = sorted(((s.recall, label) for label, s in model.classes.items() if s.recall is not None), reverse=True)
        said.append(
            f"{name} finds {known[0][1]} best ({percent(known[0][0], 0)} of its clips) and {known[-1][1]} least "
            f"({percent(known[-1][0], 0)})."
        )
        mistakes = confusions(model, evaluation.labels)[:2]
        if mistakes:
            told = listed([f"{true} for {other} ({percent(share, 0)})" for share, true, other in mistakes])
            said.append(f"Most often it takes {told}.")
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
    one = "Each model was trained from one seed; another would move the figures by a point or two."
    return f"{caution(evaluation)} {one}" if evaluation.seeds == 1 else caution(evaluation)


def _last_line(evaluation: Evaluation, folder: Path) -> str:
    if evaluation.missing:
        names = listed(evaluation.missing)
        return f"TRAINING NOT YET COMPLETE: {names} left; go on with '{to_resume(folder)}'"
    return COMPLETED
