"""The models of several runs side by side, each pair tested on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emovox.evaluation.judge import evaluate
from emovox.evaluation.pairs import Pair, compare_pairs
from emovox.evaluation.results import dataset
from emovox.evaluation.verdict import Evaluation, ModelEvaluation, Score
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
        behind: The row of the highest UAR with the same test clips against this one; None for that row itself.
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
    behind: Pair | None


def compare(runs: Sequence[Run]) -> tuple[ComparisonRow, ...]:
    """Stand the models of several runs side by side, best UAR first within each set of test clips.

    Rows with the same test clips of the same corpus are compared in pairs, over speakers unless a run is leaky. Leaky
    rows are only compared with leaky ones. Which row is best is seen on the test clips, so Holm's correction is over
    all pairs of a set, not over those alone that hold the best.

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
        first = ranked[0][1]
        predictions = {str(rank): model.predictions for rank, (_, _, model) in enumerate(ranked)}
        pairs = compare_pairs(first.truths, predictions, first.independent)
        behind = {pair.other: pair for pair in pairs if pair.one == "0"}
        for rank, (name, evaluation, model) in enumerate(ranked):
            rows.append(
                ComparisonRow(
                    name, model.name, dataset(evaluation), evaluation.protocol, evaluation.leaky, evaluation.seeds,
                    len(evaluation.clip_ids), model.accuracy, model.uar, model.parameters, behind.get(str(rank)),
                )
            )  # fmt: skip
    return tuple(rows)
