"""Temperature: one number that makes a model as confident as it is right, and leaves every prediction as it was."""

from __future__ import annotations

import numpy as np

SMALLEST_FLOAT = float(np.finfo(np.float32).tiny)  # as in the artifact, so that both calibrate alike
COLDEST, HOTTEST = 0.25, 8.0  # a few validation clips that are all predicted rightly would ask for zero

PRIOR_DEVIATION = 0.15
"""How far ln T is expected to lie from its usual value. Two speakers alone would move it two times further than other
speakers bear out. Of 0.03 to 1, the value with the least loss on one validation speaker after a fit to the others."""

OF_A_MEAN = 0.8
"""The usual temperature of a mean of calibrated probabilities, which is less sure than it is right (Ranjan and
Gneiting, 2010, Combining Probability Forecasts); chosen likewise, of 0.6 to 1."""


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


def fit_temperature(probabilities: np.ndarray, truths: np.ndarray, usual: float = 1.0) -> float:
    """The likeliest temperature, from validation clips and from what temperatures usually are.

    Minimises the cross-entropy summed over clips, plus (ln T - ln usual)² / (2 · 0.15²), which is a normal prior on
    ln T. Many clips outweigh it; a few clips of few speakers, who are not the ones to come, are believed in part. The
    slope by ln T, sum(ln p(truth) - E_p[ln p]) / T + (ln T - ln usual) / 0.15², is bisected.

    Args:
        probabilities: (N, C) of validation clips, rows sum to 1.
        truths: (N,) class indices.
        usual: What T would be without any clip: 1 for a model's own probabilities, :data:`OF_A_MEAN` for a mean of
            several models'.

    Returns:
        A temperature in [0.25, 8].
    """
    logits = _log(probabilities)  # (N, C)
    if not len(logits):
        raise ValueError("there are no validation clips to fit a temperature on")
    given = logits[np.arange(len(truths)), truths]  # (N,)
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(60):
        middle = (low + high) / 2
        expected = (apply_temperature(probabilities, np.exp(middle)) * logits).sum(axis=-1)
        slope = (given - expected).sum() / np.exp(middle) + (middle - np.log(usual)) / PRIOR_DEVIATION**2
        if slope < 0:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST_FLOAT, 1.0))
