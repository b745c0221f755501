"""Training: it learns, it can be stopped at any epoch and go on to the same figures, and its seed decides all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from full_disk import full_disk

keras = pytest.importorskip("keras")

from emovox.errors import EmovoxError, RunError, StorageError  # noqa: E402
from emovox.features import Features  # noqa: E402
from emovox.models.settings import Augmentation, Training  # noqa: E402
from emovox.training.network import CHECKPOINT, Examples, Progress, _optimizer, predict, train  # noqa: E402

SHAPE = (32, 16)
SETTINGS = Training(
    epochs=4, batch_size=8, learning_rate=3e-3, schedule="onecycle", ema=0.9,
    augment=Augmentation(mixup=0.2, gain_db=3, band_shift=1, time_masks=1, time_mask_frames=4),
)  # fmt: skip


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Three classes that differ in which bands are loud."""
    rng = np.random.default_rng(0)
    targets = np.arange(48) % 3
    features = rng.normal(-4, 1, (1, 48, *SHAPE)).astype(np.float32)
    for i, target in enumerate(targets):
        features[0, i, :, 5 * target : 5 * target + 5] += 3
    return Examples(one_window(features[0]), targets, np.arange(36), np.arange(36, 48), 3, floor=-7.0)


def one_window(features: np.ndarray) -> Features:
    """Features of clips that have one window each."""
    return Features(features, np.arange(len(features)), np.ones(len(features), np.float32))


