"""One study from end to end: all that a recipe asks for is trained in parallel, judged, exported and reported."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.resources
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import emovox
from emovox.corpora.base import Corpus, Progress
from emovox.download import user_cache
from emovox.errors import ModelError, RecipeError, RunError
from emovox.evaluation import Evaluation, evaluate, write_results
from emovox.features import extract, front_end
from emovox.files import writing
from emovox.models.mobilenet import EMBEDDING_SIZE, body_shape
from emovox.models.pretrained import check_weights, find_weights
from emovox.recipe import ModelRecipe, Recipe, read_recipe, recipe_from_toml
from emovox.report import write_report
from emovox.runs import Job, Run
from emovox.splits import make_folds
from emovox.tasks import embed, export_model, train_job
from emovox.workers import Workers

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
    about = {
        "software": describe_software(),
        "machine": describe_machine(),
        "command": " ".join(["emovox", *sys.argv[1:]]),
    }
    if any(model.kind == "yamnet" for model in recipe.models.values()):
        digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights else None
        about["yamnet_weights"] = {"file": weights.name, "sha256": digest} if weights else "none: a random start"
    run = Run.create(out, recipe, corpus, folds, about)
    if run.provenance.get("yamnet_weights") != about.get("yamnet_weights"):
        raise RunError(
            f"{out} began with other YAMNet weights ({_named(run.provenance.get('yamnet_weights'))}); give that file "
            "with --yamnet-weights, or choose another folder with --out"
        )
    cores = available_cores()
    with _timed(run, "features"):
        features = {}
        for name in sorted({model.front_end for model in recipe.models.values()}):
            stage = f"features · {name}"
            features[name] = extract(
                front_end(name), corpus.clips, user_cache() / "features", corpus.digest, cores, _renamed(tell, stage)
            )
    left = run.jobs_left
    workers = workers or default_workers(max(len(left), len(recipe.models)))
    with Workers(workers, max(1, cores // workers), tell) as pool:
        with _timed(run, "training"):
            _train_all(run, left, features, weights, pool, tell)
        with _timed(run, "export"):
            evaluation = evaluate(run)
            write_results(run, evaluation)
            first = next(iter(run.folds))
            tasks = [
                pool.submit(export_model, str(run.path), Job(first, name, 0), weights, _card(evaluation, name))
                for name in recipe.models
            ]
            for done, task in enumerate(tasks, start=1):
                pool.result(task)
                tell("export", done, len(tasks))
    with _timed(run, "report"):
        write_report(run, evaluation)
        tell("report", 1, 1)
    return run


def _named(weights: Any) -> str:
    """What a run's provenance says of its weights, in a few words."""
    return f"{weights['file']}, SHA-256 {weights['sha256'][:12]}…" if isinstance(weights, dict) else str(weights)


def _card(evaluation: Evaluation, name: str) -> dict[str, Any]:
    """What an artifact tells about itself."""
    model, about = evaluation.models[name], evaluation.corpus
    return {
        "labels": list(evaluation.labels),
        "model": name,
        "variant": model.variant,
        "corpus": about["name"],
        "synthetic": evaluation.synthetic,
        "licence": about["licence"],
        "citation": about["citation"],
        "protocol": evaluation.protocol,
        "leaky": evaluation.leaky,
        "trained_on": f"the training speakers of {next(iter(evaluation.folds))}, seed 0",
        "metrics": {
            key: {"value": score.value, "low": score.low, "high": score.high}
            for key, score in (("accuracy", model.accuracy), ("uar", model.uar))
        },
        "intended_use": (
            "Research and teaching on acted English speech. Not for judging people: what a voice sounds like is not "
            "what a person feels."
        ),
    }


@contextmanager
def _timed(run: Run, stage: str) -> Iterator[None]:
    """Add the seconds that a stage took to the run's provenance; a resumed run goes on counting."""
    start = time.perf_counter()
    try:
        yield
    finally:
        before = run.provenance.get("seconds", {}).get(stage, 0.0)
        run.update_provenance({"seconds": {stage: round(before + time.perf_counter() - start, 2)}})


