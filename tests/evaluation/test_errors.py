"""Wrong answers, counted by emotion and by speaker."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from emovox.evaluation import Evaluation, evaluate, write_results
from emovox.evaluation.errors import confused_emotions, errors, speakers_errors
from emovox.runs import Run
from fake_run import fake_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_run(tmp_path_factory.mktemp("runs") / "run", "speakers6", seeds=2)


@pytest.fixture(scope="module")
def evaluation(run: Run) -> Evaluation:
    return evaluate(run)


def test_every_wrong_answer_is_there_and_no_right_one(evaluation: Evaluation) -> None:
    wrong = errors(evaluation, "cnn")
    answers = evaluation.models["cnn"].probabilities.mean(axis=0).argmax(axis=1)
    expected = np.flatnonzero(answers != evaluation.truths)
    assert [error["clip"] for error in wrong] == [evaluation.clip_ids[i] for i in expected]
    for error in wrong:
        given = {label: error[f"probability_{label}"] for label in evaluation.labels}
        assert error["predicted"] == max(given, key=given.__getitem__) != error["true"]
        assert sum(given.values()) == pytest.approx(1, abs=1e-5)
    assert errors(evaluation) == errors(evaluation, evaluation.best.name)


def test_confusions_and_speakers_count_all_errors(evaluation: Evaluation) -> None:
    total = len(errors(evaluation, "cnn"))
    pairs = confused_emotions(evaluation, "cnn").rows
    assert sum(int(clips) for _, _, clips, _ in pairs) == total
    assert [int(row[2]) for row in pairs] == sorted((int(row[2]) for row in pairs), reverse=True)
    assert pairs[0][:2] in {("happy", "surprised"), ("sad", "fearful")}  # as fake_run makes them
    speakers = speakers_errors(evaluation, "cnn").rows
    assert {row[0] for row in speakers} == set(evaluation.speakers)
    assert sum(int(row[2]) for row in speakers) == total
    assert int(speakers[0][2]) > int(speakers[-1][2])


def test_the_table_holds_the_errors_of_all_models(run: Run, evaluation: Evaluation) -> None:
    write_results(run, evaluation)
    with run.at.errors.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:5] == ["model", "clip", "speaker", "true", "predicted"]
    assert len(rows) == sum(len(errors(evaluation, name)) for name in evaluation.models)
    assert {row["model"] for row in rows} == set(evaluation.models)
