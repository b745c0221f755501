"""Layers that Keras does not have. A saved model that holds one opens once this module has been imported."""

from __future__ import annotations

import keras
from keras import KerasTensor

from emovox.models import whisper_layers  # noqa: F401, its layers are then known too


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
class LastStep(Deviation):
    """The last of all steps: (batch, steps, features) → (batch, features)."""

    def call(self, x: KerasTensor) -> KerasTensor:
        """The end."""
        return x[:, -1]


def statistics(layers: list[KerasTensor], which: tuple[str, ...] = ("mean", "deviation")) -> KerasTensor:
    """Statistics over time of several layers, side by side: each layer's means, then its deviations.

    Args:
        layers: (batch, steps, features) each.
        which: ``"mean"``, ``"deviation"`` or both.

    Returns:
        (batch, statistics).
    """
    pools = {"mean": keras.layers.GlobalAveragePooling1D, "deviation": Deviation}
    pooled = [pools[name]()(layer) for layer in layers for name in which]
    return keras.layers.Concatenate(name="statistics")(pooled) if len(pooled) > 1 else pooled[0]
