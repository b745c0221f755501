"""A finished run of a few models, for what is found out about runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from emovox import cli
from emovox.corpora.base import Corpus
from emovox.models import KINDS
from emovox.models.settings import Training
from emovox.recipe import Recipe
from emovox.runs import Run
from emovox.splits import make_folds
from emovox.study import Serial, asking, stages, trials
from fake_kind import Ear, EarSettings


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="session")
def finished(tiny_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a linear head, one with hidden units, and their ensemble."""
    folder = tmp_path_factory.mktemp("finished")
    hidden = EarSettings(statistics=("mean",), hidden_units=8, training=Training(epochs=1))
    models = {"one": EarSettings(shrinkages=(0.5, 2.0)), "two": hidden, "all": KINDS["ensemble"].settings()}
    recipe = Recipe(corpus=tiny_corpus.name, protocol="speakers6", models=models)
    with pytest.MonkeyPatch.context() as patch, Serial(ignore) as executor:
        patch.setitem(KINDS, "ear", Ear())
        made = Run.create(folder / "run", recipe, tiny_corpus, make_folds(recipe.protocol, tiny_corpus))
        weights, _ = stages.find_weights(recipe, tiny_corpus, {}, ignore)
        stages.train(made, stages.prepare(made, tiny_corpus, weights, 1, executor, ignore), executor)
    return made.path


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same in a folder of its own, its kind known."""
    monkeypatch.setitem(KINDS, "ear", Ear())
    return Run.open(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def type_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command about the run, 120 columns wide, whose trainings are done in this process."""
    monkeypatch.setenv("COLUMNS", "120")
    for module in (trials, asking):
        monkeypatch.setattr(module, "Processes", lambda count, threads, tell, resume: Serial(tell))
    return lambda *words: CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="emovox")
