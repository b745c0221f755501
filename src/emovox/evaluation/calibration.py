"""Temperature: one number that makes a model as confident as it is right, and leaves every prediction as it was."""

from __future__ import annotations

import numpy as np

SMALLEST_FLOAT = float(np.finfo(np.float32).tiny)  # as in the artifact, so that both calibrate alike
COLDEST, HOTTEST = 0.25, 8.0  # a few validation clips that are all predicted rightly would ask for zero


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(ln p / T): the same order of classes, flatter for T > 1 and sharper for T < 1.

    Guo et al. (2017), On Calibration of Modern Neural Networks. Of a softmax, ln p are the logits up to a constant.

    Args:
        probabilities: (..., C), rows sum to 1.
        temperature: T, above 0.

    Returns:
        (..., C), float64, rows sum to 1.

    >>> apply_temperature(np.array([0.8, 0.2]), 1.0).round(6).tolist()
    [0.8, 0.2]
    """
    if not temperature > 0:
        raise ValueError(f"a temperature must be above 0, got {temperature}")
    scaled = _log(probabilities) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    powers = np.exp(scaled)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def fit_temperature(probabilities: np.ndarray, truths: np.ndarray) -> float:
    """The temperature that gives validation clips the least cross-entropy.

    The loss is convex in 1/T, and its slope is E_p[ln p] - ln p(truth), the mean over clips; the root is bisected.

    Args:
        probabilities: (N, C) of validation clips, rows sum to 1.
        truths: (N,) class indices.

    Returns:
        A temperature in [0.25, 8].
    """
    logits = _log(probabilities)  # (N, C)
    if not len(logits):
        raise ValueError("there are no validation clips to fit a temperature on")
    given = logits[np.arange(len(truths)), truths]  # (N,)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        middle = (low + high) / 2
        expected = (apply_temperature(probabilities, 1 / middle) * logits).sum(axis=-1)
        if (expected - given).mean() < 0:
            low = middle
        else:
            high = middle
    return float(2 / (low + high))


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST_FLOAT, 1.0))
