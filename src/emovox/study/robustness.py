"""What a run's models answer to test clips that were altered, as recordings outside a studio are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emovox.corpora.base import Corpus, Progress
from emovox.errors import typed
from emovox.evaluation import Evaluation
from emovox.evaluation.contrast import contrast
from emovox.evaluation.metrics import calibration_error
from emovox.evaluation.robustness import CLEAN, CONDITIONS, Condition
from emovox.files import write_json
from emovox.provenance import describe_software
from emovox.runs import Run
from emovox.study.asking import asking
from emovox.study.executors import Executor


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
    clean, *others = conditions or CONDITIONS.values()
    again = typed("emovox", "evaluate", run.path, "--robustness")
    with asking(run, corpus, weights, models, threads, progress, executor, again) as asked:
        honest = asked.honest
        recorded, within = asked.as_recorded()
        heard = asked.about(lambda samples, clip: (other(samples, clip) for other in others), "robustness")
    as_recorded = {name: np.concatenate([clip[name] for clip in recorded], 1) for name in honest.models}  # (S, N, C)
    altered = {name: np.stack([clip[name] for clip in heard], 2) for name in honest.models}  # (S, K, N, C)
    answered = [as_recorded, *({name: a[:, k] for name, a in altered.items()} for k in range(len(others)))]
    result = {
        "run": honest.name,
        **{key: getattr(honest, key) for key in ("protocol", "warnings", "chance_uar", "unit", "units")},
        "corpus": honest.corpus["name"],
        "clips": len(honest.clip_ids),
        "largest_difference_from_run": within,
        "conditions": [
            _judged(condition, honest, as_recorded, answers)
            for condition, answers in zip((clean, *others), answered, strict=True)
        ],
        "software": describe_software(),
    }
    write_json(run.at.robustness, result)
    return result


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
