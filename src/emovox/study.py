"""One study from end to end: every fold, model and seed of a recipe, trained in parallel, judged, exported, reported."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.resources
import itertools
import multiprocessing
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from emovox.corpora.base import Corpus, Progress
from emovox.download import user_cache
from emovox.errors import EmovoxError, ModelError, RecipeError
from emovox.features import extract, front_end
from emovox.files import replacing
from emovox.recipe import ModelRecipe, Recipe, read_recipe, recipe_from_toml
from emovox.runs import Job, Run
from emovox.splits import make_folds

QUICK_EPOCHS = 3
WORKER_GIBIBYTES = 1.5
"""What one training process may need; fewer are started where memory is short."""


def plan(
    protocol: str | None = None,
    models: tuple[str, ...] | None = None,
    variant: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seeds: int | None = None,
    quick: bool = False,
    recipe: Path | None = None,
    synthetic: bool = False,
) -> Recipe:
    """The recipe that the given wishes amount to: a recipe file or the built-in one, then each wish over it.

    Args:
        protocol, models, variant, epochs, batch_size, seeds: None leaves what the recipe says.
        quick: A few epochs only, to see that all works.
        recipe: A TOML file; None takes the built-in recipe of the corpus.
        synthetic: Whether the corpus is the embedded one, which has a shorter recipe of its own.

    Raises:
        RecipeError: The file is not a recipe.
        ModelError: A model is not in the recipe, or a variant is unknown.
    """
    if recipe is not None:
        planned = read_recipe(recipe)
    else:
        name = variant if variant == "reference" else "synthetic" if synthetic else "default"
        planned = built_in(name)
    if variant not in (None, "default", "reference"):
        raise ModelError(f"Unknown variant {variant!r}; available: default, reference")
    chosen = tuple(planned.models) if models is None else models
    for name in chosen:
        if name not in planned.models:
            raise ModelError(f"Unknown model {name!r}; available: {', '.join(planned.models)}")
    changes: dict[str, Any] = {}
    if quick:
        changes["epochs"] = QUICK_EPOCHS
    if epochs is not None:
        changes["epochs"] = epochs
    if batch_size is not None:
        changes["batch_size"] = batch_size
    if recipe is not None and variant is not None:
        changes["variant"] = variant
    return dataclasses.replace(
        planned,
        corpus="synthetic" if synthetic else planned.corpus,
        protocol=protocol or planned.protocol,
        seeds=seeds or planned.seeds,
        models={name: dataclasses.replace(planned.models[name], **changes) for name in chosen},
    )


def built_in(name: str) -> Recipe:
    """A recipe that comes with the package: ``default``, ``reference`` or ``synthetic``.

    Raises:
        RecipeError: There is none of that name.
    """
    file = importlib.resources.files("emovox") / "recipes" / f"{name}.toml"
    if not file.is_file():
        raise RecipeError(f"There is no built-in recipe {name!r}; use default, reference or synthetic")
    return recipe_from_toml(file.read_text(encoding="utf-8"), f"the built-in recipe {name}")


def run_study(
    recipe: Recipe,
    corpus: Corpus,
    out: Path,
    resume: bool = False,
    workers: int | None = None,
    yamnet_weights: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train, judge, compare and export all that ``recipe`` asks for, into the run folder ``out``.

    Trainings that ``out`` already holds are kept, and one that was interrupted goes on from its last epoch.

    Args:
        recipe: What to do.
        corpus: The recordings.
        out: The run folder; made if missing.
        resume: Expect an earlier run there.
        workers: Training processes at once; None takes one a core, as far as memory allows.
        yamnet_weights: A file of published weights; None looks in the user cache, then downloads.
        progress: Told of every stage.

    Returns:
        The finished run.

    Raises:
        EmovoxError: Bad input, or a training process that died; what was done so far is kept.
    """
    if resume:
        Run.open(out)
    tell = progress or (lambda stage, done, total: None)
    _check(recipe)
    folds = make_folds(recipe.protocol, corpus)
    weights = _weights(recipe, corpus, yamnet_weights, tell)
    run = Run.create(out, recipe, corpus, folds, {"software": _software(), "machine": _machine()})
    seconds = dict(run.provenance.get("seconds", {}))

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[stage] = round(seconds.get(stage, 0.0) + time.perf_counter() - start, 2)
        run.update_provenance({"seconds": seconds})

    cores = available_cores()
    with timed("features"):
        features = {}
        for name in sorted({model.front_end for model in recipe.models.values()}):
            told = _renamed(tell, f"features · {name}")
            extract(front_end(name), corpus.clips, user_cache() / "features", corpus.digest, cores, told)
            features[name] = user_cache() / "features" / f"{corpus.digest[:16]}-{front_end(name).digest}.npy"
    left = run.jobs_left
    workers = workers or default_workers(max(len(left), len(recipe.models)))
    if "yamnet" in {model.kind for model in recipe.models.values()}:
        run.update_provenance({"yamnet_weights": weights.name if weights else "none: a random start"})
    with _Workers(workers, max(1, cores // workers), tell) as pool:
        with timed("training"):
            _train_all(run, left, features, weights, pool, tell)
        with timed("export"):
            from emovox.evaluation import evaluate, write_results

            evaluation = evaluate(run)
            write_results(run, evaluation)
            metrics = {
                name: {"accuracy": model.accuracy.value, "uar": model.uar.value}
                for name, model in evaluation.models.items()
            }
            first = next(iter(run.folds))
            tasks = [
                pool.submit(_export, str(run.path), Job(first, name, 0), _text(weights), metrics[name])
                for name in recipe.models
            ]
            for done, task in enumerate(tasks, start=1):
                pool.result(task)
                tell("export", done, len(tasks))
    with timed("report"):
        from emovox.report import write_report

        write_report(run, evaluation)
        tell("report", 1, 1)
    return run


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(jobs: int) -> int:
    """Processes to start: one a core and a job at most, as many as memory holds, and one where a GPU does the work."""
    if Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        return 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 8
    return max(1, min(available_cores(), jobs, int(memory / WORKER_GIBIBYTES)))


def _check(recipe: Recipe) -> None:
    """Refuse what would only fail after minutes of work."""
    for name, model in recipe.models.items():
        front_end(model.front_end)
        if model.kind == "yamnet" and not 1 <= model.frozen_layers <= model.last_layer <= 14:
            raise RecipeError(f"models.{name}: needs 1 <= frozen_layers <= last_layer <= 14")
        if model.plateau and model.schedule != "constant":
            raise RecipeError(f"models.{name}: plateau halves a constant rate; set schedule = \"constant\"")
        for field, known in (("optimizer", ("adam", "adamw")), ("schedule", ("constant", "cosine", "onecycle"))):
            if getattr(model, field) not in known:
                raise RecipeError(f"models.{name}: unknown {field} {getattr(model, field)!r}; use {', '.join(known)}")


def _weights(recipe: Recipe, corpus: Corpus, option: Path | None, tell: Progress) -> Path | None:
    """The file of YAMNet's weights, where a model needs one."""
    if all(model.kind != "yamnet" for model in recipe.models.values()):
        return None
    from emovox.models.pretrained import find_weights, read_weights

    path = find_weights(option, corpus.synthetic, tell)
    if path is None:
        _say(tell, "No YAMNet weights at hand: on the synthetic corpus the yamnet model starts from random weights.")
    else:
        read_weights(path)
    return path


def _say(tell: Progress, sentence: str) -> None:
    """A plain notice: through the display where it can speak, else to standard error."""
    speak = getattr(tell, "say", None)
    if speak:
        speak(sentence)
    else:
        print(sentence, file=sys.stderr)


def _renamed(tell: Progress, name: str) -> Progress:
    return lambda _, done, total: tell(name, done, total)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _train_all(
    run: Run, left: tuple[Job, ...], features: dict[str, Path], weights: Path | None, pool: _Workers, tell: Progress
) -> None:
    """Every training that is left; a frozen body is computed once, before the trainings that stand on it."""
    recipes = run.recipe.models
    ready = [job for job in left if recipes[job.model].kind != "yamnet"]
    waiting = {name: [job for job in left if job.model == name] for name in recipes if recipes[name].kind == "yamnet"}
    stored = {name: features[model.front_end] for name, model in recipes.items()}
    pending: dict[Future[Any], str] = {}
    bodies: dict[str, _Body] = {}
    for name, jobs in waiting.items():
        if jobs:
            body = bodies[name] = _Body(recipes[name], features[recipes[name].front_end], weights)
            stored[name] = body.path
            for version in body.missing():
                pending[pool.submit(_embed, *body.task(version))] = name
            if name not in pending.values():
                ready += jobs
    total = sum(recipes[job.model].epochs for job in left)
    pool.total_epochs(total)
    try:
        for job in sorted(ready, key=lambda job: (job.seed, job.fold)):
            pending[pool.submit(_train, str(run.path), job, str(stored[job.model]), _text(weights))] = ""
        while pending:
            done, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            pool.drain()
            for task in done:
                name = pending.pop(task)
                pool.result(task)
                if name:
                    bodies[name].done += 1
                    tell(f"body · {name}", bodies[name].done, bodies[name].total)
                if name and name not in pending.values():
                    bodies[name].finish()
                    for job in waiting[name]:
                        pending[pool.submit(_train, str(run.path), job, str(stored[job.model]), _text(weights))] = ""
        pool.drain()
    finally:
        for body in bodies.values():
            body.discard()


class _Body:
    """The cached output of a frozen body for every version of every clip, made whole or not at all."""

    def __init__(self, recipe: ModelRecipe, features: Path, weights: Path | None) -> None:
        import hashlib

        from emovox.models.yamnet import body_shape

        self.recipe, self.features, self.weights = recipe, features, weights
        frames = front_end(recipe.front_end).n_frames
        clips = len(np.load(features, mmap_mode="r"))
        self.shape = (recipe.versions, clips, *body_shape(frames, recipe.frozen_layers))
        source = weights.read_bytes() if weights else b"random"
        settings = f"{recipe.frozen_layers} {recipe.versions} {recipe.augment}"
        key = hashlib.sha256(source + settings.encode()).hexdigest()[:12]
        self.path = features.with_name(f"{features.stem}-{key}.npy")
        self.temporary = self.path.with_name(f".{self.path.stem}-{os.getpid()}.npy")
        self.done, self.total = 0, recipe.versions

    def missing(self) -> range:
        """The versions to compute: all or none."""
        if self.path.exists():
            return range(0)
        np.lib.format.open_memmap(self.temporary, mode="w+", dtype=np.float16, shape=self.shape).flush()
        return range(self.recipe.versions)

    def task(self, version: int) -> tuple[ModelRecipe, str, str | None, str, int]:
        return self.recipe, str(self.features), _text(self.weights), str(self.temporary), version

    def finish(self) -> None:
        self.temporary.replace(self.path)

    def discard(self) -> None:
        self.temporary.unlink(missing_ok=True)
