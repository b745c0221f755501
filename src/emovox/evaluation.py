"""From a run's predictions to an Evaluation: what may be said of each model, and how surely.

An Evaluation is a pure function of the run folder: judged twice, it is the same to the last digit. Test predictions
are pooled over folds, so that with a rotating protocol each clip is judged once per seed, by models that never heard
its speaker. Probabilities are calibrated with the temperature of their own training, as the artifacts answer.
"""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emovox import metrics
from emovox.calibration import apply_temperature
from emovox.errors import RunError
from emovox.files import write_arrays, write_json, write_text
from emovox.metrics import Bootstrap, Difference, Interval, Metric
from emovox.runs import JobResult, Run
from emovox.splits import PROTOCOLS

SCORES: dict[str, Metric] = {
    "accuracy": metrics.accuracy,
    "uar": metrics.uar,
    "f1_macro": metrics.f1_macro,
    "f1_weighted": metrics.f1_weighted,
}
"""The scores that carry intervals, in the order in which they are shown."""


@dataclass(frozen=True)
class Score:
    """One figure of one model, in [0, 1].

    Args:
        value: Over all test clips, averaged over seeds.
        low, high: Its 95 % bootstrap interval.
        per_seed: The figure of each seed, pooled over folds.
        deviation: Their sample standard deviation; None for one seed.
        per_fold: The figure within each fold, averaged over seeds.
    """

    value: float
    low: float
    high: float
    per_seed: tuple[float, ...]
    deviation: float | None
    per_fold: dict[str, float]

    @property
    def fold_mean(self) -> float:
        """The mean over folds, as some benchmarks quote it; close to ``value``, which pools clips."""
        return float(np.mean(list(self.per_fold.values())))


@dataclass(frozen=True)
class ClassScore:
    """How one model does on one emotion; None where the test part has no such clips or answers.

    Args:
        clips: Test clips of the emotion.
        precision, recall, f1: Over all seeds together.
        recall_interval: The recall with its 95 % interval.
    """

    clips: int
    precision: float | None
    recall: float | None
    f1: float | None
    recall_interval: Interval | None


@dataclass(frozen=True, eq=False)
class Training:
    """What one training, of a fold and a seed, went through."""

    fold: str
    seed: int
    epochs_trained: int
    best_epoch: int
    seconds: float
    temperature: float
    validation_accuracy: float
    history: Mapping[str, Sequence[float]]


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """All that is said of one model.

    Args:
        name, kind, variant, front_end: As the recipe has them.
        parameters: Weights of the trained part; a frozen body is not counted.
        scores: Under the names of :data:`SCORES`.
        classes: Under each label, in label order.
        confusion: (C, C) counts summed over seeds, rows truth.
        loss: Cross-entropy in nats of the calibrated probabilities, averaged over seeds.
        loss_per_seed: The same for each seed.
        loss_uncalibrated: The same before temperature.
        calibration_error, calibration_error_uncalibrated: Expected calibration error, likewise.
        best_val_accuracy: Accuracy of the kept weights on validation clips, averaged over trainings.
        probabilities: (S, N, C) calibrated, in the order of the evaluation's clips.
        trainings: Every fold and seed.
    """

    name: str
    kind: str
    variant: str
    front_end: str
    parameters: int
    scores: dict[str, Score]
    classes: dict[str, ClassScore]
    confusion: np.ndarray
    loss: float
    loss_per_seed: tuple[float, ...]
    loss_uncalibrated: float
    calibration_error: float
    calibration_error_uncalibrated: float
    best_val_accuracy: float
    probabilities: np.ndarray
    trainings: tuple[Training, ...]

    @property
    def accuracy(self) -> Score:
        """The share of clips named rightly."""
        return self.scores["accuracy"]

    @property
    def uar(self) -> Score:
        """Unweighted average recall."""
        return self.scores["uar"]

    @property
    def predictions(self) -> np.ndarray:
        """(S, N) likeliest class indices."""
        return np.asarray(self.probabilities.argmax(axis=-1))

    @property
    def training_seconds(self) -> float:
        """Wall time of all trainings together, without that of a frozen body."""
        return sum(training.seconds for training in self.trainings)

    @property
    def epochs_trained(self) -> float:
        """Epochs of a training, averaged over trainings."""
        return float(np.mean([training.epochs_trained for training in self.trainings]))


