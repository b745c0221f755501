"""Published YAMNet weights: find them, read them, put them into our network.

Two kinds of file are read. ``yamnet.h5`` is what the published Keras code saves (TensorFlow Model Garden,
research/audioset/yamnet, Apache-2.0): per convolution a kernel and then a batch norm of beta, moving mean and moving
variance; at the end the dense layer of 521 AudioSet classes. A ``.tflite`` converted from it holds the same
convolutions with the batch norms folded in, as float or as int8 with a scale per output channel.
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emovox.download import fetch, user_cache
from emovox.errors import DownloadError, ModelError
from emovox.models.yamnet_table import (
    BATCH_NORM_EPSILON,
    EMBEDDING_SIZE,
    N_AUDIOSET_CLASSES,
    Convolution,
    convolutions,
)

if TYPE_CHECKING:
    import keras

URL = "https://storage.googleapis.com/audioset/yamnet.h5"
SIZE_BYTES = 15_296_092
SHA256 = "13c3308955bbfaef262f175ac9c40e47b134573a93984f009220dd7cc12a1744"
TIMEOUT_SECONDS = 10.0

CLASSIFIER = "audioset"
HELP = f"download {URL} and give it with --yamnet-weights PATH"

Weights = dict[str, tuple[np.ndarray, ...]]


def find_weights(option: Path | None, progress: Callable[[str, int, int], None] | None = None) -> Path:
    """Where YAMNet's weights lie: the file named, else the user cache, else a download into it.

    Args:
        option: The file that the user named; nothing else is then tried.
        progress: Told of the download.

    Returns:
        The file, its first bytes checked.

    Raises:
        ModelError: The named file is missing or no file of weights, or none can be had.
    """
    if option is None:
        option = user_cache() / "yamnet.tflite"
        if not option.is_file():
            option = user_cache() / "yamnet.h5"
            try:
                fetch(URL, option, size=SIZE_BYTES, sha256=SHA256, progress=progress, timeout_seconds=TIMEOUT_SECONDS)
            except DownloadError as error:
                raise ModelError(f"Cannot get the weights of YAMNet: {error}. Or {HELP}") from None
    elif not option.is_file():
        raise ModelError(f"There are no YAMNet weights at {option}; {HELP}")
    check_weights(option)
    return option


def read_weights(path: Path | str) -> Weights:
    """Read YAMNet's weights from a published ``.h5`` or a converted ``.tflite``; the content decides, not the name.

    Args:
        path: The file.

    Returns:
        Keras layer name → its weights in Keras' order: ``layer1_conv`` → (kernel,), ``layer1_conv_bn`` → (beta, moving
        mean, moving variance), …, and ``audioset`` → (kernel (1024, 521), bias (521,)) where the file has it. Float32.

    Raises:
        ModelError: The file is missing, unreadable, or does not hold YAMNet.
    """
    path = Path(path)
    return _read_h5(path) if check_weights(path) == "h5" else _read_tflite(path, convolutions())


def check_weights(path: Path | str) -> str:
    """``"h5"`` or ``"tflite"``, by the file's first bytes, before anything large is loaded.

    Raises:
        ModelError: The file is missing, unreadable, or neither.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(f"Cannot read YAMNet weights from {path}: {reason}; {HELP}") from None
    if start == b"\x89HDF\r\n\x1a\n":
        return "h5"
    if start[4:8] == b"TFL3":
        return "tflite"
    raise ModelError(f"{path} is neither an HDF5 nor a TFLite file, so it cannot hold YAMNet weights; {HELP}")


def load_into(model: keras.Model, weights: Mapping[str, tuple[np.ndarray, ...]]) -> int:
    """Set every layer of ``model`` whose name is in ``weights``, wherever the body ends.

    Args:
        model: Contains the layers of :func:`emovox.models.yamnet.build_body` at its top level.
        weights: From :func:`read_weights`.

    Returns:
        How many layers were set.

    Raises:
        ModelError: The model shares no layer with the weights.
    """
    known = [layer for layer in model.layers if layer.name in weights]
    if not known:
        raise ModelError(f"The model {model.name!r} has no layer of YAMNet; build it with build_body")
    for layer in known:
        layer.set_weights(list(weights[layer.name]))
    return len(known)


