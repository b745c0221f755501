"""What a worker does: train one model on one fold, or export one model."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emovox.errors import RunError
from emovox.evaluation.calibration import OF_A_MEAN, apply_temperature, fit_temperature
from emovox.features import Features, read_features
from emovox.files import read_arrays, write_arrays
from emovox.models import Ensemble, Heard, Network, kind_of
from emovox.models.ensemble import combined, mixture_weights
from emovox.models.kind import Head, LinearHead
from emovox.models.settings import Teacher
from emovox.quiet import quiet
from emovox.recipe import members_of
from emovox.runs import FoldRecord, Job, JobResult, Run
from emovox.study.executors import tell
from emovox.training.head import Scale, domain, fit_head
from emovox.training.hearing import statistics_of
from emovox.training.teaching import lessons

if TYPE_CHECKING:
    import keras

    from emovox.export.artifact import Precision
    from emovox.features import FrontEnd

WEIGHTS = "weights.npz"


def _start_tensorflow() -> None:
    """Import it without its greeting; a job that needs none never waits for it."""
    with quiet():
        import tensorflow  # noqa: F401


def train_job(run_folder: str, job: Job, inputs: Sequence[Path], published: int, board: bool = True) -> None:
    """Train one job of a run, calibrate it on clips that it was not fitted to, predict its test clips, keep the result.

    Args:
        run_folder: The run.
        job: A fold, a model, a seed.
        inputs: What its model reads: the ``.npy`` of its front end and, where it has a teacher, what that hears; or
            statistics of each version of the clips.
        published: Parameters of the published network that it stands on; 0 without one.
        board: Whether TensorBoard logs are written.
    """
    run = Run.open(run_folder)
    logs = run.at.logs(job.name) if board else None
    kind = kind_of(run.recipe.models[job.model])
    if isinstance(kind, Network):
        result = _train_network(run, job, inputs, logs)
    elif run.recipe.models[job.model].hidden_units:  # type: ignore[attr-defined]
        result = _train_hidden_head(run, job, inputs, published, logs)
    else:
        result = _fit_linear_head(run, job, inputs, published)
    run.write_result(job, result)
    for checkpoint in run.job_folder(job).rglob("checkpoint.npz"):
        checkpoint.unlink()


def combine_job(run: Run, job: Job) -> None:
    """Weigh the members of an ensemble on the validation clips of one fold and seed, and keep the result."""
    started = time.perf_counter()
    names = members_of(run.recipe, job.model)
    results = [run.read_result(Job(job.fold, name, job.seed)) for name in names]
    fold = run.folds[job.fold]
    truths = _Clips(run, fold).of(fold.validation)[1]
    validation = _stacked(results, "validation", fold.validation)
    weights = mixture_weights(validation, truths, run.recipe.models[job.model].prior)  # type: ignore[attr-defined]
    mixed = combined(validation, weights)
    run.write_result(
        job,
        JobResult(
            parameters=sum(result.parameters for result in results),
            epochs_trained=0,
            best_epoch=0,
            seconds=time.perf_counter() - started,
            temperature=fit_temperature(mixed, truths, OF_A_MEAN),
            history={},
            choices={f"weight of {name}": float(weight) for name, weight in zip(names, weights, strict=True)},
            validation_ids=fold.validation,
            validation_probabilities=mixed,
            test_ids=fold.test,
            test_probabilities=combined(_stacked(results, "test", fold.test), weights),
        ),
    )


def export_job(
    run_folder: str, job: Job, weights: Path | None, metadata: dict[str, Any], precision: Precision = "float32"
) -> None:
    """Write one trained job's ``.h5``, ``.keras``, artifact and diagram into the run folder.

    Args:
        run_folder: The run.
        job: Which training's weights; for an ensemble, the artifacts of its members are there.
        weights: The file of published weights, or None.
        metadata: What the artifact tells about itself.
        precision: Of the artifact's weights; an ensemble's are those of its members.
    """
    from emovox.export import combine_artifacts, write_artifact, write_models
    from emovox.report.diagrams import architecture
    from emovox.report.drawn import write

    run = Run.open(run_folder)
    write(architecture(run.recipe, job.model, len(run.labels)), run.at.diagram(job.model))
    settings = run.recipe.models[job.model]
    kind, artifact, result = kind_of(settings), run.at.artifact(job.model), run.read_result(job)
    if isinstance(kind, Ensemble):
        members = {run.at.artifact(n): result.choices[f"weight of {n}"] for n in members_of(run.recipe, job.model)}
        combine_artifacts(members, result.temperature, metadata, artifact)
        return
    trained = rebuild(run, job, weights)
    stem = kind.file_stem if kind.file_stem and job.model == kind.name else job.model
    write_models(trained.whole(job.model), run.at.saved(stem))
    write_artifact(trained.network, trained.front, result.temperature, metadata, artifact, precision, trained.head)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained job, ready to answer.

    Args:
        network: Takes windows of ``front``; ends in probabilities, or with a head in statistics.
        front: What it was trained behind.
        head: On a published network; None where the network was trained from scratch.
    """

    network: keras.Model
    front: FrontEnd
    head: Head | None

    def whole(self, name: str) -> keras.Model:
        """From windows to probabilities."""
        from emovox.models.network import with_head

        return self.network if self.head is None else with_head(self.network, self.head.linear, name)


