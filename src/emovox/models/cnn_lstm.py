"""Convolutional networks whose last word is a recurrent network's, reading the spectrogram from left to right."""

from __future__ import annotations

import keras

from emovox.models.blocks import pool_over_time, residual_steps, steps
from emovox.recipe import ModelRecipe

LSTM_UNITS = 64
SHORTENINGS = 2
"""A step is then 80 ms: an LSTM has something to do only where there are many of them."""


def build_cnn_lstm(recipe: ModelRecipe, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
    """The CNN-LSTM: (batch, frames, mels) → (batch, classes), probabilities.

    ``reference`` has 2,156,616 parameters on 128 mels with eight classes: one unpadded 3x3 convolution with 64 filters,
    2x2 pooling, and an LSTM of 128 units that reads 63 x 64 features a step. ``default`` has the convolutions of the
    default CNN, but keeps four times as many steps, about as long as a speech sound each; an LSTM reads them in both
    directions (Graves and Schmidhuber, 2005) and adds to each what it knows from before and after.

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
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D()(x)
    x = steps(x)  # (46, 63 x 64) from 94 frames
    x = layers.LSTM(128)(x)
    for units in (128, 64):
        x = layers.Dropout(recipe.dropout)(x)
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x), name="cnn_lstm_reference")


def _default(recipe: ModelRecipe, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input(shape, name="log_mel")
    x = residual_steps(inputs, SHORTENINGS)  # (frames / 4, filters)
    heard = layers.Bidirectional(layers.LSTM(LSTM_UNITS, return_sequences=True))(x)  # (frames / 4, 2 units)
    x = layers.Add()([x, heard])
    x = layers.Dropout(recipe.dropout)(pool_over_time(x))
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x), name="cnn_lstm")
