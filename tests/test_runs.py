"""A run folder is read as it was written, refuses what is not its own, and survives a process that dies."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.errors import RunError, StorageError
from emovox.evaluation import evaluate
from emovox.layout import Layout
from emovox.models import KINDS, Settings
from emovox.recipe import Recipe
from emovox.report import write_report
from emovox.runs import RESULT, ClipRecord, Job, JobResult, Run
from emovox.splits import make_folds
from fake_run import fake_run

LABELS = ("neutral", "happy", "sad")


def settings(kind: str, **training: object) -> Settings:
    """Of a kind, with changes to how it learns."""
    default = KINDS[kind].settings()
    return dataclasses.replace(default, training=dataclasses.replace(default.training, **training))


RECIPE = Recipe(
    corpus="toy", protocol="speakers6", seeds=2, models={"cnn": settings("cnn"), "yamnet": settings("yamnet")}
)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    clips = []
    for speaker in range(1, 5):
        for i, label in enumerate(LABELS):
            path = tmp_path / "corpus" / f"{speaker:02d}-{i}.wav"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"RIFF")
            clips.append(
                Clip(path.stem, path, label, f"{speaker:02d}", "normal", "kids", sex="male" if speaker % 2 else None)
            )
    spec = CorpusSpec("toy", LABELS, version="1", licence="CC0-1.0", citation="Nobody (2026)", synthetic=True)
    return Corpus(spec, tuple(clips), tmp_path / "corpus")


@pytest.fixture
def run(tmp_path: Path, corpus: Corpus) -> Run:
    return Run.create(tmp_path / "run", RECIPE, corpus, make_folds("speakers6", corpus), {"seconds": {"features": 2.5}})


def result_for(run: Run, job: Job, seed: int = 0) -> JobResult:
    rng = np.random.default_rng(seed)
    fold = run.folds[job.fold]
    return JobResult(
        parameters=94_600,
        epochs_trained=3,
        best_epoch=2,
        seconds=12.5,
        temperature=1.25,
        history={"loss": [2.0, 1.5, 1.0], "val_loss": [2.0, 1.75, float("nan")]},
        validation_ids=fold.validation,
        validation_probabilities=rng.dirichlet(np.ones(3), len(fold.validation)).astype(np.float32),
        test_ids=fold.test,
        test_probabilities=rng.dirichlet(np.ones(3), len(fold.test)).astype(np.float32),
    )


def test_a_run_of_before_statements_were_kept_still_opens(run: Run) -> None:
    table = run.at.clips.read_text(encoding="utf-8")
    assert table.splitlines()[0] == "id,emotion,speaker,sex,intensity,statement"
    run.at.clips.write_text("".join(line.rpartition(",")[0] + "\n" for line in table.splitlines()), encoding="utf-8")
    opened = Run.open(run.path)
    assert opened.clips["01-1"] == ClipRecord("01-1", "happy", "01", "male", "normal", None)


def test_a_run_reads_back_what_was_asked(run: Run, corpus: Corpus) -> None:
    opened = Run.open(run.path)
    assert opened.recipe == RECIPE
    assert opened.labels == LABELS
    assert opened.synthetic
    assert not opened.leaky
    assert opened.provenance["seconds"] == {"features": 2.5}
    assert opened.provenance["corpus"]["digest"] == corpus.digest
    assert list(opened.clips) == [clip.id for clip in corpus.clips]
    assert opened.clips["01-1"] == ClipRecord("01-1", "happy", "01", "male", "normal", "kids")
    assert opened.clips["02-1"].sex is None
    assert [fold.test for fold in opened.folds.values()] == [
        tuple(clip.id for clip in fold.test) for fold in make_folds("speakers6", corpus)
    ]


def test_jobs_are_every_fold_model_and_seed(run: Run) -> None:
    assert len(run.jobs) == 4 * 2 * 2
    assert run.jobs[:3] == (Job("fold1", "cnn", 0), Job("fold1", "cnn", 1), Job("fold1", "yamnet", 0))
    assert run.jobs_left == run.jobs


def test_a_result_reads_back_to_the_last_digit(run: Run) -> None:
    job = run.jobs[3]
    result = result_for(run, job)
    run.write_result(job, result)
    assert run.is_done(job)
    assert job not in run.jobs_left
    back = Run.open(run.path).read_result(job)
    for name in ("validation_probabilities", "test_probabilities"):
        np.testing.assert_array_equal(getattr(back, name), getattr(result, name), strict=True)
    assert (back.parameters, back.epochs_trained, back.best_epoch, back.seconds) == (94_600, 3, 2, 12.5)
    assert back.temperature == 1.25
    assert back.test_ids == result.test_ids
    assert back.validation_ids == result.validation_ids
    assert back.history["loss"] == [2.0, 1.5, 1.0]
    assert np.isnan(back.history["val_loss"][-1])


def test_what_was_fitted_without_epochs_has_no_history_but_choices(run: Run) -> None:
    job = run.jobs[0]
    choices = {"shrinkage": 3.0, "weight of cnn.v2": 0.25}
    result = dataclasses.replace(result_for(run, job), epochs_trained=0, best_epoch=0, history={}, choices=choices)
    run.write_result(job, result)
    back = Run.open(run.path).read_result(job)
    assert (back.history, back.choices) == ({}, choices)
    assert (back.epochs_trained, back.best_epoch) == (0, 0)
    run.write_result(job, result_for(run, job))
    assert run.read_result(job).choices == {}


def test_every_path_is_the_layouts(run: Run) -> None:
    assert run.at == Layout(run.path)
    assert run.job_folder(run.jobs[0]) == run.at.job(run.jobs[0].name) == run.path / "folds" / "fold1" / "cnn-seed0"


def test_nothing_in_a_run_is_a_pickle(run: Run) -> None:
    run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
    with np.load(run.job_folder(run.jobs[0]) / RESULT, allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)


def test_the_same_recipe_goes_on_where_it_stopped(run: Run, corpus: Corpus) -> None:
    run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
    again = Run.create(run.path, RECIPE, corpus, make_folds("speakers6", corpus), {"seconds": {"features": 99}})
    assert again.is_done(run.jobs[0])
    assert again.provenance == run.provenance


@pytest.mark.parametrize(
    ("recipe", "word"),
    [
        (dataclasses.replace(RECIPE, seeds=3), "seeds = 2 there, 3 asked"),
        (dataclasses.replace(RECIPE, models={"cnn": settings("cnn")}), "models cnn, yamnet there, cnn asked"),
        (
            dataclasses.replace(RECIPE, models={**RECIPE.models, "cnn": settings("cnn", epochs=7)}),
            "epochs = 60 there, 7",
        ),
        (dataclasses.replace(RECIPE, models={**RECIPE.models, "cnn": settings("yamnet")}), "kind = cnn there, yamnet"),
        (
            dataclasses.replace(
                RECIPE, models={**RECIPE.models, "yamnet": dataclasses.replace(settings("yamnet"), layers=(5,))}
            ),
            "models.yamnet: layers = (5, 6, 7, 8) there, (5,) asked",
        ),
    ],
)
def test_another_recipe_is_refused_with_the_difference(run: Run, corpus: Corpus, recipe: Recipe, word: str) -> None:
    run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
    with pytest.raises(RunError, match="another recipe") as caught:
        Run.create(run.path, recipe, corpus, make_folds("speakers6", corpus))
    assert word in str(caught.value)
    assert "--out" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_altered_corpus_is_refused(run: Run, corpus: Corpus) -> None:
    run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
    path = corpus.clips[0].path
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))  # of the same size
    again = dataclasses.replace(corpus)  # as whoever loads it now finds it
    with pytest.raises(RunError, match="recording or label has changed"):
        Run.create(run.path, RECIPE, again, make_folds("speakers6", again))


def test_other_folds_are_refused(run: Run, corpus: Corpus) -> None:
    run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
    with pytest.raises(RunError, match="other folds"):
        Run.create(run.path, RECIPE, corpus, make_folds("speakers1", corpus))


def test_a_run_that_has_trained_nothing_makes_way(run: Run, corpus: Corpus) -> None:
    (run.path / "notes.txt").write_text("mine")
    other = dataclasses.replace(RECIPE, seeds=1)
    again = Run.create(run.path, other, corpus, make_folds("speakers1", corpus))
    assert (again.recipe, list(again.folds)) == (other, ["fold1"]) and "seconds" not in again.provenance
    assert (run.path / "notes.txt").read_text() == "mine"


def test_a_recipe_of_one_s_own_is_no_run_that_makes_way(tmp_path: Path, corpus: Corpus) -> None:
    text = RECIPE.to_toml()
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RunError, match=r"provenance\.json is missing"):
        Run.create(tmp_path, dataclasses.replace(RECIPE, seeds=1), corpus, make_folds("speakers6", corpus))
    assert (tmp_path / "recipe.toml").read_text() == text


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path, corpus: Corpus) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("dear")
    with pytest.raises(RunError, match=r"thesis\.tex but no run"):
        Run.create(tmp_path / "home", RECIPE, corpus, make_folds("speakers6", corpus))
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["thesis.tex"]


OUTSIDE = ["../escape", "a/b", "a\\b", "", "-x", "..", "x.", "C:x", "a\n", "x" * 101, "/etc"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_model_name_that_is_not_a_folder_name_is_refused(tmp_path: Path, corpus: Corpus, name: str) -> None:
    recipe = dataclasses.replace(RECIPE, models={name: settings("cnn")})
    with pytest.raises(RunError, match="is not a valid folder name"):
        Run.create(tmp_path / "run", recipe, corpus, make_folds("speakers6", corpus))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_crafted_run_is_refused_when_it_is_opened(run: Run, name: str) -> None:
    recipe = dataclasses.replace(RECIPE, models={name: settings("cnn")})
    (run.path / "recipe.toml").write_text(recipe.to_toml())
    with pytest.raises(RunError, match=r"recipe\.toml.*is not a valid folder name"):
        Run.open(run.path)
    (run.path / "recipe.toml").write_text(RECIPE.to_toml())
    folds = json.loads(run.at.folds.read_text())
    run.at.folds.write_text(json.dumps([{**folds[0], "name": name}, *folds[1:]]))
    with pytest.raises(RunError, match=r"folds\.json is missing or damaged \('.*is not a valid folder name"):
        Run.open(run.path)


def test_a_crafted_run_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    """A model called ``x/../../../picture`` drew ``figures/confusion_x/../../../picture.png``."""
    crafted = fake_run(tmp_path / "run" / "crafted", models=("cnn",))
    name = "x/../../../picture"
    recipe = dataclasses.replace(crafted.recipe, models={name: settings("cnn")})
    crafted.at.recipe.write_text(recipe.to_toml())
    for folder in ("figures/confusion_x", "figures/history_x", "folds/fold1/x"):
        (crafted.path / folder).mkdir(parents=True)
    (crafted.path / "folds" / "fold1" / "cnn-seed0").rename(crafted.path / "picture-seed0")
    there = {path for path in tmp_path.rglob("*") if crafted.path not in path.parents}
    with pytest.raises(RunError, match="is not a valid folder name"):
        write_report(opened := Run.open(crafted.path), evaluate(opened))
    assert {path for path in tmp_path.rglob("*") if crafted.path not in path.parents} == there


def test_names_that_some_disks_take_for_one_are_refused(run: Run) -> None:
    recipe = dataclasses.replace(RECIPE, models={"cnn": settings("cnn"), "CNN": settings("cnn")})
    (run.path / "recipe.toml").write_text(recipe.to_toml())
    with pytest.raises(RunError, match="differ only in case"):
        Run.open(run.path)


def test_two_folds_of_one_name_are_refused(run: Run) -> None:
    folds = json.loads(run.at.folds.read_text())
    run.at.folds.write_text(json.dumps([folds[0], folds[0]]))
    with pytest.raises(RunError, match=r"folds\.json.*one name"):
        Run.open(run.path)


def test_a_recipe_without_models_is_refused(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(RunError, match="names no models"):
        Run.create(tmp_path / "run", Recipe(), corpus, make_folds("speakers6", corpus))


def test_a_folder_that_is_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path / "gone", "does not exist"),
        (tmp_path, "has no recipe"),
        (tmp_path / "file", "not a"),
    ):
        with pytest.raises(RunError, match=reason) as caught:
            Run.open(path)
        assert str(path) in str(caught.value)
        assert "emovox run" in str(caught.value)


@pytest.mark.parametrize("name", ["recipe.toml", "provenance.json", "folds/clips.csv", "folds/folds.json"])
@pytest.mark.parametrize("damage", [b"", b'{"corpus": 3', b"\xff\xfe\x00garbage", b"[1, 2]"])
def test_a_damaged_file_is_named(run: Run, name: str, damage: bytes) -> None:
    (run.path / name).write_bytes(damage)
    with pytest.raises(RunError) as caught:
        Run.open(run.path)
    assert Path(name).name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_result_is_named_and_advised(run: Run) -> None:
    job = run.jobs[0]
    run.write_result(job, result_for(run, job))
    path = run.job_folder(job) / RESULT
    whole = path.read_bytes()
    for damage in (b"", b"PK garbage", whole[: len(whole) // 2], whole[:200] + b"\x00" * 400 + whole[600:]):
        path.write_bytes(damage)
        with pytest.raises(RunError, match="--resume") as caught:
            run.read_result(job)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_result_that_is_not_there_says_how_to_go_on(run: Run) -> None:
    with pytest.raises(RunError, match="--resume"):
        run.read_result(run.jobs[0])


def test_a_result_of_another_fold_cannot_be_written(run: Run) -> None:
    result = result_for(run, Job("fold1", "cnn", 0))
    with pytest.raises(RunError, match="not those of fold2"):
        run.write_result(Job("fold2", "cnn", 0), result)
    with pytest.raises(RunError, match="has no job"):
        run.write_result(Job("fold1", "cnn", 2), result)
    nan = np.full_like(result.test_probabilities, np.nan)
    with pytest.raises(RunError, match="finite"):
        run.write_result(Job("fold1", "cnn", 0), dataclasses.replace(result, test_probabilities=nan))
    assert run.jobs_left == run.jobs


def test_provenance_is_merged_table_by_table(run: Run) -> None:
    run.update_provenance({"seconds": {"training": 7}, "commit": "abc"})
    kept = json.loads((run.path / "provenance.json").read_text())
    assert kept["seconds"] == {"features": 2.5, "training": 7}
    assert kept["commit"] == "abc"
    assert kept["corpus"]["name"] == "toy"
    assert Run.open(run.path).provenance == run.provenance


def test_every_session_is_kept(run: Run) -> None:
    assert run.provenance["sessions"] == []
    for machine, seconds in (("first", 2.5), ("second", 1.0)):
        again = Run.open(run.path)
        again.begin_session({"command": "emovox run", "machine": {"system": machine}})
        again.add_seconds("seconds", "train", seconds)
        again.add_seconds("seconds", "train", 1.0)
        again.add_seconds("prepare_seconds", "cnn", 0.5)
    about = Run.open(run.path).provenance
    assert [session["machine"]["system"] for session in about["sessions"]] == ["first", "second"]
    assert [session["seconds"] for session in about["sessions"]] == [{"train": 3.5}, {"train": 2.0}]
    assert all(datetime.fromisoformat(session["timestamp"]) for session in about["sessions"])
    assert about["seconds"] == {"features": 2.5, "train": 5.5} and about["prepare_seconds"] == {"cnn": 1.0}


def test_an_older_run_tells_of_its_one_session(run: Run) -> None:
    told = {"command": "emovox run", "software": {"emovox": "0.0.9"}, "machine": {"cores": 2}}
    older = {**run.provenance, **told, "timestamp": "2026-11-22T12:00:00+00:00"}
    del older["sessions"]
    run.at.provenance.write_text(json.dumps(older))
    opened = Run.open(run.path)
    first = {"timestamp": older["timestamp"], **told, "seconds": {"features": 2.5}}
    assert opened.provenance["sessions"] == [first] and "software" not in opened.provenance
    opened.begin_session({"command": "emovox run --resume"})
    assert [s["command"] for s in Run.open(run.path).provenance["sessions"]] == ["emovox run", "emovox run --resume"]


def test_half_written_files_of_killed_processes_are_swept_away(run: Run) -> None:
    half = run.job_folder(run.jobs[0]) / ".writing-result-x1.npz"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PK")
    (run.path / ".mine").write_text("")
    with Run.locked(run.path):
        assert not half.exists() and (run.path / ".mine").exists()
    assert not run.at.lock.exists()


WRITER = """
import os, sys
from pathlib import Path
import numpy as np
import emovox.files
from emovox.runs import Run
sys.path.insert(0, sys.argv[2])
from test_runs import result_for