@dataclass(frozen=True)
class FoldSummary:
    """Sizes of a fold's parts, and who chose and who judged."""

    train: int
    validation: int
    test: int
    validation_speakers: tuple[str, ...]
    test_speakers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that is said of a run.

    Args:
        name: The run folder's name.
        timestamp: When the run was begun, from its provenance.
        corpus: Its name, version, licence, citation and digest, from the provenance.
        synthetic: No person spoke; say so with every figure.
        protocol, protocol_rule: Which, and in words.
        leaky: Training and test share speakers; say so with every figure.
        labels: In the order of every vector.
        total_clips: Clips of the corpus.
        seeds: Trainings per fold and model.
        unit: What intervals resample: ``"speakers"``, or ``"clips"`` where speakers are shared or there is one only.
        units: How many of them.
        folds: Under their names.
        clip_ids, speakers, clip_folds: (N,) each judged clip, who speaks, and the fold that judges it.
        truths: (N,) class indices.
        models: Under their names, in the recipe's order.
        missing: Models whose trainings are not all done, where that was allowed.
    """

    name: str
    timestamp: str
    corpus: dict[str, Any]
    synthetic: bool
    protocol: str
    protocol_rule: str
    leaky: bool
    labels: tuple[str, ...]
    total_clips: int
    seeds: int
    unit: str
    units: int
    folds: dict[str, FoldSummary]
    clip_ids: tuple[str, ...]
    speakers: tuple[str, ...]
    clip_folds: tuple[str, ...]
    truths: np.ndarray
    models: dict[str, ModelEvaluation]
    missing: tuple[str, ...] = ()

    @property
    def best(self) -> ModelEvaluation:
        """The model of the highest test accuracy, as the published study names it; a tie goes to the first."""
        return max(self.models.values(), key=lambda model: model.accuracy.value)

    @property
    def chance_uar(self) -> float:
        """What guessing gets: one over the number of classes that have test clips."""
        return 1 / len(np.unique(self.truths))

    @property
    def chance_accuracy(self) -> float:
        """What naming the commonest class every time gets."""
        return float(np.bincount(self.truths).max() / len(self.truths))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must stand beside every figure: ``synthetic``, ``leaky: speakers shared``, or nothing."""
        return (("synthetic",) if self.synthetic else ()) + (("leaky: speakers shared",) if self.leaky else ())


def evaluate(run: Run, finished_only: bool = False) -> Evaluation:
    """Judge a run's models from the predictions in its folder.

    Args:
        run: An opened run.
        finished_only: Judge the models whose trainings are all done, rather than refuse an unfinished run.

    Returns:
        The same Evaluation every time, on every machine.

    Raises:
        RunError: Trainings are left (the message says how many), a result is damaged, or two folds judge one clip.
    """
    left = run.jobs_left
    missing = tuple(dict.fromkeys(job.model for job in left))
    names = [name for name in run.recipe.models if name not in missing]
    if left and not (finished_only and names):
        finished = f" (all of {', '.join(names)} is done: judge it with --finished)" if names else ""
        raise RunError(
            f"{run.path} has {len(left)} of {len(run.jobs)} trainings left{finished}; "
            f"finish it with 'emovox run --resume --out {run.path}'"
        )
    fold_of = _judging_folds(run)
    ids = tuple(sorted(fold_of))
    speakers = tuple(run.clips[i].speaker for i in ids)
    index = {label: k for k, label in enumerate(run.labels)}
    truths = np.array([index[run.clips[i].emotion] for i in ids])
    by_speaker = not run.leaky and len(set(speakers)) > 1
    groups = np.array(speakers if by_speaker else ids)
    folds = np.array([fold_of[i] for i in ids])
    summaries = {
        fold.name: FoldSummary(
            len(fold.train), len(fold.validation), len(fold.test),
            _speakers(run, fold.validation), _speakers(run, fold.test),
        )
        for fold in run.folds.values()
    }  # fmt: skip
    return Evaluation(
        name=run.path.resolve().name,
        timestamp=str(run.provenance.get("timestamp", "")),
        corpus=dict(run.provenance["corpus"]),
        synthetic=run.synthetic,
        protocol=run.recipe.protocol,
        protocol_rule=_rule(run.recipe.protocol, tuple(summaries.values())),
        leaky=run.leaky,
        labels=run.labels,
        total_clips=len(run.clips),
        seeds=run.recipe.seeds,
        unit="speakers" if by_speaker else "clips",
        units=len(set(groups.tolist())),
        folds=summaries,
        clip_ids=ids,
        speakers=speakers,
        clip_folds=tuple(folds.tolist()),
        truths=truths,
        models={name: _judge(run, name, ids, truths, groups, folds) for name in names},
        missing=missing,
    )


