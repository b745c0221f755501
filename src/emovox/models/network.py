"""Models put together: the mean of members, and a head on a published network."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from emovox.models.kind import HeardSettings, LinearHead


def mean_of(members: Sequence[keras.Model]) -> keras.Model:
    """One model that answers with the mean of its members' probabilities; a single one is itself.

    Args:
        members: Of one shape. They stand side by side in the result, which an ``.h5`` can hold.
    """
    first = members[0]
    if len(members) == 1:
        return first
    name = first.name
    for number, member in enumerate(members, start=1):
        member.name = f"{name}_member{number}"
    inputs = keras.Input(first.input_shape[1:], name="shared_input")
    return keras.Model(inputs, keras.layers.Average(name="mean")([member(inputs) for member in members]), name=name)


def with_head(encoder: keras.Model, head: LinearHead, name: str) -> keras.Model:
    """A published network and the head on its statistics as one model: (batch, frames, bands) → (batch, emotions)."""
    model = keras.Model(encoder.input, head_layers(encoder.output, head), name=name)
    model.trainable = False
    return model


def head_layers(statistics: keras.KerasTensor, head: LinearHead) -> keras.KerasTensor:
    """A head as dense layers: (batch, statistics) → (batch, emotions)."""
    layers = list(head.layers)
    activations = ["relu"] * (len(layers) - 1) + ["softmax"]
    if head.merge is not None:
        layers.append((head.merge, np.zeros(head.merge.shape[1], np.float32)))
        activations.append("linear")
    x = statistics
    for number, ((kernel, bias), activation) in enumerate(zip(layers, activations, strict=True), start=1):
        dense = keras.layers.Dense(kernel.shape[1], activation=activation, name=f"head_{number}")
        x = dense(x)
        dense.set_weights([kernel, bias])
    return x


def build_head(statistics: int, settings: HeardSettings, n_classes: int) -> keras.Model:
    """A head with one hidden layer, to be trained: (batch, statistics) → (batch, classes)."""
    inputs = keras.Input((statistics,), name="statistics")
    x = keras.layers.Dropout(settings.input_dropout)(inputs)
    x = keras.layers.Dense(settings.hidden_units, activation="relu", name="head_1")(x)
    x = keras.layers.Dropout(settings.dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax", name="head_2")(x), name="head")
