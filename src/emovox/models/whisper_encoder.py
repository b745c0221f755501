"""The encoder of Whisper in plain Keras layers, for any length of audio.

Whisper (Radford et al., 2022, arXiv:2212.04356; code and weights MIT) is a Transformer that was trained to write down
speech from the web. Its encoder turns a log-mel spectrogram into one vector per 20 ms, from which its decoder writes;
we keep the encoder alone, and listen to its middle layers.

    log-mel (frames, 80) ─ two convolutions ─ + positions ─ Transformer layer 1 … n ─ layer norm

A layer that has weights is called as the published file calls them (``conv1``, ``layers.0.self_attn.q_proj``), and
:func:`emovox.models.whisper_weights.load_into_encoder` finds them by that name. ``layer3`` is what leaves the third
Transformer layer, whose weights are ``layers.2…``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emovox.errors import ModelError

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

N_MELS = 80
LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class Size:
    """One published encoder.

    Args:
        width: Channels of every layer.
        heads: Attention heads, each of width / heads channels.
        layers: Transformer layers.
        repository: Of the published file on the Hugging Face hub.
        revision: The commit that is read; a commit never changes.
    """

    width: int
    heads: int
    layers: int
    repository: str
    revision: str


SIZES = {
    "tiny.en": Size(384, 6, 4, "openai/whisper-tiny.en", "87c7102498dcde7456f24cfd30239ca606ed9063"),
    "tiny": Size(384, 6, 4, "openai/whisper-tiny", "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"),
    "base.en": Size(512, 8, 6, "openai/whisper-base.en", "911407f4214e0e1d82085af863093ec0b66f9cd6"),
    "base": Size(512, 8, 6, "openai/whisper-base", "e37978b90ca9030d5170a5c07aadb050351a65bb"),
    "small.en": Size(768, 12, 12, "openai/whisper-small.en", "e8727524f962ee844a7319d92be39ac1bd25655a"),
    "small": Size(768, 12, 12, "openai/whisper-small", "973afd24965f72e36ca33b3055d56a652f456b4d"),
}
"""By name; those that end in ``.en`` were trained on English alone."""


def known_size(size: str) -> Size:
    """The published encoder of that name.

    Raises:
        ModelError: There is none.
    """
    if size not in SIZES:
        raise ModelError(f"Unknown size of Whisper {size!r}; available: {', '.join(SIZES)}")
    return SIZES[size]


def tensors(size: str, last_layer: int | None = None) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the encoder's weights, as published, without ``model.encoder.`` before each name.

    The positions, which the published file also holds, are not among them: they are computed.

    Args:
        size: A key of :data:`SIZES`.
        last_layer: The last Transformer layer; None for all.

    >>> tensors("tiny.en", 0)
    {'conv1.weight': (384, 80, 3), 'conv1.bias': (384,), 'conv2.weight': (384, 384, 3), 'conv2.bias': (384,)}
    """
    published = known_size(size)
    width, hidden = published.width, 4 * published.width
    last_layer = published.layers if last_layer is None else last_layer
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, *shape: int, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = shape
        if bias:
            shapes[f"{name}.bias"] = shape[:1]

    add("conv1", width, N_MELS, 3)
    add("conv2", width, width, 3)
    for i in range(last_layer):
        add(f"layers.{i}.self_attn_layer_norm", width)
        add(f"layers.{i}.self_attn.q_proj", width, width)
        add(f"layers.{i}.self_attn.k_proj", width, width, bias=False)
        add(f"layers.{i}.self_attn.v_proj", width, width)
        add(f"layers.{i}.self_attn.out_proj", width, width)
        add(f"layers.{i}.final_layer_norm", width)
        add(f"layers.{i}.fc1", hidden, width)
        add(f"layers.{i}.fc2", width, hidden)
    if last_layer == published.layers:
        add("layer_norm", width)
    return shapes


def parameters(size: str, layers: Sequence[int]) -> int:
    """How many parameters :func:`build_encoder` gives an encoder of that size and those layers.

    >>> parameters("tiny.en", (0, 1, 2, 3, 4))
    7632384
    """
    return sum(math.prod(shape) for shape in tensors(size, _checked(size, layers)[-1]).values())