def _rule(protocol: str, folds: tuple[FoldSummary, ...]) -> str:
    """The protocol in words, as it came out on these folds."""
    if protocol not in PROTOCOLS:
        return protocol
    return PROTOCOLS[protocol].said_of([f.test_speakers for f in folds], [f.validation_speakers for f in folds])


def _judging_folds(run: Run) -> dict[str, str]:
    """Which fold judges each test clip."""
    fold_of: dict[str, str] = {}
    for fold in run.folds.values():
        for clip in fold.test:
            if clip in fold_of:
                raise RunError(f"{run.path}/folds/folds.json: {fold_of[clip]} and {fold.name} both judge {clip}")
            fold_of[clip] = fold.name
    return fold_of


def _speakers(run: Run, ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({run.clips[i].speaker for i in ids}))


def _judge(
    run: Run, name: str, ids: tuple[str, ...], truths: np.ndarray, groups: np.ndarray, folds: np.ndarray
) -> ModelEvaluation:
    """Pool a model's test predictions over folds and score them."""
    row = {clip: i for i, clip in enumerate(ids)}
    index = {label: k for k, label in enumerate(run.labels)}
    n_classes = len(run.labels)
    raw = np.zeros((run.recipe.seeds, len(ids), n_classes))  # (S, N, C)
    calibrated = np.zeros_like(raw)
    trainings = []
    parameters = 0
    for job in run.jobs:
        if job.model != name:
            continue
        result = run.read_result(job)
        rows = [row[clip] for clip in result.test_ids]
        raw[job.seed, rows] = result.test_probabilities
        calibrated[job.seed, rows] = apply_temperature(result.test_probabilities, result.temperature)
        parameters = result.parameters
        chosen = np.array([index[run.clips[clip].emotion] for clip in result.validation_ids])
        trainings.append(_training(job.fold, job.seed, result, chosen))
    predictions = calibrated.argmax(axis=-1)  # (S, N)
    matrices = metrics.confusion(truths, predictions, n_classes)  # (S, C, C)
    bootstrap = Bootstrap(truths, predictions, groups, n_classes) if len(set(groups.tolist())) > 1 else None
    losses = [metrics.cross_entropy(truths, p) for p in calibrated]
    recipe = run.recipe.models[name]
    return ModelEvaluation(
        name=name,
        kind=recipe.kind,
        variant=recipe.variant,
        front_end=recipe.front_end,
        parameters=parameters,
        scores={
            score: _score(metric, truths, predictions, matrices, _interval(bootstrap, matrices, metric), folds)
            for score, metric in SCORES.items()
        },
        classes=_classes(run.labels, truths, matrices, bootstrap),
        confusion=matrices.sum(axis=0),
        loss=float(np.mean(losses)),
        loss_per_seed=tuple(losses),
        loss_uncalibrated=float(np.mean([metrics.cross_entropy(truths, p) for p in raw])),
        calibration_error=float(np.mean([metrics.calibration_error(truths, p) for p in calibrated])),
        calibration_error_uncalibrated=float(np.mean([metrics.calibration_error(truths, p) for p in raw])),
        best_val_accuracy=float(np.mean([training.validation_accuracy for training in trainings])),
        probabilities=calibrated,
        trainings=tuple(trainings),
    )