def build(seed: int, units: int = 16) -> keras.Model:
    """A network with what makes resuming hard: dropout, and batch norm's moving statistics."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((None, SHAPE[1]))
    x = keras.layers.BatchNormalization(momentum=0.9)(inputs)
    x = keras.layers.Dense(units, activation="tanh")(keras.layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Dropout(0.3)(x)))


class Killed(BaseException):
    """Stands for kill -9."""


def run(
    examples: Examples,
    folder: Path,
    settings: Training = SETTINGS,
    seed: int = 0,
    kill_after: int = 0,
    units: int = 16,
) -> tuple[Progress, np.ndarray]:
    network = build(seed, units)

    def stop(done: int, most: int, values: dict[str, float]) -> None:
        if done == kill_after:
            raise Killed

    progress = train(network, settings, examples, seed, folder, epoch_done=stop)
    return progress, predict(network, examples.features, np.arange(48))


def test_a_stopped_training_ends_as_an_unbroken_one(examples: Examples, tmp_path: Path) -> None:
    whole, probabilities = run(examples, tmp_path / "whole")
    for epoch in (1, 3):
        with pytest.raises(Killed):
            run(examples, tmp_path / "broken", kill_after=epoch)
    resumed, again = run(examples, tmp_path / "broken")
    assert resumed.history == whole.history
    assert (resumed.best_epoch, resumed.epochs_trained) == (whole.best_epoch, 4)
    np.testing.assert_array_equal(again, probabilities)


def test_a_finished_training_is_not_trained_again(examples: Examples, tmp_path: Path) -> None:
    first, probabilities = run(examples, tmp_path)
    second, again = run(examples, tmp_path)
    assert second.history == first.history
    np.testing.assert_array_equal(again, probabilities)


def test_the_seed_decides_everything(examples: Examples, tmp_path: Path) -> None:
    a, _ = run(examples, tmp_path / "a")
    b, _ = run(examples, tmp_path / "b")
    c, _ = run(examples, tmp_path / "c", seed=1)
    assert a.history == b.history
    assert a.history != c.history


def test_it_learns_and_keeps_its_best_epoch(examples: Examples, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=12, augment=Augmentation())
    progress, probabilities = run(examples, tmp_path, settings)
    assert (probabilities.argmax(axis=1) == examples.targets).mean() > 0.9
    losses = progress.history["val_loss"]
    assert progress.best_epoch == int(np.argmin(losses)) + 1
    chosen = probabilities[examples.validation, examples.targets[examples.validation]]
    assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-4)
    truths, answers = examples.targets[examples.validation], probabilities[examples.validation].argmax(axis=1)
    recalls = [(answers[truths == label] == label).mean() for label in np.unique(truths)]
    assert progress.history["val_uar"][progress.best_epoch - 1] == pytest.approx(np.mean(recalls))


def test_patience_stops_early_and_plateau_lowers_the_rate(examples: Examples, tmp_path: Path) -> None:
    noise = replace(examples, targets=np.random.default_rng(1).integers(0, 3, 48))
    settings = replace(SETTINGS, epochs=30, schedule="constant", plateau=1, patience=3, ema=0.0, learning_rate=0.01)
    progress, _ = run(noise, tmp_path, settings)
    assert progress.epochs_trained < 30
    assert progress.epochs_trained - progress.best_epoch == 3
    assert min(progress.history["learning_rate"]) < 0.01


def test_several_versions_are_trained_on(examples: Examples, tmp_path: Path) -> None:
    """The clips as they are say nothing; only their altered versions tell the classes apart."""
    windows = examples.features.windows
    several = np.stack([np.zeros_like(windows), *[windows] * 3], axis=1).reshape(-1, *SHAPE)
    features = Features(several, np.repeat(np.arange(48), 4), np.tile(np.float32([1, 0, 0, 0]), 48))
    several = replace(examples, features=features, floor=None)
    progress, _ = run(several, tmp_path, replace(SETTINGS, epochs=20, augment=Augmentation()))
    assert max(progress.history["accuracy"]) > 0.6
    assert max(progress.history["val_accuracy"]) < 0.5  # validation hears version 0 alone


def test_a_damaged_checkpoint_is_named(examples: Examples, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"PK\x03\x04 half of something")
    with pytest.raises(RunError, match=f"{CHECKPOINT} is damaged"):
        run(examples, tmp_path)


def test_another_models_checkpoint_is_refused(examples: Examples, tmp_path: Path) -> None:
    run(examples, tmp_path)
    with pytest.raises(RunError, match="of another model"):
        run(examples, tmp_path, units=17)


def test_running_out_of_memory_becomes_advice(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*args: object, **kwargs: object) -> None:
        raise MemoryError

    monkeypatch.setattr(keras.Model, "fit", exhausted)
    with pytest.raises(EmovoxError, match="--batch-size 4"):
        run(examples, tmp_path)


def test_a_full_disk_is_one_line_and_keeps_the_last_checkpoint(examples: Examples, tmp_path: Path) -> None:
    whole, _ = run(examples, tmp_path / "whole")
    with pytest.raises(Killed):
        run(examples, tmp_path / "broken", kill_after=2)
    with full_disk(), pytest.raises(StorageError, match=f"Cannot write .*{CHECKPOINT}"):
        run(examples, tmp_path / "broken")
    resumed, _ = run(examples, tmp_path / "broken")
    assert resumed.history == whole.history


def test_a_training_that_diverges_says_so_and_leaves_no_checkpoint(examples: Examples, tmp_path: Path) -> None:
    broken = replace(examples, features=one_window(np.full_like(examples.features.windows, np.nan)))
    with pytest.raises(EmovoxError, match=r"diverged.*learning_rate"):
        run(broken, tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


def test_statistics_are_mixed_but_not_treated_as_a_spectrogram(examples: Examples, tmp_path: Path) -> None:
    statistics = replace(examples, floor=None)
    plain, _ = run(statistics, tmp_path / "a", replace(SETTINGS, augment=Augmentation()))
    gain, _ = run(statistics, tmp_path / "b", replace(SETTINGS, augment=Augmentation(gain_db=6)))
    mixed, _ = run(statistics, tmp_path / "c", replace(SETTINGS, augment=Augmentation(mixup=0.3)))
    assert plain.history == gain.history != mixed.history


def test_test_clips_cannot_decide_anything(examples: Examples, tmp_path: Path) -> None:
    """Clips that are neither for training nor for validation may hold anything."""
    fewer = replace(examples, train=np.arange(24))
    other = replace(fewer, features=one_window(fewer.features.windows.copy()), targets=fewer.targets.copy())
    other.features.windows[24:36] = np.nan
    other.targets[24:36] = 0
    assert run(other, tmp_path / "a")[0].history == run(fewer, tmp_path / "b")[0].history


def test_tensorboard_logs_are_written(examples: Examples, tmp_path: Path) -> None:
    network = build(0)
    train(network, replace(SETTINGS, epochs=1), examples, 0, tmp_path, logs=tmp_path / "logs")
    assert list((tmp_path / "logs").glob("events.out.tfevents.*"))


def test_every_epoch_is_told(examples: Examples, tmp_path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    progress = train(
        build(0),
        SETTINGS,
        examples,
        0,
        tmp_path,
        epoch_done=lambda *news: told.append((*news[:2], news[2]["val_loss"])),
    )
    assert told == [(i + 1, 4, loss) for i, loss in enumerate(progress.history["val_loss"])]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle"])
def test_schedules_end_low_unless_constant(schedule: str) -> None:
    rate = _optimizer(replace(SETTINGS, schedule=schedule, epochs=10), steps=10)._learning_rate
    at = [float(rate if schedule == "constant" else rate(step)) for step in (0, 10, 50, 99)]
    if schedule == "constant":
        assert len(set(at)) == 1
    else:
        assert max(at) == pytest.approx(3e-3, rel=0.05) and at[-1] < 3e-4
