"""What TensorBoard shows of a training: curves, confusion, what the network read, settings and outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from emovox.files import write_text
from emovox.models.settings import Augmentation
from emovox.training.augment import augment

if TYPE_CHECKING:
    from emovox.training.network import Examples

PIXELS = 24
"""Of a cell of a confusion matrix, each way."""

PICTURED = 10
"""Epochs between two looks at training clips; they cost more than a curve."""

SHOWN = 3
"""Training clips that are shown as the network reads them."""


class Board:
    """Writes curves and pictures of one training while it runs.

    Args:
        folder: The training's logs.
        settings: How its clips are altered.
        examples: What it learns from.
        seed: Decides how the clips that are shown are altered.
    """

    def __init__(self, folder: Path, settings: Augmentation, examples: Examples, seed: int) -> None:
        self.settings, self.examples, self.seed = settings, examples, seed
        self.writer = tf.summary.create_file_writer(str(folder))

    def epoch_done(self, epoch: int, values: Mapping[str, float], answers: np.ndarray) -> None:
        """Write an epoch, counted from 0: its history, and the validation clips as confused.

        Args:
            epoch: Which.
            values: Its history, by name.
            answers: (validation clips,), predicted label indices.
        """
        examples = self.examples
        with self.writer.as_default(step=epoch + 1):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            picture = confusion_picture(examples.targets[examples.validation], answers, examples.n_classes)
            tf.summary.image("confusion_of_validation_clips", picture)
            if examples.floor is not None and epoch % PICTURED == 0:
                tf.summary.image("training_clips_as_altered", self._altered(epoch, examples.floor), max_outputs=SHOWN)
        self.writer.flush()

    def _altered(self, epoch: int, floor: float) -> np.ndarray:
        """A few training clips as a network may read them in an epoch: (clips, height, width, 1)."""
        examples = self.examples
        rows = examples.features.of(examples.train[:SHOWN])[:SHOWN]
        windows = tf.constant(examples.features.windows[rows], tf.float32)
        labels = tf.one_hot(examples.targets[examples.features.clips[rows]], examples.n_classes)
        altered, _ = augment(windows, labels, self.settings, floor, tf.constant([self.seed, epoch]))
        return spectrogram_pictures(altered.numpy())


def confusion_picture(truths: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """True emotions in rows, predicted ones in columns, the darker the larger the share of the row.

    Args:
        truths, answers: (clips,), indices of emotions.
        classes: Emotions.

    Returns:
        (1, height, width, 3), uint8.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (truths, answers), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = 255 - shares[:, :, None] * (255 - np.array([0, 114, 178]))  # from white to blue
    return np.asarray(cells.repeat(PIXELS, 0).repeat(PIXELS, 1)[None], dtype=np.uint8)


def spectrogram_pictures(windows: np.ndarray) -> np.ndarray:
    """Log-mel windows as pictures, low bands at the foot: (clips, frames, bands) → (clips, height, width, 1)."""
    low, high = windows.min(axis=(1, 2), keepdims=True), windows.max(axis=(1, 2), keepdims=True)
    scaled = (windows - low) / np.maximum(high - low, 1e-6)
    return np.asarray(scaled.transpose(0, 2, 1)[:, ::-1, :, None].repeat(4, 1).repeat(4, 2), dtype=np.float32)


def write_outcome(folder: Path, settings: Any, metrics: Mapping[str, float]) -> None:
    """Settings and outcome of a training, for TensorBoard's table of hyperparameters; an older outcome is replaced.

    Args:
        folder: The training's logs.
        settings: Of its model.
        metrics: Outcomes by name.
    """
    for old in folder.glob("outcome/*"):
        old.unlink()
    writer = tf.summary.create_file_writer(str(folder / "outcome"))
    with writer.as_default(step=0):
        hparams.hparams(dict(_flat(settings)), trial_id=folder.parent.name + "-" + folder.name)
        for name, value in metrics.items():
            tf.summary.scalar(name, value)
    writer.close()


def write_projector(folder: Path, model: str, probabilities: np.ndarray, clips: Sequence[Mapping[str, str]]) -> None:
    """Test clips as points for TensorBoard's projector: a model's log probabilities of each.

    Args:
        folder: The run's logs.
        model: Its name.
        probabilities: (clips, emotions).
        clips: What is known of each, alike for all.
    """
    columns = list(clips[0])
    rows = ["\t".join(columns), *("\t".join(clip[column] for column in columns) for clip in clips)]
    points = np.log(np.maximum(probabilities, 1e-6))
    write_text(folder / "clips.tsv", "\n".join(rows) + "\n")
    write_text(folder / f"{model}.tsv", "\n".join("\t".join(f"{x:.4f}" for x in row) for row in points) + "\n")
    models = sorted(path.stem for path in folder.glob("*.tsv") if path.stem != "clips")
    entries = [
        f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{name}.tsv"\n  metadata_path: "clips.tsv"\n}}\n'
        for name in models
    ]
    write_text(folder / "projector_config.pbtxt", "".join(entries))


def _flat(settings: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """A dataclass's settings and those within it, by dotted names."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _flat(value, f"{before}{field.name}.")
        else:
            yield f"{before}{field.name}", value if isinstance(value, (bool, int, float)) else str(value)
