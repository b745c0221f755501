"""Small pieces that several networks are made of."""

from __future__ import annotations

import keras
from keras import KerasTensor

MOMENTUM = 0.95
"""Of batch norm's moving statistics; Keras' 0.99 needs more steps than a small corpus gives."""

LEAST_VARIANCE = 0.1
"""Added to a band's variance, in squared natural-log units (speech has 2 to 6), so that a band in which the training
clips are silent is not blown up."""

STEM_FILTERS, STAGE_FILTERS, WIDTH = 16, 32, 128


def residual_steps(inputs: KerasTensor, blocks: int) -> KerasTensor:
    """A small network that looks at the spectrogram as a picture, and then at its course in time.

    (batch, frames, mels) → (batch, frames / 4, 128). Two convolutions with strides find local patterns in time and
    frequency; residual blocks over time alone, which cost little, put them together. With hops of 20 ms a step is
    80 ms, about as long as a speech sound.

    Args:
        inputs: The spectrogram.
        blocks: Residual blocks over time.
    """
    x = convolution(standardised(inputs), STEM_FILTERS, kernel=5, stride=2)
    x = residual(x, STAGE_FILTERS, stride=(2, 2))
    x = keras.layers.ReLU()(_over_time(steps(x)))
    for _ in range(blocks):
        inner = _over_time(keras.layers.ReLU()(_over_time(x)))
        x = keras.layers.ReLU()(keras.layers.Add()([inner, x]))
    return x


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


def mean_over_bands(x: KerasTensor, name: str = "bands") -> KerasTensor:
    """(batch, steps, bands, channels) → (batch, steps, channels)."""
    return steps(keras.layers.AveragePooling2D((1, x.shape[2]), name=name)(x), f"{name}_steps")


def pool_over_time(x: KerasTensor) -> KerasTensor:
    """Mean, half the mean absolute deviation and maximum over time: (batch, steps, channels) → (batch, 3 channels).

    Since deviations sum to zero, those above the mean are half of all. Made of plain layers, so that an ``.h5`` opens
    everywhere, and with a gradient that stays finite where a feature never changes.
    """
    layers = keras.layers
    mean = layers.GlobalAveragePooling1D(keepdims=True)(x)  # (batch, 1, channels)
    above = layers.GlobalAveragePooling1D()(layers.ReLU()(layers.Subtract()([x, mean])))
    return layers.Concatenate()([layers.Flatten()(mean), above, layers.GlobalMaxPooling1D()(x)])


def _over_time(x: KerasTensor) -> KerasTensor:
    """Convolution over three steps and batch norm: (batch, steps, in) → (batch, steps, 128)."""
    x = keras.layers.Conv1D(WIDTH, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return keras.layers.BatchNormalization(momentum=MOMENTUM)(x)


def _convolved(x: KerasTensor, filters: int, kernel: int, stride: int | tuple[int, int]) -> KerasTensor:
    x = keras.layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
