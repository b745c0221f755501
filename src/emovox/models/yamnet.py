"""YAMNet, written with standard Keras layers and fully convolutional over time.

YAMNet (Plakal and Ellis, TensorFlow Model Garden, research/audioset/yamnet, 2019) is a MobileNet v1 (Howard et al.,
2017, arXiv:1704.04861) on log-mel patches of 0.96 s, trained on the 521 classes of AudioSet. Its body takes any number
of frames: the layers slide over a whole clip at once, and only the pooling at the end decides what a clip becomes.

Weights are no part of this module; see :mod:`emovox.models.pretrained`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

N_MELS = 64
PATCH_FRAMES = 96
EMBEDDING_SIZE = 1024
N_AUDIOSET_CLASSES = 521
BATCH_NORM_EPSILON = 1e-4


@dataclass(frozen=True)
class Stage:
    """One layer of the body: a depthwise 3x3 and a pointwise convolution, or the one full 3x3 convolution at the start.

    Args:
        stride: Step of the 3x3 convolution, over frames and mel bands alike.
        filters: Channels that leave the layer.
        separable: False for the first layer only.
    """

    stride: int
    filters: int
    separable: bool = True


BODY = (
    Stage(2, 32, separable=False),
    Stage(1, 64),
    Stage(2, 128),
    Stage(1, 128),
    Stage(2, 256),
    Stage(1, 256),
    Stage(2, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(2, 1024),
    Stage(1, 1024),
)


@dataclass(frozen=True)
class Convolution:
    """One convolution of the body, and with it the batch norm and the ReLU that follow.

    Args:
        name: The Keras layer's name; ``{name}_bn`` and ``{name}_relu`` follow it.
        published: The name in the published code, which Keras 3 refuses for its slashes.
        kernel_shape: The kernel as Keras stores it: (3, 3, in, out), depthwise (3, 3, in, 1), pointwise (1, 1, in, out).
        stride: Step over frames and bands.
        depthwise: Whether each channel is filtered alone.
    """

    name: str
    published: str
    kernel_shape: tuple[int, int, int, int]
    stride: int = 1
    depthwise: bool = False

    @property
    def channels(self) -> int:
        """Channels that leave the convolution."""
        return self.kernel_shape[2] if self.depthwise else self.kernel_shape[3]


def convolutions(last_layer: int = len(BODY)) -> tuple[Convolution, ...]:
    """The body's convolutions up to ``last_layer``, in the order in which sound passes them and files store them.

    >>> [c.name for c in convolutions(2)]
    ['layer1_conv', 'layer2_depthwise', 'layer2_pointwise']
    """
    if not 1 <= last_layer <= len(BODY):
        raise ValueError(f"last_layer must be from 1 to {len(BODY)}, got {last_layer}")
    found = []
    channels = 1
    for i, stage in enumerate(BODY[:last_layer], start=1):
        layer, published = f"layer{i}", f"layer{i}/"
        if stage.separable:
            found += [
                Convolution(f"{layer}_depthwise", published + "depthwise_conv", (3, 3, channels, 1), stage.stride, True),
                Convolution(f"{layer}_pointwise", published + "pointwise_conv", (1, 1, channels, stage.filters)),
            ]
        else:
            found += [Convolution(f"{layer}_conv", published + "conv", (3, 3, channels, stage.filters), stage.stride)]
        channels = stage.filters
    return tuple(found)


def build_yamnet_body(frames: int | None, last_layer: int = len(BODY)) -> keras.Model:
    """YAMNet's layers up to ``last_layer``, with fresh weights.

    Batch norm has no scale, as published. Whoever fine-tunes weights whose batch norms were folded (a ``.tflite``)
    keeps the batch norms frozen, since the folded scale is not in the moving variance: see :func:`freeze_batch_norms`.

    Args:
        frames: Frames of every input, or None for any number.
        last_layer: 1 to 14.

    Returns:
        (batch, frames, 64) log-mel features → (batch, ⌈frames / t⌉, ⌈64 / t⌉, channels), with t the product of the
        strides up to ``last_layer`` (2, 4, 8 or 16 from layers 1, 3, 5 and 7; 32 from layer 13).

    Raises:
        ValueError: No such layer.
    """
    layers = keras.layers
    inputs = keras.Input((frames, N_MELS), name="log_mel")
    x = layers.Reshape((-1 if frames is None else frames, N_MELS, 1), name="channel")(inputs)
    for c in convolutions(last_layer):
        same = {"strides": c.stride, "padding": "same", "use_bias": False, "name": c.name}
        if c.depthwise:
            x = layers.DepthwiseConv2D(c.kernel_shape[:2], **same)(x)
        else:
            x = layers.Conv2D(c.channels, c.kernel_shape[:2], **same)(x)
        x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, scale=False, name=f"{c.name}_bn")(x)
        x = layers.ReLU(name=f"{c.name}_relu")(x)
    return keras.Model(inputs, x, name="yamnet_body")


def build_yamnet(frames: int | None = PATCH_FRAMES) -> keras.Model:
    """The whole published network with fresh weights: (batch, frames, 64) → (embedding (batch, 1024), scores (batch, 521)).

    The embedding is the mean of layer 14 over time and bands; the scores are sigmoids, one for each AudioSet class.
    """
    body = build_yamnet_body(frames)
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(body.output)
    scores = keras.layers.Dense(N_AUDIOSET_CLASSES, activation="sigmoid", name="audioset")(embedding)
    return keras.Model(body.input, [embedding, scores], name="yamnet")


def freeze_batch_norms(model: keras.Model) -> None:
    """Keep every batch norm of the body at its moving statistics while the rest is fine-tuned."""
    names = {f"{c.name}_bn" for c in convolutions()}
    for layer in model.layers:
        if layer.name in names:
            layer.trainable = False


def frozen_features(
    body: keras.Model, features: np.ndarray, layers: Sequence[int | str] = (6, 7, 8, 9, 10), batch_size: int = 32
) -> np.ndarray:
    """What a frozen body hears in each clip: mean and standard deviation over time and bands, of several layers.

    Args:
        body: From :func:`build_yamnet_body`, reaching at least to the last of ``layers``.
        features: (clips, frames, 64) log-mel.
        layers: Layer numbers, or Keras layer names such as ``"layer8_depthwise_relu"``.
        batch_size: Clips at a time.

    Returns:
        (clips, 2 x channels of all layers), float32: for each layer its means, then its standard deviations.
    """
    taps = [body.get_layer(_output_name(layer)).output for layer in layers]
    pooled = []
    for tap in taps:
        pooled += [keras.ops.mean(tap, axis=(1, 2)), keras.ops.std(tap, axis=(1, 2))]  # (batch, channels) each
    model = keras.Model(body.input, keras.ops.concatenate(pooled, axis=1))
    return np.asarray(model.predict(features, batch_size=batch_size, verbose=0))


def _output_name(layer: int | str) -> str:
    """The name of the ReLU that ends a layer."""
    if isinstance(layer, str):
        return layer
    return f"{convolutions(layer)[-1].name}_relu"
