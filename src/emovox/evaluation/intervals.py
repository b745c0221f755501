"""How sure one may be of a score: intervals that hold with few speakers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from emovox.evaluation.metrics import Metric, confusion

PSEUDO_CLIPS = 4.0
"""Half of them right and half wrong, added before a proportion's error is taken: Agresti and Coull (1998)."""


@dataclass(frozen=True)
class Interval:
    """A score and the bounds of its confidence interval."""

    value: float
    low: float
    high: float


class Sample:
    """Predictions for clips of several speakers, scored with an interval.

    The standard error is that of the jackknife over speakers: the pooled score is taken again without each of the G
    speakers, and SE² = (G - 1)/G sum_g (score_g - mean)². The interval reaches t(G - 1) of them to either side. For
    speakers with alike clips it is the t interval over the speakers' own scores. Efron (1982), The Jackknife, the
    Bootstrap and Other Resampling Plans, chapter 3; Cameron and Miller (2015), A Practitioner's Guide to Cluster-Robust
    Inference, sections III.B and VI, on few clusters and G - 1 degrees of freedom.

    No interval is narrower than if clips were independent, so that a score of 1.0 has one too. That one is the interval
    of Agresti and Coull (1998), Approximate Is Better than "Exact", carried over to any score by the delta method; it
    stands alone where no speakers are told apart.

    Args:
        truths: (N,) class indices.
        predictions: (N,) class indices, or (S, N) for S trainings, whose mean score is taken.
        speakers: (N,) who speaks in each clip; None, or one speaker only, takes clips as independent.
        n_classes: C.
        level: Confidence.
    """

    def __init__(
        self,
        truths: np.ndarray,
        predictions: np.ndarray,
        speakers: Sequence[str] | np.ndarray | None,
        n_classes: int,
        level: float = 0.95,
    ) -> None:
        predictions = np.atleast_2d(predictions)  # (S, N)
        if not len(truths):
            raise ValueError("there are no clips to score")
        self.level = level
        self.matrices = confusion(truths, predictions, n_classes).astype(np.float64)  # (S, C, C)
        self.parts = (
            np.zeros((0, *self.matrices.shape))
            if speakers is None
            else np.stack([confusion(truths[r], predictions[:, r], n_classes) for r in rows_of(truths, speakers)])
        )  # (G, S, C, C)

    def interval(self, metric: Metric) -> Interval:
        """The score on the clips themselves, with its interval, which is kept within [0, 1]."""
        value = float(metric(self.matrices).mean())
        low, high = self._of_clips(metric)
        if len(self.parts) > 1:
            left = metric(self.matrices - self.parts).mean(axis=1)  # (G,)
            reach = jackknife_error(left) * stdtrit(len(left) - 1, (1 + self.level) / 2)
            low, high = min(low, value - reach), max(high, value + reach)
        return Interval(value, max(0.0, low), min(1.0, high))

    def _of_clips(self, metric: Metric) -> tuple[float, float]:
        """The interval of independent clips, of which there are as many as one training predicted."""
        matrix = self.matrices.mean(axis=0)  # (C, C)
        classes = len(matrix)
        there = np.flatnonzero(matrix.sum(axis=1))
        each = PSEUDO_CLIPS / len(there)
        matrix[there] += 0.5 * each / max(1, classes - 1)
        matrix[there, there] += 0.5 * each * (1 - 1 / max(1, classes - 1))
        step = 1e-4
        moved = matrix + step * np.eye(classes * classes).reshape(-1, classes, classes)  # (C², C, C)
        value = metric(matrix[None])[0]
        slopes = (metric(moved) - value) / step  # (C²,) by the count of a cell
        error = np.sqrt((matrix.ravel() * slopes**2).sum())
        reach = error * ndtri((1 + self.level) / 2)
        return float(value - reach), float(value + reach)


def jackknife_error(left: np.ndarray) -> float:
    """The standard error of a score from what it is without each unit.

    Args:
        left: (G,) the score without each; NaN where nothing is left to score.
    """
    left = left[~np.isnan(left)]
    return float(np.sqrt((len(left) - 1) * left.var()))


def rows_of(truths: np.ndarray, groups: Sequence[str] | np.ndarray) -> list[np.ndarray]:
    """The rows of each group, in the order of the groups' names."""
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != np.shape(truths):
        raise ValueError(f"{member.shape} groups do not go with {np.shape(truths)} truths")
    order = np.argsort(member, kind="stable")
    edges = np.searchsorted(member[order], np.arange(len(names) + 1))
    return [order[a:b] for a, b in itertools.pairwise(edges)]
