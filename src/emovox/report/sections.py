"""The report's sections that set models beside each other: the result, two by two, how sure, by group."""

from __future__ import annotations

from collections.abc import Sequence

from emovox.corpora.listing import Listing
from emovox.evaluation import Breakdown, Evaluation, ModelEvaluation
from emovox.layout import Layout
from emovox.report import anchors, confidence, figures, groups, theory
from emovox.report.document import Block, Paragraph, Section
from emovox.report.drawn import in_both_widths
from emovox.report.words import (
    best_by_uar,
    epochs,
    gained,
    listed,
    measured,
    minutes,
    model_title,
    percent,
    plural,
    share,
)


def result(evaluation: Evaluation, at: Layout) -> Section:
    """Every model's scores beside chance, people and published systems, and every two models on the same clips."""
    reading = [theory.HOW_TO_READ["final"]]
    if anchors.people(evaluation):
        reading.append(theory.HOW_TO_READ["people"])
    if anchors.systems(evaluation):
        reading.append(theory.HOW_TO_READ["systems"])
    reading.append(theory.HOW_TO_READ["recalls"])
    title = "Final comparison of all models"
    drawn = in_both_widths(at.final_figure, figures.final_comparison, (evaluation,), title, " ".join(reading))
    return Section("Result", (scores(evaluation), drawn, *_two_by_two(evaluation)), "result")


def scores(evaluation: Evaluation) -> Listing:
    """A row a model, best first; then chance, people and published systems."""
    models = best_by_uar(evaluation)
    header = ("model", "UAR, %", "accuracy, %", "macro F1, %", "weighted F1, %", "loss", "parameters", "epochs", "time")
    rows: list[tuple[str, ...]] = [
        (
            model_title(model), measured(model.uar), measured(model.accuracy),
            share(model.scores["f1_macro"].value), share(model.scores["f1_weighted"].value), f"{model.loss:.2f}",
            f"{model.parameters:,}", epochs(model), minutes(model.training_seconds),
        )
        for model in models
    ]  # fmt: skip
    people = anchors.people(evaluation)
    known = ([people] if people else []) + list(anchors.systems(evaluation))
    beside = [("chance level", evaluation.chance_uar, evaluation.chance_accuracy)]
    for name, uar, accuracy in beside + [(anchor.name, anchor.uar, anchor.accuracy) for anchor in known]:
        cells = ("" if value is None else share(value) for value in (uar, accuracy))
        rows.append((name, *cells, *[""] * (len(header) - 3)))
    sources = "".join(f" {source}." for source in dict.fromkeys(anchor.source for anchor in known))
    spread = f" After ±: sample deviation over {plural(evaluation.seeds, 'seed')}." if evaluation.seeds > 1 else ""
    pooled = " Pooled over folds." if len(evaluation.folds) > 1 else ""
    title = (
        f"In brackets: 95 % interval over {evaluation.units:,} {evaluation.unit}.{spread}{pooled} "
        f"Parameters: all weights of the model. Time: all trainings together.{sources}"
    )
    marks = (*_best(evaluation, models), *["anchor"] * (1 + len(known)))
    return Listing(title, header, tuple(rows), marks)


def folds(evaluation: Evaluation) -> Listing:
    """The size of every part of each fold, and each model's UAR within the fold."""
    models = list(evaluation.models.values())
    header = ("fold", "train", "validation", "test", "test speakers", *(f"{model_title(m)} UAR" for m in models))
    rows = [
        (
            name, f"{fold.train:,}", f"{fold.validation:,}", f"{fold.test:,}",
            "all" if evaluation.leaky else ", ".join(fold.test_speakers),
            *(share(model.uar.per_fold[name]) for model in models),
        )
        for name, fold in evaluation.folds.items()
    ]  # fmt: skip
    marks = [""] * len(rows)
    if len(rows) > 1:
        rows.append(("mean", "", "", "", "", *(share(model.uar.fold_mean) for model in models)))
        marks.append("best")
    return Listing("Clips of each part, and the UAR within each fold, %.", header, tuple(rows), tuple(marks))


