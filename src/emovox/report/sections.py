"""The page's sections that set models beside each other: two by two, how sure, by group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from emovox.evaluation import Evaluation
from emovox.report import anchors, theory
from emovox.report.parts import Picture, figure, share, table, tag_of, with_interval
from emovox.report.words import best_by_uar, interval, listed, model_title, percent, points


def two_by_two(evaluation: Evaluation) -> Iterable[str]:
    """Every two models on the same clips."""
    if not evaluation.pairs:
        return
    titles = {name: escape(model_title(model)) for name, model in evaluation.models.items()}
    header = (
        "higher – lower UAR", "points of UAR", "p (Holm)", "points of accuracy", "p (Holm)",
        f"{evaluation.unit} better / worse", "McNemar p", "detectable, points",
    )  # fmt: skip
    rows = []
    for pair in evaluation.pairs:
        scores = (
            cell
            for score in (pair.uar, pair.accuracy)
            for cell in (
                with_interval(f"{100 * score.value:.1f}", points(score)),
                f'{score.p_value:.2g}<br><span class="low">({score.p_holm:.2g})</span>',
            )
        )
        cells = (
            f"{titles[pair.one]} – {titles[pair.other]}", *scores, f"{pair.better} / {pair.worse}",
            f"{pair.mcnemar:.2g}", f"{100 * pair.uar.detectable:.1f}",
        )  # fmt: skip
        rows.append(("best" if pair.uar.p_holm < 0.05 else "", cells))
    caption = (
        f"Every two models on the same clips, the differences with 95 % intervals over {evaluation.units:,} "
        f"{evaluation.unit}. The smallest p that so many can give is {evaluation.smallest_p:.2g}.{tag_of(evaluation)}"
    )
    yield "<h3>Two by two</h3>"
    yield table(header, rows, caption)
    yield f"<p>{escape(theory.PAIRS)}</p>"


def how_sure(evaluation: Evaluation, pictures: Mapping[str, Picture], tag: str) -> Iterable[str]:
    """Calibration, prediction sets and abstention of every model."""
    yield f'<h2 id="sure">How sure they are{tag_of(evaluation)}</h2>'
    models = best_by_uar(evaluation)
    header: Sequence[str] = ("model", "calibration error, %", "adaptive, %", "Brier", "loss")
    rows: list[tuple[str, Sequence[str]]] = []
    for model in models:
        before, after = model.calibration_before, model.calibration
        rows.append(
            (
                "best" if model is evaluation.best else "",
                (
                    escape(model_title(model)),
                    f"{100 * before.error:.1f} → {100 * after.error:.1f}",
                    f"{100 * before.adaptive_error:.1f} → {100 * after.adaptive_error:.1f}",
                    f"{before.brier:.3f} → {after.brier:.3f}",
                    f"{model.loss_uncalibrated:.2f} → {model.loss:.2f}",
                ),
            )
        )
    yield table(header, rows, f"As trained → with temperature.{tag_of(evaluation)}")
    yield figure(pictures["reliability"], f"Confidence and accuracy{tag}", theory.HOW_TO_READ["reliability"])
    header = ("model", "sets that hold the truth, %", "of the speaker with least", "emotions a set", "sets of one, %",
              "answered, %", "right of those, %", "answers from", "AURC")  # fmt: skip
    rows = []
    for model in models:
        sets, abstention = model.sets, model.abstention
        who, least = sets.least
        rows.append(
            (
                "best" if model is evaluation.best else "",
                (
                    escape(model_title(model)),
                    with_interval(f"{100 * sets.coverage.value:.1f}", interval(sets.coverage)),
                    f"{100 * least:.0f} % ({escape(who)})",
                    f"{sets.size:.2f}",
                    f"{100 * sets.alone:.0f}",
                    f"{100 * abstention.answered:.0f}",
                    "–" if abstention.accuracy is None else f"{100 * abstention.accuracy:.1f}",
                    "always" if not abstention.threshold else f"{100 * abstention.threshold:.0f} %",
                    f"{abstention.area:.3f}",
                ),
            )
        )
    caption = (
        f"Sets that are to hold the true emotion in {100 * sets.target:.0f} % of clips, and answers of which "
        f"{100 * abstention.target:.0f} % are to be right, on test clips.{tag_of(evaluation)}"
    )
    yield table(header, rows, caption)
    yield figure(pictures["doubt"], f"Not sure, and sets that hold the truth{tag}", theory.HOW_TO_READ["doubt"])
    several = len(evaluation.folds) > 1
    yield f"<p>{escape(theory.THRESHOLDS[several])}</p>"
    never = [model_title(model) for model in models if model.abstention.threshold is None]
    if never:
        yield (
            f"<p>No threshold makes {100 * abstention.target:.0f} % of the answers of {escape(listed(never))} right, "
            "so none is set, and everything is answered.</p>"
        )


def by_group(evaluation: Evaluation, pictures: Mapping[str, Picture], tag: str) -> Iterable[str]:
    """Every model by sex, intensity, statement and speaker; nothing where no clips differ in these."""
    if not evaluation.best.breakdowns:
        return
    yield f'<h2 id="groups">By group and by speaker{tag_of(evaluation)}</h2>'
    models, best = best_by_uar(evaluation), evaluation.best
    people = anchors.people(evaluation)
    yield figure(pictures["groups"], f"By group and by speaker{tag}", theory.HOW_TO_READ["groups"])
    parts = [part for part in best.breakdowns if part.attribute != "speaker"]
    header = ("by", "group", "clips", "speakers", "UAR, %", "accuracy, %", *(["people, %"] if people else []))
    rows: list[tuple[str, Sequence[str]]] = []
    for part in parts:
        for group in part.groups:
            known = people.groups.get((part.attribute, group.name)) if people else None
            rows.append(
                (
                    "",
                    (
                        escape(part.attribute),
                        escape(group.name),
                        f"{group.clips:,}",
                        f"{group.speakers:,}",
                        *(with_interval(f"{100 * s.value:.1f}", interval(s)) for s in (group.uar, group.accuracy)),
                        *([share(known)] if people else []),
                    ),
                )
            )
    if rows:
        caption = f"{escape(model_title(best))} by group. {_scored_on(evaluation)}{tag_of(evaluation)}"
        yield table(header, rows, caption)
        header = ("model", *(f"{part.attribute}, points" for part in parts), "between speakers ±")
        rows = []
        for model in models:
            cells = [escape(model_title(model))]
            for part in model.breakdowns:
                if part.attribute == "speaker":
                    cells.append(f"{100 * part.deviation:.1f}")
                    continue
                between = f"{escape(part.highest)} over {escape(part.lowest)}"
                if part.gap is None:
                    cells.append(between)
                    continue
                cells.append(f'{100 * part.gap.value:.1f} <span class="low">[{points(part.gap)}]<br>{between}</span>')
            rows.append(("best" if model is best else "", cells + [""] * (len(header) - len(cells))))
        caption = (
            "The gap in UAR between groups, with its 95 % interval. Where that leaves out 0, the gap is hardly luck."
            f"{tag_of(evaluation)}"
        )
        yield table(header, rows, caption)
    by_speaker = next((part for part in best.breakdowns if part.attribute == "speaker"), None)
    if by_speaker:
        of = {group.name: group.uar.value for group in by_speaker.groups}
        yield (
            f"<p>{escape(model_title(best))} does best on speaker {escape(by_speaker.highest)} (UAR "
            f"{percent(of[by_speaker.highest])}) and worst on {escape(by_speaker.lowest)} "
            f"({percent(of[by_speaker.lowest])}); between speakers the UAR has a deviation of "
            f"{100 * by_speaker.deviation:.1f} points. Everybody’s figures are in training_results.json.</p>"
        )


def _scored_on(evaluation: Evaluation) -> str:
    """Which groups lack emotions, and so which are scored."""
    short = [part for part in evaluation.best.breakdowns if 0 < len(part.labels) < len(evaluation.labels)]
    return "".join(
        f"By {escape(part.attribute)} on the {len(part.labels)} emotions that every group has. "
        for part in short
        if part.attribute != "speaker"
    )
