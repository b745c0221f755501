"""The artifact: one ONNX graph, waveform in and probabilities out.

Its three parts are joined end to end: the front end (which writes itself, operator by operator), the network (through
Keras' own exporter) and the answer (the mean over the windows of a clip, a head where the network is a published one,
the calibration). An ensemble's artifact holds those of its members side by side. A contract test holds it to Keras
within 1e-4.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, compose, helper, numpy_helper

import emovox
from emovox.audio import MAX_SECONDS, MIN_SECONDS
from emovox.corpora.synthetic import render_clip
from emovox.errors import ModelError
from emovox.evaluation.calibration import SMALLEST_FLOAT, apply_temperature
from emovox.features import FrontEnd
from emovox.features.graph import IR_VERSION, OPSET, Graph, real, whole
from emovox.files import replacing, scratch
from emovox.models.kind import Head
from emovox.quiet import quiet

if TYPE_CHECKING:
    import keras

FORMAT = 2
"""Version of the artifact: its inputs, its outputs and the meaning of its metadata."""

TOLERANCE = 1e-4
"""The largest difference of a probability between Keras and a float32 artifact."""

Precision = Literal["float32", "float16", "int8"]

LEAST_WEIGHTS = 1024
"""Tensors of fewer numbers are kept in float32 whatever the precision."""


def write_artifact(
    network: keras.Model,
    front: FrontEnd,
    temperature: float,
    metadata: Mapping[str, Any],
    path: Path | str,
    precision: Precision = "float32",
    head: Head | None = None,
) -> Path:
    """Write the ONNX artifact of one trained model.

    Its input ``waveform`` is (samples,), float32, mono at 16 kHz with full scale ±1, of any length; its output
    ``probabilities`` is (classes,), float32, and sums to 1.

    With a head it has more: the output ``statistics``, (statistics,), is how the clip departs from the centre of the
    corpus, and the input ``shift``, (statistics,), zero unless it is given, is what a speaker or a microphone always
    departs by; it is taken off first.

    Args:
        network: (windows, frames, bands) → (windows, classes), ending in probabilities; with a head → statistics.
        front: The front end that the network was trained behind.
        temperature: Probabilities become softmax(log(p) / temperature) (Guo et al., 2017); 1 leaves them.
        metadata: What the file tells about itself. ``labels`` is required; corpus, synthetic, licence, protocol,
            metrics and intended_use belong here too. Every value is stored as JSON.
        path: The file, ``.onnx``.
        precision: Of the network's weights. ``float16`` halves the file and is widened when it is opened; ``int8``
            quarters it and multiplies in whole numbers (dynamic quantisation of matrix products).
        head: Of a published network.

    Returns:
        The path.

    Raises:
        ModelError: The network's input or output does not fit the front end or the labels, the temperature is not
            positive, the network cannot be expressed in ONNX, or the artifact would answer otherwise than the model.
    """
    labels = tuple(metadata["labels"])
    _check(network, front, head, labels, temperature, path)
    listening, hearing = _front_end(front), _network(network, precision)
    graph = compose.merge_models(listening, hearing, [("features", hearing.graph.input[0].name)])
    answer = _answer(network.output_shape[-1], head, temperature, len(labels))
    joints = [(hearing.graph.output[0].name, "scores"), ("weights", "held")]
    graph = compose.merge_models(graph, answer, joints)
    about = {
        **metadata,
        "sample_rate_hz": front.sample_rate_hz,
        "front_end": dataclasses.asdict(front),  # type: ignore[call-overload]
        "temperature": float(temperature),
        "precision": precision,
    }
    if head is not None:
        about["centring"] = head.centring
    artifact = _finished(graph, about)
    if precision == "float32":
        _compare(network, front, head, temperature, artifact, path)
    with replacing(path) as temporary:
        temporary.write_bytes(artifact)
    return Path(path)


def answers(network: keras.Model, front: FrontEnd, head: Head | None, waveform: np.ndarray) -> np.ndarray:
    """What Keras answers for a clip, before calibration: (samples,) → (classes,)."""
    windows = front(waveform)
    scores = windows.weights @ np.asarray(network(windows.features, training=False))
    return np.asarray(scores if head is None else head.linear(scores[None])[0])


def combine_artifacts(
    members: Mapping[Path, float], temperature: float, metadata: Mapping[str, Any], path: Path | str
) -> Path:
    """Write the artifact of an ensemble: the weighted mean of its members' probabilities, calibrated.

    The ``statistics`` and the ``shift`` of its members, where they have them, lie end to end; ``novelty`` is the mean.

    Args:
        members: Artifact → its weight; the weights sum to 1.
        temperature, metadata, path: As in :func:`write_artifact`.

    Returns:
        The path.

    Raises:
        ModelError: A member is missing or no artifact.
    """
    op = Graph("mean")
    parts, weighted, known = [], [], []
    departures: list[tuple[str, int]] = []
    novelties: list[str] = []
    for number, (file, weight) in enumerate(members.items(), start=1):
        try:
            member = onnx.load(file)
        except Exception as error:
            raise ModelError(f"{file} cannot be read as an artifact ({_first_line(error)}); export it again") from None
        known.append({entry.key: json.loads(entry.value) for entry in member.metadata_props})
        name = f"member{number}/"
        graph = compose.add_prefix(member, name, rename_inputs=False).graph
        if len(graph.output) > 1:
            size = graph.output[1].type.tensor_type.shape.dim[0].dim_value
            start = sum(size for _, size in departures)
            departures.append((graph.output[1].name, size))
            novelties.append(graph.output[2].name)
            _rename(graph, f"{name}shift", op("Slice", "shift", whole(start), whole(start + size), whole(0)))
        parts.append(graph)
        weighted.append(op("Mul", graph.output[0].name, real(weight)))
    _calibrate(op, op("Sum", *weighted), temperature)
    takes: dict[str, tuple[Any, ...]] = {"waveform": ("samples",)}
    gives: dict[str, tuple[Any, ...]] = {"probabilities": (len(metadata["labels"]),)}
    if departures:
        size = sum(size for _, size in departures)
        op("Concat", *(name for name, _ in departures), axis=0, name="statistics")
        op.constants.append(numpy_helper.from_array(np.zeros(size, np.float32), "shift"))
        op("Mean", *novelties, name="novelty")
        takes, gives = {**takes, "shift": (size,)}, {**gives, "statistics": (size,), "novelty": ()}
    own = op.model(takes, gives).graph
    nodes = _sorted([node for part in [*parts, own] for node in part.node])
    constants = [constant for part in [*parts, own] for constant in part.initializer]
    graph = helper.make_graph(nodes, "mean_of_members", list(own.input), list(own.output), constants)
    (rate,) = {stored["sample_rate_hz"] for stored in known}
    precision = known[0]["precision"]
    about = {**metadata, "sample_rate_hz": rate, "temperature": float(temperature), "precision": precision}
    if departures:
        about["centring"] = float(np.mean([stored["centring"] for stored in known if "centring" in stored]))
    about["members"] = {Path(file).stem: weight for file, weight in members.items()}
    artifact = _finished(helper.make_model(graph), about)
    with replacing(path) as temporary:
        temporary.write_bytes(artifact)
    return Path(path)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Have a graph take what is called ``new`` in place of its own constant ``old``."""
    kept = [constant for constant in graph.initializer if constant.name != old]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def _finished(graph: onnx.ModelProto, about: Mapping[str, Any]) -> bytes:
    """The file's content: the graph with what it tells about itself, checked."""
    used = {node.domain for node in _nodes(graph.graph)}
    imports = {entry.domain: entry.version for entry in graph.opset_import if entry.domain and entry.domain in used}
    artifact = helper.make_model(
        graph.graph,
        functions=list(graph.functions),
        opset_imports=[helper.make_opsetid("", OPSET), *(helper.make_opsetid(*entry) for entry in imports.items())],
        ir_version=IR_VERSION,
        producer_name="emovox",
        producer_version=emovox.__version__,
    )
    fixed = {"format": FORMAT, "emovox": emovox.__version__, "min_seconds": MIN_SECONDS, "max_seconds": MAX_SECONDS}
    stored = {key: json.dumps(value, ensure_ascii=False) for key, value in {**about, **fixed}.items()}
    helper.set_model_props(artifact, stored)
    onnx.checker.check_model(artifact, full_check=not imports)
    return artifact.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _front_end(front: FrontEnd) -> onnx.ModelProto:
    """A front end as a graph: ``waveform`` → ``features`` (windows, frames, bands) and ``weights`` (windows,)."""
    op = Graph("front_end")
    for result, name in zip(front.to_onnx(op), ("features", "weights"), strict=True):
        op("Identity", result, name=name)
    frames, bands = front.shape
    gives = {"features": ("windows", frames or "frames", bands), "weights": ("windows",)}
    return op.model({"waveform": ("samples",)}, gives)


