"""What is said of predictions: scores of a confusion matrix and of probabilities.

Scores take confusion matrices with any leading axes, (..., C, C), rows true and columns predicted. So one call scores
every seed, every fold, or what is left without each speaker.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Metric = Callable[[np.ndarray], np.ndarray]
"""From confusion matrices (..., C, C) to scores (...)."""

SMALLEST_PROBABILITY = 1e-7  # as Keras clips, so that one impossible prediction does not make the loss infinite


def confusion(truths: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    """How often clips of each class got each prediction.

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
        raise ValueError(f"{truths.shape} true labels do not match {predictions.shape} predictions")
    for indices in (truths, predictions):
        if indices.size and (indices.min() < 0 or indices.max() >= n_classes):
            raise ValueError(f"class indices must lie in 0 … {n_classes - 1}")
    lead = predictions.shape[:-1]
    cells = (truths * n_classes + predictions).reshape(-1, len(truths))  # (L, N)
    counts = [np.bincount(row, minlength=n_classes * n_classes) for row in cells]
    return np.array(counts, dtype=np.int64).reshape(*lead, n_classes, n_classes)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """The share of clips predicted rightly, also called weighted accuracy: trace / sum, in [0, 1].

    >>> float(accuracy(np.array([[3, 1], [0, 4]])))
    0.875
    """
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Per class, the share of its clips that were found: (..., C) in [0, 1], NaN for a class without clips."""
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Per class, the share of its predictions that were right: (..., C) in [0, 1], 0 for a class never predicted.

    A class that has neither clips nor predictions is NaN.
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
    """The mean F1 of the classes that have clips or predictions, in [0, 1]."""
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
    """Expected calibration error: how far confidence lies from accuracy, the mean over bins of equal width, in [0, 1].

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


def adaptive_calibration_error(truths: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """The same over bins that hold equally many clips, so that none is judged by a handful, in [0, 1].

    Nguyen and O'Connor (2015), Posterior Calibration and Exploratory Analysis; Nixon et al. (2019), Measuring
    Calibration in Deep Learning.

    Args:
        truths: (N,) class indices.
        probabilities: (N, C), rows sum to 1.
        bins: Bins; as many as clips where those are fewer.
    """
    confidence, accuracy, clips = reliability(truths, probabilities, bins)
    return float((clips * np.abs(accuracy - confidence)).sum() / clips.sum())


def reliability(truths: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> tuple[np.ndarray, ...]:
    """What a reliability diagram shows: confidence, accuracy and clips of bins that hold equally many, each (B,)."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truths
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return (
        np.array([confidence[part].mean() for part in parts]),
        np.array([right[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def brier(truths: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean squared distance of the probabilities from the truth, sum_k (p_k - y_k)², in [0, 2].

    Brier (1950), Verification of Forecasts Expressed in Terms of Probability. 0 is perfect, (C - 1)/C is chance.

    Args:
        truths: (N,) class indices.
        probabilities: (N, C), rows sum to 1.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    given = probabilities[np.arange(len(truths)), truths]
    return float(((probabilities**2).sum(axis=1) - 2 * given + 1).mean())


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(above: np.ndarray, below: np.ndarray, empty: float = float("nan")) -> np.ndarray:
    """Divide, giving ``empty`` where there is nothing below."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.full(np.broadcast(above, below).shape, empty), where=below > 0))


def _absent_is_nan(matrix: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """NaN for classes that have neither clips nor predictions."""
    return np.where(matrix.sum(axis=-1) + matrix.sum(axis=-2) > 0, scores, np.nan)


def _mean(scores: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is not NaN."""
    known = ~np.isnan(scores)
    return _ratio(np.where(known, scores, 0.0).sum(axis=-1), known.sum(axis=-1))
