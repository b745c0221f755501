"""What a worker does: an ensemble is fitted on validation clips alone, and members are told apart by their seeds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from emovox.evaluation.calibration import apply_temperature
from emovox.models import KINDS
from emovox.recipe import Recipe
from emovox.runs import Job, Run
from emovox.splits import make_folds
from emovox.study.jobs import _mean_history, _member_seed, combine_job
from fake_run import fake_corpus, fake_result

MEMBERS = ("cnn", "yamnet", "whisper")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Three models that are done, and their ensemble that is not; six folds, two seeds."""
    corpus = fake_corpus(tmp_path / "corpus", speakers=6)
    models = {name: KINDS[name].settings() for name in (*MEMBERS, "ensemble")}
    run = Run.create(
        tmp_path / "run", Recipe(protocol="speakers6", seeds=2, models=models), corpus, make_folds("speakers6", corpus)
    )
    for job in run.jobs:
        if job.model != "ensemble":
            run.write_result(job, fake_result(run, job))
    return run


def weights_of(run: Run, job: Job) -> np.ndarray:
    choices = run.read_result(job).choices
    assert list(choices) == [f"weight of {name}" for name in MEMBERS]
    return np.array(list(choices.values()))


def test_an_ensemble_is_the_weighted_mean_of_calibrated_members(run: Run) -> None:
    job = Job("fold2", "ensemble", 1)
    combine_job(run, job)
    weights, result = weights_of(run, job), run.read_result(job)
    assert weights.min() > 0 and weights.sum() == pytest.approx(1)
    assert (result.history, result.epochs_trained, result.best_epoch) == ({}, 0, 0)
    members = [run.read_result(Job("fold2", name, 1)) for name in MEMBERS]
    assert result.parameters == sum(member.parameters for member in members)
    for part in ("validation", "test"):
        calibrated = [apply_temperature(getattr(m, f"{part}_probabilities"), m.temperature) for m in members]
        expected = sum(w * p for w, p in zip(weights, calibrated, strict=True))
        np.testing.assert_allclose(getattr(result, f"{part}_probabilities"), expected, atol=1e-6)


def test_nothing_of_an_ensemble_but_its_answers_depends_on_test_clips(run: Run) -> None:
    job = Job("fold1", "ensemble", 0)
    combine_job(run, job)
    before = run.read_result(job)
    for name in MEMBERS:
        member = run.read_result(Job(job.fold, name, job.seed))
        other = np.random.default_rng(1).dirichlet(np.ones(len(run.labels)), len(member.test_ids)).astype(np.float32)
        run.write_result(Job(job.fold, name, job.seed), dataclasses.replace(member, test_probabilities=other))
    combine_job(run, job)
    after = run.read_result(job)
    assert after.choices == before.choices and after.temperature == before.temperature
    np.testing.assert_array_equal(after.validation_probabilities, before.validation_probabilities)
    assert np.abs(after.test_probabilities - before.test_probabilities).max() > 0.1


def test_every_fold_and_seed_chooses_for_itself(run: Run) -> None:
    jobs = [job for job in run.jobs if job.model == "ensemble"]
    for job in jobs:
        combine_job(run, job)
    assert len({tuple(weights_of(run, job)) for job in jobs}) == len(jobs) == 2 * len(run.folds)
    before = weights_of(run, jobs[0])
    other = Job("fold2", "cnn", 0)  # of another fold
    result = run.read_result(other)
    run.write_result(other, dataclasses.replace(result, validation_probabilities=result.validation_probabilities[::-1]))
    combine_job(run, jobs[0])
    np.testing.assert_array_equal(weights_of(run, jobs[0]), before)


def test_the_order_of_clips_in_a_members_file_does_not_matter(run: Run) -> None:
    job = Job("fold1", "ensemble", 0)
    combine_job(run, job)
    before = run.read_result(job)
    member = run.read_result(Job("fold1", "cnn", 0))
    turned = {
        f"{part}_{what}": getattr(member, f"{part}_{what}")[::-1]
        for part in ("validation", "test")
        for what in ("ids", "probabilities")
    }
    run.write_result(Job("fold1", "cnn", 0), dataclasses.replace(member, **turned))
    combine_job(run, job)
    np.testing.assert_array_equal(run.read_result(job).test_probabilities, before.test_probabilities)


def test_a_better_member_weighs_more_and_a_prior_holds_it_back(run: Run) -> None:
    job = Job("fold1", "ensemble", 0)
    fold = run.folds["fold1"]
    truths = np.array([run.labels.index(run.clips[clip].emotion) for clip in fold.validation])
    right = np.full((len(truths), len(run.labels)), 0.01, np.float32)
    right[np.arange(len(truths)), truths] = 1 - 0.01 * (len(run.labels) - 1)
    member = run.read_result(Job("fold1", "yamnet", 0))
    run.write_result(
        Job("fold1", "yamnet", 0), dataclasses.replace(member, validation_probabilities=right, temperature=1.0)
    )
    weight = {}
    for prior in (0.0, 10.0, 1e6):
        run.recipe.models["ensemble"] = KINDS["ensemble"].settings(prior=prior)
        combine_job(run, job)
        weight[prior] = weights_of(run, job)[1]
    assert weight[0.0] > 0.99 > weight[10.0] > 0.6 > weight[1e6] > 1 / 3 - 1e-3


def test_no_two_members_of_any_training_share_a_seed() -> None:
    seeds = [_member_seed(3, seed, number) for seed in range(5) for number in range(3)]
    assert len(set(seeds)) == len(seeds)
    assert _member_seed(1, 7, 0) == 7


def test_a_history_of_members_goes_as_far_as_all_of_them_went() -> None:
    assert _mean_history([{"loss": [4.0, 2.0, 1.0]}, {"loss": [2.0, 0.0]}]) == {"loss": [3.0, 1.0]}
