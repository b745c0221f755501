"""ONNX graphs, written operator by operator, and the steps of several front ends as such operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emovox.features.front_end import NEAR_FRAMES, WINDOW_SHARE, quietest_peak

OPSET = 17
"""ONNX operator set; every ONNX Runtime since 1.12 reads it, in the browser too."""

IR_VERSION = 8
"""ONNX file version that came with that operator set."""

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
"""What the operator Cast casts to: of 32 bits and of 64."""


class Graph:
    """An ONNX graph being written: a call adds one operator and returns the name of its result."""

    def __init__(self, name: str) -> None:
        self.name = name  # goes before every name within, so that graphs can be joined
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, operator: str, *inputs: str | np.ndarray | np.generic, name: str = "", **attributes: Any) -> str:
        """Add an operator; an array among its inputs becomes a constant."""
        name = name or f"{self.name}/{operator}_{len(self.nodes)}"
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        self.nodes.append(helper.make_node(operator, names, [name], name=name, **attributes))
        return name

    def _constant(self, value: np.ndarray | np.generic) -> str:
        name = f"{self.name}/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def model(self, takes: dict[str, tuple[Any, ...]], gives: dict[str, tuple[Any, ...]]) -> onnx.ModelProto:
        """The finished graph, from float32 inputs to float32 outputs, the shape of each under its name."""
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in takes.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in gives.items()],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def whole(*values: int) -> np.ndarray:
    """An int64 constant."""
    return np.array(values, np.int64)


def real(value: Any) -> np.ndarray:
    """A float32 constant."""
    return np.asarray(value, np.float32)


def mel_spectrum(
    op: Graph, waveform: str, window: np.ndarray, hop_samples: int, fft_size: int, power: int, mel_matrix: np.ndarray
) -> str:
    """:func:`emovox.features.front_end.spectrum` and a matrix of mel bands: (samples,) → (frames, bands).

    The Fourier transform is two matrix products (Cooley and Tukey, 1965). With sample ``columns * a + b`` and bin
    ``p + rows * q``, a sum over ``a`` gives a number for each ``(p, b)``, and then a sum over ``b`` the spectrum. One
    product would hold ten times as many numbers at 2,048 points, and take four times as long. Both are in float64, as
    NumPy's transform, so that even a pure tone's empty bins come out alike.

    Args:
        op: The graph.
        waveform: Of at least one window.
        window: (samples,), float64, zero-padded to ``fft_size``.
        hop_samples, fft_size: As the front end has them.
        power: Exponent of the magnitudes, 1 or 2.
        mel_matrix: (fft_size // 2 + 1, bands); its last bin, half the sample rate, must weigh nothing.
    """
    rows, columns = _factors(fft_size)
    reached = -(-len(window) // columns)  # rows with any of the window; the others hold padding
    span = reached * columns
    waveform = op("Pad", waveform, whole(0, span - len(window)))  # what fills the last frame's last row

    after_last = op("Squeeze", op("Sub", op("Shape", waveform), whole(span - 1)))
    starts = op("Range", np.int64(0), after_last, np.int64(hop_samples))  # (frames,)
    samples = op("Add", op("Unsqueeze", starts, whole(1, 2)), np.arange(span).reshape(reached, columns))
    frames = op("Cast", op("Gather", waveform, samples), to=DOUBLE)  # (frames, reached, columns)
    frames = op("Mul", frames, np.pad(window, (0, span - len(window))).reshape(reached, columns))

    p, q, a, b = np.arange(rows), np.arange(columns // 2), np.arange(reached), np.arange(columns)
    first = _turn(np.outer(p, a) / rows)  # (2, rows, reached)
    cosine, sine = _turn(b[:, None] * (p[:, None, None] + rows * q) / fft_size)  # (rows, columns, columns / 2)
    second = np.block([[cosine, sine], [-sine, cosine]])  # the complex product in real numbers

    partial = op("MatMul", first.swapaxes(0, 1).reshape(2 * rows, reached), frames)  # (frames, 2 * rows, columns)
    partial = op("Transpose", op("Reshape", partial, whole(-1, rows, 2 * columns)), perm=[1, 0, 2])
    spectrum = op("MatMul", partial, second)  # (rows, frames, columns)
    spectrum = op("Reshape", spectrum, whole(rows, -1, 2, columns // 2))  # real and imaginary part on axis 2
    size = op({1: "ReduceL2", 2: "ReduceSumSquare"}[power], spectrum, axes=[2], keepdims=0)
    size = op("Transpose", op("Cast", size, to=FLOAT), perm=[1, 0, 2])
    size = op("Reshape", size, whole(-1, fft_size // 2))  # (frames, bins), in the order of `bins`
    bins = (p[:, None] + rows * q).ravel()  # all but the last
    return op("MatMul", size, mel_matrix[bins])


def at_peak(op: Graph, mel: str, peak: float, power: int) -> str:
    """:func:`emovox.features.front_end.at_peak`."""
    if not peak:
        return mel
    loudest = op("Max", op("ReduceMax", mel, keepdims=1), real(quietest_peak(peak, power)))
    return op("Mul", mel, op("Div", real(peak), loudest))


def loud(op: Graph, energy: str, trim_db: float) -> str:
    """:func:`emovox.features.front_end.loud`: (frames,) → (frames,), float32, 0 or 1."""
    if not trim_db:
        return op("ConstantOfShape", op("Shape", energy), value=numpy_helper.from_array(np.ones(1, np.float32)))
    threshold = op("Mul", op("ReduceMax", energy, keepdims=1), real(10 ** (-trim_db / 10)))
    return op("Cast", op("GreaterOrEqual", energy, threshold), to=FLOAT)


def speech(op: Graph, loud: str) -> tuple[str, str]:
    """:func:`emovox.features.front_end.speech`: the first speech frame and the one after the last, int64, (1,) each."""
    near = op("Cast", loud, to=TensorProto.INT32)
    first, last = (op("ArgMax", near, axis=0, keepdims=1, select_last_index=at_end) for at_end in (0, 1))
    return first, op("Add", last, whole(1))


def utterances(op: Graph, frames: str, loud: str, most: int) -> tuple[str, str]:
    """:func:`emovox.features.front_end.utterances`: the names of its features and weights."""
    if not most:
        return op("Unsqueeze", frames, whole(0)), op("Identity", real([1.0]))
    length = op("Shape", loud)
    short = op("LessOrEqual", length, whole(most))
    near = 2 * NEAR_FRAMES + 1
    spoken = op("MaxPool", op("Unsqueeze", loud, whole(0, 1)), kernel_shape=[near], pads=[NEAR_FRAMES, NEAR_FRAMES])
    kept = op("Or", op("Cast", op("Squeeze", spoken, whole(0, 1)), to=TensorProto.BOOL), short)
    frames, loud = (op("Compress", each, kept, axis=0) for each in (frames, loud))
    return windows(op, frames, loud, op("Where", short, length, whole(max(1, int(most * WINDOW_SHARE)))))


def windows(op: Graph, frames: str, loud: str, most: str | np.ndarray) -> tuple[str, str]:
    """:func:`emovox.features.front_end.windows` and the weight of each.

    Args:
        op: The graph.
        frames: (frames, bands).
        loud: (frames,), float32, 0 or 1.
        most: (1,), int64, frames of a window.

    Returns:
        The names of (windows, frames of a window, bands) and of (windows,).
    """
    length = op("Shape", frames, end=1)
    size = op("Min", length, most)
    extra = op("Sub", length, size)
    half = op("Max", op("Div", size, whole(2)), whole(1))
    between = op("Div", op("Sub", op("Add", extra, half), whole(1)), half)  # windows but one
    numbers = op("Range", np.int64(0), op("Squeeze", op("Add", between, whole(1))), np.int64(1))
    starts = op("Div", op("Mul", numbers, extra), op("Max", between, whole(1)))
    inside = op("Range", np.int64(0), op("Squeeze", size), np.int64(1))
    inside = op("Add", op("Unsqueeze", starts, whole(1)), inside)  # (windows, frames of a window)
    held = op("ReduceSum", op("Gather", loud, inside), whole(1), keepdims=0)
    return op("Gather", frames, inside), op("Div", held, op("ReduceSum", held, keepdims=1))


def _factors(size: int) -> tuple[int, int]:
    """Two whole numbers whose product is ``size``, as near to each other as can be; the second is even."""
    first = max(n for n in range(1, int(size**0.5) + 1) if size % (2 * n) == 0)
    return first, size // first


def _turn(cycles: np.ndarray) -> np.ndarray:
    """Real and imaginary part of exp(-2πi · cycles), stacked first."""
    angle = -2 * np.pi * (cycles % 1)
    return np.stack([np.cos(angle), np.sin(angle)])