def build_encoder(size: str, layers: Sequence[int]) -> keras.Model:
    """The encoder, weights random, with the output of each of several layers.

    (batch, frames, 80) → a list of (batch, ⌈frames / 2⌉, width), each from a Keras layer ``layer0``, ``layer1``, ….

    Args:
        size: A key of :data:`SIZES`.
        layers: Whose outputs, in rising order. 0 is the convolutions with the positions, n what leaves the n-th
            Transformer layer. What leaves the last one is normalised, as published. Layers above are not built.

    Raises:
        ModelError: An unknown size, or layers that it does not have.
    """
    import keras

    layers = _checked(size, layers)
    published = known_size(size)

    inputs = keras.Input((None, N_MELS), name="log_mel")
    x = _stem(inputs, published.width)
    outputs = []
    for number in range(layers[-1] + 1):
        if number:
            x = _transformer_layer(x, f"layers.{number - 1}", published.heads)
        if number == published.layers:
            x = _layer_norm(x, "layer_norm")
        if number in layers:
            outputs.append(keras.layers.Identity(name=f"layer{number}")(x))
    return keras.Model(inputs, outputs, name=f"whisper_{size}")


def _checked(size: str, layers: Sequence[int]) -> tuple[int, ...]:
    """The layers asked for, once they are known to exist."""
    last = known_size(size).layers
    layers = tuple(layers)
    if not layers or layers != tuple(sorted(set(layers))) or layers[0] < 0 or layers[-1] > last:
        raise ModelError(f"Whisper {size} has layers 0 to {last}; give some in rising order, not {list(layers)}")
    return layers


def _stem(inputs: KerasTensor, width: int) -> KerasTensor:
    """Two convolutions over 3 frames, the second of stride 2, and where each step stands in time.

    (batch, frames, 80) → (batch, ⌈frames / 2⌉, width): from a frame per 10 ms to a step per 20 ms.
    """
    from keras import layers

    from emovox.models.whisper_layers import GELU, Positions

    x = GELU()(layers.Conv1D(width, 3, padding="same", name="conv1")(inputs))
    # One frame at both ends, as published; padding="same" would put none before an even number of frames.
    x = layers.ZeroPadding1D(1)(x)
    x = GELU()(layers.Conv1D(width, 3, strides=2, name="conv2")(x))
    return Positions(name="positions")(x)


def _transformer_layer(x: KerasTensor, name: str, heads: int) -> KerasTensor:
    """Attention, and then two dense layers at each step; (batch, steps, width) stays.

    Each adds to what it was given and reads it normalised ("pre-norm": Xiong et al., 2020, arXiv:2002.04745):
    x + attention(norm(x)), then x + dense(GELU(dense(norm(x)))), four times as wide in between. Keys have no bias: it
    would add the same number to all of a query's scores, and softmax takes away what all have in common.
    """
    from keras import layers

    from emovox.models.whisper_layers import GELU, Attention

    width = x.shape[-1]
    normed = _layer_norm(x, f"{name}.self_attn_layer_norm")
    query = layers.Dense(width, name=f"{name}.self_attn.q_proj")(normed)
    key = layers.Dense(width, use_bias=False, name=f"{name}.self_attn.k_proj")(normed)
    value = layers.Dense(width, name=f"{name}.self_attn.v_proj")(normed)
    gathered = Attention(heads)([query, key, value])
    x = layers.Add()([x, layers.Dense(width, name=f"{name}.self_attn.out_proj")(gathered)])

    hidden = layers.Dense(4 * width, name=f"{name}.fc1")(_layer_norm(x, f"{name}.final_layer_norm"))
    return layers.Add()([x, layers.Dense(width, name=f"{name}.fc2")(GELU()(hidden))])


def _layer_norm(x: KerasTensor, name: str) -> KerasTensor:
    """Each step to zero mean and unit variance over its channels, then scaled and shifted (Ba et al., 2016)."""
    from keras import layers

    return layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON, name=name)(x)
