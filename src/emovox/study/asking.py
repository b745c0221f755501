"""A finished run's own models, asked about its test clips as they are and altered.

Every network is exported once and answers in ONNX Runtime. Each clip is answered by the models of its own fold, which
never heard its speaker, and with the temperatures and weights of the run, so that nothing is fitted or chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emovox.corpora.base import Corpus, Progress, waveform
from emovox.errors import ModelError, RunError
from emovox.evaluation import Evaluation, evaluate
from emovox.evaluation.calibration import apply_temperature
from emovox.models import Heard, kind_of
from emovox.models.ensemble import combined
from emovox.provenance import available_cores
from emovox.recipe import members_of
from emovox.runs import Job, JobResult, Run
from emovox.study import stages
from emovox.study.executors import Executor, Processes
from emovox.study.jobs import read_head, rebuild
from emovox.training.hearing import export_encoder, export_network, listen, open_encoder

CLOSE = 1e-3
"""By how much a probability of a clip as recorded may differ from the run's own."""

Answer = Callable[[np.ndarray, str], np.ndarray]
"""A waveform and the name of a fold → (S, C), what the S trainings of that fold answer, before their temperature."""

Alter = Callable[[np.ndarray, str], Iterable[np.ndarray]]
"""(samples,) and the id of its clip → K other waveforms."""


@contextmanager
def asking(
    run: Run, corpus: Corpus, weights: Mapping[str, Path] | None, models: Sequence[str] | None, threads: int | None,
    progress: Progress | None, executor: Executor | None, again: str,
) -> Iterator[Asking]:  # fmt: skip
    """A run's models, ready to answer; the run is locked meanwhile.

    Args:
        run: Finished.
        corpus: The one that it was made of.
        weights: Kind → a file of the published weights; others are where the run found them.
        models: Names; None takes all.
        threads: Clips at a time; None takes one a core.
        progress: Told of every network and clip.
        executor: Exports networks; None starts a process of its own.
        again: The command that goes on where that process dies.

    Raises:
        ModelError: A name is unknown.
        RunError: The run is unfinished, or ``corpus`` is another.
    """
    tell = progress or (lambda stage, done, total: None)
    for name in models or ():
        if name not in run.recipe.models:
            raise ModelError(f"{run.path} has no model {name!r}; available: {', '.join(run.recipe.models)}")
    names = tuple(models or run.recipe.models)
    honest = evaluate(run.only(names))
    single = tuple(dict.fromkeys(one for name in names for one in members_of(run.recipe, name) or (name,)))
    heard = [name for name in single if isinstance(kind_of(run.recipe.models[name]), Heard)]
    found = stages.find_inputs_of(run.only(heard), corpus, weights or {}, tell)
    threads = threads or available_cores()
    with Run.locked(run.path), TemporaryDirectory() as scratch, ExitStack() as stack:
        pool = executor or stack.enter_context(Processes(1, threads, tell, again))
        answers = _open(run, single, found, Path(scratch), pool, tell)
        trained = (*single, *(name for name in honest.models if name not in single))
        results = {
            (fold, name): [run.read_result(Job(fold, name, seed)) for seed in range(run.recipe.seeds)]
            for fold in run.folds
            for name in trained
        }
        yield Asking(run, corpus, honest, answers, results, threads, tell)


@dataclass(frozen=True, eq=False)
class Asking:
    """Asks the models of a run about its test clips.

    Args:
        run, corpus: What is asked, and about what.
        honest: What the run's own predictions are worth.
        answers: Of every model that was trained.
        results: Fold and model → what each seed's training left; ensembles stand after their members.
        threads: Clips at a time.
        tell: Told after every clip.
    """

    run: Run
    corpus: Corpus
    honest: Evaluation
    answers: Mapping[str, Answer]
    results: Mapping[tuple[str, str], Sequence[JobResult]]
    threads: int
    tell: Progress

    def waveform(self, clip: str) -> np.ndarray:
        """A clip as recorded: (samples,), float32, at 16 kHz."""
        return waveform(next(each for each in self.corpus.clips if each.id == clip))

    def about(self, alter: Alter, stage: str, clips: Sequence[str] | None = None) -> list[dict[str, np.ndarray]]:
        """What the models answer to altered clips.

        Args:
            alter: Makes K waveforms of one.
            stage: What progress calls it.
            clips: Ids; None takes all test clips, in the order of the evaluation.

        Returns:
            For each clip: model → (S, K, C), calibrated.
        """
        ids = self.honest.clip_ids if clips is None else clips
        folds = dict(zip(self.honest.clip_ids, self.honest.clip_folds, strict=True))

        def one(name: str) -> dict[str, np.ndarray]:
            answers = [
                {model: answer(altered, folds[name]) for model, answer in self.answers.items()}
                for altered in alter(self.waveform(name), name)
            ]
            return self._calibrated({model: np.stack([a[model] for a in answers], 1) for model in self.answers},
                                    folds[name])  # fmt: skip

        found = []
        with threadpool_limits(1), ThreadPoolExecutor(self.threads) as pool:
            for answered in pool.map(one, ids):
                found.append(answered)
                self.tell(stage, len(found), len(ids))
        return found

    def as_recorded(self, clips: Sequence[str] | None = None) -> tuple[list[dict[str, np.ndarray]], float]:
        """What they answer to clips as they are, and by how much it differs from the run's own answers at most.

        Raises:
            RunError: By more than rounding.
        """
        found = self.about(lambda samples, clip: [samples], "as recorded", clips)
        places = [self.honest.clip_ids.index(clip) for clip in clips or self.honest.clip_ids]
        largest = 0.0
        for name, model in self.honest.models.items():
            apart = float(np.abs(model.probabilities[:, places] - np.concatenate([f[name] for f in found], 1)).max())
            if not apart <= CLOSE:
                raise RunError(
                    f"{name} of {self.run.path} answers otherwise than in the run, by up to {apart:.3f}, to clips as "
                    "they are: the program has changed since. Make the run again with this version"
                )
            largest = max(largest, apart)
        return found, largest

    def _calibrated(self, raw: Mapping[str, np.ndarray], fold: str) -> dict[str, np.ndarray]:
        """With the temperatures of the run; ensembles with its weights too: model → (S, K, C)."""
        made: dict[str, np.ndarray] = {}
        for name in (name for of_fold, name in self.results if of_fold == fold):
            members = members_of(self.run.recipe, name)
            seeds = []
            for seed, result in enumerate(self.results[fold, name]):
                if members:
                    weights = np.array([result.choices[f"weight of {member}"] for member in members])
                    scores = combined(np.stack([made[member][seed] for member in members]), weights)
                else:
                    scores = raw[name][seed]
                seeds.append(apply_temperature(scores, result.temperature))
            made[name] = np.stack(seeds)
        return made


def export_trained(run_folder: str, job: Job, path: Path) -> None:
    """Write a network that was trained from scratch as an ONNX file: (batch, frames, bands) → (batch, classes)."""
    export_network(lambda: rebuild(Run.open(run_folder), job, None).network, path)


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