run = Run.open(sys.argv[1])
write = np.savez
def half(file, **arrays):
    write(file, **arrays)
    file.seek(0, 2)
    file.truncate(file.tell() // 2)
    file.flush()
    print("half", flush=True)
    os.kill(os.getpid(), 9)
run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
np.savez = half
run.write_result(run.jobs[1], result_for(run, run.jobs[1]))
"""


def test_a_killed_writer_leaves_the_run_readable(run: Run) -> None:
    tests = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(run.path), tests],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == "half\n"
    assert list(run.job_folder(run.jobs[1]).iterdir())  # the half file is there, under its temporary name
    opened = Run.open(run.path)
    assert opened.jobs_left == run.jobs[1:]
    opened.read_result(run.jobs[0])
    opened.write_result(run.jobs[1], result_for(run, run.jobs[1]))
    assert opened.is_done(run.jobs[1])


@pytest.mark.parametrize("killed_at", [0, 1, 2, 3])
def test_a_killed_create_can_be_repeated(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    calls = 0

    def dying(*args: object) -> None:
        nonlocal calls
        if calls == killed_at:
            raise KeyboardInterrupt
        calls += 1

    from emovox import runs

    for name in ("write_text", "write_json"):
        real = getattr(runs, name)
        monkeypatch.setattr(runs, name, lambda path, content, real=real: (dying(), real(path, content)))
    folds = make_folds("speakers6", corpus)
    with pytest.raises(KeyboardInterrupt):
        Run.create(tmp_path / "run", RECIPE, corpus, folds)
    monkeypatch.undo()
    run = Run.create(tmp_path / "run", RECIPE, corpus, folds)
    assert run.recipe == RECIPE


def test_a_full_disk_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        run.write_result(run.jobs[0], result_for(run, run.jobs[0]))
    assert RESULT in str(caught.value)
    assert run.jobs_left == run.jobs
