"""The whole line on a few synthetic clips: trained, judged, exported, reported; killed and gone on with."""

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
from emovox.errors import ModelError, RecipeError, RunError, StorageError
from emovox.features import front_end
from emovox.listening import Recognizer
from emovox.recipe import KINDS, Augmentation, ModelRecipe, Recipe, recipe_from_toml
from emovox.runs import Run
from emovox.study import _Body, built_in, plan, run_study
from emovox.tasks import embed
from full_disk import full_disk

MODELS = ("cnn", "yamnet")


def tiny_recipe(epochs: int = 2, models: tuple[str, ...] = MODELS) -> Recipe:
    recipe = plan(models=models, epochs=epochs, corpus="synthetic")
    small = {
        name: dataclasses.replace(model, frozen_layers=4, last_layer=5, tap_layer=6, versions=2)
        if name == "yamnet"
        else dataclasses.replace(model, members=2)
        for name, model in recipe.models.items()
    }
    return dataclasses.replace(recipe, models=small)


@pytest.fixture(scope="module")
def finished(tiny_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One study of two models on the tiny corpus."""
    folder = tmp_path_factory.mktemp("study")
    return run_study(tiny_recipe(), tiny_corpus, folder / "run", workers=1)


def test_the_run_folder_is_whole(finished: Run) -> None:
    wanted = [
        "recipe.toml", "provenance.json", "training_results.json", "model_comparison.csv", "training_summary.txt",
        "predictions.npz", "final_comparison_all_models.png", "report.html", "cnn_final_model.h5",
        "cnn_final_model.keras", "yamnet_classifier_final_model.h5", "yamnet_classifier_final_model.keras",
        "artifacts/cnn.onnx", "artifacts/yamnet.onnx", "figures/confusion_cnn.png", "figures/history_cnn.png",
    ]  # fmt: skip
    assert [name for name in wanted if not (finished.path / name).is_file()] == []
    assert list((finished.path / "logs").rglob("events.out.tfevents.*"))
    assert finished.jobs_left == ()
    assert not list(finished.path.rglob("checkpoint.npz"))
    assert not list(finished.path.rglob("*body-*.npy"))


def test_results_keep_the_published_keys(finished: Run) -> None:
    results = json.loads((finished.path / "training_results.json").read_text())
    assert {
        "timestamp", "dataset", "total_samples", "train_samples", "val_samples", "test_samples", "num_classes",
        "emotions", "models", "best_model", "best_accuracy",
    } <= set(results)  # fmt: skip
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
    assert about["yamnet_weights"] == "none: a random start"
    assert set(about["seconds"]) == {"features", "training", "export", "report"}
    assert about["machine"]["cores"] >= 1 and "tensorflow" in about["software"]


def test_artifact_answers_as_the_run_did(finished: Run, tiny_corpus: Corpus) -> None:
    """The same probabilities for a test clip from its file as were judged from cached features."""
    with np.load(finished.path / "predictions.npz", allow_pickle=False) as stored:
        ids, judged = list(stored["clip_ids"]), {name: stored[f"{name}_probabilities"][0] for name in MODELS}
    clip = next(clip for clip in tiny_corpus.clips if clip.id == ids[0])
    for name in MODELS:
        answer = Recognizer.from_run(finished.path, name).predict(clip.path)
        np.testing.assert_allclose(answer.probabilities, judged[name][0], atol=1e-4)


def test_a_finished_run_can_be_run_again_at_no_cost(finished: Run, tiny_corpus: Corpus) -> None:
    left_behind = finished.path / "folds" / "body-of-a-stopped-run.npy"
    left_behind.write_bytes(b"")
    before = (finished.path / "predictions.npz").read_bytes()
    run_study(finished.recipe, tiny_corpus, finished.path, resume=True, workers=1)
    assert (finished.path / "predictions.npz").read_bytes() == before
    assert not left_behind.exists()


def test_a_model_of_two_members_answers_with_their_mean(finished: Run, tiny_corpus: Corpus) -> None:
    import keras

    result = finished.read_result(finished.jobs[0])
    front = front_end(finished.recipe.models["cnn"].front_end)
    clips = {clip.id: clip for clip in tiny_corpus.clips}
    features = np.stack([front(read_audio(clips[i].path)) for i in result.test_ids])
    for suffix in ("h5", "keras"):
        model = keras.models.load_model(finished.path / f"cnn_final_model.{suffix}", compile=False)
        members = [layer for layer in model.layers if layer.name.startswith("cnn_member")]
        answers = [np.asarray(member(features, training=False)) for member in members]
        assert len(answers) == 2 and np.abs(answers[0] - answers[1]).max() > 1e-3
        np.testing.assert_allclose(np.mean(answers, axis=0), result.test_probabilities, atol=1e-5)
    assert result.parameters == model.count_params()
    assert len(list(finished.path.glob("logs/*/cnn-seed0/member*"))) == 2


def test_other_weights_than_a_run_began_with_are_refused(finished: Run, tiny_corpus: Corpus) -> None:
    before = (finished.path / "provenance.json").read_text()
    began = json.loads(before) | {"yamnet_weights": {"file": "yamnet.h5", "sha256": "0" * 64}}
    (finished.path / "provenance.json").write_text(json.dumps(began))
    try:
        with pytest.raises(RunError, match=r"other YAMNet weights \(yamnet\.h5"):
            run_study(finished.recipe, tiny_corpus, finished.path, resume=True, workers=1)
    finally:
        (finished.path / "provenance.json").write_text(before)


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_to_the_same_figures(tiny_corpus: Corpus, tmp_path: Path) -> None:
    recipe = tiny_recipe(epochs=3, models=("cnn", "cnn_lstm"))
    whole = run_study(recipe, tiny_corpus, tmp_path / "whole", workers=1)
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from emovox.corpora import load_path
        from emovox.recipe import read_recipe
        from emovox.study import run_study
        if __name__ == "__main__":
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
    resumed = run_study(recipe, tiny_corpus, tmp_path / "killed", resume=True, workers=1)
    for job in whole.jobs:
        a, b = whole.read_result(job), resumed.read_result(job)
        assert a.history == b.history
        np.testing.assert_array_equal(a.test_probabilities, b.test_probabilities)


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, sys, time
        from emovox.workers import Workers
        if __name__ == "__main__":
            with Workers(1, 1, lambda *a: None) as pool:
                print(pool.result(pool.submit(os.getpid)), flush=True)
                pool.result(pool.submit(time.sleep, 600))
        """
    )
    (tmp_path / "go.py").write_text(script)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "go.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(200):
        if not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


