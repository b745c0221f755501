"""What of a teacher's steps a small network is taught."""

from __future__ import annotations

import numpy as np
import pytest

from emovox.training.teaching import EVENNESS, lessons

CLIPS, FRAMES, FEATURES = 8, 30, 12
TRAIN = np.array([0, 2, 3, 5, 6])


def heard() -> np.ndarray:
    """Steps with a few strong directions; clips end at different frames."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(FEATURES, FEATURES)) * np.geomspace(5, 0.1, FEATURES)[:, None]
    steps = 3 + rng.normal(size=(CLIPS, FRAMES, FEATURES)) @ mixing
    for clip in range(CLIPS):
        steps[clip, 20 + clip :] = 0
    return steps.astype(np.float32)


def test_directions_are_uncorrelated_and_each_as_strong_as_its_share_says() -> None:
    steps = heard()
    taught = lessons(steps, TRAIN, directions=5)
    frames = taught[TRAIN][(steps[TRAIN] != 0).any(axis=2)].astype(np.float64)
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-3)
    covariance = frames.T @ frames / len(frames)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-3)
    raw = steps[TRAIN][(steps[TRAIN] != 0).any(axis=2)].astype(np.float64)
    values = np.linalg.eigvalsh(np.corrcoef(raw.T))[::-1][:5]
    np.testing.assert_allclose(np.diag(covariance), (values / values[0]) ** (2 * EVENNESS), rtol=1e-2)


def test_nothing_is_taught_after_a_clips_end_or_of_other_clips() -> None:
    taught = lessons(heard(), TRAIN, directions=4)
    assert taught.shape == (CLIPS, FRAMES, 4) and taught.dtype == np.float32
    others = np.setdiff1d(np.arange(CLIPS), TRAIN)
    assert not taught[others].any()
    for clip in TRAIN:
        assert taught[clip, : 20 + clip].any(axis=1).all() and not taught[clip, 20 + clip :].any()


@pytest.mark.parametrize("wild", [1e3, np.nan])
def test_clips_that_are_not_of_training_decide_nothing(wild: float) -> None:
    steps = heard()
    other = steps.copy()
    other[np.setdiff1d(np.arange(CLIPS), TRAIN)] = wild
    np.testing.assert_array_equal(lessons(other, TRAIN, 4), lessons(steps, TRAIN, 4))
