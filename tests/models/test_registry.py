"""Only ``models/`` and recipes know a kind by name; a fifth kind needs a module, a line and a table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import emovox
from emovox.cli import app
from emovox.errors import RecipeError
from emovox.models import KINDS, Network, kind_of
from emovox.models.kind import NetworkSettings
from emovox.recipe import Recipe, plan, read_recipe, recipe_from_toml

SOURCE = Path(emovox.__file__).parent

MAY_KNOW = ("models/", "features/whisper_mel.py", "report/anchors.py")
"""Kinds themselves, what the published network hears, and what peers call their models."""

EXAMPLES = re.compile(
    r"\[models\.cnn\]"  # a table of a recipe
    r"|artifacts/\w+\.onnx|--models? [\w,]+"  # what a person may type
    r"|an ensemble"  # the word
)
"""Phrases of messages and of ``--help`` in which a kind's name is an example, or a word of the language."""

NAMES = re.compile(rf"(?<![\w-])({'|'.join(KINDS)})(?![\w-])")


def python_files() -> list[Path]:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 40
    return [file for file in files if not file.relative_to(SOURCE).as_posix().startswith(MAY_KNOW)]


def docstrings(tree: ast.AST) -> set[int]:
    """Ids of the strings that stand alone: docstrings of modules, classes and functions, and those under a constant."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string of the code, docstrings aside, and of every name."""
    left_out = docstrings(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield line, EXAMPLES.sub("", node.value)
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(name := getattr(node, field, None), str):
                yield line, name.replace(".", " ") if field != "module" else ""


def mentions(source: str) -> list[str]:
    return [f"line {line}: {text.strip()}" for line, text in words(ast.parse(source)) if NAMES.search(text)]


@pytest.mark.parametrize("file", python_files(), ids=lambda file: file.relative_to(SOURCE).as_posix())
def test_no_kinds_name_is_known_outside_models(file: Path) -> None:
    assert not mentions(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    ['if name == "yamnet": pass', "cnn = 3", "x.whisper", "f(cnn_lstm=1)", 'f"{a} of cnn"', '{"ensemble": 1}'],
)
def test_the_search_finds_what_must_not_be(source: str) -> None:
    assert mentions(source)


@pytest.mark.parametrize("source", ['"""Of yamnet."""', 'print("such as [models.cnn]")', '"--yamnet-weights"', "cnns"])
def test_the_search_lets_the_rest_be(source: str) -> None:
    assert not mentions(source)


@dataclass(frozen=True)
class PerceptronSettings(NetworkSettings):
    kind: ClassVar[str] = "perceptron"
    units: int = 7


class Perceptron(Network):
    name = "perceptron"
    title = "Perceptron"
    theory = "One hidden layer on the mean over time. " * 10
    settings = PerceptronSettings
    variants: ClassVar = {"default": 239, "wide": 1_234}

    def build(self, settings: Any, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
        inputs = keras.Input(shape)
        x = keras.layers.GlobalAveragePooling1D()(inputs)
        x = keras.layers.Dense(settings.units, activation="relu")(x)
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x), name=self.name)


@pytest.fixture
def fifth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "perceptron", Perceptron())


RECIPE = """
protocol = "speakers6"

[models.perceptron]
units = 9

[models.other]
kind = "perceptron"
variant = "wide"

[models.other.training]
epochs = 2
"""


@pytest.mark.usefixtures("fifth")
def test_a_fifth_kind_goes_through_recipes(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "mine.toml")
    assert recipe.models["perceptron"] == PerceptronSettings(units=9)
    assert isinstance(kind_of(recipe.models["other"]), Perceptron)
    written = recipe.to_toml()
    assert recipe_from_toml(written) == recipe
    assert 'kind = "perceptron"' in written and "units = 9" in written
    wished = plan(recipe=tmp_path / "mine.toml", epochs=5, models=("other",))
    assert isinstance(wished, Recipe)
    assert wished.models["other"].training.epochs == 5  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="unknown variant 'deep' of perceptron; available: default, wide"):
        recipe_from_toml('[models.perceptron]\nvariant = "deep"')
    with pytest.raises(RecipeError, match=r"unknown key 'depth'; known keys: variant, .*units"):
        recipe_from_toml("[models.perceptron]\ndepth = 2")
    with pytest.raises(RecipeError, match="units must be int"):
        recipe_from_toml('[models.perceptron]\nunits = "many"')


@pytest.mark.usefixtures("fifth")
def test_a_fifth_kind_is_listed_beside_the_others() -> None:
    listed = CliRunner().invoke(app, ["models"])
    assert listed.exit_code == 0
    for kind in KINDS.values():
        assert kind.name in listed.output and kind.title in listed.output
        for variant, parameters in kind.variants.items():
            assert variant in listed.output
            assert (f"{parameters:,}" if parameters else "those of its members") in listed.output


@pytest.mark.usefixtures("fifth")
def test_a_fifth_kind_is_known_where_an_unknown_one_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"unknown kind 'cnm'; available: cnn, cnn_lstm, .*perceptron"):
        recipe_from_toml('[models.mine]\nkind = "cnm"')


@pytest.mark.usefixtures("fifth")
def test_a_fifth_kind_is_trained_and_exported_by_the_same_code(tmp_path: Path) -> None:
    from emovox.export import write_artifact
    from emovox.features import Features
    from emovox.listening import Recognizer
    from emovox.training.network import Examples, train
    from waveforms import babble

    settings = PerceptronSettings()
    kind: Any = kind_of(settings)
    network = kind.build(settings, settings.front_end.shape, 8)
    assert network.count_params() == kind.variants["default"]
    windows = np.random.default_rng(0).normal(size=(16, *settings.front_end.shape)).astype(np.float32)
    features = Features(windows, np.arange(16), np.ones(16, np.float32))
    examples = Examples(features, np.arange(16) % 8, np.arange(8), np.arange(8, 16), 8, floor=None)
    train(network, recipe_from_toml(RECIPE).models["other"].training, examples, 0, tmp_path)  # type: ignore[attr-defined]
    path = write_artifact(network, settings.front_end, 1.0, {"labels": list("abcdefgh")}, tmp_path / "a.onnx")
    assert Recognizer(path).predict(babble(1), 16000).probabilities.sum() == pytest.approx(1)
