"""A study from end to end: all that a recipe asks for is prepared, trained, judged, exported and reported."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from emovox.corpora.base import Corpus, Progress
from emovox.corpora.guard import guarded
from emovox.download import user_cache
from emovox.errors import EmovoxError, ModelError, to_resume
from emovox.files import sweep
from emovox.layout import Layout
from emovox.provenance import available_cores, describe_machine, describe_software, gibibytes
from emovox.recipe import Recipe, check, without
from emovox.runs import Run
from emovox.splits import make_folds, untrained, untrained_notice
from emovox.study import stages
from emovox.study.executors import Executor, Processes, Serial

__all__ = ["Executor", "Processes", "Serial", "run_study", "stages"]

ABANDONED_SECONDS = 86_400.0
"""What is half-written in the cache and was not touched for so long has lost its writer."""

WORKER_GIBIBYTES = 1.5
"""What one training process may need; fewer are started where memory is short."""


def run_study(
    recipe: Recipe,
    corpus: Corpus,
    out: Path,
    resume: bool = False,
    workers: int | None = None,
    weights: Mapping[str, Path] | None = None,
    optional: Sequence[str] = (),
    progress: Progress | None = None,
    command: str | None = None,
    board: bool = True,
) -> Run:
    """Train, judge, compare and export all that ``recipe`` asks for, into the run folder ``out``.

    Trainings that ``out`` already holds are kept, and one that was interrupted goes on from its last epoch. No other
    process can work there meanwhile. What is refused before the first training leaves ``out`` as it was.

    Args:
        recipe: What to do.
        corpus: The recordings.
        out: The run folder; made if missing.
        resume: Expect an earlier run there.
        workers: Training processes at once; None takes one a core, as far as memory allows.
        weights: Kind → a file of the published weights; others are looked for in the user cache, then downloaded.
        optional: Models that are left out, with a notice, where their published weights cannot be had.
        progress: Told of every stage.
        command: What a person typed, for the run's provenance; None where this was called from Python.
        board: Whether TensorBoard logs are written.

    Returns:
        The finished run.

    Raises:
        EmovoxError: Bad input, or a training process that died; what was done so far is kept.
    """
    tell = progress or (lambda stage, done, total: None)
    recipe = dataclasses.replace(recipe, corpus=corpus.name)
    check(recipe)
    if resume:
        Run.open(out)
    checked = guarded(corpus, user_cache() / "checked", available_cores(), tell)
    for note in checked.notes[len(corpus.notes) :]:
        _say(tell, note)
    corpus = checked
    folds = make_folds(recipe.protocol, corpus)
    for fold in folds:
        if labels := untrained(fold.train, fold.test):
            _say(tell, untrained_notice(fold.name, labels))
    with Run.locked(out):
        sweep(user_cache(), ABANDONED_SECONDS)
        earlier = Run.open(out) if resume else None
        if earlier and stages.is_complete(earlier):  # nobody need ask for weights
            run = Run.create(out, recipe, corpus, folds)
            _begin(run, command)
            stages.report(run, stages.judge(run), tell)
            return run
        began = earlier.provenance.get("weights") if earlier else None
        found, left_out = stages.find_weights(recipe, corpus, weights or {}, tell, optional, began)
        for name, reason in left_out.items():
            _say(tell, f"Continuing without {name}: {reason}")
        for name, path in found.items():
            if path is None:
                _say(
                    tell,
                    f"No published weights for {name} were found: on a synthetic corpus it starts from random weights.",
                )
        for name, settings in recipe.models.items():
            if stages.teacher_of(settings) and name not in found:
                _say(tell, f"{name} is trained without its teacher, whose published weights were not found.")
        recipe = without(recipe, left_out)
        if left_out and not recipe.models:
            raise ModelError(next(iter(left_out.values())))
        cores = available_cores()
        again = to_resume(out, "--workers", "1")
        with _as_it_was(out):
            run = Run.create(out, recipe, corpus, folds)
            stages.check_weights(run, found, begins=not (resume or run.has_begun))
            workers = workers or default_workers(len(run.jobs))  # a resumed run gets as many, and so the same figures
            _begin(run, command, workers=workers)
            with Processes(1, cores, tell, again) as executor:
                inputs = stages.prepare(run, corpus, found, cores, executor, tell)
        with Processes(workers, max(1, cores // workers), tell, again) as executor:
            stages.train(run, inputs, executor, tell, board)
        evaluation = stages.judge(run)
        with Processes(1, cores, tell, again) as executor:  # exporting a large network takes most memory of all
            stages.export(run, evaluation, found, executor, tell)
            if board:
                stages.board(run, executor)
        stages.keep_sounds(run, evaluation, corpus)
        stages.report(run, evaluation, tell)
    return run


def _begin(run: Run, command: str | None, **more: int) -> None:
    """Note who begins to work on a run."""
    called = command or f"Python: run_study(…, out={str(run.path)!r})"
    run.begin_session({"command": called, "software": describe_software(), "machine": describe_machine(), **more})


@contextlib.contextmanager
def _as_it_was(out: Path) -> Iterator[None]:
    """Take away the run folder that was made in the block, where the block is refused."""
    at = Layout(out)
    there = at.recipe.exists()
    try:
        yield
    except EmovoxError:
        if not there:
            for path in (at.recipe, at.provenance, at.folds, at.clips):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                at.folds.parent.rmdir()
        raise


def default_workers(jobs: int) -> int:
    """Processes to start: one a core and a job at most, as many as memory holds, and one where a GPU does the work."""
    if Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        return 1
    return max(1, min(available_cores(), jobs, int(gibibytes() / WORKER_GIBIBYTES)))


def _say(tell: Progress, sentence: str) -> None:
    """A plain notice: through the display where it can speak, else to standard error."""
    speak = getattr(tell, "say", None)
    if speak:
        speak(sentence)
    else:
        print(sentence, file=sys.stderr)