def _network(model: keras.Model, precision: Precision) -> onnx.ModelProto:
    """The Keras network, (windows, frames, bands) → (windows, scores), every name under ``network/``."""
    import keras

    with scratch() as folder, quiet():
        path = folder / "network.onnx"
        try:
            model.export(
                str(path),
                format="onnx",
                verbose=False,
                opset_version=OPSET,
                input_signature=[keras.InputSpec(shape=model.input_shape, dtype="float32", name="features")],
            )
            if precision == "int8":
                from onnxruntime.quantization import quantize_dynamic

                quantized = path.with_name("int8.onnx")
                quantize_dynamic(path, quantized, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True)
                path = quantized
            network = onnx.load(path)
            nodes = _sorted(list(network.graph.node))
            del network.graph.node[:]
            network.graph.node.extend(nodes)
        except OSError:
            raise  # the disk's fault
        except Exception as error:
            raise ModelError(
                f"The network {model.name} cannot be written as ONNX ({_first_line(error)}); "
                "use layers that Keras exports, in float32"
            ) from error
    if precision != "float32":
        _halve(network.graph)
    return compose.add_prefix(network, "network/")


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every operator, those within loops too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _sorted(left: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Every operator behind those whose results it takes; quantisation forgets what is taken within a loop."""
    placed: list[onnx.NodeProto] = []
    made = {name for node in left for name in node.output}
    while left:
        ready = [node for node in left if not _taken(node) & made] or left
        placed += ready
        made -= {name for node in ready for name in node.output}
        now = {id(node) for node in ready}
        left = [node for node in left if id(node) not in now]
    return placed


def _taken(node: onnx.NodeProto) -> set[str]:
    """Names that an operator takes, those within a loop too."""
    within = [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
    return {*node.input, *(name for graph in within for inner in _nodes(graph) for name in inner.input)}


def _halve(graph: onnx.GraphProto) -> None:
    """Store large weights in float16, and widen them where they are used; ONNX Runtime does so once, when it opens."""
    casts = []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float32 and values.size >= LEAST_WEIGHTS:
            name = constant.name
            half = numpy_helper.from_array(values.astype(np.float16), f"{name}/float16")
            constant.CopyFrom(half)
            casts.append(helper.make_node("Cast", [half.name], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _answer(size: int, head: Head | None, temperature: float, classes: int) -> onnx.ModelProto:
    """From the windows' ``scores`` (windows, size), and how much each counts (``held``), to ``probabilities``."""
    op = Graph("answer")
    takes: dict[str, tuple[Any, ...]] = {"scores": ("windows", size), "held": ("windows",)}
    gives: dict[str, tuple[Any, ...]] = {"probabilities": (classes,)}
    scores = op("MatMul", "held", "scores")  # (size,)
    if head is not None:
        departure = op("Sub", scores, real(head.centre))
        op.constants.append(numpy_helper.from_array(np.zeros(size, np.float32), "shift"))
        takes, gives = {**takes, "shift": (size,)}, {**gives, "statistics": (size,), "novelty": ()}
        scores = op("Sub", departure, "shift")
        shares = op("Mul", scores, real(1 / head.spread))
        op("Sqrt", op("ReduceMean", op("Mul", shares, shares), keepdims=0), name="novelty")
        *hidden, last = head.linear.layers
        for number, (kernel, bias) in enumerate([*hidden, last]):
            moved = bias.astype(np.float64) + (head.centre.astype(np.float64) @ kernel if not number else 0)
            scores = op("Add", op("MatMul", scores, real(kernel)), real(moved))
            if number < len(hidden):
                scores = op("Relu", scores)
        scores = op("Softmax", scores, axis=-1)
        op("Sub", departure, op("MatMul", scores, real(head.moods)), name="statistics")
        if head.linear.merge is not None:
            scores = op("MatMul", scores, real(head.linear.merge))
    _calibrate(op, scores, temperature)
    return op.model(takes, gives)


def _calibrate(op: Graph, scores: str, temperature: float) -> None:
    logits = op("Log", op("Max", scores, real(SMALLEST_FLOAT)))
    op("Softmax", op("Div", logits, real(temperature)), axis=-1, name="probabilities")


def _check(
    network: keras.Model, front: FrontEnd, head: Head | None, labels: tuple[str, ...], temperature: float,
    path: Path | str,
) -> None:  # fmt: skip
    """Refuse what cannot become an artifact, before any work is done."""
    taken = network.input_shape[1:]
    if len(taken) != 2 or any(have not in (None, want) for have, want in zip(taken, front.shape, strict=True)):
        raise ModelError(
            f"{path}: the model takes {network.input_shape}, the front end gives {front.shape}; "
            "export a model with the front end it was trained with"
        )
    outputs = network.output_shape[-1] if head is None else head.linear.outputs
    if outputs != len(labels):
        raise ModelError(
            f"{path}: the model has {outputs} outputs for {len(labels)} labels; give one label for each output"
        )
    if not temperature > 0:
        raise ModelError(f"{path}: the temperature is {temperature}; it must be above 0 (1 changes nothing)")


def _compare(
    network: keras.Model, front: FrontEnd, head: Head | None, temperature: float, artifact: bytes, path: Path | str
) -> None:
    """Refuse an artifact that answers otherwise than the model, on a rendered utterance.

    Not on noise: far from speech a network's answer may hang on the last digits of its input.
    """
    waveform = render_clip("happy", "01")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that an input may be left out, which is what it is for
    session = onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probabilities"], {"waveform": waveform})
    expected = apply_temperature(answers(network, front, head, waveform), temperature)
    difference = float(np.abs(answer - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"{path}: the artifact differs from the model by {difference:.1e}; report this with the model")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
