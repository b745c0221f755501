"""Convolutional networks on a log-mel spectrogram, which they read as a picture with one channel."""

from __future__ import annotations

import keras

from emovox.models.blocks import pool_over_time, residual_steps
from emovox.recipe import ModelRecipe

REFERENCE_FILTERS = (32, 64, 128)


def build_cnn(recipe: ModelRecipe, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
    """The CNN: (batch, frames, mels) → (batch, classes), probabilities.

    ``reference`` has 94,600 parameters with eight classes: three 3x3 convolutions with batch norm, pooling, and a
    softmax on the global average. ``default`` is a small residual network (He et al., 2016, arXiv:1512.03385).

    Args:
        recipe: The variant and the dropout rate.
        shape: (frames, mels) of the input; None takes any number of frames.
        n_classes: Emotions.
    """
    return (_reference if recipe.variant == "reference" else _default)(recipe, shape, n_classes)


def _reference(recipe: ModelRecipe, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input(shape, name="log_mel")
    x = layers.Reshape((-1, shape[1], 1))(inputs)
    for filters in REFERENCE_FILTERS:
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(recipe.dropout)(x)
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x), name="cnn_reference")


def _default(recipe: ModelRecipe, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input(shape, name="log_mel")
    x = residual_steps(inputs)  # (frames / 16, filters)
    x = layers.Dropout(recipe.dropout)(pool_over_time(x))
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x), name="cnn")
