"""The stages of a study, each callable alone: prepare, train, judge, export, report.

Every stage takes an opened run and leaves what it made in the run folder or in the cache, so that the next one needs
nothing else.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emovox.audio import SAMPLE_RATE_HZ
from emovox.corpora.base import Corpus, Progress, waveform
from emovox.download import user_cache
from emovox.errors import DownloadError, ModelError, RunError
from emovox.evaluation import Evaluation, evaluate, write_results
from emovox.evaluation.hardest import hardest
from emovox.features import extract
from emovox.files import replacing
from emovox.models import KINDS, Ensemble, Heard, Network, Settings, kind_of
from emovox.models.settings import Teacher
from emovox.recipe import Recipe, members_of
from emovox.report import write_report
from emovox.report.words import caution
from emovox.runs import RESULT, Job, Run
from emovox.study.board import board_job
from emovox.study.executors import Executor
from emovox.study.jobs import combine_job, export_job, stage_of, steps_of, train_job
from emovox.training.hearing import hear
from emovox.training.teaching import hear_steps

Weights = Mapping[str, Path | None]
"""Model name → the file of the published network that it stands on; None for a random start."""


@dataclass(frozen=True)
class Inputs:
    """What one model reads.

    Args:
        features: Seed → ``.npy`` files: a front end's features and what a teacher hears, or statistics of each version
            of the clips.
        published: Parameters of the published network; 0 without one.
    """

    features: Mapping[int, Sequence[Path]]
    published: int = 0


def find_weights(
    recipe: Recipe, corpus: Corpus | Run, options: Mapping[str, Path], tell: Progress, optional: Sequence[str] = (),
    began: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Path | None], dict[str, str]]:  # fmt: skip
    """The published files that a recipe's models stand on.

    Args:
        recipe: Whose models.
        corpus: Or a run of it; on a synthetic one, a network whose weights cannot be had starts at random.
        options: Kind → the file that the user named.
        tell: Told of downloads.
        optional: Models that may be left out where their weights cannot be had.
        began: What the provenance of a run that goes on says of its weights; they count where no option is given.

    Returns:
        The files, a teacher's for its pupil where it can be had; and for each model to leave out the reason.

    Raises:
        DownloadError, ModelError: Weights that are needed cannot be had, or a named file is damaged.
    """
    found: dict[str, Path | None] = {}
    left_out: dict[str, str] = {}
    for name, settings in recipe.models.items():
        teacher = teacher_of(settings)
        kind = KINDS[teacher.kind] if teacher else kind_of(settings)
        if not isinstance(kind, Heard):
            continue
        option = options.get(kind.name)
        if began is not None and option is None:
            if teacher and name not in began:
                continue  # it began alone
            known = began.get(name)
            if name in began and not isinstance(known, dict):
                found[name] = None
                continue
            if known and Path(known.get("path", "")).is_file():
                found[name] = Path(known["path"])
                continue
        listens = kind.settings() if teacher else settings
        try:
            found[name] = path = kind.find_weights(listens, option, tell)
            if option is not None:
                kind.read_weights(listens, path)  # a wrong file costs no work
        except (DownloadError, ModelError) as error:
            if teacher and option is None:
                continue  # a pupil can learn alone
            if option is not None or not (corpus.synthetic or name in optional):
                raise
            if corpus.synthetic:
                found[name] = None
            else:
                left_out[name] = str(error)
    return found, left_out


def teacher_of(settings: Settings) -> Teacher | None:
    """Whose picture of each moment a model learns to give; None where it has no teacher."""
    teacher: Teacher | None = getattr(settings, "teacher", None)
    return teacher if teacher and teacher.kind else None


def weights_provenance(weights: Weights) -> dict[str, Any]:
    """Name, place and digest of every file of published weights."""
    return {name: _told(path) if path else "a random start" for name, path in weights.items()}


def _told(path: Path) -> dict[str, str]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"file": path.name, "sha256": digest, "path": str(path.resolve())}


def check_weights(run: Run, weights: Weights, begins: bool = False) -> None:
    """Refuse to go on with other weights than a run began with, and note them where it begins.

    Raises:
        RunError: A model's weights are others.
    """
    now = weights_provenance(weights)
    if begins or "weights" not in run.provenance:
        run.update_provenance({"weights": None})  # none of an earlier start are left
        run.update_provenance({"weights": now})
    before = run.provenance["weights"]
    for name in {**before, **now}:
        if _digest(before.get(name)) != _digest(now.get(name)):  # a teacher that came or went is a difference too
            teacher = teacher_of(run.recipe.models[name])
            kind = teacher.kind if teacher else kind_of(run.recipe.models[name]).name
            began = before.get(name, "none")
            advice = (
                f"give that file with --{kind}-weights" if isinstance(began, dict) else f"leave --{kind}-weights out"
            )
            raise RunError(
                f"{run.path} was started with other weights of {name} ({_named(began)}); {advice}, or choose "
                "another folder with --out"
            )


def find_inputs_of(run: Run, corpus: Corpus, options: Mapping[str, Path], tell: Progress) -> dict[str, Path | None]:
    """The published files of a finished run, where its corpus and they are those that it was made with.

    Raises:
        DownloadError, ModelError, RunError: They are not.
    """
    if corpus.digest != run.provenance["corpus"].get("digest"):
        raise RunError(f"{corpus.root} does not contain the same recordings as {run.path} used; give them with --data")
    return find_weights_of(run, options, tell)


def find_weights_of(run: Run, options: Mapping[str, Path], tell: Progress) -> dict[str, Path | None]:
    """The published files that a run was made with.

    Raises:
        DownloadError, ModelError, RunError: They cannot be had, or are others.
    """
    began = run.provenance.get("weights")
    found, _ = find_weights(run.recipe, run, options, tell, began=began)
    now = weights_provenance(found)
    for name, before in (began or {}).items():
        if _digest(before) != _digest(now.get(name)):
            teacher = teacher_of(run.recipe.models[name])
            kind = teacher.kind if teacher else kind_of(run.recipe.models[name]).name
            raise RunError(
                f"{run.path} was made with other weights of {name} ({_named(before)}); give that file with "
                f"--{kind}-weights"
            )
    return found


def prepare(
    run: Run, corpus: Corpus, weights: Weights, threads: int, executor: Executor, tell: Progress
) -> dict[str, Inputs]:
    """What every model reads, computed once and kept in the user cache.

    Args:
        run: Whose models and seeds.
        corpus: Whose clips; the run's own.
        weights: From :func:`find_weights`.
        threads: Clips at a time.
        executor: Writes a published network as an ONNX file where there is none yet.
        tell: Told after every clip.

    Raises:
        AudioError: A recording cannot be read.
        StorageError: The cache cannot be written.
    """
    cache = user_cache() / "features"

    def call(function: Callable[..., Any], *arguments: Any) -> None:
        for _ in executor.results([executor.submit(function, *arguments)]):
            pass

    inputs: dict[str, Inputs] = {}
    with timed(run, "prepare"):
        for name, settings in run.recipe.models.items():
            kind, told = kind_of(settings), _renamed(tell, f"prepare · {name}")
            with timed(run, name, "prepare_seconds"):
                if isinstance(kind, Network):
                    front, teacher, file = settings.front_end, teacher_of(settings), weights.get(name)  # type: ignore[attr-defined]
                    paths = [extract(front, corpus, cache, threads, told)]
                    if teacher and file:
                        paths.append(hear_steps(teacher, front, file, corpus, cache, threads, told, call))
                    inputs[name] = Inputs({seed: paths for seed in range(run.recipe.seeds)})
                elif isinstance(kind, Heard):
                    features = {
                        seed: hear(kind, settings, weights[name], corpus, cache, seed, threads, told, call)
                        for seed in range(run.recipe.seeds)
                    }
                    inputs[name] = Inputs(features, kind.published_parameters(settings))
    return inputs


def train(
    run: Run, inputs: Mapping[str, Inputs], executor: Executor, tell: Progress | None = None, board: bool = True
) -> None:
    """Every training that is left, networks first, and then the ensembles, which have none of their own.

    Args:
        run: Where they are kept.
        inputs: What each model reads.
        executor: Does the work.
        tell: Told how many of the trainings are done.
        board: Whether TensorBoard logs are written.

    Raises:
        EmovoxError: A training failed; what is done is kept.
    """
    kinds = {name: kind_of(settings) for name, settings in run.recipe.models.items()}
    trained = [job for job in run.jobs_left if not isinstance(kinds[job.model], Ensemble)]
    trained.sort(key=lambda job: not isinstance(kinds[job.model], Network))  # the longest first
    with timed(run, "train"):
        tasks = [
            executor.submit(train_job, str(run.path), job, read.features[job.seed], read.published, board)
            for job in trained
            for read in [inputs[job.model]]
        ]
        told = tell if tell and tasks else lambda stage, done, total: None
        planned = getattr(told, "planned", None)
        if planned:
            planned({stage_of(job): steps_of(run, job) for job in trained})
        told("train", 0, len(tasks))
        for done, _ in enumerate(executor.results(tasks), start=1):
            told("train", done, len(tasks))
        for job in run.jobs_left:
            combine_job(run, job)


def judge(run: Run) -> Evaluation:
    """Judge the run and write its tables."""
    with timed(run, "judge"):
        evaluation = evaluate(run)
        write_results(run, evaluation)
    return evaluation


def export(run: Run, evaluation: Evaluation, weights: Weights, executor: Executor, tell: Progress) -> None:
    """Write every model of the first fold and seed as an artifact and for Keras, ensembles after their members."""
    first = next(iter(run.folds))
    kinds = {name: kind_of(settings) for name, settings in run.recipe.models.items()}
    names = sorted(run.recipe.models, key=lambda name: isinstance(kinds[name], Ensemble))
    single = [name for name in names if not isinstance(kinds[name], Ensemble)]
    with timed(run, "export"):
        done = 0
        for batch in (single, names[len(single) :]):
            cards = {name: card(run, evaluation, name, weights) for name in batch}
            tasks = [
                executor.submit(export_job, str(run.path), Job(first, name, 0), weights.get(name), cards[name])
                for name in batch
            ]
            for _ in executor.results(tasks):
                done += 1
                tell("export", done, len(names))
    run.update_provenance({"exported": _results_digest(run)})


def board(run: Run, executor: Executor) -> None:
    """Write what TensorBoard shows of the run as a whole."""
    with timed(run, "board"):
        for _ in executor.results([executor.submit(board_job, str(run.path))]):
            pass


def keep_sounds(run: Run, evaluation: Evaluation, corpus: Corpus) -> None:
    """Keep the clips that the best model is most sure and wrong about, small, so that the report lets them be heard."""
    import soundfile

    clips = {clip.id: clip for clip in corpus.clips}
    for name in hardest(evaluation).ids:
        path = run.at.sound(name)
        if not path.exists():
            with replacing(path) as temporary:
                soundfile.write(temporary, waveform(clips[name]), SAMPLE_RATE_HZ, format="OGG", subtype="VORBIS")


def report(run: Run, evaluation: Evaluation, tell: Progress) -> Path:
    """Write the figures, the summary and the page; the page's path is returned."""
    with timed(run, "report"):
        path = write_report(run, evaluation)
    tell("report", 1, 1)
    return path


