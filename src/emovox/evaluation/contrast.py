"""One model before and after something was changed, on the same clips: how far its UAR moves, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emovox.evaluation.intervals import Interval, Sample
from emovox.evaluation.metrics import uar
from emovox.evaluation.pairs import difference

GUESSES = 10_000
"""Random orders of the truths that tell how far guessing may stray from the chance level."""

SURELY = 0.999


@dataclass(frozen=True)
class Contrast:
    """A UAR after a change, and how much it is above the one before, both with 95 % intervals."""

    uar: Interval
    difference: Interval


def contrast(
    truths: np.ndarray, before: np.ndarray, after: np.ndarray, speakers: Sequence[str] | None, n_classes: int
) -> Contrast:
    """Compare predictions for the same clips.

    Args:
        truths: (N,) class indices.
        before, after: (S, N) class indices of S trainings each.
        speakers: (N,) who speaks in each clip; None takes clips as independent.
        n_classes: C.
    """
    gap = (after == truths).mean(axis=0) - (before == truths).mean(axis=0)  # (N,)
    moved = difference(truths, gap, speakers)
    return Contrast(
        Sample(truths, after, speakers, n_classes).interval(uar), Interval(moved.value, moved.low, moved.high)
    )


def guessing(
    truths: np.ndarray, predictions: np.ndarray, parts: np.ndarray, n_classes: int, orders: int = GUESSES
) -> Interval:
    """Where the UAR lies in 99.9 % of cases if predictions know nothing of the truths.

    A permutation test (Good, 2005, Permutation, Parametric and Bootstrap Tests of Hypotheses): truths are put into
    random orders within each part, predictions stay.

    Args:
        truths: (N,) class indices.
        predictions: (S, N).
        parts: (N,) within which truths may be exchanged.
        n_classes: C.
        orders: How many.

    Returns:
        The mean over orders, and the bounds.
    """
    rng = np.random.default_rng(0)
    counts = np.bincount(truths, minlength=n_classes)
    names = np.unique(parts)
    places = [np.flatnonzero(parts == name) for name in names]
    scores = np.empty(orders)
    for k in range(orders):
        order = np.empty(len(truths), int)
        for place in places:
            order[place] = rng.permutation(place)
        shuffled = truths[order]
        found = np.bincount(shuffled, weights=(predictions == shuffled).mean(axis=0), minlength=n_classes)
        scores[k] = (found[counts > 0] / counts[counts > 0]).mean()
    low, high = np.quantile(scores, [(1 - SURELY) / 2, (1 + SURELY) / 2])
    return Interval(float(scores.mean()), float(low), float(high))
