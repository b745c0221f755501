"""How sure one may be of a score: intervals by bootstrap over speakers, and paired tests between two models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from emovox.evaluation.metrics import Metric, confusion


@dataclass(frozen=True)
class Interval:
    """A score and the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much one model scores above another on the same clips.

    Args:
        value, low, high: The difference and the bounds of its interval.
        p_value: Two-sided: how often resampling would give a difference at least as far on the other side of zero.
    """

    value: float
    low: float
    high: float
    p_value: float


class Bootstrap:
    """Predictions scored on other draws of speakers like these, so that a score can carry an interval.

    Whole groups are drawn with replacement. Percentile intervals are expanded for few groups as in Hesterberg (2015),
    What Teachers Should Know About the Bootstrap, section 5.3, since they would otherwise be too narrow: with four
    groups they reach from the worst resample to the best.

    Args:
        truths: (N,) class indices.
        predictions: (N,) class indices, or (S, N) for S trainings, whose mean score is taken.
        groups: (N,) who speaks in each clip; None resamples clips.
        n_classes: C.
        n: Resamples.
        seed: Of the resampling.
        level: Confidence.
    """

    def __init__(
        self,
        truths: np.ndarray,
        predictions: np.ndarray,
        groups: Sequence[str] | np.ndarray | None,
        n_classes: int,
        n: int = 2000,
        seed: int = 0,
        level: float = 0.95,
    ) -> None:
        parts = _by_group(truths, predictions, groups, n_classes).astype(np.float64)  # (G, S, C, C)
        self.groups, self.level = len(parts), level
        self.matrices = parts.sum(axis=0)  # (S, C, C)
        even = np.full(len(parts), 1 / len(parts))
        draws = np.random.default_rng(seed).multinomial(len(parts), even, size=n)  # (n, G) times each group is drawn
        self.resampled = np.tensordot(draws, parts, axes=1)  # (n, S, C, C)

    def scores(self, metric: Metric) -> np.ndarray:
        """The metric on every resample, the mean over trainings: (n,)."""
        return np.asarray(metric(self.resampled).mean(axis=-1))

    def interval(self, metric: Metric) -> Interval:
        """The score on the clips themselves, with its interval."""
        low, high = _bounds(self.scores(metric), self.groups, self.level)
        return Interval(float(metric(self.matrices).mean()), low, high)

    def difference(self, other: Bootstrap, metric: Metric) -> Difference:
        """How much higher this scores than ``other``, of the same clips on the same resamples."""
        gaps = self.scores(metric) - other.scores(metric)
        value = metric(self.matrices).mean() - metric(other.matrices).mean()
        low, high = _bounds(gaps, self.groups, self.level)
        beyond = min(int((gaps <= 0).sum()), int((gaps >= 0).sum()))
        return Difference(float(value), low, high, min(1.0, 2 * (beyond + 1) / (len(gaps) + 1)))


def _by_group(
    truths: np.ndarray, predictions: np.ndarray, groups: Sequence[str] | np.ndarray | None, n_classes: int
) -> np.ndarray:
    """The confusion matrix of every group: (G, S, C, C)."""
    predictions = np.atleast_2d(predictions)  # (S, N)
    if not len(truths):
        raise ValueError("there are no clips to score")
    if groups is None:
        groups = np.arange(len(truths))
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != np.shape(truths):
        raise ValueError(f"{member.shape} groups do not go with {np.shape(truths)} truths")
    order = np.argsort(member, kind="stable")
    edges = np.searchsorted(member[order], np.arange(len(names) + 1))
    rows = [order[a:b] for a, b in itertools.pairwise(edges)]
    return np.stack([confusion(truths[row], predictions[:, row], n_classes) for row in rows])


def _bounds(scores: np.ndarray, groups: int, level: float) -> tuple[float, float]:
    """The expanded percentile interval of bootstrap scores."""
    if groups < 2:
        raise ValueError("an interval needs at least two groups; resample clips instead")
    reach = np.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, (1 + level) / 2)
    tail = ndtr(-reach)
    low, high = np.nanquantile(scores, [tail, 1 - tail])  # a resample may miss a class, whose recall is then NaN
    return float(low), float(high)
