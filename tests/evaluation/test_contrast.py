"""A score before and after a change: paired over the same units; and what guessing gives."""

from __future__ import annotations

import numpy as np
import pytest

from emovox.evaluation.contrast import contrast, guessing
from emovox.evaluation.metrics import confusion, uar

TRUTHS = np.tile(np.arange(4), 60)
SPEAKERS = np.repeat(np.arange(12), 20).astype(str)


def drawn(right: float, seed: int = 0) -> np.ndarray:
    """Predictions that are right in so many cases, of one training."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(240) < right, TRUTHS, rng.integers(0, 4, 240))[None]


def test_a_difference_is_that_of_the_scores_and_is_paired() -> None:
    before, after = drawn(0.5), drawn(0.8)  # the same draws: what was right stays right
    found = contrast(TRUTHS, before, after, SPEAKERS, 4)
    scores = [float(uar(confusion(TRUTHS, p, 4))[0]) for p in (before, after)]
    assert found.uar.value == pytest.approx(scores[1])
    assert found.difference.value == pytest.approx(scores[1] - scores[0])
    assert 0 < found.difference.low < found.difference.value < found.difference.high
    same = contrast(TRUTHS, before, before, SPEAKERS, 4).difference
    assert same.low < same.value == 0 < same.high < 0.02


def test_guessing_covers_what_knows_nothing_and_not_what_knows_something() -> None:
    parts = np.repeat(["a", "b"], 120)
    outside = 0
    for seed in range(40):
        predictions = drawn(0.0, seed)
        bounds = guessing(TRUTHS, predictions, parts, 4, orders=400)
        assert bounds.value == pytest.approx(0.25, abs=0.01)
        outside += not bounds.low <= float(uar(confusion(TRUTHS, predictions, 4))[0]) <= bounds.high
    assert outside <= 1
    knowing = drawn(0.3)
    assert uar(confusion(TRUTHS, knowing, 4))[0] > guessing(TRUTHS, knowing, parts, 4, orders=2000).high