def rebuild(run: Run, job: Job, weights: Path | None) -> Trained:
    """A trained job as it answers.

    Args:
        run: The run.
        job: Of a kind that is trained, so not an ensemble.
        weights: The file of published weights, or None.
    """
    _start_tensorflow()
    from emovox.models.network import mean_of

    settings: Any = run.recipe.models[job.model]
    kind = kind_of(settings)
    if isinstance(kind, Heard):
        published = kind.read_weights(settings, weights) if weights else None
        return Trained(kind.encoder(settings, published), kind.front_end(settings), read_head(run, job))
    stored = read_arrays(run.job_folder(job) / WEIGHTS)
    model = mean_of(_members(run, job, settings.front_end.shape, alone=True))
    model.set_weights([stored[str(i)] for i in range(len(stored))])
    return Trained(model, settings.front_end, None)


def read_head(run: Run, job: Job) -> Head:
    """The head of a trained job that stands on a published network.

    Raises:
        RunError: An earlier version wrote it.
    """
    stored = read_arrays(run.job_folder(job) / WEIGHTS)
    settings: Any = run.recipe.models[job.model]
    names = ("centre", "spread", "moods")
    if not stored.keys() >= set(names):
        raise RunError(f"{run.path} was made by an earlier version of Emovox; make it again with this one")
    where = {name: stored[name] for name in names}
    return Head(LinearHead.of(stored), **where, centring=settings.centring)


def _write_head(
    run: Run, job: Job, head: LinearHead, statistics: np.ndarray, speakers: np.ndarray, classes: np.ndarray
) -> None:
    """Keep a head with where its training clips lie.

    Args:
        run, job: Whose head.
        head: What was fitted.
        statistics: (clips, statistics), of the training clips as they are.
        speakers, classes: (clips,) who speaks, and which of the head's classes it is.
    """
    settings: Any = run.recipe.models[job.model]
    centre, spread = domain(statistics, speakers)
    moods = np.zeros((head.layers[-1][1].size, len(centre)), np.float32)
    for number in np.unique(classes):
        moods[number] = settings.mood * (statistics[classes == number].mean(axis=0) - centre)
    where = {"centre": centre, "spread": spread, "moods": moods}
    write_arrays(run.job_folder(job) / WEIGHTS, {**head.arrays(), **where})