def test_plans() -> None:
    assert tuple(plan().models) == KINDS and plan().protocol == "speakers1"
    assert plan(variant="reference").models["cnn"].variant == "reference"
    assert plan(models=("cnn",), epochs=7, batch_size=4, seeds=3, protocol="loso").seeds == 3
    assert plan(epochs=7).models["yamnet"].epochs == 7
    assert plan(quick=True).models["cnn"].epochs == 3
    with pytest.raises(ModelError, match="Unknown model 'cnm'; available: cnn, cnn_lstm, yamnet"):
        plan(models=("cnm",))
    with pytest.raises(ModelError, match="available: default, reference"):
        plan(variant="best")
    with pytest.raises(RecipeError, match="no built-in recipe"):
        built_in("best")


def test_a_cached_body_is_never_taken_for_another(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.zeros((2, 256, 64), np.float32))
    recipe = built_in("default").models["yamnet"]
    unlike = [
        recipe,
        dataclasses.replace(recipe, frozen_layers=5),  # of the same shape as layer 6
        dataclasses.replace(recipe, versions=2),
        dataclasses.replace(recipe, augment=dataclasses.replace(recipe.augment, band_shift=1)),
    ]
    paths = {_Body(each, tmp_path / "features.npy", None, 8, tmp_path).path for each in unlike}
    assert len(paths) == len(unlike)
    assert _Body(dataclasses.replace(recipe, epochs=3), tmp_path / "features.npy", None, 8, tmp_path).path in paths


def test_a_full_disk_leaves_no_half_of_a_body(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.zeros((2, 256, 64), np.float32))
    body = _Body(built_in("default").models["yamnet"], tmp_path / "features.npy", None, 8, tmp_path / "folds")
    (tmp_path / "folds").mkdir()
    with full_disk(), pytest.raises(StorageError, match=r"Cannot write .*body-.*free some space"):
        body.tasks()
    body.discard()
    assert list((tmp_path / "folds").iterdir()) == []
    tasks = body.tasks()
    with full_disk(2000), pytest.raises(StorageError, match=r"Cannot write .*body-.*free some space"):
        embed(*tasks[-1])  # its last place is 4 MB into the file
    body.discard()
    assert list((tmp_path / "folds").iterdir()) == []


def test_models_on_one_frozen_body_share_it_and_a_stopped_run_ends_alike(tiny_corpus: Corpus, tmp_path: Path) -> None:
    """Two models on one body, whose names hold dots; one of them stopped after its first epoch."""
    base = tiny_recipe()
    yamnet = base.models["yamnet"]
    models = {"yamnet.a": yamnet, "yamnet.b": dataclasses.replace(yamnet, dropout=0.1, members=2)}
    recipe = dataclasses.replace(base, models=models)
    whole = run_study(recipe, tiny_corpus, tmp_path / "whole", workers=2)
    assert (whole.path / "artifacts" / "yamnet.b.onnx").is_file()

    def stop(stage: str, done: int, total: int) -> None:
        if "seed" in stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(recipe, tiny_corpus, tmp_path / "stopped", workers=2, progress=stop)
    assert len(Run.open(tmp_path / "stopped").jobs_left) >= 1
    assert list((tmp_path / "stopped").rglob("checkpoint.npz"))
    resumed = run_study(recipe, tiny_corpus, tmp_path / "stopped", resume=True, workers=2)
    assert not list(resumed.path.rglob("*body-*.npy"))
    for job in whole.jobs:
        a, b = whole.read_result(job), resumed.read_result(job)
        assert a.history == b.history
        np.testing.assert_array_equal(a.test_probabilities, b.test_probabilities)


