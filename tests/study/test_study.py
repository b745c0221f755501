"""The whole line on a few synthetic clips: trained, judged, exported, reported; stopped and gone on with."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from emovox.audio import read_audio
from emovox.corpora.base import Corpus
from emovox.listening import Recognizer
from emovox.models import KINDS
from emovox.models.settings import Alterations, Training
from emovox.recipe import Recipe
from emovox.runs import Job, Run
from emovox.study import run_study, stages

MODELS = ("cnn", "yamnet", "ensemble")


def small(kind: str, epochs: int = 2, **more: object):
    """Settings that train in a second."""
    settings = KINDS[kind].settings(**more)
    return dataclasses.replace(settings, training=Training(epochs=epochs, ema=0.5))


def tiny_recipe() -> Recipe:
    """A network of two members, a linear head on two layers of YAMNet, and their ensemble."""
    models = {
        "cnn": small("cnn", members=2),
        "yamnet": KINDS["yamnet"].settings(layers=(1, 2), alter=Alterations(versions=1)),
        "ensemble": KINDS["ensemble"].settings(),
    }
    return Recipe(corpus="synthetic", models=models)


@pytest.fixture(scope="module")
def finished(tiny_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One study of three models on the tiny corpus."""
    folder = tmp_path_factory.mktemp("study")
    return run_study(tiny_recipe(), tiny_corpus, folder / "run", workers=1)


def test_the_run_folder_is_whole(finished: Run) -> None:
    wanted = [
        "recipe.toml", "provenance.json", "training_results.json", "model_comparison.csv", "errors.csv",
        "training_summary.txt", "predictions.npz", "final_comparison_all_models.png", "report.html",
        "cnn_final_model.h5", "cnn_final_model.keras", "yamnet_classifier_final_model.h5",
        "yamnet_classifier_final_model.keras",
        *(f"artifacts/{name}.onnx" for name in MODELS),
        *(f"figures/confusion_{name}.png" for name in MODELS), "figures/history_cnn.png",
    ]  # fmt: skip
    assert [name for name in wanted if not (finished.path / name).is_file()] == []
    assert not (finished.path / "figures" / "history_yamnet.png").exists()  # fitted in closed form
    assert list((finished.path / "logs").rglob("events.out.tfevents.*"))
    assert finished.jobs_left == ()
    assert not list(finished.path.rglob("checkpoint.npz"))


def test_a_run_takes_no_room_for_published_networks(finished: Run) -> None:
    """Statistics lie in the cache, kilobytes a clip; the run folder holds what was learnt."""
    assert sum(path.stat().st_size for path in (finished.path / "folds").rglob("*.npz")) < 10e6
    assert not list(finished.path.rglob("*.npy"))


def test_results_keep_the_published_keys(finished: Run) -> None:
    results = json.loads((finished.path / "training_results.json").read_text())
    assert {
        "timestamp", "dataset", "total_samples", "train_samples", "val_samples", "test_samples", "num_classes",
        "emotions", "models", "best_model", "best_accuracy",
    } <= set(results)  # fmt: skip
    assert set(results["models"]) == set(MODELS)
    for model in results["models"].values():
        assert {
            "test_accuracy", "test_loss", "training_time_minutes", "epochs_trained", "best_val_accuracy", "parameters",
        } <= set(model)  # fmt: skip
    assert "synthetic" in results["dataset"].lower()
    with (finished.path / "model_comparison.csv").open() as file:
        header = next(csv.reader(file))
    assert header[:6] == [
        "model", "test_accuracy", "test_loss", "training_time_minutes", "epochs_trained", "best_val_accuracy",
    ]  # fmt: skip
    summary = (finished.path / "training_summary.txt").read_text()
    assert summary.rstrip().endswith("TRAINING COMPLETED SUCCESSFULLY")
    assert "synthetic" in summary.lower()


def test_provenance_tells_what_a_figure_needs(finished: Run) -> None:
    about = json.loads((finished.path / "provenance.json").read_text())
    assert about["weights"] == {"yamnet": "a random start"}
    assert set(about["seconds"]) == {"prepare", "train", "judge", "export", "board", "report"}
    (session,) = about["sessions"]
    assert session["machine"]["cores"] >= 1 and "tensorflow" in session["software"] and session["workers"] == 1
    assert session["command"] == f"Python: run_study(…, out={str(finished.path)!r})"
    assert session["seconds"] == about["seconds"]


@pytest.mark.parametrize("name", MODELS)
def test_an_artifact_answers_as_the_run_did(finished: Run, tiny_corpus: Corpus, name: str) -> None:
    """The same probabilities for a test clip from its file as were judged from cached features."""
    with np.load(finished.path / "predictions.npz", allow_pickle=False) as stored:
        ids, judged = list(stored["clip_ids"]), stored[f"{name}_probabilities"][0]
    clips = {clip.id: clip for clip in tiny_corpus.clips}
    for row in (0, len(ids) - 1):
        answer = Recognizer.from_run(finished.path, name).predict(clips[ids[row]].path)
        np.testing.assert_allclose(answer.probabilities, judged[row], atol=1e-4)


