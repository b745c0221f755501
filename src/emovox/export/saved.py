"""Trained models in Keras' own formats, as a TensorFlow SavedModel, and for LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from emovox.errors import StorageError
from emovox.evaluation.calibration import SMALLEST_FLOAT
from emovox.files import check_room, replacing, writing
from emovox.models.kind import Head
from emovox.quiet import quiet

if TYPE_CHECKING:
    import keras

WEIGHT_BYTES = 4
STRUCTURE_BYTES = 2_000_000
"""At most what a file of a model takes beside its weights."""


def write_models(model: keras.Model, paths: Sequence[Path]) -> None:
    """Write a model whole or not at all, each file in the format of its suffix, ``.h5`` or ``.keras``.

    Both open with plain ``keras.models.load_model``; a model that stands on a published network does so once
    :mod:`emovox.models.layers` has been imported.

    Raises:
        StorageError: They cannot be written.
    """
    for path in paths:
        with replacing(path) as temporary, quiet():
            check_room(path, 2 * WEIGHT_BYTES * model.count_params() + STRUCTURE_BYTES)
            model.save(temporary)


def answering(network: keras.Model, head: Head | None, temperature: float) -> keras.Model:
    """A trained model with all that comes after its front end.

    Args:
        network: (windows, frames, bands) → (windows, classes), or with a head → statistics. Its recurrent layers are
            unrolled from here on, since LiteRT knows no loop over a number of windows that is not fixed.
        head: Of a published network.
        temperature: As in :func:`emovox.export.write_artifact`.

    Returns:
        ``features`` (windows, frames, bands) and ``weights`` (windows, 1), as a front end gives them, to calibrated
        probabilities, (1, classes).
    """
    import keras

    from emovox.models.network import head_layers

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.RNN):
            layer.unroll = True
    features = keras.Input(network.input_shape[1:], name="features")
    weights = keras.Input((1,), name="weights")
    x = keras.ops.sum(network(features) * weights, axis=0, keepdims=True)
    if head is not None:
        x = head_layers(x, head.linear)
    logits = keras.ops.log(keras.ops.maximum(x, SMALLEST_FLOAT))
    return keras.Model([features, weights], keras.ops.softmax(logits / temperature), name="answering")


def write_litert(model: keras.Model, path: Path) -> None:
    """Write what :func:`answering` gives as a ``.tflite`` file for LiteRT, of any number of windows and frames.

    Raises:
        StorageError: It cannot be written.
    """
    with replacing(path) as temporary, quiet():
        check_room(path, WEIGHT_BYTES * model.count_params() + STRUCTURE_BYTES)
        model.export(temporary, format="litert", verbose=False)


def write_saved_model(model: keras.Model, path: Path) -> None:
    """Write what :func:`answering` gives as a TensorFlow SavedModel, a folder.

    Raises:
        StorageError: It cannot be written, or something is there already.
    """
    if path.exists():
        raise StorageError(f"{path} exists already; choose another folder with --out, or remove that one")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=path.parent) as folder, quiet():
            model.export(Path(folder) / path.name, format="tf_saved_model", verbose=False)
            (Path(folder) / path.name).rename(path)