@pytest.mark.parametrize("name", ["default", "reference", "synthetic"])
def test_built_in_recipes_survive_a_round_trip(name: str) -> None:
    recipe = built_in(name)
    assert recipe_from_toml(recipe.to_toml()) == recipe


def test_any_name_survives_a_round_trip() -> None:
    odd = 'a "quoted" \\ name\n\x7f\x01 with ünïcode 🙂'
    recipe = Recipe(corpus=odd, models={"cnn.v2": ModelRecipe(), odd: ModelRecipe(), "": ModelRecipe()})
    assert recipe_from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("protocols = 'loso'", "unknown key 'protocols'; known keys: corpus, protocol"),
        ("[models.cnn]\nepoch = 3", "unknown key 'epoch'; known keys: kind"),
        ("[models.cnn.augment]\nmixxup = 0.1", "unknown key 'mixxup'"),
        ("[models.cnn]\nepochs = 'many'", "epochs must be int"),
        ("[models.cnn]\nkind = 'cnm'", "unknown model 'cnm'; available: cnn"),
        ("models = 3", "models must be tables"),
        ("= 3", "is not TOML"),
    ],
)
def test_bad_recipes_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        recipe_from_toml(text, "mine.toml")
    assert "mine.toml" in str(caught.value) and "\n" not in str(caught.value).strip()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"front_end": "mfcc"}, "Unknown front end 'mfcc'"),
        ({"schedule": "steps"}, "unknown schedule 'steps'"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
        ({"plateau": 3, "schedule": "cosine"}, "plateau halves a constant rate"),
        ({"kind": "yamnet", "frozen_layers": 9, "last_layer": 8}, "frozen_layers <= last_layer"),
        ({"kind": "yamnet", "frozen_layers": 6, "last_layer": 15}, "last_layer <= 14"),
        ({"kind": "yamnet", "front_end": "yamnet", "frozen_layers": 6, "tap_layer": 15}, "tap_layer <= 14"),
        ({"kind": "yamnet", "front_end": "reference", "augment": Augmentation()}, "YAMNet reads 64 mels"),
        ({"kind": "yamnet", "front_end": "yamnet"}, "set crop_frames to 0"),
        ({"variant": "best"}, "unknown variant 'best'; use default, reference"),
        ({"epochs": 0}, "models.cnn: epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"versions": 0}, "versions must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"average": 1.0}, "average must be at least 0 and below 1"),
        ({"augment": Augmentation(mixup=-1.0)}, "models.cnn.augment: mixup must be at least 0"),
        ({"augment": Augmentation(crop_frames=129)}, "crop_frames is more than the 128 frames"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(
    change: dict[str, object], message: str, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    recipe = plan(models=("cnn",))
    bad = dataclasses.replace(recipe, models={"cnn": dataclasses.replace(recipe.models["cnn"], **change)})
    with pytest.raises(RecipeError, match=message):
        run_study(bad, tiny_corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "bad.toml").write_text(bad.to_toml())
    with pytest.raises(RecipeError, match=message):
        plan(recipe=tmp_path / "bad.toml")


def test_a_recipe_without_seeds_is_refused(tiny_corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="seeds must be at least 1, got 0"):
        run_study(dataclasses.replace(plan(), seeds=0), tiny_corpus, tmp_path / "run")


def test_a_variant_has_no_place_beside_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(built_in("default").to_toml())
    with pytest.raises(RecipeError, match=r"--variant chooses a built-in recipe, and .*mine\.toml is another"):
        plan(recipe=tmp_path / "mine.toml", variant="reference")


def test_resuming_what_is_not_there_says_so(tiny_corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="make one with 'emovox run'"):
        run_study(plan(models=("cnn",)), tiny_corpus, tmp_path / "none", resume=True)


def test_weights_that_are_not_weights_are_refused_before_any_work(tiny_corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "yamnet.h5").write_text("not weights")
    with pytest.raises(ModelError, match=r"yamnet\.h5 is neither"):
        run_study(plan(models=("yamnet",)), tiny_corpus, tmp_path / "run", yamnet_weights=tmp_path / "yamnet.h5")
    assert not (tmp_path / "run").exists()
