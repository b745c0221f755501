"""Runs to report on, made once."""

from pathlib import Path

import pytest

from emovox.evaluation import Evaluation, evaluate
from emovox.report import write_report
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
