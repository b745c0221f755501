"""Write a trained model to the files that others open: ``.h5``, ``.keras``, and the ONNX artifact that answers alone.

The artifact is one graph, waveform in and probabilities out. Its three parts are joined end to end: the front end
(:class:`emovox.features.LogMel`, written here operator by operator), the network (through Keras' own exporter) and the
calibration (one temperature). A contract test holds it to Keras within 1e-4.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, compose, helper, numpy_helper

import emovox
from emovox.audio import MAX_SECONDS, MIN_SECONDS
from emovox.calibration import SMALLEST_FLOAT, apply_temperature
from emovox.corpora.synthetic import render_clip
from emovox.errors import ModelError
from emovox.features import LogMel
from emovox.files import check_room, replacing, scratch

if TYPE_CHECKING:
    import keras

WEIGHT_BYTES = 4
STRUCTURE_BYTES = 2_000_000
"""At most what a file of a model takes beside its weights."""

FORMAT = 1
"""Version of the artifact: its input, its output and the meaning of its metadata."""

OPSET = 17
"""ONNX operator set; every ONNX Runtime since 1.12 reads it, in the browser too."""

IR_VERSION = 8
"""ONNX file version that came with that operator set."""

TOLERANCE = 1e-4
"""The largest difference of a probability between Keras and the artifact."""


def write_models(model: keras.Model, folder: Path | str, name: str) -> tuple[Path, Path]:
    """Write ``{name}_final_model.h5`` and ``.keras`` (for yamnet ``yamnet_classifier_final_model``).

    Both open with plain ``keras.models.load_model`` as long as the model is made of Keras' own layers.

    Args:
        model: A trained model.
        folder: Where the two files go; made if missing.
        name: The model's name in its recipe.

    Returns:
        The paths of the ``.h5`` and the ``.keras`` file.

    Raises:
        StorageError: They cannot be written.
    """
    stem = f"{'yamnet_classifier' if name == 'yamnet' else name}_final_model"
    paths = (Path(folder) / f"{stem}.h5", Path(folder) / f"{stem}.keras")
    for path in paths:
        with replacing(path) as temporary, _quiet():
            check_room(path, 2 * WEIGHT_BYTES * model.count_params() + STRUCTURE_BYTES)
            model.save(temporary)
    return paths


def write_artifact(
    model: keras.Model, front: LogMel, temperature: float, metadata: Mapping[str, Any], path: Path | str
) -> Path:
    """Write the ONNX artifact of one trained model.

    Its input ``waveform`` is (samples,), float32, mono at 16 kHz with full scale ±1, of any length; its output
    ``probabilities`` is (classes,), float32, and sums to 1.

    Args:
        model: (batch, n_frames, n_mels) or (batch, n_frames, n_mels, 1) → (batch, classes), ending in a softmax.
        front: The front end that the model was trained behind.
        temperature: Probabilities become softmax(log(p) / temperature) (Guo et al., 2017); 1 leaves them.
        metadata: What the file tells about itself. ``labels`` is required; corpus, synthetic, licence, protocol,
            metrics and intended_use belong here too. Every value is stored as JSON.
        path: The file, ``.onnx``.

    Returns:
        The path.

    Raises:
        ModelError: The model's input or output does not fit the front end or the labels, the temperature is not
            positive, the network cannot be expressed in ONNX, or the artifact would answer otherwise than the model.
    """
    labels = tuple(metadata["labels"])
    _check(model, front, labels, temperature, path)
    graph = _front_end(front, rank=len(model.input_shape))
    for part in (_network(model, front), _calibration(temperature, len(labels))):
        graph = compose.merge_models(graph, part, [(graph.graph.output[0].name, part.graph.input[0].name)])
    artifact = helper.make_model(
        graph.graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="emovox",
        producer_version=emovox.__version__,
    )
    about = {
        **metadata,
        "format": FORMAT,
        "emovox": emovox.__version__,
        "sample_rate_hz": front.sample_rate_hz,
        "min_seconds": MIN_SECONDS,
        "max_seconds": MAX_SECONDS,
        "front_end": dataclasses.asdict(front),
        "temperature": float(temperature),
    }
    helper.set_model_props(artifact, {key: json.dumps(value, ensure_ascii=False) for key, value in about.items()})
    onnx.checker.check_model(artifact, full_check=True)
    written = artifact.SerializeToString(deterministic=True)
    _compare(model, front, temperature, written, path)
    with replacing(path) as temporary:
        temporary.write_bytes(written)
    return Path(path)


class _Graph:
    """An ONNX graph being written: a call adds one operator and returns the name of its result."""

    def __init__(self, name: str) -> None:
        self.name = name  # goes before every name within, so that graphs can be joined
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __call__(self, operator: str, *inputs: str | np.ndarray | np.generic, name: str = "", **attributes: Any) -> str:
        name = name or f"{self.name}/{operator}_{len(self.nodes)}"
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        self.nodes.append(helper.make_node(operator, names, [name], name=name, **attributes))
        return name

    def _constant(self, value: np.ndarray | np.generic) -> str:
        name = f"{self.name}/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def model(self, take: tuple[str, tuple[Any, ...]], give: tuple[str, tuple[Any, ...]]) -> onnx.ModelProto:
        """The finished graph, from one float32 input to one float32 output, each a (name, shape)."""
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info(take[0], TensorProto.FLOAT, take[1])],
            [helper.make_tensor_value_info(give[0], TensorProto.FLOAT, give[1])],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _front_end(front: LogMel, rank: int) -> onnx.ModelProto:
    """:class:`LogMel` as a graph: ``waveform`` (samples,) → ``features`` (1, n_frames, n_mels[, 1])."""
    op = _Graph("front_end")
    log_mel = _log_mel(op, front)  # (frames, n_mels)
    features = _fit(op, front, log_mel)  # (n_frames, n_mels)
    shape = _batch_of_one(front, rank)
    op("Reshape", features, _whole(*shape), name="features")
    return op.model(("waveform", ("samples",)), ("features", shape))


def _log_mel(op: _Graph, front: LogMel) -> str:
    """:meth:`LogMel.log_mel`: ``waveform`` (samples,) → (frames, n_mels).

    The Fourier transform is two matrix products (Cooley and Tukey, 1965). With sample ``columns * a + b`` and bin
    ``p + rows * q``, a sum over ``a`` gives a number for each ``(p, b)``, and then a sum over ``b`` the spectrum. One
    product would hold ten times as many numbers at 2,048 points, and take four times as long. Both are in float64, as
    NumPy's transform in :class:`LogMel`, so that even a pure tone's empty bins come out alike.
    """
    rows, columns = _factors(front.fft_size)
    reached = -(-front.window_samples // columns)  # rows with any of the window; the others hold padding
    span = reached * columns

    # A waveform shorter than one window is followed by silence, and each by what fills the last frame's last row.
    short = op("Max", op("Sub", _whole(front.window_samples), op("Shape", "waveform")), _whole(0))
    silence = op("Add", short, _whole(span - front.window_samples))
    waveform = op("Pad", "waveform", op("Concat", _whole(0), silence, axis=0))

    after_last = op("Squeeze", op("Sub", op("Shape", waveform), _whole(span - 1)))
    starts = op("Range", np.int64(0), after_last, np.int64(front.hop_samples))  # (frames,)
    samples = op("Add", op("Unsqueeze", starts, _whole(1, 2)), np.arange(span).reshape(reached, columns))
    frames = op("Cast", op("Gather", waveform, samples), to=TensorProto.DOUBLE)  # (frames, reached, columns)
    window = np.pad(front.window.astype(np.float64), (0, span - front.window_samples))
    frames = op("Mul", frames, window.reshape(reached, columns))

    p, q, a, b = np.arange(rows), np.arange(columns // 2), np.arange(reached), np.arange(columns)
    first = _turn(np.outer(p, a) / rows)  # (2, rows, reached)
    real, imaginary = _turn(b[:, None] * (p[:, None, None] + rows * q) / front.fft_size)  # (rows, columns, columns / 2)
    second = np.block([[real, imaginary], [-imaginary, real]])  # the complex product in real numbers

    partial = op("MatMul", first.swapaxes(0, 1).reshape(2 * rows, reached), frames)  # (frames, 2 * rows, columns)
    partial = op("Transpose", op("Reshape", partial, _whole(-1, rows, 2 * columns)), perm=[1, 0, 2])
    spectrum = op("MatMul", partial, second)  # (rows, frames, columns)
    spectrum = op("Reshape", spectrum, _whole(rows, -1, 2, columns // 2))  # real and imaginary part on axis 2
    size = op({1: "ReduceL2", 2: "ReduceSumSquare"}[front.power], spectrum, axes=[2], keepdims=0)
    size = op("Transpose", op("Cast", size, to=TensorProto.FLOAT), perm=[1, 0, 2])
    size = op("Reshape", size, _whole(-1, front.fft_size // 2))  # (frames, bins), in the order of `bins`

    bins = (p[:, None] + rows * q).ravel()  # all but the last, at half the sample rate, where every band has ended
    mel = op("MatMul", size, front.mel_matrix[bins])  # (frames, n_mels)
    return op("Log", op("Add", mel, _real(front.offset)))


def _fit(op: _Graph, front: LogMel, log_mel: str) -> str:
    """:meth:`LogMel.fit`: (frames, n_mels) → (n_frames, n_mels). Positions are int64, (1,)."""
    first, end = _speech(op, front, log_mel)

    # A longer clip loses both ends alike, a shorter one is followed by silence.
    extra = op("Sub", op("Sub", end, first), _whole(front.n_frames))
    start = op("Add", first, op("Div", op("Max", extra, _whole(0)), _whole(2)))
    stop = op("Min", end, op("Add", start, _whole(front.n_frames)))
    kept = op("Slice", log_mel, start, stop, _whole(0))
    missing = op("Max", op("Neg", extra), _whole(0))
    silence = _real(np.log(np.float32(front.offset)))
    log_mel = op("Pad", kept, op("Concat", _whole(0, 0), missing, _whole(0), axis=0), silence)

    if front.scaling == "minmax":
        low, high = op("ReduceMin", log_mel, keepdims=1), op("ReduceMax", log_mel, keepdims=1)
        log_mel = op("Div", op("Sub", log_mel, low), op("Max", op("Sub", high, low), _real(1e-6)))
    return log_mel


def _speech(op: _Graph, front: LogMel, log_mel: str) -> tuple[str, str]:
    """:meth:`LogMel.speech`: the first speech frame, and the one after the last."""
    if front.trim_db is None:
        return op("Identity", _whole(0)), op("Shape", log_mel, end=1)
    energy = op("ReduceSum", op("Exp", log_mel), _whole(1), keepdims=0)  # (frames,)
    energy = op("Pow", energy, _real(2 / front.power))
    threshold = op("Mul", op("ReduceMax", energy, keepdims=1), _real(10 ** (-front.trim_db / 10)))
    near = op("Cast", op("GreaterOrEqual", energy, threshold), to=TensorProto.INT32)
    first, last = (op("ArgMax", near, axis=0, keepdims=1, select_last_index=at_end) for at_end in (0, 1))
    return first, op("Add", last, _whole(1))


def _network(model: keras.Model, front: LogMel) -> onnx.ModelProto:
    """The Keras network, features (1, n_frames, n_mels[, 1]) → scores (1, classes), every name under ``network/``."""
    import keras

    shape = _batch_of_one(front, len(model.input_shape))
    with scratch() as folder, _quiet():
        path = folder / "network.onnx"
        try:
            model.export(
                str(path),
                format="onnx",
                verbose=False,
                opset_version=OPSET,
                input_signature=[keras.InputSpec(shape=shape, dtype="float32", name="features")],
            )
            network = onnx.load(path)
        except OSError:
            raise  # the disk's fault
        except Exception as error:
            raise ModelError(
                f"The network {model.name} cannot be written as ONNX ({_first_line(error)}); "
                "use layers that Keras exports, in float32"
            ) from error
    return compose.add_prefix(network, "network/")


def _calibration(temperature: float, classes: int) -> onnx.ModelProto:
    """``scores`` (1, classes) → ``probabilities`` (classes,): softmax(log(scores) / temperature)."""
    op = _Graph("calibration")
    logits = op("Log", op("Max", "scores", _real(SMALLEST_FLOAT)))
    softmax = op("Softmax", op("Div", logits, _real(temperature)), axis=-1)
    op("Squeeze", softmax, _whole(0), name="probabilities")
    return op.model(("scores", (1, classes)), ("probabilities", (classes,)))


def _check(model: keras.Model, front: LogMel, labels: tuple[str, ...], temperature: float, path: Path | str) -> None:
    """Refuse what cannot become an artifact, before any work is done."""
    frames_mels = tuple(model.input_shape[1:3])
    fits = all(have in (None, want) for have, want in zip(frames_mels, front.shape, strict=True))
    if len(model.input_shape) not in (3, 4) or not fits:
        raise ModelError(
            f"{path}: the model takes {model.input_shape}, the front end gives {front.shape}; "
            "export a model with the front end it was trained behind"
        )
    if model.output_shape[-1] != len(labels):
        outputs = model.output_shape[-1]
        raise ModelError(f"{path}: the model has {outputs} outputs for {len(labels)} labels; name each output once")
    if not temperature > 0:
        raise ModelError(f"{path}: the temperature is {temperature}; it must be above 0 (1 changes nothing)")


def _compare(model: keras.Model, front: LogMel, temperature: float, artifact: bytes, path: Path | str) -> None:
    """Refuse an artifact that answers otherwise than the model, on a rendered utterance.

    Not on noise: far from speech a network's answer may hang on the last digits of its input.
    """
    waveform = render_clip("happy", "01")
    session = onnxruntime.InferenceSession(artifact, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probabilities"], {"waveform": waveform})
    features = front(waveform).reshape(_batch_of_one(front, len(model.input_shape)))
    expected = apply_temperature(np.asarray(model(features, training=False))[0], temperature)
    difference = float(np.abs(answer - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"{path}: the artifact differs from the model by {difference:.1e}; report this with the model")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Keras, TensorFlow and tf2onnx say while they save; errors still rise."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _batch_of_one(front: LogMel, rank: int) -> tuple[int, ...]:
    """(1, n_frames, n_mels), or with a channel axis where ``rank`` is 4."""
    return (1, *front.shape, 1)[:rank]


def _whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _real(value: Any) -> np.ndarray:
    return np.asarray(value, np.float32)


def _factors(size: int) -> tuple[int, int]:
    """Two whole numbers whose product is ``size``, as near to each other as can be; the second is even."""
    first = max(n for n in range(1, int(size**0.5) + 1) if size % (2 * n) == 0)
    return first, size // first


def _turn(cycles: np.ndarray) -> np.ndarray:
    """Real and imaginary part of exp(-2πi · cycles), stacked first."""
    angle = -2 * np.pi * (cycles % 1)
    return np.stack([np.cos(angle), np.sin(angle)])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