def _training(fold: str, seed: int, result: JobResult, chosen: np.ndarray) -> Training:
    return Training(
        fold=fold,
        seed=seed,
        epochs_trained=result.epochs_trained,
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        temperature=result.temperature,
        validation_accuracy=float((result.validation_probabilities.argmax(axis=1) == chosen).mean()),
        history=result.history,
    )


def _score(
    metric: Metric, truths: np.ndarray, predictions: np.ndarray, matrices: np.ndarray, interval: Interval,
    folds: np.ndarray,
) -> Score:  # fmt: skip
    per_seed = metric(matrices)  # (S,)
    per_fold = {}
    for fold in sorted(set(folds.tolist()), key=_natural):
        inside = folds == fold
        within = metrics.confusion(truths[inside], predictions[:, inside], matrices.shape[-1])
        per_fold[fold] = float(metric(within).mean())
    return Score(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        per_seed=tuple(float(value) for value in per_seed),
        deviation=float(per_seed.std(ddof=1)) if len(per_seed) > 1 else None,
        per_fold=per_fold,
    )


def _interval(bootstrap: Bootstrap | None, matrices: np.ndarray, metric: Metric) -> Interval:
    """The bootstrap interval; of a single clip, the whole range."""
    if bootstrap is None:
        return Interval(float(metric(matrices).mean()), 0.0, 1.0)
    return bootstrap.interval(metric)


def _classes(
    labels: tuple[str, ...], truths: np.ndarray, matrices: np.ndarray, bootstrap: Bootstrap | None
) -> dict[str, ClassScore]:
    matrix = matrices.sum(axis=0)  # (C, C)
    precision, recall, f1 = metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix)
    classes = {}
    for k, label in enumerate(labels):
        clips = int((truths == k).sum())
        interval = _interval(bootstrap, matrices, functools.partial(_recall_of, k=k)) if clips else None
        classes[label] = ClassScore(clips, _known(precision[k]), _known(recall[k]), _known(f1[k]), interval)
    return classes


def _recall_of(matrix: np.ndarray, k: int) -> np.ndarray:
    return np.asarray(metrics.recall(matrix)[..., k])


def _known(value: float) -> float | None:
    """None for NaN, which JSON cannot hold."""
    return float(value) if math.isfinite(value) else None


def _natural(name: str) -> tuple[str, int]:
    """Sorts fold10 after fold9."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)


def results(evaluation: Evaluation) -> dict[str, Any]:
    """What ``training_results.json`` holds: the published keys first, ours after them.

    ``train_samples``, ``val_samples`` and ``test_samples`` are those of one fold, averaged over folds, and
    ``judged_samples`` counts the clips that all folds judge together. ``test_loss`` is of calibrated probabilities,
    ``training_time_minutes`` is all trainings of a model together, ``epochs_trained`` their mean, and
    ``best_val_accuracy`` that of the kept weights.
    """
    folds = evaluation.folds.values()
    by_uar = max(evaluation.models.values(), key=lambda model: model.uar.value)
    return {
        "timestamp": evaluation.timestamp,
        "dataset": dataset(evaluation),
        "total_samples": evaluation.total_clips,
        "train_samples": round(float(np.mean([fold.train for fold in folds]))),
        "val_samples": round(float(np.mean([fold.validation for fold in folds]))),
        "test_samples": round(float(np.mean([fold.test for fold in folds]))),
        "num_classes": len(evaluation.labels),
        "emotions": list(evaluation.labels),
        "models": {name: _model_results(model) for name, model in evaluation.models.items()},
        "best_model": evaluation.best.name,
        "best_accuracy": evaluation.best.accuracy.value,
        "best_uar_model": by_uar.name,
        "best_uar": by_uar.uar.value,
        "synthetic": evaluation.synthetic,
        "leaky": evaluation.leaky,
        "warnings": list(evaluation.warnings),
        "protocol": evaluation.protocol,
        "protocol_rule": evaluation.protocol_rule,
        "seeds": evaluation.seeds,
        "interval": {"level": 0.95, "method": "expanded percentile bootstrap", "resampled": evaluation.unit,
                     "units": evaluation.units},
        "judged_samples": len(evaluation.clip_ids),
        "chance_accuracy": evaluation.chance_accuracy,
        "chance_uar": evaluation.chance_uar,
        "folds": {name: vars(fold) for name, fold in evaluation.folds.items()},
        "missing_models": list(evaluation.missing),
        "corpus": {key: evaluation.corpus.get(key) for key in ("name", "version", "licence", "citation", "digest")},
    }  # fmt: skip


def dataset(evaluation: Evaluation) -> str:
    """The corpus's name, with the word synthetic where no person spoke."""
    name = str(evaluation.corpus["name"])
    return f"{name} (synthetic)" if evaluation.synthetic and "synthetic" not in name else name


