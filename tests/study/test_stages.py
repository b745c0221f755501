"""The stages, each alone in this process; and what becomes of kinds whose published weights cannot be had."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import emovox.study
from emovox.corpora.base import Corpus
from emovox.errors import DownloadError, EmovoxError, ModelError, RecipeError, RunError
from emovox.listening import Recognizer
from emovox.models import KINDS
from emovox.models.settings import Teacher, Training
from emovox.recipe import Recipe, built_in
from emovox.runs import Job, Run
from emovox.splits import make_folds
from emovox.study import Serial, run_study, stages
from fake_kind import Ear, EarSettings
from fake_run import fake_corpus, fake_result

ensemble = KINDS["ensemble"].settings


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    """A heard kind in the registry; worker processes do not know of it."""
    monkeypatch.setitem(KINDS, "ear", Ear())
    return KINDS["ear"]


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """A corpus of people, in name, to whose recordings nobody listens."""
    monkeypatch.setattr(emovox.study, "guarded", lambda corpus, *_: corpus)
    return fake_corpus(tmp_path / "corpus", speakers=6)


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    path = tmp_path / "ear.npy"
    np.save(path, np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32))
    return path


def ears(**more: object) -> Recipe:
    """Two models on the same ear, of which the second has hidden units, and their ensemble."""
    hidden = EarSettings(statistics=("mean",), hidden_units=8, training=Training(epochs=2))
    return Recipe(models={"one": EarSettings(), "two": hidden, "ensemble": ensemble(), **more})


class Display:
    """Keeps what it is told of trainings to come."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        pass

    def planned(self, steps: Mapping[str, int]) -> None:
        self.steps = dict(steps)


# Every stage alone


def test_each_stage_needs_an_opened_run_and_no_more(
    ear: Ear, tiny_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path / "cache"))
    recipe = dataclasses.replace(ears(), corpus=tiny_corpus.name, seeds=2)
    path = tmp_path / "run"
    Run.create(path, recipe, tiny_corpus, make_folds(recipe.protocol, tiny_corpus))
    weights, left_out = stages.find_weights(recipe, tiny_corpus, {}, ignore)
    assert weights == {"one": None, "two": None} and left_out == {}

    told: list[tuple[str, int, int]] = []
    with Serial(ignore) as executor:
        inputs = stages.prepare(Run.open(path), tiny_corpus, weights, 1, executor, lambda *news: told.append(news))
    clips = len(tiny_corpus.clips)
    assert ("prepare · one", clips, clips) in told and set(inputs) == {"one", "two"}
    assert inputs["one"].published == 8 * 12
    assert np.load(inputs["one"].features[0][0]).shape == (clips, 2 * 12)
    assert np.load(inputs["two"].features[1][0]).shape == (clips, 12)
    told.clear()
    stages.prepare(Run.open(path), tiny_corpus, weights, 1, executor, lambda *news: told.append(news))
    assert told == []  # all of it lay in the cache

    with Serial(lambda *news: told.append(news)) as executor:
        stages.train(Run.open(path), inputs, executor)
    assert Run.open(path).jobs_left == ()
    assert ("two · fold1 · seed 0", 2, 2) in told
    linear, hidden = (Run.open(path).read_result(Job("fold1", name, 0)) for name in ("one", "two"))
    assert {"shrinkage", "sharpness"} <= set(linear.choices) and linear.history == {}
    assert len(hidden.history["val_loss"]) == hidden.epochs_trained == 2 and hidden.choices == {}
    assert linear.parameters > 8 * 12
    assert hidden.parameters == 8 * 12 + (12 * 8 + 8) + (8 * len(tiny_corpus.labels) + len(tiny_corpus.labels))
    assert not list(path.rglob("checkpoint.npz")) and list((path / "logs").rglob("events.out.tfevents.*"))
    again = Run.create(tmp_path / "again", recipe, tiny_corpus, make_folds(recipe.protocol, tiny_corpus))
    display = Display()
    with Serial(ignore) as executor:
        stages.train(again, inputs, executor, display, board=False)
    assert again.jobs_left == () and not (again.path / "logs").exists()
    assert display.steps == {
        f"{name} · fold1 · seed {seed}": k for name, k in (("one", 0), ("two", 2)) for seed in (0, 1)
    }

    evaluation = stages.judge(Run.open(path))
    assert set(evaluation.models) == {"one", "two", "ensemble"} and (path / "training_results.json").is_file()
    with Serial(ignore) as executor:
        stages.export(Run.open(path), evaluation, weights, executor, lambda *news: told.append(news))
    assert told[-1] == ("export", 3, 3)
    page = stages.report(Run.open(path), evaluation, ignore)
    assert page == path / "report.html" and page.is_file()
    seconds = Run.open(path).provenance["seconds"]
    assert set(seconds) == {"prepare", "train", "judge", "export", "report"}
    assert set(Run.open(path).provenance["prepare_seconds"]) >= {"one", "two"}

    clip = next(clip for clip in tiny_corpus.clips if clip.id == evaluation.clip_ids[0])
    for name in ("one", "two", "ensemble"):
        answer = Recognizer.from_run(path, name).predict(clip.path)
        np.testing.assert_allclose(answer.probabilities, evaluation.models[name].probabilities[0, 0], atol=1e-4)