def card(run: Run, evaluation: Evaluation, name: str, weights: Weights) -> dict[str, Any]:
    """What an artifact tells about itself."""
    model, about = evaluation.models[name], evaluation.corpus
    stands_on = [member for member in (members_of(run.recipe, name) or (name,)) if weights.get(member)]
    kinds = [kind_of(run.recipe.models[member]) for member in stands_on]
    return {
        "labels": list(evaluation.labels),
        "model": name,
        "variant": model.variant,
        "corpus": about["name"],
        "synthetic": evaluation.synthetic,
        "licence": about["licence"],
        "citation": about["citation"],
        "notices": list(dict.fromkeys(kind.notice for kind in kinds if isinstance(kind, Heard))),
        "protocol": evaluation.protocol,
        "leaky": evaluation.leaky,
        "fold": next(iter(evaluation.folds)),
        "seed": 0,
        "trained_on": f"the training part of {next(iter(evaluation.folds))}, seed 0",
        "abstain_below": model.abstention.threshold,
        "conformal": {"coverage": model.sets.target, "threshold": model.sets.threshold},
        "metrics_of": f"the protocol {evaluation.protocol}, all folds and seeds together; not of this file alone",
        "metrics": {
            key: {"value": score.value, "low": score.low, "high": score.high}
            for key, score in (("accuracy", model.accuracy), ("uar", model.uar))
        },
        "intended_use": f"Research and teaching. {caution(evaluation)}",
    }