def describe_software() -> dict[str, str]:
    """Versions that a figure depends on, and the commit where the code lies in a checkout."""
    packages = ("emovox", "numpy", "tensorflow", "keras", "soundfile", "soxr", "onnxruntime")
    versions = {"python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        here = Path(__file__).parent
        described = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
        if described.returncode == 0:
            versions["commit"] = described.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        pass
    return versions


def describe_machine() -> dict[str, Any]:
    """The machine, without naming it."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    return {"system": platform.system(), "processor": processor, "cores": available_cores(), "gibibytes": _gibibytes()}


def _gibibytes() -> float:
    if not hasattr(os, "sysconf"):
        return 8.0
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(jobs: int) -> int:
    """Processes to start: one a core and a job at most, as many as memory holds, and one where a GPU does the work."""
    if Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        return 1
    return max(1, min(available_cores(), jobs, int(_gibibytes() / WORKER_GIBIBYTES)))


def _check(recipe: Recipe) -> None:
    """Refuse what would only fail after minutes of work."""
    for name, model in recipe.models.items():
        front_end(model.front_end)
        if model.kind == "yamnet" and not 1 <= model.frozen_layers <= model.last_layer <= 14:
            raise RecipeError(f"models.{name}: needs 1 <= frozen_layers <= last_layer <= 14")
        if model.plateau and model.schedule != "constant":
            raise RecipeError(f"models.{name}: plateau halves a constant rate; set schedule to constant")
        for field, known in (("optimizer", ("adam", "adamw")), ("schedule", ("constant", "cosine", "onecycle"))):
            if getattr(model, field) not in known:
                raise RecipeError(f"models.{name}: unknown {field} {getattr(model, field)!r}; use {', '.join(known)}")


def _weights(recipe: Recipe, corpus: Corpus, option: Path | None, tell: Progress) -> Path | None:
    """The file of YAMNet's weights, where a model needs one."""
    if all(model.kind != "yamnet" for model in recipe.models.values()):
        return None
    path = find_weights(option, corpus.synthetic, tell)
    if path is None:
        _say(tell, "No YAMNet weights at hand: on the synthetic corpus the yamnet model starts from random weights.")
    else:
        check_weights(path)
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


def _train_all(
    run: Run, left: Sequence[Job], features: dict[str, Path], weights: Path | None, pool: Workers, tell: Progress
) -> None:
    """Every training that is left; a frozen body is computed once, before the trainings that stand on it."""
    recipes = run.recipe.models
    sources = {name: features[model.front_end] for name, model in recipes.items()}
    frozen = {job.model for job in left if recipes[job.model].kind == "yamnet"}
    bodies = {
        name: _Body(recipes[name], sources[name], weights, len(run.labels), run.path / "folds")
        for name in sorted(frozen)
    }
    inputs = sources | {name: body.path for name, body in bodies.items()}
    pending: dict[Future[Any], str] = {}  # task → the model whose body it computes, or ""

    def start(jobs: Sequence[Job]) -> None:
        for job in jobs:
            task = pool.submit(train_job, str(run.path), job, sources[job.model], inputs[job.model], weights)
            pending[task] = ""

    try:
        for name, body in bodies.items():
            for arguments in body.tasks():
                pending[pool.submit(embed, *arguments)] = name
        start([job for job in left if job.model not in pending.values()])
        while pending:
            done, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            pool.drain()
            for future in done:
                name = pending.pop(future)
                pool.result(future)
                if name and name not in pending.values():
                    bodies[name].finish()
                    start([job for job in left if job.model == name])
        pool.drain()
    finally:
        for body in bodies.values():
            body.discard()
        if not run.jobs_left:
            for path in (run.path / "folds").glob("*body-*.npy"):  # of this session, or of one that was stopped
                path.unlink()


class _Body:
    """The output of a frozen body for every version of every clip, there whole or not at all, while trainings need it.

    It may take gigabytes, so it lies in the run folder, and goes when the last training is done.
    """

    def __init__(self, recipe: ModelRecipe, features: Path, weights: Path | None, n_classes: int, folder: Path) -> None:
        self.recipe, self.features, self.weights, self.n_classes = recipe, features, weights, n_classes
        clips = len(np.load(features, mmap_mode="r"))
        frames = front_end(recipe.front_end).n_frames
        row = (EMBEDDING_SIZE,) if recipe.variant == "reference" else body_shape(frames, recipe.frozen_layers)
        self.shape = (recipe.versions, clips, *row)
        hasher = hashlib.sha256(weights.read_bytes() if weights else b"random")
        augmented = dataclasses.replace(recipe.augment, mixup=0.0)  # which comes after the body
        settings = (emovox.__version__, self.shape, recipe.variant, recipe.frozen_layers, augmented)
        hasher.update(repr(settings).encode())
        hasher.update(features.name.encode())
        self.path = folder / f"body-{hasher.hexdigest()[:12]}.npy"
        self.temporary = folder / f".{self.path.name}"  # one name, so that a run that was killed leaves one at most

    def tasks(self) -> list[tuple[Any, ...]]:
        """Arguments of :func:`emovox.tasks.embed`, one for each version; none where they are there."""
        if self.path.exists():
            return []
        with writing(self.path):
            np.lib.format.open_memmap(self.temporary, mode="w+", dtype=np.float16, shape=self.shape).flush()
        common = (self.recipe, self.features, self.weights, self.temporary)
        return [(*common, version, self.n_classes) for version in range(self.recipe.versions)]

    def finish(self) -> None:
        """All versions are in: give the file its name."""
        self.temporary.replace(self.path)

    def discard(self) -> None:
        """Remove what is not whole."""
        self.temporary.unlink(missing_ok=True)