def _model_results(model: ModelEvaluation) -> dict[str, Any]:
    return {
        "test_accuracy": model.accuracy.value,
        "test_loss": model.loss,
        "training_time_minutes": model.training_seconds / 60,
        "epochs_trained": _whole(model.epochs_trained),
        "best_val_accuracy": model.best_val_accuracy,
        "parameters": model.parameters,
        "kind": model.kind,
        "variant": model.variant,
        "front_end": model.front_end,
        "trainings": len(model.trainings),
        "scores": {name: {**vars(score), "fold_mean": score.fold_mean} for name, score in model.scores.items()},
        "loss_per_seed": list(model.loss_per_seed),
        "loss_uncalibrated": model.loss_uncalibrated,
        "calibration_error": model.calibration_error,
        "calibration_error_uncalibrated": model.calibration_error_uncalibrated,
        "classes": {
            label: {**vars(score), "recall_interval": vars(score.recall_interval) if score.recall_interval else None}
            for label, score in model.classes.items()
        },
        "confusion": model.confusion.tolist(),
        "histories": [
            {
                "fold": training.fold,
                "seed": training.seed,
                "epochs_trained": training.epochs_trained,
                "best_epoch": training.best_epoch,
                "seconds": training.seconds,
                "temperature": training.temperature,
                "validation_accuracy": training.validation_accuracy,
                "history": {key: [_known(value) for value in values] for key, values in training.history.items()},
            }
            for training in model.trainings
        ],
    }


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else value


COLUMNS = (
    "model", "test_accuracy", "test_loss", "training_time_minutes", "epochs_trained", "best_val_accuracy",
    "test_accuracy_low", "test_accuracy_high", "test_uar", "test_uar_low", "test_uar_high", "test_uar_fold_mean",
    "f1_macro", "f1_weighted", "calibration_error", "parameters", "kind", "variant", "front_end", "seeds",
    "test_accuracy_deviation", "test_uar_deviation", "protocol", "judged_samples", "dataset", "synthetic", "leaky",
)  # fmt: skip
"""The columns of ``model_comparison.csv``: the published ones first, ours after them."""


