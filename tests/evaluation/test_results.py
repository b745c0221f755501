"""What a run's folder keeps: the published keys and columns first, and the same figures in each file."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from emovox.evaluation import COLUMNS, Evaluation, evaluate, write_results
from emovox.runs import Run
from fake_run import LABELS, fake_result, fake_run

PUBLISHED = [
    "timestamp", "dataset", "total_samples", "train_samples", "val_samples", "test_samples", "num_classes", "emotions",
    "models", "best_model", "best_accuracy",
]  # fmt: skip
PUBLISHED_OF_A_MODEL = [
    "test_accuracy", "test_loss", "training_time_minutes", "epochs_trained", "best_val_accuracy", "parameters",
]  # fmt: skip


@pytest.fixture(scope="module")
def rotating(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_run(tmp_path_factory.mktemp("runs") / "rotating", "speakers6", seeds=2)


@pytest.fixture(scope="module")
def evaluation(rotating: Run) -> Evaluation:
    return evaluate(rotating)


def test_training_results_keep_the_published_keys(rotating: Run, evaluation: Evaluation) -> None:
    write_results(rotating, evaluation)
    kept = json.loads((rotating.path / "training_results.json").read_text())
    assert list(kept)[: len(PUBLISHED)] == PUBLISHED
    assert list(kept["models"]) == ["cnn", "cnn_lstm", "yamnet"]
    for model in kept["models"].values():
        assert list(model)[: len(PUBLISHED_OF_A_MODEL)] == PUBLISHED_OF_A_MODEL
        assert isinstance(model["epochs_trained"], int)
    assert kept["emotions"] == list(LABELS)
    assert kept["total_samples"] == 24 * 30
    assert kept["train_samples"] + kept["val_samples"] + kept["test_samples"] == 24 * 30
    assert kept["judged_samples"] == 24 * 30
    assert kept["best_model"] == max(kept["models"], key=lambda name: kept["models"][name]["best_val_accuracy"])
    assert kept["best_accuracy"] == kept["models"][kept["best_model"]]["test_accuracy"]
    assert kept["models"]["cnn"]["training_time_minutes"] == pytest.approx(12 * 4.2 * 40 / 60)


def test_pairs_and_what_they_can_tell_are_kept(rotating: Run, evaluation: Evaluation) -> None:
    write_results(rotating, evaluation)
    kept = json.loads((rotating.path / "training_results.json").read_text())
    assert {frozenset((pair["one"], pair["other"])) for pair in kept["pairs"]} == {
        frozenset(two) for two in (("cnn", "cnn_lstm"), ("cnn", "yamnet"), ("cnn_lstm", "yamnet"))
    }
    for pair in kept["pairs"]:
        scores = [kept["models"][name]["scores"]["uar"]["value"] for name in (pair["one"], pair["other"])]
        assert pair["uar"]["value"] == pytest.approx(scores[0] - scores[1])
        assert pair["uar"]["p_value"] <= pair["uar"]["p_holm"]
        assert 0 < pair["uar"]["detectable"] < 0.2
    assert kept["smallest_p"] == pytest.approx(2.0**-23)


def test_the_comparison_table_has_the_published_columns_first(rotating: Run, evaluation: Evaluation) -> None:
    write_results(rotating, evaluation)
    with (rotating.path / "model_comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert list(rows[0])[:6] == ["model", *PUBLISHED_OF_A_MODEL[:5]]
    assert [row["model"] for row in rows] == ["cnn", "cnn_lstm", "yamnet"]
    assert float(rows[0]["test_uar"]) == pytest.approx(evaluation.models["cnn"].uar.value, abs=1e-5)


def test_predictions_open_without_pickle_and_hold_the_same_answers(rotating: Run, evaluation: Evaluation) -> None:
    write_results(rotating, evaluation)
    with np.load(rotating.path / "predictions.npz", allow_pickle=False) as kept:
        assert kept["clip_ids"].tolist() == list(evaluation.clip_ids)
        truths = [LABELS.index(rotating.clips[i].emotion) for i in kept["clip_ids"]]
        np.testing.assert_array_equal(kept["truths"], truths)
        assert kept["labels"].tolist() == list(LABELS)
        assert kept["folds"][kept["speakers"] == "04"].tolist() == ["fold2"] * 30
        for name, model in evaluation.models.items():
            assert kept[f"{name}_probabilities"].shape == (2, 24 * 30, 8)
            np.testing.assert_allclose(kept[f"{name}_probabilities"], model.probabilities, atol=1e-6)
            assert kept[f"{name}_temperatures"].shape == (2, 6)


def test_a_diverged_training_is_still_written(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", finish=False, models=("cnn",), speakers=6)
    (job,) = run.jobs
    result = fake_result(run, job)
    history = {**result.history, "val_loss": [float("nan")] * 3}
    run.write_result(job, type(result)(**{**vars(result), "history": history}))
    write_results(run, evaluate(run))
    kept = json.loads((run.path / "training_results.json").read_text())
    assert kept["models"]["cnn"]["histories"][0]["history"]["val_loss"] == [None] * 3


def test_a_model_that_learns_in_no_epochs_is_written_with_none(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn",), speakers=8, finish=False)
    run.write_result(run.jobs[0], fake_result(run, run.jobs[0], epochs=0))
    write_results(run, evaluate(run))
    kept = json.loads((run.path / "training_results.json").read_text())["models"]["cnn"]
    assert (kept["epochs_trained"], kept["histories"][0]["history"]) == (0, {})
    with (run.path / "model_comparison.csv").open(newline="") as file:
        assert [row["epochs_trained"] for row in csv.DictReader(file)] == ["0"]
