"""YAMNet, written with standard Keras layers and fully convolutional over time.

YAMNet (Plakal and Ellis, TensorFlow Model Garden, research/audioset/yamnet, 2019) is a MobileNet v1 (Howard et al.,
2017, arXiv:1704.04861) on log-mel patches of 0.96 s, trained on the 521 classes of AudioSet. Its body takes any number
of frames: the layers slide over a whole clip at once, and only the pooling at the end decides what a clip becomes.

Weights are no part of this module; see :mod:`emovox.models.pretrained`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np
from keras import KerasTensor

from emovox.files import scratch
from emovox.models.blocks import MOMENTUM, steps
from emovox.models.mobilenet import (
    BATCH_NORM_EPSILON,
    BODY,
    EMBEDDING_SIZE,
    N_AUDIOSET_CLASSES,
    N_MELS,
    PATCH_FRAMES,
    TAP,
    Convolution,
    convolutions,
)
from emovox.models.network import Network
from emovox.recipe import ModelRecipe

RANDOM_BODY_SEED = 0
"""Of a body without published weights; it is computed once and shared, so no training's own seed may change it."""


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
        x = _convolved(x, c)
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
    run = in_onnx_runtime(keras.Model(body.input, output), features[:1], threads)
    parts = []
    for start in range(0, len(features), batch_size):
        parts.append(run(np.asarray(features[start : start + batch_size], dtype=np.float32)))
        if progress:
            progress("embeddings", min(start + batch_size, len(features)), len(features))
    return np.concatenate(parts)


def in_onnx_runtime(model: keras.Model, example: np.ndarray, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """The same function as ``model``, run by ONNX Runtime, in less than half of TensorFlow's time.

    Args:
        model: One input, one output.
        example: A batch that the model can be called with.
        threads: Processor threads.
    """
    import onnxruntime

    model(np.asarray(example))  # Keras exports only what has been called

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with scratch() as folder:
        path = folder / "model.onnx"
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def _output_name(layer: int | str) -> str:
    """The name of the ReLU that ends a layer."""
    if isinstance(layer, str):
        return layer
    return f"{convolutions(layer)[-1].name}_relu"


def build_classifier(
    recipe: ModelRecipe,
    shape: tuple[int | None, int],
    n_classes: int,
    weights: Mapping[str, tuple[np.ndarray, ...]] | None = None,
    seed: int = 0,
) -> Network:
    """An emotion classifier on YAMNet: a frozen body, and above it what is trained.

    ``reference`` freezes all 14 layers and trains a head of 264,456 parameters (1,024 → 256 → 8) on the embedding.
    ``default`` leaves the layers up to ``recipe.frozen_layers`` as published and fine-tunes those above, up to
    ``recipe.last_layer``. It classifies means and mean absolute deviations over time of both: of the fine-tuned
    channels, and of the frozen ones in each frequency band, since the middle layers still tell how a voice sounds, and
    where. With ``recipe.tap_layer`` the published layers run on beside the fine-tuned ones, and their channels are
    heard too.

    Args:
        recipe: The variant, the layers and the dropout rate.
        shape: (frames, 64) of the front end.
        n_classes: Emotions.
        weights: From :func:`emovox.models.pretrained.read_weights`; None leaves random weights, the
            same for every seed, since all trainings of a run stand on one body.
        seed: Decides the trained part's weights where the body's are random.
    """
    frames = shape[0]
    if weights is None:
        keras.utils.set_random_seed(RANDOM_BODY_SEED)
    body = build_yamnet_body(frames, recipe.frozen_layers)
    if recipe.variant == "reference":
        pooled = keras.layers.GlobalAveragePooling2D(name="embedding")(body.output)
        body = keras.Model(body.input, pooled, name="yamnet_embedding")
    if weights is None:
        keras.utils.set_random_seed(seed)
    if recipe.variant == "reference":
        trained = build_reference_head(n_classes, recipe.dropout)
    else:
        trained = _fine_tuned(recipe, body.output.shape[1:], n_classes)
    if weights is not None:
        from emovox.models.pretrained import load_into

        load_into(body, weights)
        if max(recipe.last_layer, recipe.tap_layer) > recipe.frozen_layers:
            load_into(trained, weights)
        freeze_batch_norms(trained)
        for layer in trained.layers:
            layer.trainable = layer.trainable and not layer.name.startswith(TAP)
    else:
        _settle_batch_norms(body)
    body.trainable = False
    return Network(trained, body)


def _settle_batch_norms(body: keras.Model) -> None:
    """Give random weights the statistics of their own activations, or nothing would be left of a sound at the end."""
    norms = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    body(keras.random.normal((4, body.input.shape[1], N_MELS), mean=-4.0, stddev=2.0, seed=0), training=True)
    for layer in norms:
        layer.momentum = MOMENTUM


def _fine_tuned(recipe: ModelRecipe, shape: tuple[int, ...], n_classes: int) -> keras.Model:
    """(batch, steps, bands, channels) of the body → (batch, classes)."""
    layers = keras.layers
    inputs = keras.Input(shape, name="body_output")
    x = inputs
    for c in convolutions(recipe.last_layer)[len(convolutions(recipe.frozen_layers)) :]:
        x = _convolved(x, c)
    heard = [
        *_mean_and_deviation(steps(_mean_of_bands(x, "bands"), "fine_tuned_steps")),
        *_mean_and_deviation(steps(inputs, "frozen_steps")),
    ]
    for name, tap in _taps(inputs, recipe.frozen_layers, recipe.tap_layer):
        heard += _mean_and_deviation(steps(_mean_of_bands(tap, f"{name}_bands"), f"{name}_steps"))
    x = layers.Concatenate(name="statistics")(heard)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="statistics_bn")(x)
    x = layers.Dropout(recipe.dropout)(x)
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x), name="yamnet_fine_tuned")


