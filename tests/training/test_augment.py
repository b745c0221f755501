"""Augmentation: what each step does, and that a seed decides it all."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from emovox.models.settings import Augmentation  # noqa: E402
from emovox.training.augment import augment, mixup  # noqa: E402

FLOOR = -7.0
BATCH, FRAMES, MELS = 6, 40, 16


def batch(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (BATCH, FRAMES, MELS)).astype(np.float32)
    x[:, 30:] = FLOOR  # silence after speech
    return x, np.eye(4, dtype=np.float32)[rng.integers(0, 4, BATCH)]


def changed(settings: Augmentation, seed: tuple[int, int] = (3, 5)) -> tuple[np.ndarray, np.ndarray]:
    x, y = augment(*map(tf.constant, batch()), settings, FLOOR, tf.constant(seed))
    return x.numpy(), y.numpy()


EVERYTHING = Augmentation(
    mixup=0.3, gain_db=6, noise=0.2, time_shift=0.1, tempo=0.1, band_shift=2, time_masks=2, time_mask_frames=8,
    band_masks=2, band_mask_bands=4,
)  # fmt: skip


def test_all_off_changes_nothing() -> None:
    for ours, given in zip(changed(Augmentation()), batch(), strict=True):
        np.testing.assert_array_equal(ours, given)


@pytest.mark.parametrize("name", ["mixup", "gain_db", "noise", "time_shift", "tempo"])
def test_each_step_alone_changes_the_batch(name: str) -> None:
    assert not np.array_equal(changed(Augmentation(**{name: 0.3}))[0], batch()[0])


def test_no_setting_is_forgotten_above() -> None:
    assert {field.name for field in fields(Augmentation)} == {
        "mixup", "crop_frames", "gain_db", "noise", "time_shift", "tempo", "band_shift", "time_masks",
        "time_mask_frames", "band_masks", "band_mask_bands",
    }  # fmt: skip


def test_the_seed_decides_everything() -> None:
    for a, b in zip(changed(EVERYTHING), changed(EVERYTHING), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(changed(EVERYTHING)[0], changed(EVERYTHING, (3, 6))[0])
    assert not np.array_equal(changed(EVERYTHING)[0], changed(EVERYTHING, (4, 5))[0])


def test_gain_never_falls_below_silence() -> None:
    x, _ = changed(Augmentation(gain_db=60))
    assert x.min() >= FLOOR


def test_band_shift_moves_whole_bands() -> None:
    given, _ = batch()
    moved, _ = changed(Augmentation(band_shift=3))
    shifts = []
    for before, after in zip(given, moved, strict=True):
        fits = [s for s in range(-3, 4) if np.array_equal(after, before[:, np.clip(np.arange(MELS) + s, 0, MELS - 1)])]
        assert fits
        shifts += fits
    assert len(set(shifts)) > 1


def test_masks_hide_at_most_their_width() -> None:
    given, _ = batch()
    hidden, _ = changed(Augmentation(time_masks=1, time_mask_frames=8))
    counts = (hidden != given).any(axis=2).sum(axis=1)
    assert counts.max() <= 9 and counts.max() > 0


def test_a_crop_has_its_length_and_lies_within_the_speech() -> None:
    cropped, _ = changed(Augmentation(crop_frames=20))
    assert cropped.shape == (BATCH, 20, MELS)
    assert (cropped > FLOOR).all()  # speech is 30 frames long, so 20 of them never reach the silence behind


def test_mixup_is_a_weighted_mean_of_neighbours() -> None:
    x, y = batch()
    mixed, targets = (t.numpy() for t in mixup(tf.constant(x), tf.constant(y), alpha=0.4, seed=tf.constant((1, 2))))
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    for i in range(BATCH):
        share = np.linalg.lstsq(np.stack([x[i].ravel(), x[i - 1].ravel()], axis=1), mixed[i].ravel(), rcond=None)[0]
        assert share.sum() == pytest.approx(1, abs=1e-4) and 0.5 - 1e-4 <= share[0] <= 1 + 1e-4
        np.testing.assert_allclose(targets[i], share[0] * y[i] + share[1] * y[i - 1], atol=1e-4)


def test_what_is_taught_is_cut_played_and_mixed_like_the_features() -> None:
    x, y = batch()
    x = np.where(x == FLOOR, 0, x)  # outside a clip the one is silent and the other zero: here the same
    settings = Augmentation(crop_frames=20, tempo=0.2, time_shift=0.1, mixup=0.3)
    features, _, taught = augment(*map(tf.constant, (x, y)), settings, 0.0, tf.constant((3, 5)), tf.constant(x))
    np.testing.assert_allclose(taught, features, atol=1e-6)
    assert taught.shape == (BATCH, 20, MELS)


def test_what_is_taught_stays_where_only_the_sound_changes() -> None:
    x, y = batch()
    settings = Augmentation(gain_db=6, noise=0.2, band_shift=2, time_masks=1, time_mask_frames=8)
    features, _, taught = augment(*map(tf.constant, (x, y)), settings, FLOOR, tf.constant((3, 5)), tf.constant(x))
    np.testing.assert_array_equal(taught, x)
    assert not np.array_equal(features, x)
