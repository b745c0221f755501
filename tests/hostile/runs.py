"""Run folders that are none, or are damaged, and places where no run can be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hostile.case import Case, Make, nothing


def with_run(change: Callable[[Path], object]) -> Make:
    return lambda place: change(place.copy("run", "bad"))


def damaged(file: str, content: bytes | str) -> Make:
    return with_run(lambda run: (run / file).write_bytes(content.encode() if isinstance(content, str) else content))


def gone(file: str) -> Make:
    return with_run(lambda run: (run / file).unlink())


def edited(file: str, change: Callable[[object], object]) -> Make:
    def edit(run: Path) -> None:
        content = json.loads((run / file).read_text())
        (run / file).write_text(json.dumps(change(content) or content))

    return with_run(edit)


RESULT = "folds/fold1/cnn-seed0/result.npz"


def result(change: Callable[[dict[str, np.ndarray]], object]) -> Make:
    def edit(run: Path) -> None:
        with np.load(run / RESULT) as opened:
            arrays = dict(opened)
        change(arrays)
        with (run / RESULT).open("wb") as file:
            np.savez(file, **arrays)

    return with_run(edit)


def corpus(key: str, value: object) -> Make:
    return edited("provenance.json", lambda content: content["corpus"].update({key: value}))  # type: ignore[index]


DAMAGED: dict[str, tuple[Make, str]] = {
    "missing": (nothing, "does not exist, so it is not a run"),
    "a file": (lambda p: p.write("bad"), "is not a folder, so it is not a run"),
    "an empty folder": (lambda p: (p / "bad").mkdir(), "has no recipe.toml, so it is not a run"),
    "a folder of other things": (lambda p: p.write("bad/letter.txt", "Dear"), "has no recipe.toml"),
    "a folder as the recipe": (lambda p: (p / "bad/recipe.toml").mkdir(parents=True), "has no recipe.toml"),
    "no TOML": (damaged("recipe.toml", "models ="), "recipe.toml is not TOML"),
    "an empty recipe": (damaged("recipe.toml", ""), "names no models"),
    "a recipe of bytes": (damaged("recipe.toml", bytes(range(256))), "recipe.toml"),
    "a recipe of an earlier version": (damaged("recipe.toml", "[training]\nepochs = 3\n"), "unknown key 'training'"),
    "a recipe with a path": (damaged("recipe.toml", "[models.'../x']\nkind = 'cnn'\n"), "../x"),
    "no provenance": (gone("provenance.json"), "provenance.json"),
    "half of a provenance": (damaged("provenance.json", "{"), "provenance.json"),
    "another provenance": (damaged("provenance.json", "[]"), "provenance.json"),
    "a provenance of bytes": (damaged("provenance.json", b"\xff\xfe\x00"), "provenance.json"),
    "a provenance without a corpus": (damaged("provenance.json", "{}"), "provenance.json"),
    "labels that are none": (corpus("labels", 3), "provenance.json"),
    "a label that is a number": (corpus("labels", [1, "calm"]), "provenance.json"),
    "a label twice": (corpus("labels", ["calm", "calm"]), "provenance.json"),
    "labels that the clips lack": (corpus("labels", ["calm", "bored"]), "clips.csv"),
    "a corpus without a name": (corpus("name", None), "provenance.json"),
    "a licence of numbers": (corpus("licence", 3), "provenance.json"),
    "NaN in a provenance": (corpus("synthetic", float("nan")), "provenance.json"),
    "a corpus that says not whether it is rendered": (corpus("synthetic", "no"), "provenance.json"),
    "no clips": (gone("folds/clips.csv"), "clips.csv"),
    "empty clips": (damaged("folds/clips.csv", ""), "clips.csv"),
    "clips of another table": (damaged("folds/clips.csv", "a,b\n1,2\n"), "clips.csv"),
    "clips of bytes": (damaged("folds/clips.csv", b"\xff\x00"), "clips.csv"),
    "fewer clips": (damaged("folds/clips.csv", "id,emotion,speaker,sex,intensity\n"), "clips.csv"),
    "no folds": (gone("folds/folds.json"), "folds.json"),
    "half of the folds": (damaged("folds/folds.json", "[{"), "folds.json"),
    "folds that are none": (damaged("folds/folds.json", "{}"), "folds.json"),
    "a fold without a test": (edited("folds/folds.json", lambda c: c[0].pop("test") and c), "folds.json"),  # type: ignore[index]
    "a fold with a path for a name": (edited("folds/folds.json", lambda c: c[0].update(name="../x")), "folds.json"),  # type: ignore[index]
    "a fold with a stranger": (edited("folds/folds.json", lambda c: c[0]["test"].append("x")), "folds.json"),  # type: ignore[index]
}
RESULTS: dict[str, tuple[Make, str]] = {
    "no result": (gone(RESULT), "trainings are left"),
    "an empty result": (damaged(RESULT, b""), "result.npz"),
    "half of a result": (with_run(lambda run: os.truncate(run / RESULT, 300)), "result.npz"),
    "a result of text": (damaged(RESULT, "no arrays"), "result.npz"),
    "a result without probabilities": (result(lambda a: a.pop("test_probabilities")), "result.npz"),
    "a result of objects": (result(lambda a: a.update(test_ids=np.array([{}, 1]))), "result.npz"),
    "probabilities of another shape": (
        result(lambda a: a.update(test_probabilities=a["test_probabilities"][:, 1:])), "result.npz",
    ),
    "probabilities of NaN": (
        result(lambda a: a.update(test_probabilities=np.nan * a["test_probabilities"])), "result.npz",
    ),
    "probabilities that sum to 2": (
        result(lambda a: a.update(test_probabilities=2 * a["test_probabilities"])), "result.npz",
    ),
    "clips of another fold": (
        result(lambda a: a.update(test_ids=a["validation_ids"])), "result.npz",
    ),
    "a temperature of NaN": (result(lambda a: a.update(temperature=np.float64("nan"))), "result.npz"),
    "a temperature below 0": (result(lambda a: a.update(temperature=np.float64(-1))), "result.npz"),
}  # fmt: skip

EVALUATED = [
    Case(f"run, evaluate: {name}", ("evaluate", "@bad"), ("bad", says), make)
    for name, (make, says) in {**DAMAGED, **RESULTS}.items()
]
SOME = ("missing", "a file", "an empty folder", "no TOML", "half of a provenance", "empty clips", "half of the folds")
COMPARED = [
    Case(f"run, compare: {name}", ("compare", "=run", "@bad"), ("bad", says), make)
    for name, (make, says) in {**{name: DAMAGED[name] for name in SOME}, **RESULTS}.items()
    if name not in ("a temperature of NaN", "a temperature below 0")
]
RESUMED = [
    Case(f"run, resume: {name}", ("run", "--resume", "--out", "@bad", "--data", "=corpus"), ("bad", says), make)
    for name, (make, says) in DAMAGED.items()
]
AUDITED = [
    Case(f"run, audit: {name}", ("audit", "@bad", "--data", "=corpus"), ("bad", DAMAGED[name][1]), DAMAGED[name][0])
    for name in SOME
]

NO_COUNTS = "needs numbers of clips, separated by commas, such as 0,5,10,20"
ASKED = [
    Case(
        f"run, asked: {' '.join(words)}",
        (words[0], "@bad", *words[1:]),
        (says,),
        with_run(lambda run: None),
        progress=True,
    )
    for *words, says in (
        *(("evaluate", "--adapt", counts, NO_COUNTS) for counts in ("x", "-1", "1.5", ",", "5;10")),
        ("evaluate", "--robustness", "--models", "nope", "has no model 'nope'; available: cnn, yamnet"),
        ("evaluate", "--learning-curve", "--models", "nope", "has no model 'nope'"),
        ("evaluate", "--models", "cnn", "give it with one of them"),
        ("evaluate", "--robustness", "--data", "/nowhere/missing", "missing does not exist"),
        ("evaluate", "--learning-curve", "--data", "/nowhere/missing", "missing does not exist"),
        ("audit", "--models", "nope", "has no model 'nope'"),
        ("audit", "--data", "/nowhere/missing", "missing does not exist"),
    )
]

STARTED = ("run", "--data", "=corpus", "--models", "cnn", "--out")
PLACES = [
    Case("out, a file", (*STARTED, "@bad"), ("bad", "; "), lambda p: p.write("bad"), progress=True),
    Case("out, below a file", (*STARTED, "@bad/run"), ("bad", "; "), lambda p: p.write("bad"), progress=True),
    Case(
        "out, other things", (*STARTED, "@bad"), ("bad contains letter.txt but no run", "--out"),
        lambda p: p.write("bad/letter.txt"), progress=True,
    ),
    Case("out, a name that is too long", (*STARTED, "@" + 300 * "x"), ("Cannot write", "File name"), progress=True),
    Case("out, NUL", (*STARTED, "@a\0b"), ("'--out'", "null byte"), progress=True),
    Case("out, no UTF-8", (*STARTED, os.fsdecode(b"@caf\xe9")), (r"caf\xe9", "UTF-8"), progress=True),
    Case(
        "out, another run", ("run", "--data", "=corpus", "--models", "cnn", "--out", "@bad"),
        ("bad contains a run of another recipe", "choose another folder with --out"),
        with_run(lambda run: None), progress=True,
    ),
    Case("plots, a file", ("data", "describe", "=corpus", "--out", "@bad"), ("bad", "; "), lambda p: p.write("bad"),
         progress=True),
    Case("cache, a file", ("run", "--data", "synthetic", "--models", "cnn"), ("cache/synthetic", "cannot be written"),
         lambda p: p.write("cache"), progress=True, env={"EMOVOX_CACHE": "@cache"}),
    Case("EMOVOX_DATA, missing", ("run",), ("missing does not exist",), env={"EMOVOX_DATA": "@missing"}),
    Case("EMOVOX_DATA, get", ("data", "get"), ("missing does not exist",), env={"EMOVOX_DATA": "@missing"}),
    Case("EMOVOX_DATA, verify", ("data", "verify"), ("missing does not exist",), env={"EMOVOX_DATA": "@missing"}),
    Case("no corpus, verify", ("data", "verify"), ("RAVDESS is not at data/ravdess", "data get ravdess")),
    Case("no corpus, describe", ("data", "describe"), ("RAVDESS is not at data/ravdess", "data get ravdess")),
]  # fmt: skip

CASES = [*EVALUATED, *COMPARED, *RESUMED, *AUDITED, *ASKED, *PLACES]
