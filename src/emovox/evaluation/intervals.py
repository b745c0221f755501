"""How sure one may be of a score: intervals that hold with few speakers."""

from __future__ import annotations

import itertools
import math
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
        self.speakers: list[str] = [] if speakers is None else [str(name) for name in np.unique(np.asarray(speakers))]
        self.parts = (
            np.zeros((0, *self.matrices.shape))
            if speakers is None
            else np.stack([confusion(truths[r], predictions[:, r], n_classes) for r in rows_of(truths, speakers)])
        )  # (G, S, C, C)

    def score(self, metric: Metric) -> float:
        """The score on the clips themselves, the mean over trainings."""
        return float(metric(self.matrices).mean())

    def interval(self, metric: Metric) -> Interval:
        """The score with its interval, which is kept within [0, 1]."""
        value = self.score(metric)
        centre, error = self.of_clips(metric)
        reach = error * ndtri((1 + self.level) / 2)
        low, high = centre - reach, centre + reach
        if len(self.parts) > 1:
            left = metric(self.matrices - self.parts).mean(axis=1)  # (G,)
            reach = jackknife_error(left) * stdtrit(len(left) - 1, (1 + self.level) / 2)
            low, high = min(low, value - reach), max(high, value + reach)
        return Interval(value, max(0.0, float(low)), min(1.0, float(high)))

    def above(self, other: Sample, metric: Metric, level: float = 0.95) -> Interval | None:
        """How much higher this scores than other clips do, of the same speakers or of others.

        Of the same speakers each is left out on both sides; of others the two errors are added, with the degrees of
        freedom of Welch (1947). Never narrower than if clips were independent. None where either side is one speaker,
        of whom nobody knows how far others are from them.
        """
        if min(len(self.parts), len(other.parts)) == 1:
            return None
        value = self.score(metric) - other.score(metric)
        reach = math.hypot(self.of_clips(metric)[1], other.of_clips(metric)[1]) * float(ndtri((1 + level) / 2))
        error, degrees = self._error_of_gap(other, metric)
        if degrees > 0:
            reach = max(reach, error * float(stdtrit(degrees, (1 + level) / 2)))
        return Interval(value, max(-1.0, value - reach), min(1.0, value + reach))

    def _error_of_gap(self, other: Sample, metric: Metric) -> tuple[float, float]:
        """The standard error over speakers of a difference, and its degrees of freedom, 0 where there are none."""
        sides = self, other
        if not len(self.parts):
            return 0.0, 0.0
        if set(self.speakers) & set(other.speakers):
            everyone = sorted({*self.speakers, *other.speakers})
            left = [np.array([side._without(who, metric) for who in everyone]) for side in sides]
            return jackknife_error(left[0] - left[1]), len(everyone) - 1
        errors = [jackknife_error(metric(side.matrices - side.parts).mean(axis=1)) for side in sides]
        both = math.hypot(*errors)
        split = sum(error**4 / (len(side.parts) - 1) for error, side in zip(errors, sides, strict=True))
        return both, both**4 / split if split > 0 else 0.0

    def _without(self, speaker: str, metric: Metric) -> float:
        part = self.parts[self.speakers.index(speaker)] if speaker in self.speakers else 0
        return float(metric(self.matrices - part).mean())

    def of_clips(self, metric: Metric) -> tuple[float, float]:
        """Centre and standard error if clips were independent, of which there are as many as one training predicted."""
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
        return float(value), float(np.sqrt((matrix.ravel() * slopes**2).sum()))


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
        raise ValueError(f"{member.shape} groups do not match {np.shape(truths)} true labels")
    order = np.argsort(member, kind="stable")
    edges = np.searchsorted(member[order], np.arange(len(names) + 1))
    return [order[a:b] for a, b in itertools.pairwise(edges)]