def comparison_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row a model, under :data:`COLUMNS`; ``None`` where one seed has no deviation."""
    rows = []
    for model in evaluation.models.values():
        accuracy, uar = model.accuracy, model.uar
        values = (
            model.name, accuracy.value, model.loss, model.training_seconds / 60, _whole(model.epochs_trained),
            model.best_val_accuracy,
            accuracy.low, accuracy.high, uar.value, uar.low, uar.high, uar.fold_mean,
            model.scores["f1_macro"].value, model.scores["f1_weighted"].value, model.calibration_error,
            model.parameters, model.kind, model.variant, model.front_end, evaluation.seeds,
            accuracy.deviation, uar.deviation, evaluation.protocol, len(evaluation.clip_ids), dataset(evaluation),
            evaluation.synthetic, evaluation.leaky,
        )  # fmt: skip
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def write_results(run: Run, evaluation: Evaluation) -> tuple[Path, Path, Path]:
    """Write ``training_results.json``, ``model_comparison.csv`` and ``predictions.npz`` into the run folder.

    ``predictions.npz`` opens with ``allow_pickle=False`` and holds clip_ids, speakers, folds (N,), truths (N,) as
    indices into labels (C,), fold_names (F,), and per model ``MODEL_probabilities`` (S, N, C), calibrated, and
    ``MODEL_temperatures`` (S, F).

    Raises:
        StorageError: The folder cannot be written.
    """
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in comparison_rows(evaluation):
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    arrays = {
        "clip_ids": np.array(evaluation.clip_ids),
        "speakers": np.array(evaluation.speakers),
        "folds": np.array(evaluation.clip_folds),
        "truths": evaluation.truths,
        "labels": np.array(evaluation.labels),
        "fold_names": np.array(list(evaluation.folds)),
    }
    for name, model in evaluation.models.items():
        temperatures = {(t.seed, t.fold): t.temperature for t in model.trainings}
        arrays[f"{name}_probabilities"] = model.probabilities.astype(np.float32)
        arrays[f"{name}_temperatures"] = np.array(
            [[temperatures[seed, fold] for fold in evaluation.folds] for seed in range(evaluation.seeds)]
        )
    paths = (
        run.path / "training_results.json",
        run.path / "model_comparison.csv",
        run.path / "predictions.npz",
    )
    write_json(paths[0], results(evaluation))
    write_text(paths[1], table.getvalue())
    write_arrays(paths[2], arrays)
    return paths


@dataclass(frozen=True)
class ComparisonRow:
    """One model of one run among others.

    Args:
        run, model: Their names.
        dataset, protocol, leaky, seeds: How it was judged; figures under different protocols are not alike.
        clips: Judged clips.
        accuracy, uar: With intervals.
        parameters: Weights of the trained part.
        behind: UAR below that of the best row that was judged on the same clips: best minus this one, with interval
            and p; None for that best row itself.
    """

    run: str
    model: str
    dataset: str
    protocol: str
    leaky: bool
    seeds: int
    clips: int
    accuracy: Score
    uar: Score
    parameters: int
    behind: Difference | None


def compare(runs: Sequence[Run]) -> tuple[ComparisonRow, ...]:
    """Stand the models of several runs side by side, best UAR first within each set of judged clips.

    Rows that were judged on the same clips of the same corpus are compared in pairs: the best one against each other
    one, on the same bootstrap resamples (of speakers, unless a run is leaky). Leaky rows are only compared with leaky
    ones. The p values are not corrected for their number.

    Raises:
        RunError: A run is unfinished or damaged.
    """
    alike: dict[Any, list[tuple[str, Evaluation, ModelEvaluation]]] = {}
    for run in runs:
        evaluation = evaluate(run)
        key = (evaluation.corpus.get("digest"), evaluation.leaky, evaluation.clip_ids, evaluation.labels)
        alike.setdefault(key, []).extend((evaluation.name, evaluation, model) for model in evaluation.models.values())
    rows = []
    for entries in alike.values():
        ranked = sorted(entries, key=lambda entry: -entry[2].uar.value)
        for name, evaluation, model in ranked:
            behind = None if model is ranked[0][2] else _behind(evaluation, ranked[0][2], model)
            rows.append(
                ComparisonRow(
                    run=name,
                    model=model.name,
                    dataset=dataset(evaluation),
                    protocol=evaluation.protocol,
                    leaky=evaluation.leaky,
                    seeds=evaluation.seeds,
                    clips=len(evaluation.clip_ids),
                    accuracy=model.accuracy,
                    uar=model.uar,
                    parameters=model.parameters,
                    behind=behind,
                )
            )
    return tuple(rows)


def _behind(evaluation: Evaluation, best: ModelEvaluation, other: ModelEvaluation) -> Difference | None:
    if evaluation.units < 2:
        return None
    groups = evaluation.speakers if evaluation.unit == "speakers" else None
    return metrics.paired_bootstrap(
        evaluation.truths, best.predictions, other.predictions, groups, metrics.uar, len(evaluation.labels)
    )
