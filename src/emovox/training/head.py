"""A linear head in closed form: discriminant analysis on statistics, its two choices made by speaker.

Linear discriminant analysis (Fisher, 1936; Friedman, 1989, for the shrinkage) takes each class for a cloud around a
mean of its own, all of one shape Σ. A clip's logits are then linear in its statistics x,

    z_k = μ_kᵀ Σ⁻¹ x − ½ μ_kᵀ Σ⁻¹ μ_k + ln π_k,     Σ = within-class covariance + α I,

and no step of a gradient is taken. Σ holds how clips of one class differ, by speaker, sentence and recording, so that
directions which tell these apart count less. Two numbers are left to choose: α, and how sharp the answers are, since
the dimensions are far from independent and z is too large. Both are chosen on inner folds: the speakers at hand are
dealt into groups, and each group is predicted by a fit to the others (only the scale and the
directions, which need no labels, are those of all). The same predictions calibrate the head and
weigh it in an ensemble. Test clips cannot be passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emovox.models.kind import LinearHead

INNER_FOLDS = 5
DIRECTIONS = 512
"""Principal directions of the clips that a head is fitted in: as good as all of them here, and much faster."""

DOMAIN_FOLDS = 24

SHARPNESSES = np.geomspace(0.1, 1.0, 24)
SMALLEST = 1e-7


@dataclass(frozen=True, eq=False)
class HeadFit:
    """A fitted head, and what its inner folds said.

    Args:
        head: Takes statistics as they are.
        shrinkage, sharpness: The chosen ones.
        held_out: (clips, emotions), each clip's probabilities by a fit that never heard its group.
    """

    head: LinearHead
    shrinkage: float
    sharpness: float
    held_out: np.ndarray


def fit_head(
    statistics: np.ndarray, classes: np.ndarray, emotions: np.ndarray, groups: np.ndarray, shrinkages: Sequence[float]
) -> HeadFit:
    """Fit a head on clips and their altered versions.

    Args:
        statistics: (versions, clips, statistics), float32, the clips as they are first.
        classes: (clips,), indices of the classes that are told apart, such as an emotion at one intensity.
        emotions: (classes,), which emotion each class is of; their probabilities are added up.
        groups: (clips,), speakers, or whatever inner folds must keep apart.
        shrinkages: α, to choose from.
    """
    scale = Scale.of(statistics)
    x = scale(statistics)  # (versions, clips, directions)
    truths, merge = emotions[classes], np.eye(emotions.max() + 1, dtype=np.float32)[emotions]  # (classes, emotions)
    logits = np.zeros((len(shrinkages), len(classes), len(emotions)))
    for inside in inner_folds(groups):
        for k, (kernel, bias) in enumerate(_fits(x[:, ~inside], classes[~inside], emotions, shrinkages)):
            logits[k, inside] = x[0, inside] @ kernel + bias
    tried = softmax(logits * SHARPNESSES[:, None, None, None]) @ merge  # (sharpnesses, shrinkages, clips, emotions)
    given = np.maximum(tried[:, :, np.arange(len(truths)), truths], SMALLEST)
    losses = -np.log(given).mean(axis=2)
    sharp, shrunk = np.unravel_index(losses.argmin(), losses.shape)
    ((kernel, bias),) = _fits(x, classes, emotions, [shrinkages[shrunk]])
    kernel, bias = scale.unscaled(SHARPNESSES[sharp] * kernel, SHARPNESSES[sharp] * bias)
    return HeadFit(
        LinearHead(((kernel, bias),), merge),
        float(shrinkages[shrunk]),
        float(SHARPNESSES[sharp]),
        tried[sharp, shrunk].astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class Scale:
    """Statistics to zero mean and unit deviation, and onto the directions in which clips differ most.

    Args:
        mean, deviation: (statistics,).
        directions: (statistics, directions), or None where statistics are only standardised.
    """

    mean: np.ndarray
    deviation: np.ndarray
    directions: np.ndarray | None = None

    @classmethod
    def of(cls, statistics: np.ndarray, most: int | None = DIRECTIONS) -> Scale:
        """Learnt from (versions, clips, statistics), directions from the clips as they are; ``most`` None keeps all."""
        mean, deviation = statistics.mean(axis=(0, 1)), statistics.std(axis=(0, 1))
        deviation = np.where(deviation > 1e-6 * np.abs(mean) + 1e-12, deviation, np.inf)  # a constant says nothing
        if most is None:
            return cls(mean, deviation)
        z = (statistics[0] - mean) / deviation
        values, vectors = np.linalg.eigh(z @ z.T)  # of the clips, which are fewer than the statistics
        kept = values > 1e-6 * values[-1]
        values, vectors = values[kept][-most:], vectors[:, kept][:, -most:]
        return cls(mean, deviation, (z.T @ vectors / np.sqrt(values)).astype(np.float32))

    def __call__(self, statistics: np.ndarray) -> np.ndarray:
        """(…, statistics) → (…, directions)."""
        z = (statistics - self.mean) / self.deviation
        return np.asarray(z if self.directions is None else z @ self.directions, dtype=np.float32)

    def unscaled(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A dense layer on scaled statistics as one on statistics as they are."""
        kernel = (kernel if self.directions is None else self.directions @ kernel) / self.deviation[:, None]
        return kernel.astype(np.float32), (bias - self.mean @ kernel).astype(np.float32)


