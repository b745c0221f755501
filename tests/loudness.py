"""An artifact made by hand, so that listening can be tested without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from emovox.listening.artifact import FORMAT

LABELS = ("calm", "happy", "angry")
ABOUT: dict[str, Any] = {
    "format": FORMAT, "labels": LABELS, "sample_rate_hz": 16000, "corpus": "synthetic", "synthetic": True,
}  # fmt: skip


def write_loudness_model(path: Path, about: dict[str, Any], steepness: float = 20.0) -> Path:
    """An artifact by hand: softmax over (0.1, steepness * mean |x|, -1), so that what is loud is happy."""
    nodes = [
        helper.make_node("Abs", ["waveform"], ["rectified"]),
        helper.make_node("ReduceMean", ["rectified"], ["loudness"], keepdims=1),
        helper.make_node("Mul", ["loudness", "steepness"], ["happy"]),
        helper.make_node("Concat", ["calm", "happy", "angry"], ["scores"], axis=0),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=0),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, [1], [value])
        for name, value in (("calm", 0.1), ("angry", -1.0), ("steepness", steepness))
    ]
    graph = helper.make_graph(
        nodes,
        "loudness",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ("samples",))],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, (3,))],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def make_adaptable(path: Path) -> Path:
    """Give such an artifact what one with a head has: statistics, and a shift of them that need not be given."""
    model = onnx.load(path)
    *nodes, softmax = model.graph.node
    softmax.input[0] = "statistics"
    del model.graph.node[:]
    model.graph.node.extend([*nodes, helper.make_node("Sub", ["scores", "shift"], ["statistics"]), softmax])
    model.graph.initializer.append(helper.make_tensor("shift", TensorProto.FLOAT, [3], [0.0] * 3))
    model.graph.input.append(helper.make_tensor_value_info("shift", TensorProto.FLOAT, (3,)))
    model.graph.output.append(helper.make_tensor_value_info("statistics", TensorProto.FLOAT, (3,)))
    about = {each.key: each.value for each in model.metadata_props}
    helper.set_model_props(model, {**about, "centring": "5.0"})
    onnx.save(model, path)
    return path
