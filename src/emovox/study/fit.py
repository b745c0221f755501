"""The model to deploy: a judged recipe trained once more, on all clips, so that no speaker is left out of it.

No clip is left to judge it by. It carries the figures of the protocol that judged its recipe, and what was chosen there
without test clips: the number of epochs, the temperature, the weights of an ensemble, the thresholds.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emovox.corpora.base import Corpus, Progress
from emovox.errors import ModelError, typed
from emovox.evaluation import evaluate
from emovox.files import replacing
from emovox.layout import check_name
from emovox.models import Settings
from emovox.recipe import members_of
from emovox.report.card import card
from emovox.report.document import write
from emovox.runs import FoldRecord, Job, JobResult, Run
from emovox.study import stages
from emovox.study.executors import Executor
from emovox.study.jobs import export_job
from emovox.study.trials import cases, learns_in_epochs, train

if TYPE_CHECKING:
    from emovox.export.artifact import Precision

ALL = "all"
"""The fold in which every clip is learnt from."""


def fit(
    run: Run,
    corpus: Corpus,
    model: str | None = None,
    out: Path | None = None,
    precision: Precision = "float32",
    weights: Mapping[str, Path] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Train a model of a finished run on all clips of its corpus, and write the artifact with a card beside it.

    Args:
        run: Which judged the recipe.
        corpus: The one that it was made of.
        model: Its name; None takes the run's best, which was chosen on validation clips.
        out: The artifact, ``.onnx``; None puts it into the run folder, under ``final/``.
        precision: Of the artifact's weights.
        weights: Kind → a file of the published weights; others are where the run found them.
        workers: Trainings at once; None takes one a core.
        progress: Told of every training.
        executor: Trains and exports; None starts as many processes as ``workers`` says.
        notes: What the card says of the file beside the run's results, a paragraph each.

    Returns:
        The artifact.

    Raises:
        ModelError: The run has no such model.
        RunError: The run is unfinished, or ``corpus`` or the weights are others.
        StorageError: The artifact cannot be written.
    """
    tell = progress or (lambda stage, done, total: None)
    evaluation = evaluate(run)
    name = model or evaluation.best.name
    if name not in run.recipe.models:
        raise ModelError(f"{run.path} has no model {name!r}; available: {', '.join(run.recipe.models)}")
    members = members_of(run.recipe, name)
    single = members or (name,)
    again = typed("emovox", "fit", run.path, "--model", name)
    out = out or run.at.final(name)
    with cases(run, corpus, weights or {}, single, workers, tell, again, executor) as (usual, pool):
        first = usual[single[0]]
        models = {each: _settled(run, each) for each in dict.fromkeys((*single, name))}
        clips = tuple(run.clips)
        case = dataclasses.replace(
            first,
            recipe=dataclasses.replace(run.recipe, models=models, seeds=1),
            folds=(FoldRecord(ALL, clips, clips, clips, run.leaky),),
            inputs={each: usual[each].inputs[each] for each in single},
        )
        folder = f"final-{check_name(name)}"
        trial = train(run, {folder: case}, "on all clips", pool, tell)[folder]
        speakers = len({clip.speaker for clip in run.clips.values()})
        about = {
            "fold": ALL,
            "trained_on": f"all {len(clips)} clips of {speakers} speakers",
            "metrics_of": f"the protocol {evaluation.protocol}, where the same recipe learnt from a part of the "
            "speakers; not of this file, for which no clip is left",
        }
        found = stages.find_inputs_of(run.only(single), corpus, weights or {}, tell)
        for done, each in enumerate(models, start=1):
            job = Job(ALL, each, 0)
            trial.write_result(job, _carried(run, trial.read_result(job), each))
            metadata = {**stages.card(run, evaluation, each, found), **about}
            for _ in pool.results(
                [pool.submit(export_job, str(trial.path), job, found.get(each), metadata, precision)]
            ):
                tell("export", done, len(models))
    with replacing(out) as temporary:
        shutil.copyfile(trial.at.artifact(name), temporary)
    write(card(run, evaluation, evaluation.models[name], out.name, about["trained_on"], notes), out.with_suffix(".md"))
    return out


def _settled(run: Run, name: str) -> Settings:
    """A model's settings, with as many epochs as served best on the validation speakers of the run."""
    settings: Any = run.recipe.models[name]
    if not learns_in_epochs(settings):
        return settings  # type: ignore[no-any-return]
    epochs = round(float(np.mean([result.best_epoch for result in _results(run, name)])))
    return dataclasses.replace(settings, training=dataclasses.replace(settings.training, epochs=max(1, epochs)))  # type: ignore[no-any-return]


def _carried(run: Run, result: JobResult, name: str) -> JobResult:
    """What training on all clips left, with what the run's folds chose in place of what no clip is left to choose."""
    results = _results(run, name)
    temperature = float(np.exp(np.mean([np.log(each.temperature) for each in results])))
    choices = result.choices
    if members_of(run.recipe, name):
        choices = {weight: float(np.mean([each.choices[weight] for each in results])) for weight in choices}
    return dataclasses.replace(result, temperature=temperature, choices=choices)


def _results(run: Run, name: str) -> list[JobResult]:
    return [run.read_result(job) for job in run.jobs if job.model == name]
