"""What a run's models answer to test clips that were altered, as recordings outside a studio are.

Every network is exported once and answers in ONNX Runtime. Each clip is answered by the models of its own fold, which
never heard its speaker, and with the temperatures and weights of the run, so that nothing is fitted or chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emovox.corpora.base import Corpus, Progress, waveform
from emovox.errors import ModelError, RunError, typed
from emovox.evaluation import Evaluation, evaluate
from emovox.evaluation.calibration import apply_temperature
from emovox.evaluation.contrast import contrast
from emovox.evaluation.metrics import calibration_error
from emovox.evaluation.robustness import CLEAN, CONDITIONS, Condition
from emovox.files import write_json
from emovox.models import Heard, kind_of
from emovox.models.ensemble import combined
from emovox.provenance import available_cores, describe_software
from emovox.recipe import members_of
from emovox.runs import Job, Run
from emovox.study import stages
from emovox.study.executors import Executor, Processes
from emovox.study.jobs import read_head, rebuild
from emovox.training.hearing import export_encoder, export_network, listen, open_encoder

CLOSE = 1e-3
"""By how much a probability of a clip as recorded may differ from the run's own."""

Answer = Callable[[np.ndarray, str], np.ndarray]
"""A waveform and the name of a fold → (S, C), what the S trainings of that fold answer, before their temperature."""