def _two_by_two(evaluation: Evaluation) -> tuple[Block, ...]:
    if not evaluation.pairs:
        return ()
    titles = {name: model_title(model) for name, model in evaluation.models.items()}
    header = (
        "higher – lower UAR", "points of UAR", "p (Holm)", "points of accuracy", "p (Holm)",
        f"{evaluation.unit} better / worse", "McNemar p", "detectable, points",
    )  # fmt: skip
    rows = tuple(
        (
            f"{titles[pair.one]} – {titles[pair.other]}",
            *(cell for s in (pair.uar, pair.accuracy) for cell in (gained(s), f"{s.p_value:.2g}\n({s.p_holm:.2g})")),
            f"{pair.better} / {pair.worse}", f"{pair.mcnemar:.2g}", share(pair.uar.detectable),
        )
        for pair in evaluation.pairs
    )  # fmt: skip
    title = (
        f"Every two models on the same clips, the differences with 95 % intervals over {evaluation.units:,} "
        f"{evaluation.unit}. p: sign-flip test, and corrected for all pairs after Holm; the smallest p with so many "
        f"is {evaluation.smallest_p:.2g}. McNemar's p treats clips as independent, and is too small if a "
        "speaker's clips are similar. Detectable: the true difference that such a run finds four times in five."
    )
    marks = tuple("best" if pair.uar.p_holm < 0.05 else "" for pair in evaluation.pairs)
    return (Section("Two by two", (Listing(title, header, rows, marks),)),)


def how_sure(evaluation: Evaluation, at: Layout) -> Section:
    """Calibration, prediction sets and abstention of every model."""
    never = [model_title(m) for m in evaluation.models.values() if m.abstention.threshold is None]
    left = (
        f"No threshold makes {100 * evaluation.best.abstention.target:.0f} % of the predictions of {listed(never)} "
        "right, so none is set, and the model always answers."
    )
    reliability, doubt = (
        in_both_widths(at.picture(name), draw, (evaluation,), title, theory.HOW_TO_READ[name])
        for name, draw, title in (
            ("reliability", confidence.reliability_figure, "Confidence and accuracy"),
            ("doubt", confidence.doubt_figure, "Not sure, and prediction sets"),
        )
    )
    blocks: tuple[Block, ...] = (calibration(evaluation), reliability, answers(evaluation), doubt)
    return Section("Confidence", (*blocks, *([Paragraph(left)] if never else [])), "sure")


def calibration(evaluation: Evaluation) -> Listing:
    """How far each model's probabilities can be believed, as trained and with temperature."""
    models = best_by_uar(evaluation)
    header = ("model", "calibration error, %", "adaptive, %", "Brier", "loss")
    rows = tuple(
        (
            model_title(model), f"{share(before.error)} → {share(after.error)}",
            f"{share(before.adaptive_error)} → {share(after.adaptive_error)}",
            f"{before.brier:.3f} → {after.brier:.3f}", f"{model.loss_uncalibrated:.2f} → {model.loss:.2f}",
        )
        for model in models
        for before, after in [(model.calibration_before, model.calibration)]
    )  # fmt: skip
    return Listing("As trained → with temperature.", header, rows, _best(evaluation, models))


def answers(evaluation: Evaluation) -> Listing:
    """Each model's prediction sets, and what it answers where it is sure enough."""
    models, sets, abstention = best_by_uar(evaluation), evaluation.best.sets, evaluation.best.abstention
    title = (
        f"Sets that should contain the true emotion in {100 * sets.target:.0f} % of clips, and answers of which "
        f"{100 * abstention.target:.0f} % should be right, on test clips."
    )
    header = ("model", "true emotion in set, %", "for the worst speaker", "emotions per set", "sets of one, %",
              "answered, %", "right of those, %", "answers from", "AURC")  # fmt: skip
    return Listing(title, header, tuple(map(_answers, models)), _best(evaluation, models))


def _answers(model: ModelEvaluation) -> tuple[str, ...]:
    sets, abstention = model.sets, model.abstention
    who, least = sets.least
    return (
        model_title(model), measured(sets.coverage), f"{100 * least:.0f} % ({who})", f"{sets.size:.2f}",
        f"{100 * sets.alone:.0f}", f"{100 * abstention.answered:.0f}", share(abstention.accuracy),
        "always" if not abstention.threshold else f"{100 * abstention.threshold:.0f} %", f"{abstention.area:.3f}",
    )  # fmt: skip


