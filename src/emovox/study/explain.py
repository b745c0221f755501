"""What in its hardest clips each model of a run attends to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emovox.corpora.base import Corpus, Progress
from emovox.errors import CorpusError, typed
from emovox.evaluation import evaluate
from emovox.evaluation.hardest import hardest
from emovox.evaluation.occlusion import falls, grid_of, occluded
from emovox.files import write_json
from emovox.provenance import describe_software
from emovox.runs import Run
from emovox.study.asking import asking
from emovox.study.executors import Executor


def explain(
    run: Run,
    corpus: Corpus,
    weights: Mapping[str, Path] | None = None,
    models: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Quieten each part of some test clips, see how a run's answers change, and write ``explanations.json``.

    Args:
        run: A finished run.
        corpus: The one that it was made of.
        weights: Kind → a file of the published weights; others are where the run found them.
        models: Names; None takes all.
        clips: Ids of test clips; None takes the ten that the best model is most sure and wrong about.
        threads: Clips at a time; None takes one a core.
        progress: Told after every clip.
        executor: Exports networks; None starts a process of its own.

    Returns:
        What the file holds. Of each clip the edges of its patches, ``seconds`` (T + 1) and ``hertz`` (F + 1), and for
        each model what it predicted with which probability, the mean over seeds, and ``falls`` (T, F) of
        :func:`~emovox.evaluation.occlusion.falls`.

    Raises:
        CorpusError: A clip is not tested by the run.
        ModelError: A name is unknown.
        RunError: The run is unfinished, ``corpus`` is another, or clips as they are get other answers than in the run.
    """
    chosen = tuple(clips) if clips is not None else hardest(evaluate(run)).ids
    again = typed("emovox", "evaluate", run.path, "--explain")
    with asking(run, corpus, weights, models, threads, progress, executor, again) as asked:
        honest = asked.honest
        for clip in chosen:
            if clip not in honest.clip_ids:
                raise CorpusError(f"{run.path} tests no clip {clip!r}; its predictions.npz lists those that it does")
        recorded, within = asked.as_recorded(chosen)
        patched = asked.about(lambda samples, clip: occluded(samples, grid_of(samples)), "explain", chosen)
        grids = [grid_of(asked.waveform(clip)) for clip in chosen]
    told = []
    for clip, grid, whole, parts in zip(chosen, grids, recorded, patched, strict=True):
        answers = {}
        for name in honest.models:
            mean = whole[name][:, 0].mean(axis=0)  # (C,)
            answers[name] = {
                "predicted": honest.labels[int(mean.argmax())],
                "probability": float(mean.max()),
                "falls": np.round(falls(mean, parts[name].mean(axis=0), grid), 4).tolist(),
            }
        place = honest.clip_ids.index(clip)
        about = {"clip": clip, "speaker": honest.speakers[place], "true": honest.labels[honest.truths[place]]}
        told.append({**about, **vars(grid), "models": answers})
    result = {
        "run": honest.name,
        "protocol": honest.protocol,
        "warnings": honest.warnings,
        "corpus": honest.corpus["name"],
        "largest_difference_from_run": within,
        "clips": told,
        "software": describe_software(),
    }
    write_json(run.at.explanations, result)
    return result