def test_a_model_of_two_members_answers_with_their_mean(finished: Run, tiny_corpus: Corpus) -> None:
    import keras

    result = finished.read_result(Job("fold1", "cnn", 0))
    front = finished.recipe.models["cnn"].front_end
    clips = {clip.id: clip for clip in tiny_corpus.clips}
    features = np.concatenate([front(read_audio(clips[i].path)).features for i in result.test_ids])
    for suffix in ("h5", "keras"):
        model = keras.models.load_model(finished.path / f"cnn_final_model.{suffix}", compile=False)
        members = [layer for layer in model.layers if isinstance(layer, keras.Model)]
        answers = [np.asarray(member(features, training=False)) for member in members]
        assert len(answers) == 2 and np.abs(answers[0] - answers[1]).max() > 1e-3
        np.testing.assert_allclose(np.mean(answers, axis=0), result.test_probabilities, atol=1e-5)
    assert result.parameters == model.count_params()
    assert len(list(finished.path.glob("logs/*/cnn-seed0/member*"))) == 2


def test_parameters_are_all_of_them(finished: Run) -> None:
    import keras

    import emovox.models.layers  # noqa: F401, layers that Keras does not have

    parameters = {name: finished.read_result(Job("fold1", name, 0)).parameters for name in MODELS}
    model = keras.models.load_model(finished.path / "yamnet_classifier_final_model.keras", compile=False)
    weights = [w for layer in model.layers for w in layer.get_weights()]
    # Which class is of which emotion, 0 or 1, is no parameter.
    fixed = [w for w in weights if set(np.unique(w)) == {0.0, 1.0} and w.ndim == 2]
    told = sum(w.size for w in weights) - sum(w.size + w.shape[1] for w in fixed)
    assert parameters["yamnet"] == told
    assert parameters["ensemble"] == sum(parameters[name] for name in MODELS[:-1])


@pytest.fixture
def trained_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what follows judging, which takes longer than these trainings."""
    for stage in ("export", "report"):
        monkeypatch.setattr(stages, stage, lambda *_: None)


def test_a_finished_run_can_be_run_again_at_no_cost(
    finished: Run, tiny_corpus: Corpus, trained_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (finished.path / "predictions.npz").read_bytes()
    seconds = finished.provenance["seconds"]["train"]
    monkeypatch.setattr(stages, "find_weights", None)  # nobody is asked for weights
    run_study(finished.recipe, tiny_corpus, finished.path, resume=True, command="emovox run --resume")
    assert (finished.path / "predictions.npz").read_bytes() == before
    about = Run.open(finished.path).provenance
    assert about["seconds"]["train"] == seconds
    assert [session["command"][:6] for session in about["sessions"]] == ["Python", "emovox"]
    assert not finished.at.lock.exists()


def test_an_interrupted_run_goes_on_to_the_same_figures(
    tiny_corpus: Corpus, tmp_path: Path, finished: Run, trained_only: None
) -> None:
    """Stopped as soon as a training has told of an epoch."""

    def stop(stage: str, done: int, total: int) -> None:
        if "cnn · fold1" in stage:
            raise KeyboardInterrupt

    recipe = dataclasses.replace(finished.recipe, models={"cnn": finished.recipe.models["cnn"]})
    with pytest.raises(KeyboardInterrupt):
        run_study(recipe, tiny_corpus, tmp_path / "stopped", workers=1, progress=stop)
    stopped = Run.open(tmp_path / "stopped")
    assert stopped.jobs_left == stopped.jobs and list(stopped.path.rglob("checkpoint.npz"))
    equal(run_study(recipe, tiny_corpus, tmp_path / "stopped", resume=True, workers=1), finished)


def equal(resumed: Run, whole: Run) -> None:
    for job in resumed.jobs:
        a, b = resumed.read_result(job), whole.read_result(job)
        assert (a.history, a.choices, a.temperature) == (b.history, b.choices, b.temperature)
        np.testing.assert_array_equal(a.test_probabilities, b.test_probabilities)


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_to_the_same_figures(
    tiny_corpus: Corpus, tmp_path: Path, trained_only: None
) -> None:
    models = {"cnn": small("cnn", 3), "hidden": small("yamnet", 3, hidden_units=8, layers=(1,))}
    recipe = Recipe(corpus="synthetic", models={**models, "ensemble": KINDS["ensemble"].settings()})
    whole = run_study(recipe, tiny_corpus, tmp_path / "whole", workers=1)
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from emovox.corpora import load_path
        from emovox.models import yamnet_weights
        from emovox.recipe import read_recipe
        from emovox.study import run_study, stages
        if __name__ == "__main__":
            yamnet_weights.URL = "http://127.0.0.1:9/none"
            recipe = read_recipe(Path({str(whole.path / "recipe.toml")!r}))
            run_study(recipe, load_path(Path({str(tiny_corpus.root)!r})), Path({str(tmp_path / "killed")!r}), workers=1)
        """
    )
    (tmp_path / "go.py").write_text(script)
    for wanted in ("checkpoint.npz", "result.npz"):
        process = subprocess.Popen([sys.executable, str(tmp_path / "go.py")], start_new_session=True)
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and not list((tmp_path / "killed").rglob(wanted)):
            time.sleep(0.02)
        assert list((tmp_path / "killed").rglob(wanted))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        Run.open(tmp_path / "killed")
    equal(run_study(recipe, tiny_corpus, tmp_path / "killed", resume=True, workers=1), whole)