def by_emotion(evaluation: Evaluation, model: ModelEvaluation) -> Listing:
    """A model's precision, recall and F1 of each emotion, beside how often listeners named it."""
    people = anchors.people(evaluation)
    header = ("emotion", "clips", "precision, %", "recall, %", "F1, %", *(["people, %"] if people else []))
    rows = []
    for label, score in model.classes.items():
        recall = share(score.recall)
        if bounds := score.recall_interval:
            recall += f" [{100 * bounds.low:.0f}–{100 * bounds.high:.0f}]"
        named = [share(people.recalls.get(label))] if people else []
        rows.append((label, f"{score.clips:,}", share(score.precision), recall, share(score.f1), *named))
    heard = f" People: how often listeners named it ({people.source})." if people else ""
    title = f"{model_title(model)} by emotion; in brackets the 95 % interval.{heard}"
    return Listing(title, header, tuple(rows))


def by_group(evaluation: Evaluation, at: Layout) -> Section | None:
    """Every model by sex, intensity, statement and speaker; None where no clips differ in these."""
    best = evaluation.best
    if not best.breakdowns:
        return None
    title = "By group and by speaker"
    blocks: list[Block] = [
        in_both_widths(at.picture("groups"), groups.groups_figure, (evaluation,), title, theory.HOW_TO_READ["groups"])
    ]
    if any(part.attribute != "speaker" for part in best.breakdowns):
        blocks += [each_group(evaluation), _gaps(evaluation)]
    for part in best.breakdowns:
        if part.attribute == "speaker":
            of = {group.name: group.uar.value for group in part.groups}
            told = (
                f"{model_title(best)} does best on speaker {part.highest} (UAR {percent(of[part.highest])}) and worst "
                f"on {part.lowest} ({percent(of[part.lowest])}); between speakers the UAR has a deviation of "
                f"{share(part.deviation)} points. All speakers are in training_results.json."
            )
            blocks.append(Paragraph(told))
    return Section(title, tuple(blocks), "groups")


def each_group(evaluation: Evaluation) -> Listing:
    """Every model's UAR on each group of clips, and the best one's accuracy beside people's."""
    models, best, people = best_by_uar(evaluation), evaluation.best, anchors.people(evaluation)
    header = ("by", "group", "clips", "speakers", *(f"{model_title(model)}, UAR %" for model in models),
              f"{model_title(best)}, accuracy %", *(["people, accuracy %"] if people else []))  # fmt: skip
    uars = {(m.name, part.attribute, g.name): g.uar for m in models for part in m.breakdowns for g in part.groups}
    rows = tuple(
        (
            part.attribute, group.name, f"{group.clips:,}", f"{group.speakers:,}",
            *(measured(uars[model.name, part.attribute, group.name]) for model in models), measured(group.accuracy),
            *([share(people.groups.get((part.attribute, group.name)))] if people else []),
        )
        for part in best.breakdowns
        if part.attribute != "speaker"
        for group in part.groups
    )  # fmt: skip
    short = "".join(
        f" By {part.attribute} on the {len(part.labels)} emotions that every group has."
        for part in best.breakdowns
        if part.attribute != "speaker" and 0 < len(part.labels) < len(evaluation.labels)
    )
    return Listing(f"Every model by group.{short}", header, rows)


def _gaps(evaluation: Evaluation) -> Listing:
    def gap(part: Breakdown) -> str:
        if part.attribute == "speaker":
            return share(part.deviation)
        between = f"{part.highest} over {part.lowest}"
        return f"{gained(part.gap)}\n{between}" if part.gap else between

    models, parts = best_by_uar(evaluation), evaluation.best.breakdowns
    header = ("model", *("between speakers ±" if p.attribute == "speaker" else f"{p.attribute}, points" for p in parts))
    rows = tuple((model_title(model), *map(gap, model.breakdowns)) for model in models)
    title = "The gap in UAR between groups, with its 95 % interval. Without 0 in it, a gap is hardly chance."
    return Listing(title, header, rows, _best(evaluation, models))


def _best(evaluation: Evaluation, models: Sequence[ModelEvaluation]) -> tuple[str, ...]:
    """Marks of rows: the best model's."""
    return tuple("best" if model is evaluation.best else "" for model in models)