class _Clips:
    """The clips of a fold as rows and targets: rows are places in the corpus, whose clips are sorted by id."""

    def __init__(self, run: Run, fold: FoldRecord) -> None:
        self.place = {clip: i for i, clip in enumerate(run.clips)}
        self.targets = np.array([run.labels.index(clip.emotion) for clip in run.clips.values()])
        self.speakers = np.array([clip.speaker for clip in run.clips.values()])
        self.train, self.validation, self.test = (self.of(part)[0] for part in (fold.train, fold.validation, fold.test))

    def of(self, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows and targets of some clips."""
        rows = np.array([self.place[clip] for clip in ids])
        return rows, self.targets[rows]


def _train_network(run: Run, job: Job, inputs: Sequence[Path], logs: Path | None) -> JobResult:
    _start_tensorflow()
    from emovox.models.network import mean_of
    from emovox.training.network import Examples, Progress, predict, train

    settings: Any = run.recipe.models[job.model]
    clips = _Clips(run, run.folds[job.fold])
    features = read_features(inputs[0])
    taught = None
    if len(inputs) > 1:
        taught = lessons(np.load(inputs[1], mmap_mode="r"), features.of(clips.train), settings.teacher.directions)
    front = settings.front_end
    frames, bands = front.shape
    crop = settings.training.augment.crop_frames
    members = _members(run, job, (None if crop else frames, bands))
    examples = Examples(features, clips.targets, clips.train, clips.validation, len(run.labels), front.silence, taught)
    epochs = steps_of(run, job)

    def train_member(number: int, member: keras.Model) -> Progress:
        own, before = f"member{number + 1}" if settings.members > 1 else "", number * settings.training.epochs
        progress = train(
            member,
            settings.training,
            examples,
            _member_seed(settings.members, job.seed, number),
            run.job_folder(job) / own,
            logs=logs and logs / own,
            epoch_done=lambda done, most, values: tell(stage_of(job), before + done, epochs, values),
            lesson=settings.teacher.weight,
        )
        if progress.epochs_trained < settings.training.epochs:  # it stopped early
            tell(stage_of(job), before + settings.training.epochs, epochs)
        return progress

    trained = [train_member(number, member) for number, member in enumerate(members)]
    model = mean_of(members)
    write_arrays(run.job_folder(job) / WEIGHTS, {str(i): w for i, w in enumerate(model.get_weights())})
    return _result(
        run,
        job,
        clips,
        parameters=model.count_params(),
        epochs_trained=round(float(np.mean([progress.epochs_trained for progress in trained]))),
        best_epoch=round(float(np.mean([progress.best_epoch for progress in trained]))),
        seconds=sum(progress.seconds for progress in trained),
        history=_mean_history([progress.history for progress in trained]),
        validation=predict(model, features, clips.validation),
        test=predict(model, features, clips.test),
    )


def _train_hidden_head(run: Run, job: Job, inputs: Sequence[Path], published: int, logs: Path | None) -> JobResult:
    _start_tensorflow()
    import keras

    from emovox.models.network import build_head
    from emovox.training.network import Examples, predict, train

    settings: Any = run.recipe.models[job.model]
    clips = _Clips(run, run.folds[job.fold])
    statistics = statistics_of(inputs)
    scale = Scale.of(statistics[:, clips.train], most=None)
    scaled = _versions(scale(statistics))
    keras.backend.clear_session()
    keras.utils.set_random_seed(job.seed)
    network = build_head(scaled.windows.shape[1], settings, len(run.labels))
    examples = Examples(scaled, clips.targets, clips.train, clips.validation, len(run.labels), floor=None)
    epochs, stage = steps_of(run, job), stage_of(job)
    progress = train(
        network, settings.training, examples, job.seed, run.job_folder(job), logs=logs,
        epoch_done=lambda done, most, values: tell(stage, done, epochs, values),
    )  # fmt: skip
    if progress.epochs_trained < epochs:  # it stopped early
        tell(stage, epochs, epochs)
    kernel, bias, *rest = network.get_weights()
    head = LinearHead((scale.unscaled(kernel, bias), tuple(rest)))
    _write_head(run, job, head, statistics[0, clips.train], clips.speakers[clips.train], clips.targets[clips.train])
    return _result(
        run,
        job,
        clips,
        parameters=published + head.parameters,
        epochs_trained=progress.epochs_trained,
        best_epoch=progress.best_epoch,
        seconds=progress.seconds,
        history=progress.history,
        validation=predict(network, scaled, clips.validation),
        test=predict(network, scaled, clips.test),
    )


def _versions(statistics: np.ndarray) -> Features:
    """Statistics (versions, clips, statistics) as windows of each clip, of which the first alone counts."""
    versions, clips, size = statistics.shape
    windows = np.swapaxes(statistics, 0, 1).reshape(-1, size)
    return Features(windows, np.repeat(np.arange(clips), versions), np.tile(np.eye(versions)[0], clips))


def _fit_linear_head(run: Run, job: Job, inputs: Sequence[Path], published: int) -> JobResult:
    started = time.perf_counter()
    settings: Any = run.recipe.models[job.model]
    fold = run.folds[job.fold]
    clips = _Clips(run, fold)
    statistics = statistics_of(inputs)
    heard = np.union1d(clips.train, clips.validation)
    names = [(run.clips[i].emotion, run.clips[i].intensity or "") for i in run.clips]  # told apart where it is known
    known = sorted(set(names))
    classes = np.array([known.index(name) for name in names])
    fit = fit_head(
        statistics[:, heard],
        classes[heard],
        np.array([run.labels.index(emotion) for emotion, _ in known]),
        heard if fold.leaky else clips.speakers[heard],
        settings.shrinkages,
    )
    _write_head(run, job, fit.head, statistics[0, heard], clips.speakers[heard], classes[heard])
    return _result(
        run,
        job,
        clips,
        parameters=published + fit.head.parameters,
        epochs_trained=0,
        best_epoch=0,
        seconds=time.perf_counter() - started,
        history={},
        validation=fit.held_out[np.searchsorted(heard, clips.validation)],
        test=fit.head(statistics[0, clips.test]),
        temperature=fit_temperature(fit.held_out, clips.targets[heard]),
        choices={"shrinkage": fit.shrinkage, "sharpness": fit.sharpness},
    )


def _result(
    run: Run, job: Job, clips: _Clips, *, validation: np.ndarray, test: np.ndarray, temperature: float | None = None,
    **rest: Any,
) -> JobResult:  # fmt: skip
    fold = run.folds[job.fold]
    return JobResult(
        temperature=temperature or fit_temperature(validation, clips.targets[clips.validation]),
        validation_ids=fold.validation,
        validation_probabilities=validation,
        test_ids=fold.test,
        test_probabilities=test,
        **rest,
    )


def stage_of(job: Job) -> str:
    """What progress calls a training."""
    return f"{job.model} · {job.fold} · seed {job.seed}"


def steps_of(run: Run, job: Job) -> int:
    """The epochs of all members of a training; 0 where a head is fitted at once."""
    settings: Any = run.recipe.models[job.model]
    if isinstance(kind_of(settings), Heard):
        return int(settings.training.epochs) if settings.hidden_units else 0
    return int(settings.members * settings.training.epochs)


def _stacked(results: Sequence[JobResult], part: str, ids: Sequence[str]) -> np.ndarray:
    """(M, N, C): the calibrated probabilities of several models for the same clips, in the order of ``ids``."""
    stacked = []
    for result in results:
        row = {clip: i for i, clip in enumerate(getattr(result, f"{part}_ids"))}
        probabilities = getattr(result, f"{part}_probabilities")[[row[clip] for clip in ids]]
        stacked.append(apply_temperature(probabilities, result.temperature))
    return np.stack(stacked)


def _members(run: Run, job: Job, shape: tuple[int | None, int], alone: bool = False) -> list[keras.Model]:
    """The fresh networks whose mean is the model, each from a seed of its own, in a fresh Keras session.

    ``alone`` leaves out what only a teacher needs; the weights are the same.
    """
    import keras

    settings: Any = run.recipe.models[job.model]
    if alone:
        settings = dataclasses.replace(settings, teacher=Teacher())
    kind = kind_of(settings)
    assert isinstance(kind, Network)
    keras.backend.clear_session()
    members = []
    for number in range(settings.members):
        keras.utils.set_random_seed(_member_seed(settings.members, job.seed, number))
        members.append(kind.build(settings, shape, len(run.labels)))
    return members


def _member_seed(members: int, seed: int, number: int) -> int:
    """A seed that no other member of the same recipe has, whatever its training's seed."""
    return seed * members + number


def _mean_history(histories: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    """The mean over members, epoch by epoch, as far as all of them went."""
    names = histories[0]
    shortest = {name: min(len(history[name]) for history in histories) for name in names}
    return {
        name: np.mean([history[name][: shortest[name]] for history in histories], axis=0).tolist() for name in names
    }
