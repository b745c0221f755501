"""YAMNet, written with standard Keras layers and fully convolutional over time.

YAMNet (Plakal and Ellis, TensorFlow Model Garden, research/audioset/yamnet, 2019) is a MobileNet v1 (Howard et al.,
2017, arXiv:1704.04861) on log-mel patches of 0.96 s, trained on the 521 classes of AudioSet. Its body takes any number
of frames: the layers slide over a whole clip at once, and only the pooling at the end decides what a clip becomes.

Weights are no part of this module; see :mod:`emovox.models.pretrained`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
        kernel_shape: As Keras stores it: (3, 3, in, out), depthwise (3, 3, in, 1), pointwise (1, 1, in, out).
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
                Convolution(
                    f"{layer}_depthwise", published + "depthwise_conv", (3, 3, channels, 1), stage.stride, True
                ),
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
    """The whole published network with fresh weights.

    Args:
        frames: Frames of every input, or None for any number.

    Returns:
        (batch, frames, 64) → the embedding (batch, 1024), which is the mean of layer 14 over time and bands, and the
        scores (batch, 521), a sigmoid for each AudioSet class.
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


def build_reference_head(n_classes: int = 8, dropout: float = 0.3) -> keras.Model:
    """The study's classifier on YAMNet's embedding: dense 256, then one probability for each class.

    With eight classes it has 264,456 parameters (1,024 → 256 → 8), all of them trained.

    Args:
        n_classes: Emotions.
        dropout: Rate before the last layer.

    Returns:
        (batch, 1024) embeddings → (batch, n_classes) probabilities.
    """
    inputs = keras.Input((EMBEDDING_SIZE,), name="embedding_input")
    x = keras.layers.Dense(256, activation="relu", name="head_hidden")(inputs)
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    probabilities = keras.layers.Dense(n_classes, activation="softmax", name="head_probabilities")(x)
    return keras.Model(inputs, probabilities, name="yamnet_reference_head")


def attach_head(body: keras.Model, head: keras.Model) -> keras.Model:
    """One model from log-mel to probabilities: a body, frozen; its mean over time and bands; a head.

    Both keep their weights, so a head that was trained on :func:`frozen_features` answers at once, and the trainable
    parameters of the whole are the head's.

    Args:
        body: From :func:`build_yamnet_body`.
        head: (batch, channels) → (batch, n_classes), one layer after another.

    Returns:
        (batch, frames, 64) → (batch, n_classes); every layer stands at its top level.
    """
    body.trainable = False
    x = keras.layers.GlobalAveragePooling2D(name="embedding")(body.output)  # (batch, channels)
    for layer in head.layers[1:]:
        x = layer(x)
    return keras.Model(body.input, x, name="yamnet_classifier")


def frozen_features(
    body: keras.Model,
    features: np.ndarray,
    layers: Sequence[int | str] = (6, 7, 8, 9, 10),
    statistics: Sequence[str] = ("mean", "std"),
    batch_size: int = 16,
    threads: int = 2,
    progress: Callable[[str, int, int], None] | None = None,
) -> np.ndarray:
    """What a frozen body hears in each clip: statistics over time and bands, of several layers.

    The body runs in ONNX Runtime, in less than half of the time that it takes in TensorFlow; the two agree to about
    1e-5. ``layers=(14,), statistics=("mean",)`` gives the published embedding, over the whole clip.

    Args:
        body: From :func:`build_yamnet_body`, reaching at least to the last of ``layers``.
        features: (clips, frames, 64) log-mel.
        layers: Layer numbers, or Keras layer names such as ``"layer8_depthwise_relu"``.
        statistics: ``"mean"``, ``"std"`` or both.
        batch_size: Clips at a time.
        threads: Processor threads.
        progress: Called as ``progress(stage, done, total)``.

    Returns:
        (clips, statistics x channels of all layers), float32: for each layer its means, then its standard deviations.

    Raises:
        ValueError: No such layer or statistic.
    """
    pools = {"mean": keras.ops.mean, "std": keras.ops.std}
    if not set(statistics) <= set(pools) or not statistics:
        raise ValueError(f"Unknown statistics {tuple(statistics)}; available: {', '.join(pools)}")
    taps = [body.get_layer(_output_name(layer)).output for layer in layers]
    pooled = [pools[statistic](tap, axis=(1, 2)) for tap in taps for statistic in statistics]  # (batch, channels) each
    output = keras.ops.concatenate(pooled, axis=1) if len(pooled) > 1 else pooled[0]
    run = _in_onnx_runtime(keras.Model(body.input, output), features[:1], threads)
    parts = []
    for start in range(0, len(features), batch_size):
        parts.append(run(np.asarray(features[start : start + batch_size], dtype=np.float32)))
        if progress:
            progress("embeddings", min(start + batch_size, len(features)), len(features))
    return np.concatenate(parts)


def _in_onnx_runtime(model: keras.Model, example: np.ndarray, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """The same function as ``model``, run by ONNX Runtime."""
    import onnxruntime

    model(np.asarray(example))  # Keras exports only what has been called

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def _output_name(layer: int | str) -> str:
    """The name of the ReLU that ends a layer."""
    if isinstance(layer, str):
        return layer
    return f"{convolutions(layer)[-1].name}_relu"
