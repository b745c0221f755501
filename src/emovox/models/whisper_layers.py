"""The three steps of Whisper's encoder that Keras has no layer for, none with weights.

A saved model that holds one opens once this module has been imported.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

LONGEST_PERIOD = 10_000
"""Of the waves that tell positions apart, over 2π, in steps."""

LAST_POSITION = 1_499
"""Whisper was trained on 30 s, in steps of 20 ms."""


@keras.saving.register_keras_serializable(package="emovox")
class GELU(keras.layers.Layer):
    """x·Φ(x), Φ the normal distribution function: x/2·(1 + erf(x/√2)) (Hendrycks and Gimpel, 2016, arXiv:1606.08415).

    Written out, since Keras' own becomes an ONNX operator that no runtime knows, without a word.
    """

    def call(self, x: KerasTensor) -> KerasTensor:
        """Any shape stays."""
        return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))


@keras.saving.register_keras_serializable(package="emovox")
class Positions(keras.layers.Layer):
    """Adds to each step a row of :func:`waves`, which tells where it stands: (batch, steps, width) stays.

    Attention does not know order; these waves, different at each step, tell it (Vaswani et al., 2017,
    arXiv:1706.03762, section 3.5). There may be any number of steps; those after 30 s all get the last position.
    """

    def call(self, x: KerasTensor) -> KerasTensor:
        """(batch, steps, width), the same."""
        step = ops.cumsum(ops.ones_like(x[0, :, 0], dtype="int32"), axis=0) - 1  # (steps,), whatever their number
        return x + ops.take(waves(x.shape[-1]), ops.minimum(step, LAST_POSITION), axis=0)


def waves(width: int) -> np.ndarray:
    """sin(t·r) and cos(t·r), side by side, for steps t = 0, 1, … and width / 2 rates r from 1 to 1/10,000.

    Rounded to float16, as OpenAI's files hold all numbers: after the last layer that is a difference of up to 4e-3.

    Returns:
        (LAST_POSITION + 1, width), float32.
    """
    half = width // 2
    rates = np.exp(-np.log(LONGEST_PERIOD) / (half - 1) * np.arange(half))  # a geometric series
    angles = np.outer(np.arange(LAST_POSITION + 1), rates)
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    return table.astype(np.float16).astype(np.float32)


@keras.saving.register_keras_serializable(package="emovox")
class Attention(keras.layers.Layer):
    """Each step gathers from all steps what its query asks for, in several heads.

    softmax(q·kᵀ / √d)·v for queries q, keys k and values v of d = width / heads channels a head (Vaswani et al., 2017,
    section 3.2), all of (batch, steps, width).

    Args:
        heads: How many.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, inputs: list[KerasTensor]) -> KerasTensor:
        """[query, key, value] → (batch, steps, width)."""
        query, key, value = inputs
        width = query.shape[-1]
        channels = width // self.heads

        def split(x: KerasTensor, axes: tuple[int, ...]) -> KerasTensor:
            return ops.transpose(ops.reshape(x, (-1, ops.shape(x)[1], self.heads, channels)), axes)

        scores = ops.matmul(split(query * channels**-0.5, (0, 2, 1, 3)), split(key, (0, 2, 3, 1)))
        weights = ops.softmax(scores, axis=-1)  # (batch, heads, steps, steps)
        gathered = ops.matmul(weights, split(value, (0, 2, 1, 3)))  # (batch, heads, steps, channels)
        return ops.reshape(ops.transpose(gathered, (0, 2, 1, 3)), ops.shape(query))

    def get_config(self) -> dict[str, Any]:
        """What makes the same layer."""
        return {**super().get_config(), "heads": self.heads}
