"""Prediction sets: all emotions likely enough that the true one is among them as often as promised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

COVERAGE = 0.9
"""How often the true emotion is to be in the set."""


def set_threshold(given: np.ndarray, speakers: Sequence[str] | np.ndarray, coverage: float = COVERAGE) -> float:
    """The probability from which on an emotion belongs to the set.

    Least ambiguous sets with bounded error (Sadinle, Lei and Wasserman, 2019): the largest threshold that the true
    emotion's probability reaches in a share ``coverage`` of calibration clips, with the usual (n + 1)/n for n clips.
    Speakers weigh alike, which pools their distributions (Dunn, Wasserman and Ramdas, 2022, Distribution-Free
    Prediction Sets for Two-Layer Hierarchical Models): the promise is of clips of a speaker who is drawn as they were,
    and holds the better the more of them there are.

    Args:
        given: (N,) calibrated probability of the true emotion, of clips that neither taught nor chose the model.
        speakers: (N,) who speaks in each; all the same where speakers do not count.
        coverage: In (0, 1).

    >>> set_threshold(np.array([0.9, 0.2, 0.6, 0.8]), ["a", "a", "b", "b"], 0.6)
    0.6
    """
    if not len(given):
        raise ValueError("there are no clips to calibrate sets on")
    _, member, counts = np.unique(np.asarray(speakers), return_inverse=True, return_counts=True)
    weights = 1 / (len(counts) * counts[member])  # (N,), summing to 1
    order = np.argsort(-given, kind="stable")
    reached = np.cumsum(weights[order])
    level = min(1.0, coverage * (len(given) + 1) / len(given))
    return float(given[order][min(int(np.searchsorted(reached, level - 1e-9)), len(given) - 1)])


def prediction_sets(probabilities: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """Which emotions are in each set; the likeliest always is.

    Args:
        probabilities: (..., C), calibrated.
        threshold: One, or one that goes with the leading axes, (..., 1).

    Returns:
        (..., C), bool.
    """
    likeliest = np.arange(probabilities.shape[-1]) == np.argmax(probabilities, axis=-1, keepdims=True)
    return np.asarray((probabilities >= threshold) | likeliest)
