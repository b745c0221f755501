"""Train a network by gradient descent, so that a training stopped at any moment goes on as if it had never stopped.

Everything random in an epoch follows from (seed, epoch, step): the order of the clips, their augmentation, the dropout.
After each epoch a checkpoint is replaced in one move. A training that starts again reads it and takes the next epoch,
with the same weights, optimizer state and randomness, and so ends with the same figures.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from emovox.errors import EmovoxError, RunError
from emovox.features import Features
from emovox.files import read_arrays, write_arrays
from emovox.models.kind import HEARD
from emovox.models.settings import Training
from emovox.training.augment import augment, mixup
from emovox.training.board import Board

CHECKPOINT = "checkpoint.npz"
HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar", "learning_rate")

EpochDone = Callable[[int, int, dict[str, float]], None]
"""Called as ``epoch_done(epochs done, epochs at most, the epoch's history)``."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network trains on, and what it is chosen by. Test clips cannot be passed to a training.

    Args:
        features: Of the corpus. An epoch takes one window of each training clip, drawn at random; altered versions
            that a published network heard are windows too, which do not count in a clip's answer.
        targets: (clips,), label indices.
        train: Indices of the clips to train on.
        validation: Indices of the clips to choose by.
        n_classes: Length of the probability vector.
        floor: The value of silence, for log-mel features; None for features of another kind, which are only mixed.
        taught: (windows, frames, directions), float32, what a teacher hears in each frame, zero after the clip's end;
            it is taught in training clips alone. None for no teacher.
    """

    features: Features
    targets: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    n_classes: int
    floor: float | None
    taught: np.ndarray | None = None


@dataclass
class Progress:
    """How far a training has come, and the best that it has seen."""

    epochs_trained: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    seconds: float = 0.0
    waited: int = 0
    history: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in HISTORY})


def train(
    network: keras.Model,
    settings: Training,
    examples: Examples,
    seed: int,
    folder: Path,
    logs: Path | None = None,
    epoch_done: EpochDone | None = None,
    lesson: float = 0.0,
) -> Progress:
    """Train ``network`` in place and leave in it the weights of the epoch with the least validation loss.

    Args:
        network: Takes windows of ``examples.features`` and ends in a softmax; its initial weights must follow from
            ``seed``.
        settings: Epochs, optimizer, augmentation.
        examples: Training and validation clips.
        seed: Decides all randomness.
        folder: Keeps the checkpoint; an earlier one is gone on with.
        logs: Where TensorBoard logs go, if anywhere.
        epoch_done: Told after each epoch.
        lesson: Weight of the mean squared error of what is taught, where something is.

    Returns:
        The history and which epoch was kept.

    Raises:
        RunError: The checkpoint is damaged or of another network.
        EmovoxError: Memory ran out, or the loss was never a number.
    """
    batch = min(settings.batch_size, len(examples.train))
    steps = max(1, len(examples.train) // batch)
    optimizer = _optimizer(settings, steps)
    pupil = network if examples.taught is None else _pupil(network, examples.taught.shape[2])
    losses: list[Any] = [keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)]
    pupil.compile(
        optimizer=optimizer,
        loss=losses if examples.taught is None else [*losses, keras.losses.MeanSquaredError()],
        loss_weights=None if examples.taught is None else [1.0, lesson],
        metrics=["accuracy"] if examples.taught is None else [["accuracy"], []],
        steps_per_execution=steps,  # an epoch in one call: the same numbers, a sixth sooner
    )
    optimizer.build(pupil.trainable_variables)
    keeper = _Keeper(pupil, network, settings, examples, seed, folder, logs, epoch_done)
    keeper.restore()
    done = keeper.progress
    if not keeper.finished:
        lesson_steps = 0 if examples.taught is None else _lesson_steps(network, settings, examples)
        data = _batches(settings, examples, seed, batch, steps, done.epochs_trained, lesson_steps)
        try:
            pupil.fit(
                data,
                epochs=settings.epochs,
                initial_epoch=done.epochs_trained,
                steps_per_epoch=steps,
                callbacks=[keeper],
                verbose=0,
            )
        except (tf.errors.ResourceExhaustedError, MemoryError):
            raise EmovoxError(
                f"Memory ran out with batches of {batch} clips; try --batch-size {max(1, batch // 2)}, or --workers 1"
            ) from None
    if keeper.best is None:
        keeper.path.unlink(missing_ok=True)
        raise EmovoxError(
            f"The training in {folder} diverged: its validation loss was never a finite number. Lower learning_rate in "
            "the recipe, and start again with another --out"
        )
    pupil.set_weights(keeper.best)
    return done


def _pupil(network: keras.Model, directions: int) -> keras.Model:
    """The network with a second output beside its own, on the layer that a teacher works on; it shares all weights."""
    taught = keras.layers.Dense(directions, name="taught")(network.get_layer(HEARD).output)
    return keras.Model(network.input, [network.output, taught], name="pupil")


def _lesson_steps(network: keras.Model, settings: Training, examples: Examples) -> int:
    """How many steps the layer that a teacher works on makes of a training clip."""
    _, frames, bands = examples.features.windows.shape
    heard = keras.Model(network.input, network.get_layer(HEARD).output)
    return int(heard(np.zeros((1, settings.augment.crop_frames or frames, bands), np.float32)).shape[1])


def predict(network: keras.Model, features: Features, clips: np.ndarray, batch_size: int = 64) -> np.ndarray:
    """Probabilities of some clips: the mean over the windows of each, weighted by speech.

    ``predict_on_batch`` in a plain loop: one graph, no dataset to set up, and a memory-mapped array is read piecewise.

    Args:
        network: Takes windows of ``features``.
        features: Of the corpus.
        clips: (clips,), their places in it.
        batch_size: Windows at a time.

    Returns:
        (clips, classes), float32.
    """
    rows = features.of(clips)
    counted = np.flatnonzero(features.weights[rows])
    probabilities = np.zeros((len(rows), network.output_shape[-1]), np.float32)
    for start in range(0, len(counted), batch_size):
        some = counted[start : start + batch_size]
        probabilities[some] = network.predict_on_batch(np.asarray(features.windows[rows[some]], dtype=np.float32))
    return features.answers(clips, probabilities)


def _optimizer(settings: Training, steps: int) -> keras.optimizers.Optimizer:
    """Adam or AdamW with its schedule; an average of the weights is kept where it is asked for."""
    total = settings.epochs * steps
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, total, alpha=0.01)
    elif settings.schedule == "onecycle":
        warm = max(1, total // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate / 20, max(1, total - warm), alpha=0.01, warmup_target=settings.learning_rate,
            warmup_steps=warm,
        )  # fmt: skip
    common = {"learning_rate": rate, "use_ema": settings.ema > 0, "ema_momentum": settings.ema or 0.99}
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(**common)
    optimizer = keras.optimizers.AdamW(weight_decay=settings.weight_decay, **common)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _batches(
    settings: Training, examples: Examples, seed: int, batch: int, steps: int, first_epoch: int, lesson_steps: int
) -> tf.data.Dataset:
    """Batches of (features, targets, weights) from ``first_epoch`` on, each a function of (seed, epoch, step)."""
    clips = tf.constant(examples.train, tf.int32)
    targets = tf.constant(examples.targets, tf.int32)
    weights = tf.constant(
        _class_weights(examples) if settings.class_weights else np.ones(examples.n_classes, np.float32)
    )
    windows = tf.constant(examples.features.windows, tf.float32)
    counts = tf.constant(np.bincount(examples.features.clips, minlength=len(examples.targets)), tf.int32)
    first = tf.cumsum(counts, exclusive=True)
    lessons = None if examples.taught is None else tf.constant(examples.taught)

    def one(epoch: tf.Tensor, step: tf.Tensor) -> tuple[Any, ...]:
        key = tf.stack([seed, epoch])
        order = tf.random.experimental.stateless_shuffle(clips, seed=key)
        chosen = order[step * batch : (step + 1) * batch]
        now = tf.stack([seed * 1_000_003 + epoch, step])
        number = tf.random.stateless_uniform([batch], now, 0, tf.int32.max, tf.int32) % tf.gather(counts, chosen)
        row = tf.gather(first, chosen) + number
        label = tf.gather(targets, chosen)
        whole = tf.gather(windows, row), tf.one_hot(label, examples.n_classes)
        lesson = None if lessons is None else tf.gather(lessons, row)
        if examples.floor is not None:
            whole = augment(*whole, settings.augment, examples.floor, now, lesson)
        elif settings.augment.mixup:
            whole = mixup(*whole, alpha=settings.augment.mixup, seed=now)
        if lesson is None:
            return *whole, tf.gather(weights, label)
        x, y, heard = whole  # type: ignore[misc]
        stride = heard.shape[1] // lesson_steps  # of so many frames the network makes a step
        heard = tf.reshape(heard[:, : lesson_steps * stride], (batch, lesson_steps, stride, heard.shape[2]))
        return x, (y, tf.reduce_mean(heard, axis=2)), (tf.gather(weights, label), tf.ones_like(heard[:, :, 0, 0]))

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(steps, output_type=tf.int32).map(lambda step: one(epoch, step))

    return tf.data.Dataset.range(first_epoch, settings.epochs, output_type=tf.int32).flat_map(epoch_of).prefetch(2)


def _class_weights(examples: Examples) -> np.ndarray:
    """Inverse class frequencies among the training clips, averaging 1 over clips: (classes,), float32."""
    counts = np.bincount(examples.targets[examples.train], minlength=examples.n_classes)
    present = np.maximum(counts, 1)
    weights: np.ndarray = len(examples.train) / (np.count_nonzero(counts) * present)
    return weights.astype(np.float32)


class _Keeper(keras.callbacks.Callback):
    """After each epoch: judge on validation, remember the best, write the checkpoint, decide whether to go on."""

    def __init__(
        self, pupil: keras.Model, network: keras.Model, settings: Training, examples: Examples, seed: int, folder: Path,
        logs: Path | None,
        epoch_done: EpochDone | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.network, self.answers, self.settings, self.examples = pupil, network, settings, examples
        self.seed, self.path, self.epoch_done = seed, folder / CHECKPOINT, epoch_done
        self.board = Board(logs, settings.augment, examples, seed) if logs else None
        self.progress = Progress()
        self.best: list[np.ndarray] | None = None
        self.random = [v for v in pupil.non_trainable_variables if "seed_generator" in v.path]

    @property
    def finished(self) -> bool:
        """Whether no epoch is left to train."""
        tired = 0 < self.settings.patience <= self.progress.epochs_trained - self.progress.best_epoch
        return self.progress.epochs_trained >= self.settings.epochs or tired

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Dropout's randomness follows from (seed, epoch, layer), however often the training was stopped."""
        self.started = time.perf_counter()
        for layer, state in enumerate(self.random):
            state.assign(np.array([self.seed * 1000 + layer, epoch], dtype=np.uint32))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        now = self.progress
        current = self.network.get_weights()
        if self.settings.ema:
            self.network.optimizer.finalize_variable_values(self.network.trainable_variables)
        probabilities = predict(self.answers, self.examples.features, self.examples.validation)
        truths, answers = self.examples.targets[self.examples.validation], probabilities.argmax(axis=1)
        classes = self.examples.n_classes
        clips, right = np.bincount(truths, minlength=classes), np.bincount(truths[answers == truths], minlength=classes)
        loss = float(-np.log(np.maximum(probabilities[np.arange(len(truths)), truths], 1e-7)).mean())
        values = {
            "loss": float(logs.get(f"{self.answers.output_names[0]}_loss", logs["loss"])),
            "accuracy": float(next(value for name, value in logs.items() if name.endswith("accuracy"))),
            "val_loss": loss,
            "val_accuracy": float((answers == truths).mean()),
            "val_uar": float((right[clips > 0] / clips[clips > 0]).mean()),
            "learning_rate": float(keras.ops.convert_to_numpy(self.network.optimizer.learning_rate)),
        }
        now.epochs_trained = epoch + 1
        for name, value in values.items():
            now.history[name].append(value)
        now.waited += 1
        if loss < now.best_loss:
            now.best_loss, now.best_epoch, now.waited = loss, epoch + 1, 0
            self.best = self.network.get_weights()
        if self.settings.ema:
            self.network.set_weights(current)
        if 0 < self.settings.plateau <= now.waited:
            now.waited = 0
            self.network.optimizer.learning_rate = values["learning_rate"] / 2
        now.seconds += time.perf_counter() - self.started
        self._save()
        if self.board:
            self.board.epoch_done(epoch, values, answers)
        if self.finished:
            self.network.stop_training = True
        if self.epoch_done:
            self.epoch_done(epoch + 1, self.settings.epochs, values)

    def _save(self) -> None:
        groups = {
            "weights": self.network.get_weights(),
            "optimizer": [keras.ops.convert_to_numpy(v) for v in self.network.optimizer.variables],
            "best": self.best or [],
        }
        arrays = {f"{group}/{i}": value for group, values in groups.items() for i, value in enumerate(values)}
        write_arrays(self.path, {"progress": np.array(json.dumps(vars(self.progress))), **arrays})

    def restore(self) -> None:
        """Take up where an earlier training stopped, if there was one."""
        if not self.path.exists():
            return
        try:
            arrays = read_arrays(self.path)
            self.progress = Progress(**json.loads(str(arrays["progress"])))
            if tuple(self.progress.history) != HISTORY:
                raise ValueError("another version's history")
            self.network.set_weights(_group(arrays, "weights"))
            variables = self.network.optimizer.variables
            for variable, value in zip(variables, _group(arrays, "optimizer"), strict=True):
                variable.assign(value)
            self.best = _group(arrays, "best") or None
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(f"{self.path} is damaged or of another model ({reason}); delete it to train again") from None


def _group(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{i}"] for i in range(count)]
