"""What more speakers would bring: a run's models trained again on fewer of them, and the slope of what that gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from emovox.corpora.base import Corpus, Progress
from emovox.errors import RunError, typed
from emovox.evaluation import Evaluation, evaluate
from emovox.evaluation.intervals import Interval, Sample, jackknife_error
from emovox.evaluation.metrics import uar
from emovox.files import write_json
from emovox.provenance import describe_software
from emovox.runs import FoldRecord, Job, Run
from emovox.study.executors import Executor
from emovox.study.trials import Case, cases, learns_in_epochs, train, trainable, training_seconds

SIZES = (4, 8, 12, 16, 32, 64, 128, 256)
"""Numbers of training speakers that are tried, as far as there are more."""

DRAWS = 3
"""Random choices of so many speakers, in every fold."""

LAST_PART = 1 / 3
"""The slope is that of sizes from this share of all speakers on: the first few bring more than any later ones."""


def learning_curve(
    run: Run,
    corpus: Corpus,
    weights: Mapping[str, Path] | None = None,
    models: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Train a run's models on 4, 8, … of the speakers that they learnt from, and write ``learning_curve.json``.

    Args:
        run: A finished run, of a protocol by speaker.
        corpus: The one that it was made of.
        weights: Kind → a file of the published weights; others are where the run found them.
        models: Names; None takes those that learn in no epochs, which are fitted in seconds.
        workers: Trainings at once; None takes one a core.
        progress: Told of every training.
        executor: Trains; None starts as many processes as ``workers`` says.

    Returns:
        What the file holds.

    Raises:
        ModelError: A name is unknown or an ensemble's, or no model is left.
        RunError: The run is unfinished or leaky or has too few speakers, or ``corpus`` is another.
    """
    tell = progress or (lambda stage, done, total: None)
    names = trainable(run, models)
    honest = evaluate(run.only(names))
    sizes = {name: sizes_of(run, name) for name in names}
    again = typed("emovox", "evaluate", run.path, "--learning-curve")
    with cases(run, corpus, weights or {}, names, workers, tell, again, executor) as (usual, pool):
        fewer = {f"{name}-fewer-speakers": thinned(usual[name], run, name) for name in names}
        trials = train(run, fewer, "learning curve", pool, tell)
    curves = {}
    for name in names:
        samples = {n: _sample(trials[f"{name}-fewer-speakers"], honest, name, n) for n in sizes[name][:-1]}
        samples[sizes[name][-1]] = _of(honest, honest.models[name].predictions)
        curves[name] = {
            "sizes": [{"speakers": n, "uar": vars(sample.interval(uar))} for n, sample in samples.items()],
            "doubling": vars(doubling(samples)),
        }
    result = {
        "run": honest.name,
        **{key: getattr(honest, key) for key in ("protocol", "warnings", "chance_uar", "unit", "units")},
        "corpus": honest.corpus["name"],
        "clips": len(honest.clip_ids),
        "draws": DRAWS,
        "curves": curves,
        "software": describe_software(),
    }
    write_json(run.at.learning_curve, result)
    return result


def thinned(case: Case, run: Run, model: str) -> Case:
    """Folds that learn from fewer speakers: of each size several draws, the smaller within the larger.

    A head is fitted on validation speakers too, so they are drawn from as well; networks keep theirs to choose by.
    """
    folds = []
    for number, fold in enumerate(case.folds):
        for draw in range(DRAWS):
            order = np.random.default_rng([number, draw]).permutation(_speakers(run, fold, model))
            for n in sizes_of(run, model)[:-1]:
                folds.append(_learning_from(run, fold, list(order[:n]), model, f"{fold.name}-{n}speakers-draw{draw}"))
    return dataclasses.replace(case, folds=tuple(folds))


def sizes_of(run: Run, model: str) -> tuple[int, ...]:
    """The numbers of speakers on a model's curve; the last is that of the run itself.

    Raises:
        RunError: The run's protocol shares speakers, or they are too few.
    """
    if run.leaky:
        raise RunError(f"{run.path} shares speakers between training and test; use a run of a protocol by speaker")
    most = min(len(_speakers(run, fold, model)) for fold in run.folds.values())
    if most < 3:
        raise RunError(f"{run.path} trains on {most} speaker(s); a learning curve needs at least 3")
    return (*([n for n in SIZES if n < most] or [2]), most)


def expected_seconds(run: Run, models: Sequence[str], workers: int) -> float:
    """About how long a learning curve takes, from the seconds of the run's own trainings."""
    total = 0.0
    for name in models:
        *fewer, most = sizes_of(run, name)
        total += DRAWS * sum(fewer) / most * training_seconds(run, name)
    return total / workers


def doubling(samples: Mapping[int, Sample], level: float = 0.95) -> Interval:
    """What twice as many speakers would bring: the least-squares slope of UAR over log2 of their number.

    Its interval is a t interval by the jackknife over test speakers, as that of a score.

    Args:
        samples: Number of training speakers → predictions for the same clips.
        level: Confidence.
    """
    most = max(samples)
    last = [n for n in samples if n >= LAST_PART * most]
    last = sorted(samples)[-2:] if len(last) < 2 else last
    x = np.log2(last) - np.log2(last).mean()
    weights = x / (x**2).sum()  # (sizes,)
    value = float(weights @ [uar(samples[n].matrices).mean() for n in last])
    left = weights @ [uar(samples[n].matrices - samples[n].parts).mean(axis=1) for n in last]  # (G,)
    reach = jackknife_error(left) * stdtrit(len(left) - 1, (1 + level) / 2) if len(left) > 1 else np.inf
    return Interval(value, max(-1.0, value - reach), min(1.0, value + reach))


def _speakers(run: Run, fold: FoldRecord, model: str) -> list[str]:
    """Those whom a model learns from in a fold, sorted."""
    heard = fold.train if learns_in_epochs(run.recipe.models[model]) else (*fold.train, *fold.validation)
    return sorted({run.clips[clip].speaker for clip in heard})


def _learning_from(run: Run, fold: FoldRecord, speakers: Sequence[str], model: str, name: str) -> FoldRecord:
    """A fold whose training speakers are these alone; of a head's, the last stands for validation speakers."""
    if learns_in_epochs(run.recipe.models[model]):
        train = tuple(clip for clip in fold.train if run.clips[clip].speaker in speakers)
        return FoldRecord(name, train, fold.validation, fold.test)
    heard = [clip for clip in (*fold.train, *fold.validation) if run.clips[clip].speaker in speakers]
    validation = tuple(sorted(clip for clip in heard if run.clips[clip].speaker == speakers[-1]))
    return FoldRecord(name, tuple(sorted(set(heard) - set(validation))), validation, fold.test)


def _sample(trial: Run, honest: Evaluation, model: str, speakers: int) -> Sample:
    """What every draw and seed of one size predicted for the test clips of all folds."""
    place = {clip: i for i, clip in enumerate(honest.clip_ids)}
    rows = []
    for draw in range(DRAWS):
        for seed in range(honest.seeds):
            row = np.zeros(len(place), int)
            for fold in honest.folds:
                result = trial.read_result(Job(f"{fold}-{speakers}speakers-draw{draw}", model, seed))
                row[[place[clip] for clip in result.test_ids]] = result.test_probabilities.argmax(axis=1)
            rows.append(row)
    return _of(honest, np.array(rows))


def _of(honest: Evaluation, predictions: np.ndarray) -> Sample:
    return Sample(honest.truths, predictions, honest.independent, len(honest.labels))
