"""The models of several runs side by side, each pair tested on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emovox.evaluation.intervals import Bootstrap, Difference
from emovox.evaluation.judge import Evaluation, ModelEvaluation, Score, evaluate
from emovox.evaluation.metrics import uar
from emovox.evaluation.results import dataset
from emovox.runs import Run


@dataclass(frozen=True)
class ComparisonRow:
    """One model of one run among others.

    Args:
        run, model: Their names.
        dataset, protocol, leaky, seeds: How it was tested; figures under different protocols are not alike.
        clips: Test clips.
        accuracy, uar: With intervals.
        parameters: All weights of the model.
        behind: UAR below that of the best row with the same test clips: best minus this one, with interval
            and p; None for that best row itself.
    """

    run: str
    model: str
    dataset: str
    protocol: str
    leaky: bool
    seeds: int
    clips: int
    accuracy: Score
    uar: Score
    parameters: int
    behind: Difference | None


def compare(runs: Sequence[Run]) -> tuple[ComparisonRow, ...]:
    """Stand the models of several runs side by side, best UAR first within each set of test clips.

    Rows with the same test clips of the same corpus are compared in pairs: the best one against each other
    one, on the same bootstrap resamples (of speakers, unless a run is leaky). Leaky rows are only compared with leaky
    ones. The p values are not corrected for their number.

    Raises:
        RunError: A run is unfinished or damaged.
    """
    alike: dict[Any, list[tuple[str, Evaluation, ModelEvaluation]]] = {}
    for run in runs:
        evaluation = evaluate(run)
        key = (evaluation.corpus.get("digest"), evaluation.leaky, evaluation.clip_ids, evaluation.labels)
        alike.setdefault(key, []).extend((evaluation.name, evaluation, model) for model in evaluation.models.values())
    rows = []
    for entries in alike.values():
        ranked = sorted(entries, key=lambda entry: -entry[2].uar.value)
        for name, evaluation, model in ranked:
            behind = None if model is ranked[0][2] else _behind(evaluation, ranked[0][2], model)
            rows.append(
                ComparisonRow(
                    name, model.name, dataset(evaluation), evaluation.protocol, evaluation.leaky, evaluation.seeds,
                    len(evaluation.clip_ids), model.accuracy, model.uar, model.parameters, behind,
                )
            )  # fmt: skip
    return tuple(rows)


def _behind(evaluation: Evaluation, best: ModelEvaluation, other: ModelEvaluation) -> Difference | None:
    if evaluation.units < 2:
        return None
    groups = evaluation.speakers if evaluation.unit == "speakers" else None
    one, two = (
        Bootstrap(evaluation.truths, model.predictions, groups, len(evaluation.labels)) for model in (best, other)
    )
    return one.difference(two, uar)