def test_a_stage_goes_on_counting_its_seconds(real: Corpus, tmp_path: Path) -> None:
    recipe = Recipe(models={"cnn": KINDS["cnn"].settings()})
    run = Run.create(tmp_path / "run", recipe, real, make_folds("speakers1", real), {"seconds": {"train": 100.0}})
    with stages.timed(run, "train"), stages.timed(run, "judge"):
        pass
    assert 100 <= run.provenance["seconds"]["train"] < 101
    with pytest.raises(RuntimeError), stages.timed(run, "export"):
        raise RuntimeError
    assert "export" in run.provenance["seconds"]


def test_training_does_what_is_left_and_keeps_what_was_done(real: Corpus, tmp_path: Path) -> None:
    """Networks come first, since they take longest; ensembles come last, and never through the executor."""
    models = {name: KINDS[name].settings() for name in ("yamnet", "cnn", "whisper")} | {"ensemble": ensemble()}
    recipe = Recipe(protocol="speakers6", models=models)
    run = Run.create(tmp_path / "run", recipe, real, make_folds("speakers6", real))
    run.write_result(Job("fold1", "cnn", 0), fake_result(run, Job("fold1", "cnn", 0)))
    submitted: list[Job] = []

    class Pretending(Serial):
        def submit(self, function, *args):
            submitted.append(args[1])
            return super().submit(lambda: run.write_result(args[1], fake_result(run, args[1])))

    inputs = {name: stages.Inputs({0: []}) for name in ("yamnet", "cnn", "whisper")}
    with Pretending(ignore) as executor:
        stages.train(run, inputs, executor)
    assert run.jobs_left == ()
    assert Job("fold1", "cnn", 0) not in submitted and len(submitted) == 3 * len(run.folds) - 1
    kinds = [job.model for job in submitted]
    assert set(kinds[: len(run.folds) - 1]) == {"cnn"} and "ensemble" not in kinds


def test_a_failed_training_leaves_the_others(real: Corpus, tmp_path: Path) -> None:
    recipe = Recipe(models={"a": KINDS["cnn"].settings(), "b": KINDS["cnn"].settings()})
    run = Run.create(tmp_path / "run", recipe, real, make_folds("speakers1", real))

    class Failing(Serial):
        def submit(self, function, *args):
            if args[1].model == "b":
                return super().submit(_fail)
            return super().submit(lambda: run.write_result(args[1], fake_result(run, args[1])))

    inputs = {name: stages.Inputs({0: []}) for name in ("a", "b")}
    with pytest.raises(EmovoxError, match="diverged"), Failing(ignore) as executor:
        stages.train(run, inputs, executor)
    assert [job.model for job in run.jobs_left] == ["b"]


def _fail() -> None:
    raise EmovoxError("The training diverged")


# Weights that cannot be had


