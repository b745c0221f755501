"""What is said of predictions: scores of a confusion matrix, of probabilities, and how sure one may be of either.

Scores take confusion matrices with any leading axes, (..., C, C), rows truth and columns answer. So one call scores
every seed, every fold, or all 2,000 resamples of a bootstrap.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

Metric = Callable[[np.ndarray], np.ndarray]
"""From confusion matrices (..., C, C) to scores (...)."""

SMALLEST_PROBABILITY = 1e-7  # as Keras clips, so that one impossible answer does not make the loss infinite


def confusion(truths: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    """How often each truth got each answer.

    Args:
        truths: (N,) class indices.
        predictions: (..., N) class indices.
        n_classes: C.

    Returns:
        (..., C, C) counts, int64; rows are truths.

    Raises:
        ValueError: Lengths differ, or an index is not below ``n_classes``.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    truths, predictions = np.asarray(truths), np.asarray(predictions)
    if truths.ndim != 1 or predictions.shape[-1:] != truths.shape:
        raise ValueError(f"{truths.shape} truths do not go with {predictions.shape} predictions")
    for indices in (truths, predictions):
        if indices.size and (indices.min() < 0 or indices.max() >= n_classes):
            raise ValueError(f"class indices must lie in 0 … {n_classes - 1}")
    lead = predictions.shape[:-1]
    cells = (truths * n_classes + predictions).reshape(-1, len(truths))  # (L, N)
    counts = [np.bincount(row, minlength=n_classes * n_classes) for row in cells]
    return np.array(counts, dtype=np.int64).reshape(*lead, n_classes, n_classes)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """The share of clips answered rightly, also called weighted accuracy: trace / sum, in [0, 1].

    >>> float(accuracy(np.array([[3, 1], [0, 4]])))
    0.875
    """
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Per class, the share of its clips that were found: (..., C) in [0, 1], NaN for a class without clips."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Per class, the share of its answers that were right: (..., C) in [0, 1], 0 for a class never answered.

    A class that has neither clips nor answers is NaN.
    """
    return _absent_is_nan(matrix, _ratio(_diagonal(matrix), matrix.sum(axis=-2), empty=0.0))


def f1(matrix: np.ndarray) -> np.ndarray:
    """Per class, the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN): (..., C), NaN as precision."""
    return _ratio(2 * _diagonal(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def uar(matrix: np.ndarray) -> np.ndarray:
    """Unweighted average recall, or balanced accuracy: the mean recall of the classes that have clips, in [0, 1].

    Schuller et al. (2009), The INTERSPEECH 2009 Emotion Challenge. Chance is one over the number of classes.

    >>> float(uar(np.array([[9, 1], [1, 1]])))
    0.7
    """
    return _mean(recall(matrix))


def f1_macro(matrix: np.ndarray) -> np.ndarray:
    """The mean F1 of the classes that have clips or answers, in [0, 1]."""
    return _mean(f1(matrix))


def f1_weighted(matrix: np.ndarray) -> np.ndarray:
    """The mean F1 weighted by the clips of each class, in [0, 1]."""
    clips = matrix.sum(axis=-1)
    return _ratio((np.nan_to_num(f1(matrix)) * clips).sum(axis=-1), clips.sum(axis=-1))


def cross_entropy(truths: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean of -ln p(truth) in nats: 0 is perfect, ln C is chance.

    Args:
        truths: (N,) class indices.
        probabilities: (N, C), rows sum to 1; clipped to ``SMALLEST_PROBABILITY``.
    """
    given = np.asarray(probabilities, dtype=np.float64)[np.arange(len(truths)), truths]
    return float(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)).mean())


