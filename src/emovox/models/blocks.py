"""Small pieces that several networks are made of."""

from __future__ import annotations

import keras
from keras import KerasTensor

MOMENTUM = 0.95
"""Of batch norm's moving statistics; Keras' 0.99 needs more steps than a small corpus gives."""

LEAST_VARIANCE = 0.1
"""Added to a band's variance, in squared natural-log units (speech has 2 to 6), so that a band in which the training
clips are silent is not blown up."""

STEM_FILTERS = 16
STAGES = (32, 64, 128)
"""Filters of the residual stages; each halves bands, and most halve frames."""


def residual_steps(inputs: KerasTensor, shortenings: int = 4) -> KerasTensor:
    """A small residual network over the spectrogram, averaged over bands.

    (batch, frames, mels) → (batch, frames / 2^shortenings, filters of the last stage). With hops of 20 ms and four
    shortenings a step is 0.32 s, about as long as a syllable and a half.

    Args:
        inputs: The spectrogram.
        shortenings: How many of the four convolutions with a stride step over frames, the first ones; all step over
            bands.
    """
    x = convolution(standardised(inputs), STEM_FILTERS, kernel=5, stride=2)
    for stage, filters in enumerate(STAGES, start=1):
        x = residual(x, filters, stride=(2 if stage < shortenings else 1, 2))
    return steps(keras.layers.AveragePooling2D((1, x.shape[2]))(x))


def standardised(inputs: KerasTensor) -> KerasTensor:
    """Each mel band to zero mean and unit variance over the training clips, and a channel axis at the end.

    (batch, frames, mels) → (batch, frames, mels, 1)
    """
    x = keras.layers.BatchNormalization(
        center=False, scale=False, momentum=MOMENTUM, epsilon=LEAST_VARIANCE, name="standardised"
    )(inputs)
    return keras.layers.Reshape((-1, inputs.shape[2], 1), name="channel")(x)


def convolution(x: KerasTensor, filters: int, kernel: int = 3, stride: int | tuple[int, int] = 1) -> KerasTensor:
    """Convolution, batch norm, ReLU: (…, frames, mels, in) → (…, ⌈frames / stride⌉, ⌈mels / stride⌉, filters).

    A stride may differ for frames and mels.
    """
    return keras.layers.ReLU()(_convolved(x, filters, kernel, stride))


def residual(x: KerasTensor, filters: int, stride: tuple[int, int] = (1, 1)) -> KerasTensor:
    """Two convolutions around a shortcut (He et al., 2016), shapes as :func:`convolution`.

    Where shapes differ, the shortcut averages before it projects, so that no input is skipped (He et al., 2019,
    arXiv:1812.01187, ResNet-D).
    """
    shortcut = x
    if stride != (1, 1):
        shortcut = keras.layers.AveragePooling2D(stride, padding="same")(shortcut)
    if shortcut.shape[-1] != filters:
        shortcut = _convolved(shortcut, filters, 1, 1)
    inner = _convolved(convolution(x, filters, 3, stride), filters, 3, 1)
    return keras.layers.ReLU()(keras.layers.Add()([inner, shortcut]))


def steps(x: KerasTensor, name: str = "steps") -> KerasTensor:
    """Bands and channels side by side at each time step: (batch, steps, bands, channels) → (batch, steps, features)."""
    return keras.layers.Reshape((-1, x.shape[2] * x.shape[3]), name=name)(x)


def pool_over_time(x: KerasTensor) -> KerasTensor:
    """Mean and maximum over time, side by side: (batch, frames, channels) → (batch, 2 channels)."""
    layers = keras.layers
    return layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])


def _convolved(x: KerasTensor, filters: int, kernel: int, stride: int | tuple[int, int]) -> KerasTensor:
    x = keras.layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