def domain(statistics: np.ndarray, groups: np.ndarray, share: float = 0.99) -> tuple[np.ndarray, np.ndarray]:
    """Where training clips lie, and how far from there a clip may be that is still like them.

    A clip's distance is the root of the mean over statistics of ((x - centre) / spread)². The spread is the standard
    deviation, times what keeps that share of the clips below 1 where centre and spread are those of other speakers.

    Args:
        statistics: (clips, statistics), of training clips as they are.
        groups: (clips,), speakers, or whatever must be kept apart.
        share: Of clips to call alike.

    Returns:
        Centre and spread, (statistics,) each; infinite where a statistic never changes.
    """
    distances = []
    for inside in inner_folds(groups, DOMAIN_FOLDS):
        others = Scale.of(statistics[None, inside if inside.all() else ~inside], most=None)
        distances.append(np.sqrt((others(statistics[inside]) ** 2).mean(axis=1)))
    scale = Scale.of(statistics[None], most=None)
    return scale.mean, scale.deviation * np.float32(np.quantile(np.concatenate(distances), share))


def inner_folds(groups: np.ndarray, most: int = INNER_FOLDS) -> list[np.ndarray]:
    """Masks over clips: the groups dealt round into a few folds, always the same."""
    names = np.unique(groups)
    order = np.random.default_rng(0).permutation(len(names))
    count = min(most, len(names))
    return [np.isin(groups, names[order[k::count]]) for k in range(count)]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _fits(
    x: np.ndarray, classes: np.ndarray, emotions: np.ndarray, shrinkages: Sequence[float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel (directions, classes) and bias (classes,) of the analysis under each shrinkage; emotions count alike."""
    versions, _, size = x.shape
    rows, labels = x.reshape(-1, size).astype(np.float64), np.tile(classes, versions)
    there = np.unique(labels)
    means = np.stack([rows[labels == k].mean(axis=0) for k in there])  # (classes there, directions)
    within = rows - means[np.searchsorted(there, labels)]
    covariance = within.T @ within / len(rows)
    share = np.bincount(emotions[there], minlength=emotions.max() + 1)[emotions[there]]  # classes of its emotion
    found = []
    for shrinkage in shrinkages:
        kernel = np.zeros((size, len(emotions)))
        bias = np.full(len(emotions), -1e9)  # a class without clips is never answered
        kernel[:, there] = np.linalg.solve(covariance + shrinkage * np.eye(size), means.T)
        bias[there] = -0.5 * (means.T * kernel[:, there]).sum(axis=0) - np.log(share)
        found.append((kernel, bias))
    return found