def calibration_error(truths: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: how far confidence lies from accuracy, averaged over bins of equal width, in [0, 1].

    sum_b (n_b / N) |accuracy_b - confidence_b|; Guo et al. (2017), On Calibration of Modern Neural Networks, eq. 3.

    Args:
        truths: (N,) class indices.
        probabilities: (N, C), rows sum to 1.
        bins: Bins of the top probability over (0, 1].
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truths
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(index, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


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
        parts = _by_group(truths, predictions, groups, n_classes)  # (G, S, C, C)
        self.groups, self.level = len(parts), level
        self.matrices = parts.sum(axis=0)  # (S, C, C)
        self.resampled = _resampled(parts, n, seed)  # (n, S, C, C)

    def scores(self, metric: Metric) -> np.ndarray:
        """The metric on every resample, averaged over trainings: (n,)."""
        return np.asarray(metric(self.resampled).mean(axis=-1))

    def interval(self, metric: Metric) -> Interval:
        """The score on the clips themselves, with its interval."""
        low, high = _bounds(self.scores(metric), self.groups, self.level)
        return Interval(float(metric(self.matrices).mean()), low, high)

    def difference(self, other: Bootstrap, metric: Metric) -> Difference:
        """How much higher this scores than ``other``, which judges the same clips on the same resamples."""
        gaps = self.scores(metric) - other.scores(metric)
        value = metric(self.matrices).mean() - metric(other.matrices).mean()
        low, high = _bounds(gaps, self.groups, self.level)
        beyond = min(int((gaps <= 0).sum()), int((gaps >= 0).sum()))
        return Difference(float(value), low, high, min(1.0, 2 * (beyond + 1) / (len(gaps) + 1)))


def paired_bootstrap(
    truths: np.ndarray,
    predictions: np.ndarray,
    others: np.ndarray,
    groups: Sequence[str] | np.ndarray | None,
    metric: Metric,
    n_classes: int,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """``predictions`` minus ``others`` on the same clips and resamples; see :class:`Bootstrap` for the arguments.

    Both may be (N,), or (S, N) for S trainings, whose mean score is taken; S may differ.
    """
    one = Bootstrap(truths, predictions, groups, n_classes, n, seed, level)
    two = Bootstrap(truths, others, groups, n_classes, n, seed, level)
    return one.difference(two, metric)


def _by_group(
    truths: np.ndarray, predictions: np.ndarray, groups: Sequence[str] | np.ndarray | None, n_classes: int
) -> np.ndarray:
    """The confusion matrix of every group: (G, S, C, C)."""
    predictions = np.atleast_2d(predictions)  # (S, N)
    if not len(truths):
        raise ValueError("there are no clips to judge")
    if groups is None:
        groups = np.arange(len(truths))
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != np.shape(truths):
        raise ValueError(f"{member.shape} groups do not go with {np.shape(truths)} truths")
    order = np.argsort(member, kind="stable")
    edges = np.searchsorted(member[order], np.arange(len(names) + 1))
    rows = [order[a:b] for a, b in itertools.pairwise(edges)]
    return np.stack([confusion(truths[row], predictions[:, row], n_classes) for row in rows])


def _resampled(parts: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Confusion matrices of n draws of G groups with replacement: (n, S, C, C)."""
    count = len(parts)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=n)  # (n, G)
    flat = parts.reshape(count, -1).astype(np.float64)
    return (draws @ flat).reshape(n, *parts.shape[1:])


def _bounds(scores: np.ndarray, groups: int, level: float) -> tuple[float, float]:
    """The expanded percentile interval of bootstrap scores."""
    if groups < 2:
        raise ValueError("an interval needs at least two groups; resample clips instead")
    reach = np.sqrt(groups / (groups - 1)) * _student_quantile((1 + level) / 2, groups - 1)
    tail = NormalDist().cdf(-reach)
    low, high = np.nanquantile(scores, [tail, 1 - tail])  # a resample may miss a class, whose recall is then NaN
    return float(low), float(high)


@functools.lru_cache
def _student_quantile(probability: float, degrees: int) -> float:
    """Student's t quantile, for a probability above a half: with t = sqrt(v) tan(a), its density is cos(a)^(v-1)."""
    angle = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angle) ** (degrees - 1)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return float(np.sqrt(degrees) * np.tan(np.interp(2 * probability - 1, mass / mass[-1], angle)))


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(above: np.ndarray, below: np.ndarray, empty: float = float("nan")) -> np.ndarray:
    """Divide, giving ``empty`` where there is nothing below."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.full(np.broadcast(above, below).shape, empty), where=below > 0))


def _absent_is_nan(matrix: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """NaN for classes that have neither clips nor answers."""
    return np.where(matrix.sum(axis=-1) + matrix.sum(axis=-2) > 0, scores, np.nan)


def _mean(scores: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is not NaN."""
    known = ~np.isnan(scores)
    return _ratio(np.where(known, scores, 0.0).sum(axis=-1), known.sum(axis=-1))