def _read_h5(path: Path) -> Weights:
    """Weights of the legacy Keras HDF5 format, by the published names, or by order where names differ."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            stored = dict(_h5_layers(file.get("model_weights", file)))
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError):
        raise ModelError(f"{path} is damaged, or is not a file of Keras weights; {HELP}") from None
    # Our name, the published one, the shapes.
    expected: list[tuple[str, str, tuple[tuple[int, ...], ...]]] = []
    for c in convolutions():
        expected.append((c.name, c.published, (c.kernel_shape,)))
        expected.append((f"{c.name}_bn", f"{c.published}/bn", ((c.channels,),) * 3))
    expected.append((CLASSIFIER, "logits", ((EMBEDDING_SIZE, N_AUDIOSET_CLASSES), (N_AUDIOSET_CLASSES,))))
    if len(stored) != len(expected):
        raise ModelError(f"{path} contains {len(stored)} layers with weights, YAMNet has {len(expected)}; {HELP}")
    in_order = list(stored)
    if all(published in stored for _, published, _ in expected[:-1]):  # the last layer's name varies
        known = [published for _, published, _ in expected[:-1]]
        in_order = known + [name for name in stored if name not in set(known)]
    weights: Weights = {}
    for (ours, published, shapes), name in zip(expected, in_order, strict=True):
        found = tuple(array.shape for array in stored[name])
        if found != shapes:
            raise ModelError(f"{path}: layer {name!r} has shapes {found}, YAMNet's {published} has {shapes}; {HELP}")
        weights[ours] = stored[name]
    return _checked(weights, path)


def _h5_layers(root: Any) -> Iterable[tuple[str, tuple[np.ndarray, ...]]]:
    """(layer name, arrays in Keras' order) of every layer that has weights, in the order of the file's own index."""
    order = ("kernel", "depthwise_kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
    for name in _names(root.attrs["layer_names"]):
        group = root[name]
        arrays = {w.rsplit("/", 1)[-1].removesuffix(":0"): group[w] for w in _names(group.attrs["weight_names"])}
        if arrays:
            yield name, tuple(np.asarray(arrays[w], dtype=np.float32) for w in sorted(arrays, key=order.index))


def _names(attribute: Any) -> list[str]:
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in attribute]


def _read_tflite(path: Path, expected: tuple[Convolution, ...]) -> Weights:
    """Weights of a TFLite graph that holds the convolutions ``expected``, matched by the order of its operators."""
    try:
        kernels, dense = _tflite_constants(path.read_bytes())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error):
        raise ModelError(f"{path} is damaged, or is not a whole TFLite model; {HELP}") from None
    if len(kernels) != len(expected):
        raise ModelError(f"{path} contains {len(kernels)} convolutions, YAMNet has {len(expected)}; {HELP}")
    weights: Weights = {}
    for c, (depthwise, kernel, bias) in zip(expected, kernels, strict=True):
        if depthwise != c.depthwise or kernel.shape != _tflite_shape(c) or bias.shape != (c.channels,):
            raise ModelError(
                f"{path}: a kernel has shape {kernel.shape}, YAMNet's {c.published} has {_tflite_shape(c)}; {HELP}"
            )
        # (1, 3, 3, in) → (3, 3, in, 1), and (out, 3, 3, in) → (3, 3, in, out)
        weights[c.name] = (np.ascontiguousarray(kernel.transpose(1, 2, 3, 0)),)
        # The batch norm is folded into kernel and bias: what is left of it is the identity and the bias.
        variance = np.full(c.channels, 1 - BATCH_NORM_EPSILON, np.float32)
        weights[f"{c.name}_bn"] = (bias, np.zeros(c.channels, np.float32), variance)
    for kernel, bias in dense:
        if kernel.shape == (N_AUDIOSET_CLASSES, EMBEDDING_SIZE) and bias.shape == (N_AUDIOSET_CLASSES,):
            weights[CLASSIFIER] = (np.ascontiguousarray(kernel.T), bias)
    return _checked(weights, path)


def _tflite_shape(c: Convolution) -> tuple[int, ...]:
    """A kernel's shape as TFLite stores it: (out, height, width, in), depthwise (1, height, width, channels)."""
    height, width, inputs, outputs = c.kernel_shape
    return (outputs, height, width, inputs)


def _tflite_constants(
    content: bytes,
) -> tuple[list[tuple[bool, np.ndarray, np.ndarray]], list[tuple[np.ndarray, np.ndarray]]]:
    """A TFLite graph's convolutions (depthwise, kernel, bias) and dense layers (kernel, bias), in operator order."""
    schema = _tflite_schema()
    operator = schema.BuiltinOperator
    model = schema.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    cast_from: dict[int, int] = {}  # float16 models store constants behind an operator that widens them
    convolved, dense = [], []

    def constant(index: int) -> np.ndarray:
        tensor = graph.Tensors(cast_from.get(index, index))
        return _tflite_array(tensor, model.Buffers(tensor.Buffer()).DataAsNumpy(), schema.TensorType)

    for i in range(graph.OperatorsLength()):
        step = graph.Operators(i)
        entry = model.OperatorCodes(step.OpcodeIndex())
        code = max(entry.BuiltinCode(), entry.DeprecatedBuiltinCode())
        if code == operator.DEQUANTIZE:
            cast_from[step.Outputs(0)] = step.Inputs(0)
        elif code in (operator.CONV_2D, operator.DEPTHWISE_CONV_2D):
            convolved.append((code == operator.DEPTHWISE_CONV_2D, constant(step.Inputs(1)), constant(step.Inputs(2))))
        elif code == operator.FULLY_CONNECTED and step.InputsLength() > 2 and step.Inputs(2) >= 0:
            dense.append((constant(step.Inputs(1)), constant(step.Inputs(2))))
    return convolved, dense


def _tflite_schema() -> Any:
    """TensorFlow's module of the file format, which stands alone, without the seconds that TensorFlow takes to load."""
    package = importlib.util.find_spec("tensorflow")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    file = Path(package.submodule_search_locations[0]) / "lite" / "python" / "schema_py_generated.py"
    spec = importlib.util.spec_from_file_location("emovox_tflite_schema", file)
    assert spec is not None
    assert spec.loader is not None
    schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)
    return schema


