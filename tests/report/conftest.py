"""Runs to report on, made once, and figures caught before they become files."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from emovox.evaluation import Evaluation, evaluate
from emovox.report import confidence, figures, groups, write_report
from emovox.report import corpus as corpus_plots
from emovox.runs import Run
from fake_run import fake_run


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Evaluation]:
    run = fake_run(tmp_path_factory.mktemp("runs") / "honest", "speakers6", seeds=2, repetitions=2)
    return run, evaluate(run)


@pytest.fixture(scope="session")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Evaluation]:
    run = fake_run(tmp_path_factory.mktemp("runs") / "leaky", "holdout", name="synthetic", models=("cnn",), speakers=6)
    return run, evaluate(run)


@pytest.fixture(scope="session")
def written(honest: tuple[Run, Evaluation]) -> Path:
    return write_report(*honest).parent


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, in place of files."""
    kept: list[Figure] = []
    for module in (figures, corpus_plots, confidence, groups):
        monkeypatch.setattr(module, "save", lambda figure, path: (kept.append(figure), path)[1])
    return kept
