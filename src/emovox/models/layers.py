"""Layers that Keras does not have. A saved model that holds one opens once this module has been imported."""

from __future__ import annotations

import keras
from keras import KerasTensor

from emovox.models import whisper_layers  # noqa: F401, its layers are then known too

LEAST_CUBE = 1e-6
"""Keeps the skewness of a feature that never changes finite."""


@keras.saving.register_keras_serializable(package="emovox")
class Deviation(keras.layers.Layer):
    """Standard deviation over time: (batch, steps, features) → (batch, features)."""

    def call(self, x: KerasTensor) -> KerasTensor:
        """The root of the mean squared distance from the mean."""
        centred = x - keras.ops.mean(x, axis=1, keepdims=True)
        return keras.ops.sqrt(keras.ops.mean(centred * centred, axis=1))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, features)."""
        return (shape[0], shape[2])


@keras.saving.register_keras_serializable(package="emovox")
class Skewness(Deviation):
    """Standardised third moment over time, how far a feature leans to rare high values; shapes as above."""

    def call(self, x: KerasTensor) -> KerasTensor:
        """The mean cube of the distance from the mean, over the deviation's cube."""
        centred = x - keras.ops.mean(x, axis=1, keepdims=True)
        deviation = keras.ops.sqrt(keras.ops.mean(centred * centred, axis=1))
        cube = keras.ops.mean(centred * centred * centred, axis=1)
        return cube / (deviation * deviation * deviation + LEAST_CUBE)


def statistics(layers: list[KerasTensor], which: tuple[str, ...] = ("mean", "deviation")) -> KerasTensor:
    """Statistics over time of several layers, side by side: each layer's means, then its deviations and skewnesses.

    Args:
        layers: (batch, steps, features) each.
        which: Some of ``"mean"``, ``"deviation"`` and ``"skewness"``.

    Returns:
        (batch, statistics).
    """
    pools = {"mean": keras.layers.GlobalAveragePooling1D, "deviation": Deviation, "skewness": Skewness}
    pooled = [pools[name]()(layer) for layer in layers for name in which]
    return keras.layers.Concatenate(name="statistics")(pooled) if len(pooled) > 1 else pooled[0]
