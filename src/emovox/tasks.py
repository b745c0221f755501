"""What a worker process does: pass clips through a frozen body, train one job, export one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emovox.calibration import fit_temperature
from emovox.features import front_end
from emovox.files import read_arrays, write_arrays, writing
from emovox.recipe import ModelRecipe
from emovox.runs import Job, JobResult, Run
from emovox.workers import tell, threads

if TYPE_CHECKING:
    from emovox.models.network import Network

WEIGHTS = "weights.npz"
EMBED_BATCH = 32


def embed(
    recipe: ModelRecipe, features: Path, weights: Path | None, out: Path, versions: Sequence[int], n_classes: int
) -> None:
    """Pass some versions of every clip through the model's frozen body, into their places in a prepared array.

    Version 0 is each clip as it is; another is augmented first, by randomness that follows from its number alone.

    Args:
        recipe: A model with a frozen body.
        features: (clips, frames, mels), the ``.npy`` of the front end.
        weights: The file of published weights, or None.
        out: (versions, clips, …) float16, the ``.npy`` to write into.
        versions: Which.
        n_classes: Emotions.
    """
    import tensorflow as tf

    from emovox.augment import augment
    from emovox.models.yamnet import in_onnx_runtime

    front = front_end(recipe.front_end)
    body = _network(recipe, n_classes, 0, weights).body
    assert body is not None
    source = np.load(features, mmap_mode="r")
    forward = in_onnx_runtime(body, source[:1], threads())
    prepared = np.load(out, mmap_mode="r")
    with writing(out), out.open("r+b") as file:
        for version in versions:
            file.seek(prepared.offset + version * prepared[0].nbytes)
            for start in range(0, len(source), EMBED_BATCH):
                x = tf.constant(np.asarray(source[start : start + EMBED_BATCH]))
                if version:
                    unmixed = dataclasses.replace(recipe.augment, mixup=0.0)
                    x, _ = augment(x, tf.zeros((len(x), 1)), unmixed, front.silence, tf.constant([version, start]))
                file.write(forward(x.numpy()).astype(prepared.dtype).tobytes())
                tell(f"body of {recipe.kind}, version {version + 1}", start + len(x), len(source))


def train_job(run_folder: str, job: Job, features: Path, inputs: Path, weights: Path | None) -> None:
    """Train one job of a run, calibrate it on its validation clips, predict its test clips, keep the result.

    Args:
        run_folder: The run.
        job: A fold, a model, a seed.
        features: (clips, frames, mels), the ``.npy`` of the front end.
        inputs: What the trained part of the model reads: the same file, or (versions, clips, …) of a frozen body.
        weights: The file of published weights, or None.
    """
    from emovox.models.network import average
    from emovox.training import Examples, Progress, predict, train

    run = Run.open(run_folder)
    recipe, fold = run.recipe.models[job.model], run.folds[job.fold]
    front = front_end(recipe.front_end)
    members = _members(recipe, len(run.labels), job.seed, weights, any_length=recipe.augment.crop_frames > 0)
    has_body = members[0].body is not None
    heard = np.load(features, mmap_mode="r")
    place = {clip: i for i, clip in enumerate(run.clips)}  # the order of features is that of clip ids
    targets = np.array([run.labels.index(clip.emotion) for clip in run.clips.values()])
    parts = (fold.train, fold.validation, fold.test)
    train_clips, validation, test = (np.array([place[clip] for clip in part]) for part in parts)
    examples = Examples(
        features=np.load(inputs, mmap_mode="r") if has_body else np.asarray(heard)[None],
        targets=targets,
        train=train_clips,
        validation=validation,
        n_classes=len(run.labels),
        floor=None if has_body else front.silence,
    )
    folder = run.job_folder(job)
    stage = f"{job.model} · {job.fold} · seed {job.seed}"
    epochs = recipe.members * recipe.epochs

    def train_member(number: int, member: Network) -> Progress:
        own, before = f"member{number + 1}" if recipe.members > 1 else "", number * recipe.epochs
        progress = train(
            member.trained,
            recipe,
            examples,
            _member_seed(recipe, job.seed, number),
            folder / own,
            logs=run.path / "logs" / job.name / own,
            epoch_done=lambda done, most, values: tell(stage, before + done, epochs),
        )
        tell(stage, before + recipe.epochs, epochs)  # also where it stopped early
        return progress

    trained = [train_member(number, member) for number, member in enumerate(members)]
    network = average(members)
    model = network.joined()  # judged as it will answer: from front-end features, in full precision
    chose, judged = predict(model, heard[validation]), predict(model, heard[test])
    write_arrays(folder / WEIGHTS, {str(i): w for i, w in enumerate(network.trained.get_weights())})
    run.write_result(
        job,
        JobResult(
            parameters=network.trained.count_params(),
            epochs_trained=round(float(np.mean([progress.epochs_trained for progress in trained]))),
            best_epoch=round(float(np.mean([progress.best_epoch for progress in trained]))),
            seconds=sum(progress.seconds for progress in trained),
            temperature=fit_temperature(chose, targets[validation]),
            history=_mean_history([progress.history for progress in trained]),
            validation_ids=fold.validation,
            validation_probabilities=chose,
            test_ids=fold.test,
            test_probabilities=judged,
        ),
    )
    for checkpoint in folder.rglob("checkpoint.npz"):
        checkpoint.unlink()


def export_model(run_folder: str, job: Job, weights: Path | None, metadata: dict[str, Any]) -> None:
    """Write one trained job's ``.h5``, ``.keras`` and artifact into the run folder.

    Args:
        run_folder: The run.
        job: Which training's weights.
        weights: The file of published weights, or None.
        metadata: What the artifact tells about itself.
    """
    from emovox.export import write_artifact, write_models
    from emovox.models.network import average

    run = Run.open(run_folder)
    recipe = run.recipe.models[job.model]
    network = average(_members(recipe, len(run.labels), job.seed, weights))
    stored = read_arrays(run.job_folder(job) / WEIGHTS)
    network.trained.set_weights([stored[str(i)] for i in range(len(stored))])
    model = network.joined()
    write_models(model, run.path, job.model)
    artifact = run.path / "artifacts" / f"{job.model}.onnx"
    write_artifact(model, front_end(recipe.front_end), run.read_result(job).temperature, metadata, artifact)


def _members(
    recipe: ModelRecipe, n_classes: int, seed: int, weights: Path | None, any_length: bool = False
) -> list[Network]:
    """The fresh networks whose mean is the model."""
    seeds = [_member_seed(recipe, seed, number) for number in range(recipe.members)]
    return [_network(recipe, n_classes, own, weights, any_length) for own in seeds]


def _member_seed(recipe: ModelRecipe, seed: int, number: int) -> int:
    """A seed that no other member of the same recipe has, whatever its training's seed."""
    return seed * recipe.members + number


def _mean_history(histories: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    """The mean over members, epoch by epoch, as far as all of them went."""
    names = histories[0]
    shortest = {name: min(len(history[name]) for history in histories) for name in names}
    return {
        name: np.mean([history[name][: shortest[name]] for history in histories], axis=0).tolist() for name in names
    }


def _network(recipe: ModelRecipe, n_classes: int, seed: int, weights: Path | None, any_length: bool = False) -> Network:
    """A fresh network, in a fresh Keras session; for clips of any length while it learns from crops."""
    import keras

    from emovox.models import build_network
    from emovox.models.pretrained import read_weights

    keras.backend.clear_session()
    published = read_weights(weights) if weights and recipe.kind == "yamnet" else None
    frames, mels = front_end(recipe.front_end).shape
    return build_network(recipe, (None if any_length else frames, mels), n_classes, seed, published)
