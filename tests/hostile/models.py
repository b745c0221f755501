"""Artifacts and run folders that cannot answer."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from hostile.case import Case, Make, Place, nothing, recording

NO_MODEL = "is not a model that can be read; give an .onnx artifact of Emovox"
NOT_OURS = "not an artifact of Emovox"


def answering(name: str, make: Make, *says: str, file: str = "bad.onnx") -> Case:
    return Case(f"artifact, {name}", ("predict", "=good.wav", "--model", f"@{file}"), (file, *says), make)


def holding(content: bytes, file: str = "bad.onnx") -> Make:
    return lambda place: place.write(file, content)


def half(place: Place) -> None:
    whole = place.copy("model.onnx", "bad.onnx").read_bytes()
    place.write("bad.onnx", whole[: len(whole) // 2])


def told(**about: object) -> Make:
    return lambda place: place.model("bad.onnx", **about)


def graph(change: str) -> Make:
    """An artifact with another graph."""

    def make(place: Place) -> None:
        model = onnx.load(place.model("bad.onnx"))
        if change == "output":
            model.graph.output[0].name = model.graph.node[-1].output[0] = "elsewhere"
        elif change == "input":
            model.graph.input[0].name = model.graph.node[0].input[0] = "sound"
        elif change == "two inputs":
            model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, (1,)))
        elif change == "shape":
            model.graph.output[0].CopyFrom(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, (4,)))
        elif change == "scores":
            model.graph.node[-1].CopyFrom(helper.make_node("Identity", ["scores"], ["probabilities"]))
        elif change == "halves":
            model.graph.node[-1].CopyFrom(helper.make_node("HardSigmoid", ["scores"], ["probabilities"]))
        elif change == "fails":
            model.graph.node[0].CopyFrom(helper.make_node("Gather", ["waveform", "place"], ["rectified"]))
            model.graph.initializer.append(helper.make_tensor("place", TensorProto.INT64, [1], [10**9]))
        elif change == "not json":
            helper.set_model_props(model, {"labels": "calm", "format": "1", "sample_rate_hz": "16000"})
        onnx.save(model, place / "bad.onnx")

    return make


def without(key: str) -> Make:
    def make(place: Place) -> None:
        model = onnx.load(place.model("bad.onnx"))
        kept = [p for p in model.metadata_props if p.key != key]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
        onnx.save(model, place / "bad.onnx")

    return make


ARTIFACTS = [
    answering("missing", nothing, "does not exist; give an artifact"),
    answering("a folder", lambda p: (p / "bad.onnx").mkdir(), "is a folder; give the .onnx file in it"),
    answering("empty", holding(b""), NO_MODEL),
    answering("text", holding(b"not a model"), NO_MODEL),
    answering("half", half, NO_MODEL),
    answering("random", holding(bytes(range(256)) * 40), NO_MODEL),
    answering("a recording", holding(recording("WAV"), "bad.wav"), NO_MODEL, file="bad.wav"),
    answering("an h5", holding(b"\x89HDF\r\n\x1a\n" + bytes(99), "bad.h5"), NO_MODEL, file="bad.h5"),
    answering("a recipe", holding(b"[models.cnn]\n", "recipe.toml"), NO_MODEL, file="recipe.toml"),
    answering("no metadata", lambda p: onnx.save(_bare(p), p / "bad.onnx"), NOT_OURS),
    *(answering(f"without {key}", without(key), NOT_OURS) for key in ("format", "labels", "sample_rate_hz")),
    answering("metadata that is no JSON", graph("not json"), NOT_OURS),
    answering("another output", graph("output"), NOT_OURS),
    answering("another input", graph("input"), NOT_OURS),
    answering("two inputs", graph("two inputs"), NOT_OURS),
    answering("another shape", graph("shape"), "; "),
    answering("scores in place of probabilities", graph("scores"), "invalid probabilities"),
    answering("probabilities that sum to something else", graph("halves"), "invalid probabilities"),
    answering("a graph that fails", graph("fails"), "cannot predict", "export it again"),
    answering("weights of NaN", lambda p: p.model("bad.onnx", float("nan")), "weights are damaged; copy it again"),
    answering("weights without end", lambda p: p.model("bad.onnx", float("inf")), "weights are damaged"),
    answering("a format of the future", told(format=99), "artifact format 99"),
    answering("a format that is a word", told(format="one"), "artifact format one"),
    answering("labels that are a number", told(labels=3), NOT_OURS),
    answering("two labels for three outputs", told(labels=["a", "b"]), NOT_OURS),
    answering("a label twice", told(labels=["a", "a", "b"]), "has an invalid labels"),
    answering("a label that is a number", told(labels=["a", 1, "b"]), "has an invalid labels"),
    answering("a label of nothing", told(labels=["a", "", "b"]), "has an invalid labels"),
    *(
        answering(f"{key} of {value!r}", told(**{key: value}), f"has an invalid {key}", "export it again")
        for key, value in (
            ("sample_rate_hz", 0), ("sample_rate_hz", -16000), ("sample_rate_hz", 10**12), ("abstain_below", 2),
            ("abstain_below", -1), ("abstain_below", "half"), ("abstain_below", float("nan")), ("temperature", 0),
            ("temperature", -1), ("temperature", "warm"), ("temperature", float("inf")), ("corpus", 5),
            ("licence", ["x"]), ("synthetic", "no"), ("conformal", 3), ("conformal", {"threshold": 7}),
            ("centring", -1),
        )
    ),
    answering("a rate that is a word", told(sample_rate_hz="16000"), NOT_OURS),
]  # fmt: skip


def _bare(place: Place) -> onnx.ModelProto:
    model = onnx.load(place.good / "model.onnx")
    del model.metadata_props[:]
    return model


def asked(name: str, make: Make, *says: str, more: tuple[str, ...] = ()) -> Case:
    return Case(f"answering run, {name}", ("predict", "=good.wav", "--run", "@bad", *more), ("bad", *says), make)


def artifacts(*names: str, results: str | None = None) -> Make:
    def make(place: Place) -> None:
        for name in names:
            place.copy("model.onnx", f"bad/artifacts/{name}.onnx")
        if results is not None:
            place.write("bad/training_results.json", results)

    return make


def damaged(place: Place) -> Path:
    return place.write("bad/artifacts/cnn.onnx", "not a model")


UNKNOWN_BEST = "does not say which model is best; choose one: a, b"
RUNS = [
    asked("missing", nothing, "does not exist; check the name"),
    asked("a file", lambda p: p.write("bad"), "is not a folder; give a file with --model"),
    asked("empty", lambda p: (p / "bad").mkdir(), "contains no artifacts"),
    asked("without artifacts", lambda p: (p / "bad/artifacts").mkdir(parents=True), "contains no artifacts"),
    asked("a damaged artifact", damaged, NO_MODEL),
    asked("no such model", artifacts("a"), "has no model 'b'; available: a", more=("--model", "b")),
    asked("a path as the model's name", artifacts("a"), "has no model", more=("--model", "artifacts/a.onnx")),
    asked("two models and no results", artifacts("a", "b"), UNKNOWN_BEST),
    asked("results that are no JSON", artifacts("a", "b", results="{"), UNKNOWN_BEST),
    asked("results of another kind", artifacts("a", "b", results="[1]"), UNKNOWN_BEST),
    asked("a best that is not there", artifacts("a", "b", results=json.dumps({"best_model": "c"})), UNKNOWN_BEST),
    asked("a best that is a list", artifacts("a", "b", results=json.dumps({"best_model": ["a"]})), UNKNOWN_BEST),
]


def adapting(name: str, what: str, *says: str, make: Make = nothing) -> Case:
    return Case(f"adapting, {name}", ("predict", "=good.wav", "--model", "=model.onnx", "--adapt", what), says, make)


ADAPTED = [
    adapting("a model that cannot", "=good.wav", "model.onnx cannot be adapted", "use a model that is"),
    adapting("an empty folder", "@bad", "bad contains no recordings", make=lambda p: (p / "bad").mkdir()),
    adapting("nothing", "", "--adapt is empty; give it a value"),
]

CASES = [*ARTIFACTS, *RUNS, *ADAPTED]
