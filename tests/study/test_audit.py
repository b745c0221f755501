"""The audit: each trick changes what its name says and nothing else, and the ordinary training is what is audited."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

pytest.importorskip("tensorflow")

from emovox.corpora.base import Corpus
from emovox.errors import EmovoxError, ModelError, RunError
from emovox.evaluation import evaluate
from emovox.evaluation.intervals import Interval
from emovox.features import LogMel, extract, read_features
from emovox.models import KINDS
from emovox.recipe import Recipe
from emovox.runs import FoldRecord, Run
from emovox.splits import make_folds
from emovox.study import Serial, audit, stages, trials
from emovox.study.audit import normalised
from emovox.study.stages import Inputs
from emovox.study.trials import Case
from fake_kind import EarSettings
from fake_run import fake_corpus, fake_run


def ignore(*_: object) -> None:
    pass


def case_of(corpus: Corpus, protocol: str, folder: Path, **models: object) -> Case:
    folds = tuple(FoldRecord.of(fold) for fold in make_folds(protocol, corpus))
    return Case(Recipe(protocol=protocol, models=models), corpus, folds, {}, folder)


@pytest.fixture(params=["speakers1", "speakers6", "holdout"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return case_of(fake_corpus(tmp_path / "corpus", repetitions=2), request.param, tmp_path)


# What each trick changes


def test_a_split_by_clip_tests_the_same_clips_and_shares_speakers_but_no_recording(case: Case) -> None:
    changed = audit.by_clip(case)
    tested = [clip for fold in changed.folds for clip in fold.test]
    assert sorted(tested) == sorted(clip for fold in case.folds for clip in fold.test)
    assert changed.corpus is case.corpus and changed.recipe is case.recipe
    clips = {clip.id: clip for clip in case.corpus.clips}
    for number, fold in enumerate(changed.folds):
        like = case.folds[number % len(case.folds)]
        parts = [set(fold.train), set(fold.validation), set(fold.test)]
        assert fold.leaky and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert abs(len(fold.train) - len(like.train)) <= 8 and abs(len(fold.validation) - len(like.validation)) <= 1
        assert {clips[clip].speaker for clip in fold.train} >= {clips[clip].speaker for clip in fold.test}
        for pair in case.corpus.spec.published_twice:
            assert len([part for part in parts if part & set(pair)]) == 1
        counts = Counter(clips[clip].emotion for clip in fold.test)
        even = Counter(clips[clip].emotion for clip in tested)
        assert all(abs(counts[e] - even[e] / len(changed.folds)) <= 2 for e in even)


def test_choosing_on_test_puts_test_clips_in_the_place_of_validation_clips(case: Case) -> None:
    for fold, before in zip(audit.epoch_on_test(case).folds, case.folds, strict=True):
        assert (fold.train, fold.validation, fold.test) == (before.train, before.test, before.test) and fold.leaky


def test_settings_that_could_be_chosen_are_tried_apart(tmp_path: Path) -> None:
    case = case_of(fake_corpus(tmp_path / "corpus"), "speakers6", tmp_path, one=EarSettings(shrinkages=(0.5, 2.0)))
    case = dataclasses.replace(case, inputs={"one": Inputs({}, 7)})
    changed = audit.settings_on_test(case)
    assert [s.shrinkages for s in changed.recipe.models.values()] == [(0.5,), (2.0,)]
    assert set(changed.inputs) == set(changed.recipe.models) and changed.folds == case.folds


def test_half_of_each_test_part_is_copied(case: Case) -> None:
    for fold, before in zip(audit.on_both_sides(case).folds, case.folds, strict=True):
        copied = set(fold.train) - set(before.train)
        assert copied < set(fold.test) and len(copied) == len(fold.test) // 2 and fold.leaky
        assert (fold.validation, fold.test) == (before.validation, before.test)


def test_shuffled_labels_keep_the_counts_of_every_test_part(case: Case) -> None:
    changed = audit.shuffled(case)
    before, after = ({c.id: c for c in corpus.clips} for corpus in (case.corpus, changed.corpus))
    assert changed.folds == case.folds and list(before) == list(after)
    assert np.mean([before[i].emotion != after[i].emotion for i in before]) > 0.75
    assert all((before[i].speaker, before[i].path) == (after[i].speaker, after[i].path) for i in before)
    for fold in case.folds:
        labels = [Counter((clips[i].emotion, clips[i].intensity) for i in fold.test) for clips in (before, after)]
        assert labels[0] == labels[1]


def test_speakers_are_brought_to_one_mean_and_deviation() -> None:
    rng = np.random.default_rng(0)
    speakers = np.repeat(["a", "b", "c"], 20)
    array = rng.normal([[0.0, 5.0]], 2.0, (60, 2)) + 3 * (speakers == "b")[:, None]
    even = normalised(array, array, speakers)
    for speaker in "abc":
        np.testing.assert_allclose(even[speakers == speaker].mean(axis=0), array.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(even[speakers == speaker].std(axis=0), array.std(axis=0), rtol=1e-4)
    moved = normalised(array + 1, array, speakers)  # another version moves as the clips themselves
    own = np.stack([array[speakers == speaker].std(axis=0) for speaker in speakers])
    np.testing.assert_allclose(moved - even, array.std(axis=0) / own, rtol=1e-3)


def test_silence_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(size=(6, 5, 3)).astype(np.float32)
    array[:, 3:] = -7.0
    even = normalised(array, array, np.array(list("aabbcc")), silence=-7.0)
    assert (even[:, 3:] == -7).all()
    np.testing.assert_allclose(even[:2, :3].mean(axis=(0, 1)), array[:, :3].mean(axis=(0, 1)), atol=1e-5)


def test_windows_of_a_network_are_normalised_by_whose_they_are(tiny_corpus: Corpus, tmp_path: Path) -> None:
    front = LogMel(n_frames=32, scaling="none")  # so short that clips have several windows
    case = case_of(tiny_corpus, "speakers6", tmp_path, net=KINDS["cnn"].settings(front_end=front))
    path = extract(front, tiny_corpus, tmp_path)
    case = dataclasses.replace(case, inputs={"net": Inputs({0: [path, tmp_path / "lessons.npy"]})})
    (changed, lessons) = audit.by_speaker_statistics(case).inputs["net"].features[0]
    before, after = read_features(path), read_features(changed)
    assert lessons == tmp_path / "lessons.npy" and len(before.clips) > len(tiny_corpus.clips)
    np.testing.assert_array_equal(before.clips, after.clips)
    np.testing.assert_array_equal(before.weights, after.weights)
    who = np.array([clip.speaker for clip in tiny_corpus.clips])[before.clips]
    sounds = (before.windows != front.silence).any(axis=-1)
    for speaker in np.unique(who):
        own = sounds & (who == speaker)[:, None]
        np.testing.assert_allclose(after.windows[own].mean(axis=0), before.windows[sounds].mean(axis=0), atol=1e-3)


# The audit as a whole


def test_an_audit_trains_judges_and_goes_on_where_it_stopped(
    run: Run, tiny_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    before = run.at.provenance.read_bytes()
    with Serial(ignore) as executor:
        found = audit.audit(run, tiny_corpus, progress=lambda *news: told.append(news), executor=executor)
    assert run.at.provenance.read_bytes() == before
    assert json.loads(run.at.audit.read_text()) == json.loads(json.dumps(found))
    assert list(found["honest"]) == ["one"]  # what learns in no epochs
    assert found["honest"]["one"]["value"] == evaluate(run).models["one"].uar.value
    names = [trick["name"] for trick in found["tricks"]]
    assert names == ["by-clip", "settings-on-test", "speaker-statistics", "both-sides", "shuffled-labels"]
    assert ("audit", 24, 24) in told  # four folds; two settings that are tried apart
    tricks = {trick["name"]: trick["models"]["one"] for trick in found["tricks"]}
    for trick in tricks.values():
        assert trick["uar"]["low"] <= trick["uar"]["value"] <= trick["uar"]["high"]
    assert tricks["settings-on-test"]["inflation"]["value"] >= 0
    assert tricks["both-sides"]["inflation"]["value"] > 0.05
    assert tricks["shuffled-labels"]["at_chance"]
    for name in names:
        trial = Run.open(run.at.trial(f"one-{name}"))
        assert trial.leaky and evaluate(trial).warnings[-1].startswith("leaky")
    assert not run.leaky

    monkeypatch.setattr(stages, "train_job", lambda *_: pytest.fail("it was trained already"))
    with Serial(ignore) as executor:
        again = audit.audit(run, tiny_corpus, executor=executor)
    assert again == found


def test_models_that_learn_in_epochs_are_audited_where_they_are_named(
    run: Run, tiny_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, Serial(ignore) as executor:
        patch.setattr(audit, "TRICKS", [trick for trick in audit.TRICKS if trick.epochs is not None])
        found = audit.audit(run, tiny_corpus, models=["two"], executor=executor)
    assert [trick["name"] for trick in found["tricks"]] == ["epoch-on-test"]
    trial = Run.open(run.at.trial("two-epoch-on-test"))
    assert all(fold.validation == fold.test for fold in trial.folds.values())
    assert audit.expected_seconds(run, ["two"], 2) == pytest.approx(
        5 / 2 * sum(run.read_result(job).seconds for job in run.jobs if job.model == "two")
    )


def test_what_cannot_be_audited_is_refused_before_any_work(run: Run, tiny_corpus: Corpus, tmp_path: Path) -> None:
    for name in ("all", "nothing"):
        with pytest.raises(ModelError, match="available: one, two"):
            trials.trainable(run, [name])
    with pytest.raises(ModelError, match="--models cnn"):
        trials.trainable(fake_run(tmp_path / "networks", models=("cnn",)), None)
    other = dataclasses.replace(tiny_corpus, clips=tiny_corpus.clips[1:])
    with pytest.raises(RunError, match="--data"):
        audit.audit(run, other, executor=Serial(ignore))
    with Run.locked(run.path):
        run.update_provenance({"weights": {"one": {"file": "ear.npy", "sha256": "0" * 64}}})
    path = tmp_path / "other.npy"
    np.save(path, np.ones((8, 12), np.float32))
    with pytest.raises(RunError, match=r"other weights of one .ear\.npy.*--ear-weights"):
        audit.audit(run, tiny_corpus, {"ear": path}, executor=Serial(ignore))
    with pytest.raises(RunError, match="trainings are left"):
        audit.audit(fake_run(tmp_path / "left", models=("yamnet",), finish=False), tiny_corpus)
    assert not run.at.trial("one-by-clip").exists()


def test_a_trial_of_another_version_is_not_gone_on_with(
    run: Run, tiny_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "TRICKS", audit.TRICKS[:1])
    with Serial(ignore) as executor:
        audit.audit(run, tiny_corpus, models=["one"], executor=executor)
        monkeypatch.setattr(audit, "SEED", 1)
        with pytest.raises(RunError, match=r"other folds .*or remove .*one-by-clip and run"):
            audit.audit(run, tiny_corpus, models=["one"], executor=executor)


def test_the_command_shows_what_tricks_are_worth_and_fails_where_something_leaks(
    run: Run, type_in: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "TRICKS", (audit.TRICKS[0], audit.TRICKS[-1]))
    shown = type_in("audit", run.path)
    assert shown.exit_code == 0, shown.output
    for words in (
        "split by clip",
        "at chance",
        "inflated by",
        "Labels shuffled: there is nothing to learn",
        "Report: ",
    ):
        assert words in shown.output
    assert '<h2 id="audit">' in run.at.report.read_text()
    monkeypatch.setattr(audit, "guessing", lambda *_: Interval(0.9, 0.9, 0.9))
    leaking = type_in("audit", run.path)
    assert leaking.exit_code == 2 and "NOT at chance" in leaking.output and "so no result of this run" in leaking.output


def test_more_than_chance_on_shuffled_labels_is_said_loudly() -> None:
    score = {"value": 0.3, "low": 0.2, "high": 0.4}
    found = {"uar": score, "guessing": {"value": 0.125, "low": 0.1, "high": 0.15}, "at_chance": True}
    audit.refuse_leaks({"tricks": [{"models": {"one": found}}, {"models": {"one": {"uar": score}}}]})
    with pytest.raises(EmovoxError, match=r"one has a UAR of 30.0 % on shuffled labels, where guessing gives 10.0"):
        audit.refuse_leaks({"tricks": [{"models": {"one": {**found, "at_chance": False}}}]})


def test_the_best_of_several_is_taken_fold_by_fold(tmp_path: Path) -> None:
    evaluation = evaluate(fake_run(tmp_path / "run", "speakers6", models=("cnn",), speakers=6))
    right, wrong = evaluation.truths, (evaluation.truths + 1) % 8
    first = np.array(evaluation.clip_folds) == "fold1"
    options = [np.where(first, right, wrong)[None], np.where(first, wrong, right)[None]]
    np.testing.assert_array_equal(audit.best_on_test(evaluation, options), right[None])