def _taps(x: KerasTensor, frozen_layers: int, last: int) -> Iterator[tuple[str, KerasTensor]]:
    """What leaves each of the layers after ``frozen_layers`` up to ``last``, under the layer's name."""
    for c in convolutions(max(last, frozen_layers))[len(convolutions(frozen_layers)) :]:
        x = _convolved(x, dataclasses.replace(c, name=TAP + c.name))
        if not c.depthwise:
            yield TAP + c.name, x


def _mean_of_bands(x: KerasTensor, name: str) -> KerasTensor:
    """(batch, steps, bands, channels) → (batch, steps, 1, channels)."""
    return keras.layers.AveragePooling2D((1, x.shape[2]), name=name)(x)


def _mean_and_deviation(x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """Over time: (batch, steps, features) → two of (batch, features), the mean and half the mean absolute deviation.

    Since deviations sum to zero, those above the mean are half of all. Made of plain layers, so that the ``.h5`` opens
    everywhere, and with a gradient that stays finite where a feature never changes.
    """
    layers = keras.layers
    mean = layers.GlobalAveragePooling1D(keepdims=True)(x)  # (batch, 1, features)
    above = layers.ReLU()(layers.Subtract()([x, mean]))
    return layers.Flatten()(mean), layers.GlobalAveragePooling1D()(above)


def _convolved(x: KerasTensor, c: Convolution) -> KerasTensor:
    """One convolution, its batch norm, its ReLU."""
    layers = keras.layers
    same = {"strides": c.stride, "padding": "same", "use_bias": False, "name": c.name}
    if c.depthwise:
        x = layers.DepthwiseConv2D(c.kernel_shape[:2], **same)(x)
    else:
        x = layers.Conv2D(c.channels, c.kernel_shape[:2], **same)(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, scale=False, name=f"{c.name}_bn")(x)
    return layers.ReLU(name=f"{c.name}_relu")(x)
