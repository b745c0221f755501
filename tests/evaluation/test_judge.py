"""An Evaluation is what a direct count of the predictions gives, is the same every time, and says what it is."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from emovox.errors import RunError
from emovox.evaluation import Evaluation, evaluate, results
from emovox.evaluation.calibration import apply_temperature
from emovox.runs import Job, Run
from fake_run import LABELS, fake_result, fake_run

SMALL = {"models": ("cnn", "yamnet"), "speakers": 8}


@pytest.fixture(scope="module")
def rotating(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fake_run(tmp_path_factory.mktemp("runs") / "rotating", "speakers6", seeds=2)


@pytest.fixture(scope="module")
def evaluation(rotating: Run) -> Evaluation:
    return evaluate(rotating)


def pooled(run: Run, model: str, seed: int) -> dict[str, np.ndarray]:
    """Calibrated probabilities of every test clip, gathered clip by clip."""
    gathered = {}
    for fold in run.folds:
        result = run.read_result(Job(fold, model, seed))
        for i, row in zip(result.test_ids, result.test_probabilities, strict=True):
            assert i not in gathered
            gathered[i] = apply_temperature(row, result.temperature)
    return gathered


@pytest.mark.parametrize("model", ["cnn", "cnn_lstm", "yamnet"])
def test_figures_are_those_of_a_direct_count(rotating: Run, evaluation: Evaluation, model: str) -> None:
    judged = evaluation.models[model]
    accuracies, recalls, losses = [], [], []
    for seed in range(2):
        answers = pooled(rotating, model, seed)
        truths = [LABELS.index(rotating.clips[i].emotion) for i in answers]
        predictions = [int(row.argmax()) for row in answers.values()]
        accuracies.append(sk.accuracy_score(truths, predictions))
        recalls.append(sk.balanced_accuracy_score(truths, predictions))
        losses.append(sk.log_loss(truths, list(answers.values()), labels=range(8)))
        assert judged.scores["f1_macro"].per_seed[seed] == pytest.approx(
            sk.f1_score(truths, predictions, average="macro")
        )
    assert judged.accuracy.per_seed == pytest.approx(accuracies)
    assert judged.accuracy.value == pytest.approx(np.mean(accuracies))
    assert judged.uar.value == pytest.approx(np.mean(recalls))
    assert judged.uar.deviation == pytest.approx(np.std(recalls, ddof=1))
    assert judged.uar.low < judged.uar.value < judged.uar.high
    assert judged.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert judged.confusion.sum() == 2 * len(evaluation.clip_ids)


def test_folds_are_pooled_and_also_kept_apart(rotating: Run, evaluation: Evaluation) -> None:
    assert evaluation.clip_ids == tuple(rotating.clips)
    assert list(evaluation.models["cnn"].uar.per_fold) == [f"fold{k}" for k in range(1, 7)]
    per_seed = []
    for seed in range(2):
        result = rotating.read_result(Job("fold3", "cnn", seed))
        truths = [LABELS.index(rotating.clips[i].emotion) for i in result.test_ids]
        per_seed.append(sk.balanced_accuracy_score(truths, result.test_probabilities.argmax(axis=1)))
    assert evaluation.models["cnn"].uar.per_fold["fold3"] == pytest.approx(np.mean(per_seed))
    assert evaluation.models["cnn"].uar.fold_mean == pytest.approx(evaluation.models["cnn"].uar.value, abs=0.02)
    assert evaluation.folds["fold1"].test_speakers == ("01", "11", "20", "21")


def test_calibration_lowers_the_loss_of_overconfident_models(evaluation: Evaluation) -> None:
    for model in evaluation.models.values():
        assert model.loss < model.loss_uncalibrated
        assert model.calibration_error < model.calibration_before.error
        assert model.calibration.adaptive_error < model.calibration_before.adaptive_error
        assert model.calibration.brier < model.calibration_before.brier


def test_an_evaluation_is_a_pure_function_of_the_folder(rotating: Run, evaluation: Evaluation) -> None:
    for path in rotating.path.rglob("*"):
        os.utime(path, (0, 0))
    again = evaluate(Run.open(rotating.path))
    assert json.dumps(results(again)) == json.dumps(results(evaluation))
    assert again.timestamp == "2026-11-22T12:00:00+00:00"


@pytest.mark.parametrize(
    ("protocol", "folds", "clips", "unit", "units"),
    [
        ("speakers1", 1, 4 * 30, "speakers", 4),
        ("speakers5", 5, 24 * 30, "speakers", 24),
        ("loso", 24, 24 * 30, "speakers", 24),
        ("holdout", 1, 108, "clips", 108),
    ],
)
def test_every_protocol_is_judged(tmp_path: Path, protocol: str, folds: int, clips: int, unit: str, units: int) -> None:
    evaluation = evaluate(fake_run(tmp_path / protocol, protocol, models=("cnn",)))
    assert (len(evaluation.folds), len(evaluation.clip_ids)) == (folds, clips)
    assert (evaluation.unit, evaluation.units) == (unit, units)
    assert evaluation.leaky == (protocol == "holdout")
    assert evaluation.warnings == (("leaky: speakers shared",) if protocol == "holdout" else ())
    score = evaluation.models["cnn"].uar
    assert score.deviation is None
    assert score.low < score.value < score.high
    assert list(score.per_fold) == [f"fold{k + 1}" for k in range(folds)]


def test_one_test_speaker_falls_back_on_clips(tmp_path: Path) -> None:
    evaluation = evaluate(fake_run(tmp_path / "run", "speakers1", models=("cnn",), speakers=3))
    assert evaluation.unit == "clips"


def test_a_synthetic_corpus_is_called_so(tmp_path: Path) -> None:
    evaluation = evaluate(fake_run(tmp_path / "run", "holdout", name="synthetic", models=("cnn",), speakers=6))
    assert evaluation.warnings == ("synthetic", "leaky: speakers shared")
    assert "synthetic" in results(evaluation)["dataset"]


def test_an_unfinished_run_says_how_much_is_left(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", "speakers6", finish=False, **SMALL)
    with pytest.raises(RunError, match=r"12 of 12 trainings are left; .*--resume"):
        evaluate(run)
    with pytest.raises(RunError, match="12 of 12"):
        evaluate(run, finished_only=True)
    for job in run.jobs:
        if job.model == "cnn" or job.fold == "fold1":
            run.write_result(job, fake_result(run, job))
    with pytest.raises(RunError, match=r"5 of 12 trainings are left \(finished: cnn; evaluate them with --finished\)"):
        evaluate(run)
    evaluation = evaluate(run, finished_only=True)
    assert list(evaluation.models) == ["cnn"]
    assert evaluation.missing == ("yamnet",)


def test_two_folds_that_test_one_clip_are_refused(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", "speakers6", **SMALL)
    path = run.path / "folds" / "folds.json"
    path.write_text(path.read_text().replace('"fold2"', '"fold1b"'))
    folds = json.loads(path.read_text())
    folds[1]["test"] = folds[0]["test"]
    path.write_text(json.dumps(folds))
    for model in ("cnn", "yamnet"):
        (run.path / "folds" / "fold1b").mkdir(exist_ok=True)
        os.symlink(run.path / "folds" / "fold1" / f"{model}-seed0", run.path / "folds" / "fold1b" / f"{model}-seed0")
    with pytest.raises(RunError, match="both test"):
        evaluate(Run.open(run.path))


def test_the_best_model_is_chosen_on_validation_clips(tmp_path: Path) -> None:
    """The one that is better on validation clips alone, though test clips say otherwise."""
    run = fake_run(tmp_path / "run", finish=False, **SMALL)
    for job in run.jobs:
        result = fake_result(run, job)
        of_validation = np.eye(8)[[LABELS.index(run.clips[i].emotion) for i in result.validation_ids]]
        of_test = np.eye(8)[[LABELS.index(run.clips[i].emotion) for i in result.test_ids]]
        better = (
            {"validation_probabilities": of_validation} if job.model == "yamnet" else {"test_probabilities": of_test}
        )
        run.write_result(job, type(result)(**{**vars(result), **better}))
    evaluation = evaluate(run)
    assert evaluation.models["cnn"].accuracy.value == 1.0 > evaluation.models["yamnet"].accuracy.value
    assert evaluation.best.name == "yamnet"
    kept = results(evaluation)
    assert (kept["best_model"], kept["best_accuracy"]) == ("yamnet", evaluation.models["yamnet"].accuracy.value)


def test_an_emotion_without_training_clips_is_said(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", "speakers1", models=("cnn",), speakers=3)
    folds = json.loads(run.at.folds.read_text())
    folds[0]["train"] = [i for i in folds[0]["train"] if run.clips[i].emotion != "angry"]
    run.at.folds.write_text(json.dumps(folds))
    evaluation = evaluate(Run.open(run.path))
    assert evaluation.untrained == {"fold1": ("angry",)}
    assert any("no training clip is angry" in warning for warning in results(evaluation)["warnings"])
    assert evaluation.warnings == ()  # no tag of every figure


def test_sets_hold_the_truth_as_often_as_they_promise(evaluation: Evaluation) -> None:
    for model in evaluation.models.values():
        sets = model.sets
        assert sets.coverage.value == pytest.approx(sets.target, abs=0.02)
        assert sets.coverage.low < sets.coverage.value < sets.coverage.high
        assert set(sets.per_speaker) == set(evaluation.speakers)
        assert sets.coverage.value == pytest.approx(np.mean(list(sets.per_speaker.values())))  # of as many clips each
        assert sets.least[1] == min(sets.per_speaker.values())
        assert 1 <= sets.size <= 8
    better, worse = evaluation.models["yamnet"].sets, evaluation.models["cnn_lstm"].sets
    assert better.size < worse.size


@pytest.mark.parametrize("protocol", ["speakers6", "speakers1"])
def test_no_threshold_depends_on_the_clips_that_it_is_used_on(tmp_path: Path, protocol: str) -> None:
    """A fold's own test answers are turned upside down: what is asked of them stays what it was."""
    run = fake_run(tmp_path / "run", protocol, models=("cnn",), speakers=12, repetitions=2)
    before = evaluate(run).models["cnn"]
    job = run.jobs[0]
    result = run.read_result(job)
    turned = result.test_probabilities[:, ::-1]
    run.write_result(job, type(result)(**{**vars(result), "test_probabilities": turned}))
    after = evaluate(run).models["cnn"]
    for one, other in ((before.sets, after.sets), (before.abstention, after.abstention)):
        assert one.thresholds["fold1"] == other.thresholds["fold1"]
        assert (one.threshold == other.threshold) == (protocol == "speakers1")  # which has validation clips alone


