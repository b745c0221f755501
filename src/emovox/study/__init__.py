"""A study from end to end: all that a recipe asks for is prepared, trained, judged, exported and reported."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from emovox.corpora.base import Corpus, Progress
from emovox.errors import ModelError
from emovox.provenance import available_cores, describe_machine, describe_software, gibibytes
from emovox.recipe import Recipe, check, without
from emovox.runs import Run
from emovox.splits import make_folds, untrained, untrained_notice
from emovox.study import stages
from emovox.study.executors import Executor, Processes, Serial

__all__ = ["Executor", "Processes", "Serial", "run_study", "stages"]

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
) -> Run:
    """Train, judge, compare and export all that ``recipe`` asks for, into the run folder ``out``.

    Trainings that ``out`` already holds are kept, and one that was interrupted goes on from its last epoch.

    Args:
        recipe: What to do.
        corpus: The recordings.
        out: The run folder; made if missing.
        resume: Expect an earlier run there.
        workers: Training processes at once; None takes one a core, as far as memory allows.
        weights: Kind → a file of the published weights; others are looked for in the user cache, then downloaded.
        optional: Models that are left out, with a notice, where their published weights cannot be had.
        progress: Told of every stage.

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
    folds = make_folds(recipe.protocol, corpus)
    for fold in folds:
        if labels := untrained(fold.train, fold.test):
            _say(tell, untrained_notice(fold.name, labels))
    found, left_out = stages.find_weights(recipe, corpus, weights or {}, tell, optional)
    for name, reason in left_out.items():
        _say(tell, f"Going on without {name}: {reason}")
    for name, path in found.items():
        if path is None:
            _say(tell, f"No published weights for {name} at hand: on a synthetic corpus it starts at random.")
    for name, settings in recipe.models.items():
        if stages.teacher_of(settings) and name not in found:
            _say(tell, f"{name} learns without its teacher, whose published weights cannot be had.")
    recipe = without(recipe, left_out)
    if left_out and not recipe.models:
        raise ModelError(next(iter(left_out.values())))
    about = {
        "software": describe_software(),
        "machine": describe_machine(),
        "command": " ".join(["emovox", *sys.argv[1:]]),
        "weights": stages.weights_provenance(found),
    }
    run = Run.create(out, recipe, corpus, folds, about)
    stages.check_weights(run, found)
    cores = available_cores()
    workers = workers or default_workers(len(run.jobs))  # a resumed run gets as many, and so the same figures
    with Processes(workers, max(1, cores // workers), tell) as executor:
        inputs = stages.prepare(run, corpus, found, cores, executor, tell)
        stages.train(run, inputs, executor)
    evaluation = stages.judge(run)
    with Processes(1, cores, tell) as executor:  # one at a time: exporting a large network takes most memory of all
        stages.export(run, evaluation, found, executor, tell)
    stages.report(run, evaluation, tell)
    return run


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
