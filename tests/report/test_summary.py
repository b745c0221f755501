"""The summary is a page in words that claims no more than the run holds."""

from pathlib import Path

import numpy as np

from emovox.evaluation import Evaluation, evaluate
from emovox.report import summary
from emovox.report.document import render
from emovox.runs import Run
from fake_run import fake_result, fake_run


def test_the_summary_is_a_page_that_ends_well(written: Path, honest: tuple[Run, Evaluation]) -> None:
    text = (written / "training_summary.txt").read_text(encoding="utf-8")
    assert text.endswith("\nTRAINING COMPLETED SUCCESSFULLY\n")
    assert max(len(line) for line in text.splitlines()) <= 115
    assert len(text.splitlines()) < 75
    assert "22 November 2026" in text
    assert "six folds by two seeds" in text
    for model in honest[1].models.values():
        assert f"{100 * model.accuracy.value:.1f} ± {100 * (model.accuracy.deviation or 0):.1f}" in text
    assert "report.html" in text
    assert "artifacts/" not in text  # this run has none, so none is promised


def test_an_unfinished_run_does_not_claim_to_be_complete(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", finish=False, models=("cnn", "yamnet"), speakers=8)
    run.write_result(run.jobs[0], fake_result(run, run.jobs[0]))
    evaluation = evaluate(run, finished_only=True)
    told = _text(evaluation, run)
    assert summary.COMPLETED not in told
    assert told.splitlines()[-1].startswith("TRAINING NOT YET COMPLETE: yamnet left")


def test_a_model_that_learnt_nothing_is_called_so(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", finish=False, models=("cnn",), speakers=8)
    (job,) = run.jobs
    result = fake_result(run, job, epochs=1)
    constant = np.tile(np.eye(8, dtype=np.float32)[4], (len(result.test_ids), 1))
    run.write_result(job, type(result)(**{**vars(result), "test_probabilities": constant}))
    told = " ".join(_text(evaluate(run), run).split())
    assert "CNN predicts angry for nearly every clip, and is not shown to be better than chance." in told
    assert "It was trained for one epoch." in told


def test_one_test_speaker_is_said_to_be_few(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn", "yamnet"), speakers=3)
    evaluation = evaluate(run)
    assert evaluation.few_speakers == len(set(evaluation.speakers)) < 8
    assert "the results say little about other voices" in " ".join(_text(evaluation, run).split())


def _text(evaluation: Evaluation, run: Run) -> str:
    return render(summary.page(evaluation, run.path), ".txt")