def test_answers_that_are_given_are_right_more_often_than_all(evaluation: Evaluation) -> None:
    for model in evaluation.models.values():
        abstention = model.abstention
        assert 0 < abstention.answered < 1
        assert abstention.accuracy is not None
        assert abstention.accuracy > model.accuracy.value
        assert list(abstention.thresholds) == list(evaluation.folds)
        assert 0 < abstention.area < 1 - model.accuracy.value  # better than answering at random


def test_a_model_that_is_never_right_enough_answers_all_the_same(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", "speakers6", finish=False, models=("cnn",), speakers=8)
    for job in run.jobs:
        result = fake_result(run, job)
        random = np.random.default_rng(0).dirichlet(np.ones(8), len(result.test_ids))
        run.write_result(job, type(result)(**{**vars(result), "test_probabilities": random}))
    abstention = evaluate(run).models["cnn"].abstention
    assert (abstention.threshold, abstention.answered) == (None, 1.0)


def test_a_model_that_learns_in_no_epochs_is_judged_alike(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", finish=False, **SMALL)
    for job in run.jobs:
        run.write_result(job, fake_result(run, job, epochs=40 if job.model == "cnn" else 0))
    learnt, fitted = evaluate(run).models.values()
    assert learnt.has_history
    assert not fitted.has_history
    assert fitted.epochs_trained == 0
    assert (fitted.trainings[0].best_epoch, dict(fitted.trainings[0].history)) == (0, {})
    assert fitted.uar.low < fitted.uar.value < fitted.uar.high