@contextmanager
def timed(run: Run, what: str, table: str = "seconds") -> Iterator[None]:
    """Add the seconds that something took to a table of the run's provenance; a resumed run goes on counting."""
    start = time.perf_counter()
    try:
        yield
    finally:
        run.add_seconds(table, what, time.perf_counter() - start)


def is_complete(run: Run) -> bool:
    """Whether every training is done, and every artifact was written from what those trainings left."""
    if run.jobs_left or not all(run.at.artifact(name).is_file() for name in run.recipe.models):
        return False
    digest = _results_digest(run)
    return bool(run.provenance.get("exported", digest) == digest)  # earlier versions did not note it


def _results_digest(run: Run) -> str:
    """Sixteen hexadecimal digits over the outcomes of all trainings."""
    outcomes = (hashlib.sha256((run.job_folder(job) / RESULT).read_bytes()).digest() for job in run.jobs)
    return hashlib.sha256(b"".join(outcomes)).hexdigest()[:16]


def _digest(weights: Any) -> Any:
    return weights["sha256"] if isinstance(weights, dict) else weights


def _named(weights: Any) -> str:
    """What a run's provenance says of its weights, in a few words."""
    return f"{weights['file']}, SHA-256 {weights['sha256'][:12]}…" if isinstance(weights, dict) else str(weights)


def _renamed(tell: Progress, name: str) -> Progress:
    return lambda _, done, total: tell(name, done, total)
