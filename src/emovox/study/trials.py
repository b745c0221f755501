"""A finished run trained again with something changed, in run folders of their own below it.

The ordinary training does the work, so that what is tried out is the code in use, and a stopped trial goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emovox.corpora.base import Corpus, Progress
from emovox.corpora.guard import guarded
from emovox.download import user_cache
from emovox.errors import ModelError, RunError
from emovox.models import Ensemble, Network, Settings, kind_of
from emovox.provenance import available_cores, describe_software
from emovox.recipe import Recipe
from emovox.runs import FoldRecord, Run
from emovox.study import stages
from emovox.study.executors import Executor, Processes
from emovox.study.stages import Inputs


@dataclass(frozen=True)
class Case:
    """What a study of one model is made of, or of several that stand for its settings.

    Args:
        recipe: Names the model.
        corpus: Clips and their labels.
        folds: Which clips train, choose and test.
        inputs: What each model reads.
        folder: For inputs that are changed; it is removed in the end.
    """

    recipe: Recipe
    corpus: Corpus
    folds: tuple[FoldRecord, ...]
    inputs: Mapping[str, Inputs]
    folder: Path


def trainable(run: Run, models: Sequence[str] | None) -> tuple[str, ...]:
    """The models to try out: those that are named, else those that learn in no epochs; never ensembles.

    Raises:
        ModelError: A name is unknown or an ensemble's, or no model is left.
    """
    single = [name for name, settings in run.recipe.models.items() if not isinstance(kind_of(settings), Ensemble)]
    for name in models or ():
        if name not in single:
            raise ModelError(f"{run.path} has no model {name!r} that is trained; available: {', '.join(single)}")
    chosen = tuple(models or (name for name in single if not learns_in_epochs(run.recipe.models[name])))
    if not chosen:
        raise ModelError(
            f"All models of {run.path} are trained in epochs and take as long as in the run; choose some with --models "
            f"{','.join(single)}"
        )
    return chosen


def learns_in_epochs(settings: Settings) -> bool:
    """Whether a model is trained step by step, and so takes long; a linear head is fitted at once."""
    return isinstance(kind_of(settings), Network) or getattr(settings, "hidden_units", 0) > 0


def training_seconds(run: Run, model: str) -> float:
    """What all of a model's trainings took together."""
    return sum(run.read_result(job).seconds for job in run.only([model]).jobs)


@contextmanager
def cases(
    run: Run, corpus: Corpus, weights: Mapping[str, Path], models: Sequence[str], workers: int | None, tell: Progress,
    again: str, executor: Executor | None = None,
) -> Iterator[tuple[dict[str, Case], Executor]]:  # fmt: skip
    """What a study of each model was made of, and who trains; the run is locked meanwhile.

    Args:
        run: Finished.
        corpus: The one that it was made of.
        weights: Kind → a file of the published weights; others are where the run found them.
        models: Names.
        workers: Trainings at once; None takes one a core.
        tell: Told of what is prepared.
        again: The command that goes on where a process dies.
        executor: Trains; None starts as many processes as ``workers`` says.

    Raises:
        RunError: ``corpus`` or the weights are others, or another process is at work in the run.
    """
    chosen = run.only(models)
    found = stages.find_inputs_of(chosen, corpus, weights, tell)
    cores = available_cores()
    workers = workers or cores
    with Run.locked(run.path), TemporaryDirectory() as scratch, ExitStack() as stack:
        corpus = guarded(corpus, user_cache() / "checked", cores, tell)  # so that its twins are known
        pool = executor or stack.enter_context(Processes(workers, max(1, cores // workers), tell, again))
        aside = dataclasses.replace(chosen, path=Path(scratch))  # the run's own account of its seconds stays as it is
        inputs = stages.prepare(aside, corpus, found, cores, pool, tell)
        folds = tuple(run.folds.values())
        yield (
            {
                name: Case(run.only([name]).recipe, corpus, folds, {name: inputs[name]}, Path(scratch))
                for name in models
            },
            pool,
        )


def train(run: Run, changed: Mapping[str, Case], about: str, executor: Executor, tell: Progress) -> dict[str, Run]:
    """Train every case in a folder of its own, which keeps what is done.

    Args:
        run: Below which.
        changed: Name of a folder → what is trained there.
        about: What is tried out; names the progress too.
        executor: Who trains.
        tell: Told of every training.

    Returns:
        Name → the finished trial.

    Raises:
        RunError: A folder holds another trial.
    """
    trials = {}
    for name, case in changed.items():
        path = run.at.trial(name)
        try:
            more = {"trial": about, "software": describe_software()}
            trials[name] = Run.create(path, case.recipe, case.corpus, case.folds, more)
        except RunError as error:
            raise RunError(f"{error}; or remove {path} and run the command again") from None
    counted = _Counted(executor, about, tell, sum(len(trial.jobs_left) for trial in trials.values()))
    for name, trial in trials.items():
        stages.train(trial, changed[name].inputs, counted)
    return trials


class _Counted:
    """An executor that tells how many of all trainings are done."""

    def __init__(self, executor: Executor, stage: str, tell: Progress, total: int) -> None:
        self.executor, self.stage, self.tell, self.total, self.done = executor, stage, tell, total, 0

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Hand a task on."""
        return self.executor.submit(function, *args)

    def results(self, tasks: Iterable[Future[Any]]) -> Iterator[Any]:
        """Hand results on, and count them."""
        for result in self.executor.results(tasks):
            self.done += 1
            self.tell(self.stage, self.done, self.total)
            yield result