def test_on_a_real_corpus_weights_are_needed_unless_the_model_may_be_left_out(
    ear: Ear, real: Corpus, kernel: Path, tmp_path: Path
) -> None:
    recipe = ears()
    with pytest.raises(DownloadError, match="--ear-weights PATH"):
        stages.find_weights(recipe, real, {}, ignore)
    found, left_out = stages.find_weights(recipe, real, {}, ignore, optional=("one", "two"))
    assert found == {} and set(left_out) == {"one", "two"}
    assert all("give it with --ear-weights PATH" in reason for reason in left_out.values())
    with pytest.raises(DownloadError):
        stages.find_weights(recipe, real, {}, ignore, optional=("one",))
    found, left_out = stages.find_weights(recipe, real, {"ear": kernel}, ignore)
    assert found == {"one": kernel, "two": kernel} and left_out == {}


@pytest.mark.parametrize("optional", [(), ("one", "two")])
def test_a_file_that_was_named_is_used_or_refused_before_any_work(
    ear: Ear, real: Corpus, tiny_corpus: Corpus, tmp_path: Path, optional: tuple[str, ...]
) -> None:
    (tmp_path / "bad.npy").write_text("not weights")
    for corpus in (real, tiny_corpus):
        for name, reason in (("bad.npy", "is damaged"), ("none.npy", "no weights of Ear at")):
            with pytest.raises(ModelError, match=reason):
                run_study(ears(), corpus, tmp_path / "run", weights={"ear": tmp_path / name}, optional=optional)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Instead of any work: the run that would be worked on."""
    runs: list[Run] = []
    monkeypatch.setattr(stages, "prepare", lambda run, *_: runs.append(run) or {})
    for stage in ("train", "judge", "export", "board", "keep_sounds", "report"):
        monkeypatch.setattr(stages, stage, ignore)
    return runs


class Listener:
    """Stands for a display that can speak."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, *_: object) -> None:
        pass

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def test_the_default_study_goes_on_without_kinds_that_cannot_be_had(
    real: Corpus, tmp_path: Path, planned: list[Run]
) -> None:
    """Neither YAMNet's nor Whisper's weights are here, nor a network to fetch them with."""
    recipe, listener = built_in("default"), Listener()
    run_study(recipe, real, tmp_path / "run", optional=tuple(recipe.models), progress=listener)
    assert tuple(planned[0].recipe.models) == ("cnn", "cnn_lstm", "ensemble")
    yamnet, whisper, *pupils = listener.said
    assert yamnet.startswith("Continuing without yamnet: ") and "--yamnet-weights PATH" in yamnet
    assert whisper.startswith("Continuing without whisper: ") and "--whisper-weights PATH" in whisper
    assert [sentence.split()[0] for sentence in pupils] == ["cnn", "cnn_lstm"]
    assert all("is trained without its teacher" in sentence for sentence in pupils)
    assert not any("\n" in sentence for sentence in listener.said)
    again = Listener()
    run_study(planned[0].recipe, real, tmp_path / "run", resume=True, progress=again)
    assert planned[1].path == planned[0].path and again.said == pupils


@pytest.mark.parametrize("name", ["yamnet", "whisper"])
def test_a_kind_that_was_asked_for_by_name_is_an_error(
    real: Corpus, tmp_path: Path, planned: list[Run], name: str
) -> None:
    recipe = Recipe(models={name: KINDS[name].settings()})
    with pytest.raises(EmovoxError, match=f"Cannot get.*--{name}-weights PATH") as caught:
        run_study(recipe, real, tmp_path / "run")
    assert "\n" not in str(caught.value) and planned == [] and not (tmp_path / "run").exists()


