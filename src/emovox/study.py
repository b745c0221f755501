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
from emovox.models import VARIANTS
from emovox.models.mobilenet import BODY, EMBEDDING_SIZE, N_MELS, body_shape
from emovox.models.pretrained import check_weights, find_weights
from emovox.recipe import ModelRecipe, Recipe, check_ranges, read_recipe, recipe_from_toml
from emovox.report import write_report
from emovox.runs import Job, Run
from emovox.splits import make_folds
from emovox.tasks import embed, export_model, train_job
from emovox.workers import Workers

QUICK_EPOCHS = 3
BODY_TASKS = 4
"""Into so many pieces the work of a frozen body is cut: each starts by building the network."""

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
    corpus: str | None = None,
) -> Recipe:
    """The recipe that the given wishes amount to: a recipe file or the built-in one, then each wish over it.

    Args:
        protocol, models, variant, epochs, batch_size, seeds: None leaves what the recipe says.
        quick: A few epochs only, to see that all works.
        recipe: A TOML file; None takes the built-in one, of which the synthetic corpus has a shorter one of its own.
        corpus: The name of the corpus that is there; None leaves what the recipe says.

    Raises:
        RecipeError: The file is not a recipe, or one of its settings cannot work.
        ModelError: A model is not in the recipe, or a variant is unknown.
    """
    if recipe is not None:
        planned = read_recipe(recipe)
    else:
        name = variant if variant == "reference" else "synthetic" if corpus == "synthetic" else "default"
        planned = built_in(name)
    if variant not in (None, *VARIANTS):
        raise ModelError(f"Unknown variant {variant!r}; available: {', '.join(VARIANTS)}")
    if recipe is not None and variant is not None:
        raise RecipeError(f"--variant chooses a built-in recipe, and {recipe} is another; give one of the two")
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
    wished = dataclasses.replace(
        planned,
        corpus=corpus or planned.corpus,
        protocol=protocol or planned.protocol,
        seeds=seeds or planned.seeds,
        models={name: dataclasses.replace(planned.models[name], **changes) for name in chosen},
    )
    _check(wished)
    return wished


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
    recipe = dataclasses.replace(recipe, corpus=corpus.name)
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
            features[name] = extract(front_end(name), corpus, user_cache() / "features", cores, _renamed(tell, stage))
    left = run.jobs_left
    workers = workers or default_workers(len(run.jobs))  # a resumed run gets as many, and so the same figures
    with Workers(workers, max(1, cores // workers), tell) as pool:
        with _timed(run, "training"):
            _train_all(run, left, features, weights, pool, tell)
        with _timed(run, "export"):
            evaluation = evaluate(run)
            write_results(run, evaluation)
            first = next(iter(run.folds))
            tasks = [
                pool.submit(export_model, str(run.path), Job(first, name, 0), weights, _card(evaluation, name, weights))
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


YAMNET_NOTICE = "Starts from the weights of YAMNet, The TensorFlow Authors, Apache-2.0."


def _card(evaluation: Evaluation, name: str, weights: Path | None) -> dict[str, Any]:
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
        "notices": [YAMNET_NOTICE] if model.kind == "yamnet" and weights else [],
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
    if _git("ls-files", "--error-unmatch", Path(__file__).name):  # else Emovox lies in a folder of another project
        versions["commit"] = _git("describe", "--always", "--dirty", "--abbrev=12")
    return versions


def _git(*arguments: str) -> str:
    """What git says of the folder of this module; nothing where there is no git or no checkout."""
    try:
        said = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


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
    check_ranges(recipe)
    for name, model in recipe.models.items():
        front = front_end(model.front_end)
        if model.kind == "yamnet":
            if not model.frozen_layers <= model.last_layer <= len(BODY):
                raise RecipeError(f"models.{name}: needs frozen_layers <= last_layer <= {len(BODY)}")
            if model.tap_layer > len(BODY):
                raise RecipeError(f"models.{name}: needs tap_layer <= {len(BODY)}")
            if front.n_mels != N_MELS:
                raise RecipeError(f"models.{name}: YAMNet reads {N_MELS} mels; set front_end to yamnet")
            if model.augment.crop_frames:
                raise RecipeError(f"models.{name}: YAMNet's frozen layers read whole clips; set crop_frames to 0")
        if model.augment.crop_frames > front.n_frames:
            raise RecipeError(f"models.{name}: crop_frames is more than the {front.n_frames} frames of its front end")
        if model.variant not in VARIANTS:
            raise RecipeError(f"models.{name}: unknown variant {model.variant!r}; use {', '.join(VARIANTS)}")
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
    sources = {name: features[model.front_end] for name, model in run.recipe.models.items()}
    bodies = _bodies(run, left, sources, weights)
    pending: dict[Future[Any], _Body | None] = {}  # task → the body that it computes a version of

    def start(jobs: Sequence[Job]) -> None:
        for job in jobs:
            body, source = bodies.get(job.model), sources[job.model]
            pending[pool.submit(train_job, str(run.path), job, source, body.path if body else source, weights)] = None

    try:
        for body in dict.fromkeys(bodies.values()):
            for arguments in body.tasks():
                pending[pool.submit(embed, *arguments)] = body
        coming = set(pending.values())
        start([job for job in left if bodies.get(job.model) not in coming])
        while pending:
            done, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            pool.drain()
            for future in done:
                part_of = pending.pop(future)
                pool.result(future)
                if part_of and part_of not in pending.values():
                    part_of.finish()
                    start([job for job in left if bodies.get(job.model) is part_of])
        pool.drain()
    finally:
        for body in bodies.values():
            body.discard()
        if not run.jobs_left:
            for path in (run.path / "folds").glob("*body-*.npy"):  # of this session, or of one that was stopped
                path.unlink()


def _bodies(run: Run, left: Sequence[Job], sources: dict[str, Path], weights: Path | None) -> dict[str, _Body]:
    """The frozen body of every model that has one and is to be trained; models with equal ones share it."""
    bodies: dict[str, _Body] = {}
    for name in dict.fromkeys(job.model for job in left if run.recipe.models[job.model].kind == "yamnet"):
        body = _Body(run.recipe.models[name], sources[name], weights, len(run.labels), run.path / "folds")
        bodies[name] = next((other for other in bodies.values() if other.path == body.path), body)
    return bodies


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
        """Arguments of :func:`emovox.tasks.embed` for tasks that share the versions; none where they are there."""
        if self.path.exists():
            return []
        with writing(self.path):
            np.lib.format.open_memmap(self.temporary, mode="w+", dtype=np.float16, shape=self.shape).flush()
        common = (self.recipe, self.features, self.weights, self.temporary)
        count = self.recipe.versions
        return [(*common, tuple(range(first, count, BODY_TASKS)), self.n_classes) for first in range(BODY_TASKS)][
            :count
        ]

    def finish(self) -> None:
        """All versions are in: give the file its name."""
        self.temporary.replace(self.path)

    def discard(self) -> None:
        """Remove what is not whole."""
        self.temporary.unlink(missing_ok=True)