def _tflite_array(tensor: Any, data: Any, types: Any) -> np.ndarray:
    """A constant as float32: (stored - zero point) x scale, per tensor or along its quantised axis."""
    kinds = {types.FLOAT32: "<f4", types.FLOAT16: "<f2", types.INT8: "i1", types.INT32: "<i4"}
    shape = tuple(int(n) for n in tensor.ShapeAsNumpy())
    array = np.asarray(data, dtype=np.uint8).view(kinds[tensor.Type()]).reshape(shape).astype(np.float32)
    quantization = tensor.Quantization()
    if quantization is None or quantization.ScaleLength() == 0:
        return array
    along = [1] * array.ndim
    along[quantization.QuantizedDimension()] = -1
    scale = quantization.ScaleAsNumpy().astype(np.float32)
    zero = np.zeros_like(scale)
    if quantization.ZeroPointLength():
        zero = quantization.ZeroPointAsNumpy().astype(np.float32)
    if len(scale) == 1:
        along = [1] * array.ndim
    values: np.ndarray = (array - zero.reshape(along)) * scale.reshape(along)
    return values


def _checked(weights: Weights, path: Path) -> Weights:
    """The weights, once every number is known to be one."""
    for name, arrays in weights.items():
        if not all(np.isfinite(array).all() for array in arrays):
            raise ModelError(f"{path}: the weights of {name} are not finite numbers; {HELP}")
    return weights