def robustness(
    run: Run,
    corpus: Corpus,
    weights: Mapping[str, Path] | None = None,
    models: Sequence[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    conditions: Iterable[Condition] | None = None,
) -> dict[str, Any]:
    """Ask a run's models about its test clips under every condition, and write ``robustness.json``.

    Args:
        run: A finished run.
        corpus: The one that it was made of.
        weights: Kind → a file of the published weights; others are where the run found them.
        models: Names; None takes all.
        threads: Clips at a time; None takes one a core.
        progress: Told after every clip and condition.
        executor: Exports networks; None starts a process of its own.
        conditions: What befalls recordings, :data:`~emovox.evaluation.robustness.CLEAN` first; None takes all.

    Returns:
        What the file holds.

    Raises:
        ModelError: A name is unknown.
        RunError: The run is unfinished, ``corpus`` is another, or clips as they are get other answers than in the run.
    """
    tell = progress or (lambda stage, done, total: None)
    names = _named(run, models)
    honest = evaluate(run.only(names))
    asked = _trained(run, names)
    heard = [name for name in asked if isinstance(kind_of(run.recipe.models[name]), Heard)]
    found = stages.find_inputs_of(run.only(heard), corpus, weights or {}, tell)
    threads = threads or available_cores()
    clean, *others = conditions or CONDITIONS.values()
    again = typed("emovox", "evaluate", run.path, "--robustness")
    with Run.locked(run.path), TemporaryDirectory() as scratch, ExitStack() as stack:
        pool = executor or stack.enter_context(Processes(1, threads, tell, again))
        answers = _open(run, asked, found, Path(scratch), pool, tell)
        asking = _Asking(run, corpus, honest, answers, threads)
        as_recorded = asking.under([clean], tell, "as recorded")[clean.name]
        within = _check(run, honest, as_recorded)
        answered = {clean.name: as_recorded, **asking.under(others, tell, "robustness")}
    result = {
        "run": honest.name,
        **{key: getattr(honest, key) for key in ("protocol", "warnings", "chance_uar", "unit", "units")},
        "corpus": honest.corpus["name"],
        "clips": len(honest.clip_ids),
        "largest_difference_from_run": within,
        "conditions": [
            _judged(condition, honest, as_recorded, answered[condition.name]) for condition in (clean, *others)
        ],
        "software": describe_software(),
    }
    write_json(run.at.robustness, result)
    return result


def export_trained(run_folder: str, job: Job, path: Path) -> None:
    """Write a network that was trained from scratch as an ONNX file: (batch, frames, bands) → (batch, classes)."""
    export_network(lambda: rebuild(Run.open(run_folder), job, None).network, path)


def _named(run: Run, models: Sequence[str] | None) -> tuple[str, ...]:
    for name in models or ():
        if name not in run.recipe.models:
            raise ModelError(f"{run.path} has no model {name!r}; available: {', '.join(run.recipe.models)}")
    return tuple(models or run.recipe.models)


def _trained(run: Run, names: Sequence[str]) -> tuple[str, ...]:
    """The models that must answer: those that are named, and the members of ensembles among them."""
    return tuple(dict.fromkeys(single for name in names for single in members_of(run.recipe, name) or (name,)))


def _open(
    run: Run, names: Sequence[str], weights: stages.Weights, folder: Path, executor: Executor, tell: Progress
) -> dict[str, Answer]:
    """Every model, ready to answer for any fold."""
    seeds = range(run.recipe.seeds)
    jobs = {name: {fold: [Job(fold, name, seed) for seed in seeds] for fold in run.folds} for name in names}
    files: dict[Any, Path] = {}
    tasks = []
    for name in names:
        settings = run.recipe.models[name]
        if isinstance(kind_of(settings), Heard):
            files[name] = folder / f"{name}.onnx"
            tasks.append(executor.submit(export_encoder, settings.kind, settings, weights[name], files[name]))
            continue
        for job in (job for of_fold in jobs[name].values() for job in of_fold):
            files[job] = folder / f"{job.model}-{job.fold}-{job.seed}.onnx"
            tasks.append(executor.submit(export_trained, str(run.path), job, files[job]))
    for done, _ in enumerate(executor.results(tasks), start=1):
        tell("networks", done, len(tasks))
    return {name: _answer(run, name, jobs[name], files) for name in names}


def _answer(run: Run, name: str, jobs: Mapping[str, Sequence[Job]], files: Mapping[Any, Path]) -> Answer:
    settings: Any = run.recipe.models[name]
    kind = kind_of(settings)
    if isinstance(kind, Heard):
        front, hears = kind.front_end(settings), open_encoder(files[name])
        heads = {fold: [read_head(run, job).linear for job in of_fold] for fold, of_fold in jobs.items()}
        return lambda x, fold: np.concatenate([head(listen(hears, front(x))[None]) for head in heads[fold]])
    networks = {fold: [open_encoder(files[job]) for job in of_fold] for fold, of_fold in jobs.items()}
    return lambda x, fold: np.stack([listen(network, settings.front_end(x)) for network in networks[fold]])


@dataclass(frozen=True, eq=False)
class _Asking:
    """Asks all models about the clips of an evaluation."""

    run: Run
    corpus: Corpus
    honest: Evaluation
    answers: Mapping[str, Answer]
    threads: int

    def under(self, conditions: Sequence[Condition], tell: Progress, stage: str) -> dict[str, dict[str, np.ndarray]]:
        """Condition → model → (S, N, C), calibrated, in the order of the evaluation's clips."""
        clips = {clip.id: clip for clip in self.corpus.clips}
        shape = self.run.recipe.seeds, len(self.honest.clip_ids), len(self.honest.labels)
        raw = {c.name: {name: np.zeros(shape) for name in self.answers} for c in conditions}

        def one(place: int) -> None:
            clip, fold = clips[self.honest.clip_ids[place]], self.honest.clip_folds[place]
            samples = waveform(clip)
            for condition in conditions:
                altered = condition(samples, clip.id)
                for name, answer in self.answers.items():
                    raw[condition.name][name][:, place] = answer(altered, fold)

        with threadpool_limits(1), ThreadPoolExecutor(self.threads) as pool:
            for done, _ in enumerate(pool.map(one, range(shape[1])), start=1):
                tell(stage, done * len(conditions), shape[1] * len(conditions))
        return {name: self._calibrated(answers) for name, answers in raw.items()}

    def _calibrated(self, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """With the temperatures of the run; ensembles with its weights too."""
        made: dict[str, np.ndarray] = {}
        folds = np.array(self.honest.clip_folds)
        singles = (name for name in raw)
        ensembles = (name for name in self.honest.models if name not in raw)
        for name in (*singles, *ensembles):
            made[name] = np.zeros_like(next(iter(raw.values())))
            for fold in self.run.folds:
                inside = folds == fold
                for seed in range(self.run.recipe.seeds):
                    result = self.run.read_result(Job(fold, name, seed))
                    members = members_of(self.run.recipe, name)
                    if members:
                        weights = np.array([result.choices[f"weight of {member}"] for member in members])
                        scores = combined(np.stack([made[member][seed, inside] for member in members]), weights)
                    else:
                        scores = raw[name][seed, inside]
                    made[name][seed, inside] = apply_temperature(scores, result.temperature)
        return made


def _check(run: Run, honest: Evaluation, found: Mapping[str, np.ndarray]) -> float:
    """The largest difference from the run's own answers; refused where it is more than rounding.

    Raises:
        RunError: It is.
    """
    largest = 0.0
    for name, model in honest.models.items():
        apart = float(np.abs(model.probabilities - found[name]).max())
        if not apart <= CLOSE:
            raise RunError(
                f"{name} of {run.path} answers otherwise than in the run, by up to {apart:.3f}, to clips as they are: "
                "the program has changed since. Make the run again with this version"
            )
        largest = max(largest, apart)
    return largest


def _judged(
    condition: Condition, honest: Evaluation, clean: Mapping[str, np.ndarray], altered: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """What a condition came to for each model."""
    models = {}
    for name in honest.models:
        before, after = (found[name].argmax(axis=-1) for found in (clean, altered))
        moved = contrast(honest.truths, before, after, honest.independent, len(honest.labels))
        models[name] = {
            "uar": vars(moved.uar),
            "difference": None if condition.name == CLEAN else vars(moved.difference),
            "calibration_error": float(np.mean([calibration_error(honest.truths, p) for p in altered[name]])),
        }
    return {"name": condition.name, "title": condition.title, "models": models}
