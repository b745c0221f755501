"""TensorBoard's view of a whole run: settings and outcome of every training, and test clips as points."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emovox.evaluation.metrics import confusion, uar
from emovox.models import Ensemble, kind_of
from emovox.runs import Run


def board_job(run_folder: str) -> None:
    """Write them beside the curves of the trainings; what an earlier call wrote is replaced.

    Args:
        run_folder: Of a run whose trainings are done.
    """
    from emovox.training.board import write_outcome, write_projector

    run = Run.open(Path(run_folder))
    points: dict[str, list[np.ndarray]] = {}
    clips: dict[str, list[str]] = {}
    for job in (job for job in run.jobs if run.is_done(job)):
        result, settings = run.read_result(job), run.recipe.models[job.model]
        truths = np.array([run.labels.index(run.clips[clip].emotion) for clip in result.test_ids])
        answers = result.test_probabilities.argmax(axis=1)
        given = result.test_probabilities[np.arange(len(truths)), truths]
        if not isinstance(kind_of(settings), Ensemble):
            metrics = {
                "test/uar": float(uar(confusion(truths, answers, len(run.labels)))),
                "test/accuracy": float((answers == truths).mean()),
                "test/loss": float(-np.log(np.maximum(given, 1e-7)).mean()),
                "seconds": result.seconds,
            }
            write_outcome(run.at.logs(job.name), settings, metrics)
        if job.seed == 0:
            points.setdefault(job.model, []).append(result.test_probabilities)
            clips.setdefault(job.model, []).extend(result.test_ids)
    for model, parts in points.items():
        about = [
            {"clip": clip, "true": run.clips[clip].emotion, "speaker": run.clips[clip].speaker} for clip in clips[model]
        ]
        write_projector(run.at.projector, model, np.concatenate(parts), about)