def test_on_a_synthetic_corpus_it_starts_at_random_and_says_so(
    tiny_corpus: Corpus, tmp_path: Path, planned: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, listener = built_in("synthetic"), Listener()
    run_study(recipe, tiny_corpus, tmp_path / "run", progress=listener)
    assert tuple(planned[0].recipe.models) == tuple(recipe.models)
    assert planned[0].provenance["weights"] == {"yamnet": "a random start", "whisper": "a random start"}
    for name, sentence in zip(("yamnet", "whisper"), listener.said, strict=True):
        assert name in sentence and "starts from random weights" in sentence
    run_study(recipe, tiny_corpus, tmp_path / "run")  # without a display it is said on the error stream
    assert capsys.readouterr().err.splitlines() == listener.said


def test_a_study_of_which_nothing_is_left_is_refused(
    ear: Ear, real: Corpus, tmp_path: Path, planned: list[Run]
) -> None:
    with pytest.raises(EmovoxError, match="--ear-weights PATH") as caught:
        run_study(ears(), real, tmp_path / "run", optional=("one", "two", "ensemble"))
    assert "\n" not in str(caught.value) and planned == [] and not (tmp_path / "run").exists()


def test_a_run_goes_on_with_the_weights_that_it_began_with_alone(
    ear: Ear, real: Corpus, kernel: Path, tmp_path: Path, planned: list[Run]
) -> None:
    run_study(ears(), real, tmp_path / "run", weights={"ear": kernel})
    digest = hashlib.sha256(kernel.read_bytes()).hexdigest()
    began = {"file": "ear.npy", "sha256": digest, "path": str(kernel)}
    assert json.loads((tmp_path / "run" / "provenance.json").read_text())["weights"] == {"one": began, "two": began}
    copy = tmp_path / "copy.npy"
    copy.write_bytes(kernel.read_bytes())
    np.save(kernel, np.zeros((8, 12), np.float32))
    with pytest.raises(
        RunError, match=r"was started with other weights of one \(ear\.npy, SHA-256 \w{12}…\)"
    ) as caught:
        run_study(ears(), real, tmp_path / "run", resume=True, weights={"ear": kernel})
    assert "--ear-weights" in str(caught.value)
    copy.rename(kernel)
    run_study(ears(), real, tmp_path / "run", resume=True, weights={"ear": kernel})
    run_study(ears(), real, tmp_path / "run", resume=True)  # they lie where they lay
    assert len(planned) == 3
    kernel.rename(copy)
    run_study(ears(), real, tmp_path / "run", resume=True, weights={"ear": copy})
    with pytest.raises(DownloadError, match="--ear-weights PATH"):
        run_study(ears(), real, tmp_path / "run", resume=True)


def test_a_run_that_began_at_random_does_not_go_on_with_weights(
    ear: Ear, tiny_corpus: Corpus, kernel: Path, tmp_path: Path, planned: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_study(ears(), tiny_corpus, tmp_path / "run")
    with pytest.raises(RunError, match=r"other weights of one \(a random start\); leave --ear-weights out"):
        run_study(ears(), tiny_corpus, tmp_path / "run", resume=True, weights={"ear": kernel})
    monkeypatch.setattr(ear, "find_weights", lambda *_: kernel)  # they can be had now
    run_study(ears(), tiny_corpus, tmp_path / "run", resume=True)


def test_a_pupil_goes_on_as_it_began_with_its_teacher_or_without(
    ear: Ear, real: Corpus, kernel: Path, tmp_path: Path, planned: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(models={"cnn": KINDS["cnn"].settings(teacher=Teacher(kind="ear"))})
    assert stages.find_weights(recipe, real, {}, ignore) == ({}, {})
    assert stages.find_weights(recipe, real, {"ear": kernel}, ignore) == ({"cnn": kernel}, {})
    taught, alone = tmp_path / "taught", tmp_path / "alone"
    run_study(recipe, real, taught, weights={"ear": kernel})
    run_study(recipe, real, taught, resume=True)
    run_study(recipe, real, alone)
    with pytest.raises(RunError, match=r"other weights of cnn \(none\); leave --ear-weights out"):
        run_study(recipe, real, alone, resume=True, weights={"ear": kernel})
    monkeypatch.setattr(ear, "find_weights", lambda *_: kernel)  # a teacher can be had now
    run_study(recipe, real, alone, resume=True)
    assert planned[-1].path == alone and planned[-1].provenance["weights"] == {}


# Before any work


def test_a_bad_recipe_makes_no_folder(real: Corpus, tmp_path: Path) -> None:
    bad = dataclasses.replace(built_in("default"), seeds=0)
    with pytest.raises(RecipeError, match="seeds must be at least 1 and at most 1,000,000, got 0"):
        run_study(bad, real, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resuming_what_is_not_there_says_so(real: Corpus, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="make one with 'emovox run'"):
        run_study(built_in("default"), real, tmp_path / "none", resume=True)


def test_as_many_workers_as_cores_jobs_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(emovox.study, "available_cores", lambda: 8)
    for gibibytes, jobs, workers in ((64.0, 100, 8), (64.0, 3, 3), (4.0, 100, 2), (0.5, 100, 1), (64.0, 0, 1)):
        monkeypatch.setattr(emovox.study, "gibibytes", lambda size=gibibytes: size)
        assert emovox.study.default_workers(jobs) == workers


def test_a_card_tells_whose_weights_an_artifact_holds(ear: Ear, real: Corpus, kernel: Path, tmp_path: Path) -> None:
    recipe = ears(cnn=KINDS["cnn"].settings())
    run = Run.create(tmp_path / "run", recipe, real, make_folds("speakers1", real))
    for job in run.jobs:
        run.write_result(job, fake_result(run, job))
    evaluation = stages.judge(run)
    weights = {"one": kernel, "two": kernel}
    cards = {name: stages.card(run, evaluation, name, weights) for name in recipe.models}
    assert cards["one"]["notices"] == cards["ensemble"]["notices"] == [ear.notice]
    assert cards["cnn"]["notices"] == []
    assert stages.card(run, evaluation, "one", {"one": None})["notices"] == []
    for name, card in cards.items():
        json.dumps(card)
        assert card["model"] == name and card["labels"] == list(run.labels)
        assert (card["fold"], card["seed"]) == ("fold1", 0)
        assert "speakers1" in card["metrics_of"]
        judged = evaluation.models[name]
        assert card["abstain_below"] == judged.abstention.threshold
        assert card["conformal"] == {"coverage": 0.9, "threshold": judged.sets.threshold}
        assert card["metrics"]["uar"]["low"] <= card["metrics"]["uar"]["value"] <= card["metrics"]["uar"]["high"]


# What is refused


@pytest.mark.parametrize("folder", ["new", "empty", "begun"])
def test_a_refused_start_leaves_out_as_it_was_and_the_next_one_works(
    ear: Ear,
    real: Corpus,
    kernel: Path,
    tmp_path: Path,
    planned: list[Run],
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
) -> None:
    """Weights that can be read, but are of no use, are found out while features are prepared."""
    out, other = tmp_path / "out", tmp_path / "other.npy"
    np.save(other, np.zeros((8, 12), np.float32))
    if folder == "empty":
        out.mkdir()
    elif folder == "begun":  # and killed while it prepared
        run_study(ears(), real, out, weights={"ear": other})
    before = {path.name for path in out.rglob("*")}
    working = stages.prepare

    def refuse(*_: object) -> None:
        raise ModelError("of no use")

    monkeypatch.setattr(stages, "prepare", refuse)
    with pytest.raises(ModelError, match="of no use"):
        run_study(ears(), real, out, weights={"ear": other})
    assert {path.name for path in out.rglob("*")} == before and out.exists() == (folder != "new")
    monkeypatch.setattr(stages, "prepare", working)
    run_study(ears(), real, out, weights={"ear": kernel})
    assert Run.open(out).provenance["weights"]["one"]["file"] == "ear.npy"
    run_study(ears(), real, out, resume=True)


def test_a_second_process_is_refused_and_the_first_goes_on(
    ear: Ear, real: Corpus, kernel: Path, tmp_path: Path, planned: list[Run]
) -> None:
    run_study(ears(), real, tmp_path / "run", weights={"ear": kernel})
    before = (tmp_path / "run" / "provenance.json").read_bytes()
    with Run.locked(tmp_path / "run"):
        for resume in (False, True):
            with pytest.raises(RunError, match=f"is in use by process {os.getpid()} on "):
                run_study(ears(), real, tmp_path / "run", resume=resume, weights={"ear": kernel})
        read = Run.open(tmp_path / "run")
    assert len(planned) == 1 and (tmp_path / "run" / "provenance.json").read_bytes() == before
    assert read.recipe == planned[0].recipe  # whoever only reads is let in
