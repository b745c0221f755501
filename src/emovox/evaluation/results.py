"""What a run's folder keeps of an Evaluation: JSON for programs, CSV for spreadsheets, and the predictions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emovox.evaluation.errors import errors
from emovox.evaluation.judge import known
from emovox.evaluation.verdict import Evaluation, ModelEvaluation
from emovox.files import write_arrays, write_json, write_text
from emovox.runs import Run

METHODS = {
    "speakers": "t interval of the jackknife over speakers",
    "clips": "Agresti-Coull, clips taken as independent",
}
"""How an interval is made, by what it takes as independent."""


def results(evaluation: Evaluation) -> dict[str, Any]:
    """What ``training_results.json`` holds: the published keys first, ours after them.

    ``train_samples``, ``val_samples`` and ``test_samples`` are those of one fold, the mean over folds, and
    ``judged_samples`` counts the clips that all folds test together. ``test_loss`` is of calibrated probabilities,
    ``training_time_minutes`` is all trainings of a model together, ``epochs_trained`` their mean, and
    ``best_val_accuracy`` that of the kept weights. ``best_model`` has the highest of those, and ``best_accuracy`` and
    ``best_uar`` are its figures on test clips.
    """
    folds = evaluation.folds.values()
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
        "best_uar": evaluation.best.uar.value,
        "best_chosen_on": "validation clips",
        **_named(evaluation, "synthetic", "leaky", "protocol", "protocol_rule", "seeds"),
        "warnings": [*evaluation.warnings, *evaluation.notices],
        "interval": {"level": 0.95, "method": METHODS[evaluation.unit], "over": evaluation.unit,
                     "units": evaluation.units},
        "pairs": [{**vars(pair), "uar": vars(pair.uar), "accuracy": vars(pair.accuracy)} for pair in evaluation.pairs],
        "smallest_p": evaluation.smallest_p,
        "judged_samples": len(evaluation.clip_ids),
        **_named(evaluation, "chance_accuracy", "chance_uar"),
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
        **_named(model, "best_val_accuracy", "parameters", "kind", "variant"),
        "trainings": len(model.trainings),
        "scores": {name: {**vars(score), "fold_mean": score.fold_mean} for name, score in model.scores.items()},
        **_named(model, "loss_per_seed", "loss_uncalibrated", "calibration_error"),
        "calibration_error_uncalibrated": model.calibration_before.error,
        "calibration": {"as_trained": vars(model.calibration_before), "with_temperature": vars(model.calibration)},
        "by": {
            part.attribute: {
                **vars(part),
                "groups": [
                    {**vars(group), "uar": vars(group.uar), "accuracy": vars(group.accuracy)} for group in part.groups
                ],
                "gap": vars(part.gap) if part.gap else None,
            }
            for part in model.breakdowns
        },
        "conformal": {**vars(model.sets), "coverage": vars(model.sets.coverage), "least": list(model.sets.least)},
        "abstention": vars(model.abstention),
        "classes": {
            label: {**vars(score), "recall_interval": vars(score.recall_interval) if score.recall_interval else None}
            for label, score in model.classes.items()
        },
        "confusion": model.confusion.tolist(),
        "histories": [
            {
                **vars(training),
                "choices": dict(training.choices),
                "history": {key: [known(value) for value in values] for key, values in training.history.items()},
            }
            for training in model.trainings
        ],
    }


def _named(value: object, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else value


COLUMNS = (
    "model", "test_accuracy", "test_loss", "training_time_minutes", "epochs_trained", "best_val_accuracy",
    "test_accuracy_low", "test_accuracy_high", "test_uar", "test_uar_low", "test_uar_high", "test_uar_fold_mean",
    "f1_macro", "f1_weighted", "calibration_error", "parameters", "kind", "variant", "seeds",
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
            model.parameters, model.kind, model.variant, evaluation.seeds,
            accuracy.deviation, uar.deviation, evaluation.protocol, len(evaluation.clip_ids), dataset(evaluation),
            evaluation.synthetic, evaluation.leaky,
        )  # fmt: skip
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def write_results(run: Run, evaluation: Evaluation) -> None:
    """Write ``training_results.json``, ``model_comparison.csv``, ``errors.csv`` and ``predictions.npz``.

    ``errors.csv`` has a row for every test clip that a model names wrongly (:func:`~emovox.evaluation.errors.errors`).
    ``predictions.npz`` opens with ``allow_pickle=False`` and holds clip_ids, speakers, folds (N,), truths (N,) as
    indices into labels (C,), fold_names (F,), and per model ``MODEL_probabilities`` (S, N, C), calibrated, and
    ``MODEL_temperatures`` (S, F).

    Raises:
        StorageError: The folder cannot be written.
    """
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
    columns = "model", "clip", "speaker", "true", "predicted", *(f"probability_{label}" for label in evaluation.labels)
    wrong = [error for name in evaluation.models for error in errors(evaluation, name)]
    write_json(run.at.results, results(evaluation))
    _write_table(run.at.comparison, COLUMNS, comparison_rows(evaluation))
    _write_table(run.at.errors, columns, wrong)
    write_arrays(run.at.predictions, arrays)


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    write_text(path, table.getvalue())
