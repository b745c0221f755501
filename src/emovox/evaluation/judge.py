"""From a run's predictions to an Evaluation: what may be said of each model, and how surely.

An Evaluation is a pure function of the run folder: made twice, it is the same to the last digit. Test predictions are
pooled over folds, so that with a rotating protocol each clip is predicted once per seed, by models that never heard its
speaker. Probabilities are calibrated with the temperature of their own training, as the artifacts answer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emovox.errors import RunError, to_resume
from emovox.evaluation import metrics
from emovox.evaluation.abstention import TARGET, answer_threshold, area_under_risk_coverage
from emovox.evaluation.calibration import apply_temperature
from emovox.evaluation.conformal import COVERAGE, prediction_sets, set_threshold
from emovox.evaluation.groups import ATTRIBUTES, break_down
from emovox.evaluation.intervals import Sample
from emovox.evaluation.metrics import Metric
from emovox.evaluation.pairs import compare_pairs
from emovox.evaluation.verdict import (
    Abstention,
    Calibration,
    ClassScore,
    Evaluation,
    FoldSummary,
    ModelEvaluation,
    Score,
    Sets,
    Training,
)
from emovox.runs import Run
from emovox.splits import PROTOCOLS, untrained

SCORES: dict[str, Metric] = {
    "accuracy": metrics.accuracy,
    "uar": metrics.uar,
    "f1_macro": metrics.f1_macro,
    "f1_weighted": metrics.f1_weighted,
}
"""The scores that carry intervals, in the order in which they are shown."""


def evaluate(run: Run, finished_only: bool = False) -> Evaluation:
    """Judge a run's models from the predictions in its folder.

    Args:
        run: An opened run.
        finished_only: Judge the models whose trainings are all done, rather than refuse an unfinished run.

    Returns:
        The same Evaluation every time, on every machine.

    Raises:
        RunError: Trainings are left (the message says how many), a result is damaged, or two folds test one clip.
    """
    left = run.jobs_left
    missing = tuple(dict.fromkeys(job.model for job in left))
    names = [name for name in run.recipe.models if name not in missing]
    if left and not (finished_only and names):
        finished = f" (finished: {', '.join(names)}; evaluate them with --finished)" if names else ""
        raise RunError(
            f"{run.path} is not complete: {len(left)} of {len(run.jobs)} trainings are left{finished}; "
            f"finish it with '{to_resume(run.path)}'"
        )
    fold_of = _test_folds(run)
    ids = tuple(sorted(fold_of))
    speakers = tuple(run.clips[i].speaker for i in ids)
    by_speaker = not run.leaky and len(set(speakers)) > 1
    clips = _Clips(
        ids=ids,
        truths=_truths(run, ids),
        said_by=np.array(speakers),
        speakers=np.array(speakers) if by_speaker else None,
        folds=np.array([fold_of[i] for i in ids]),
    )
    models = {name: _judge(run, name, clips) for name in names}
    predictions = {name: model.predictions for name, model in models.items()}
    summaries = {
        fold.name: FoldSummary(
            len(fold.train), len(fold.validation), len(fold.test),
            _speakers(run, fold.validation), _speakers(run, fold.test),
            untrained([run.clips[i] for i in fold.train], [run.clips[i] for i in fold.test]),
        )
        for fold in run.folds.values()
    }  # fmt: skip
    return Evaluation(
        name=run.path.resolve().name,
        timestamp=str(run.provenance.get("timestamp", "")),
        corpus=dict(run.provenance["corpus"]),
        synthetic=run.synthetic,
        protocol=run.recipe.protocol,
        protocol_rule=_rule(run.recipe.protocol, summaries.values()),
        leaky=run.leaky,
        labels=run.labels,
        total_clips=len(run.clips),
        seeds=run.recipe.seeds,
        unit="speakers" if by_speaker else "clips",
        units=len(set(speakers) if by_speaker else ids),
        folds=summaries,
        clip_ids=ids,
        speakers=speakers,
        clip_folds=tuple(clips.folds.tolist()),
        truths=clips.truths,
        models=models,
        pairs=compare_pairs(clips.truths, predictions, clips.speakers),
        missing=missing,
    )


@dataclass(frozen=True, eq=False)
class _Clips:
    """The N test clips of all folds: ids, class indices, who speaks, again where that counts, and which fold tests."""

    ids: tuple[str, ...]
    truths: np.ndarray
    said_by: np.ndarray
    speakers: np.ndarray | None
    folds: np.ndarray

    def sample(self, predictions: np.ndarray, n_classes: int, rows: np.ndarray | slice = slice(None)) -> Sample:
        """The predictions (S, N) of some rows, ready to be scored with intervals."""
        speakers = None if self.speakers is None else self.speakers[rows]
        return Sample(self.truths[rows], predictions[:, rows], speakers, n_classes)


def _rule(protocol: str, folds: Collection[FoldSummary]) -> str:
    """The protocol in words, as it came out on these folds."""
    if protocol not in PROTOCOLS:
        return protocol
    return PROTOCOLS[protocol].said_of([f.test_speakers for f in folds], [f.validation_speakers for f in folds])


def _test_folds(run: Run) -> dict[str, str]:
    """Which fold tests each clip."""
    fold_of: dict[str, str] = {}
    for fold in run.folds.values():
        for clip in fold.test:
            if clip in fold_of:
                raise RunError(f"{run.path}/folds/folds.json: {fold_of[clip]} and {fold.name} both test {clip}")
            fold_of[clip] = fold.name
    return fold_of


def _speakers(run: Run, ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({run.clips[i].speaker for i in ids}))


def _truths(run: Run, ids: Sequence[str]) -> np.ndarray:
    """The true class index of each clip."""
    index = {label: k for k, label in enumerate(run.labels)}
    return np.array([index[run.clips[i].emotion] for i in ids])


def _judge(run: Run, name: str, clips: _Clips) -> ModelEvaluation:
    """Pool a model's test predictions over folds and score them."""
    row = {clip: i for i, clip in enumerate(clips.ids)}
    truths, n_classes = clips.truths, len(run.labels)
    raw = np.zeros((run.recipe.seeds, len(row), n_classes))  # (S, N, C)
    calibrated = np.zeros_like(raw)
    trainings, validation = [], []
    for job in (job for job in run.jobs if job.model == name):
        result = run.read_result(job)
        rows = [row[clip] for clip in result.test_ids]
        raw[job.seed, rows] = result.test_probabilities
        calibrated[job.seed, rows] = apply_temperature(result.test_probabilities, result.temperature)
        chosen_on = _truths(run, result.validation_ids)
        right = result.validation_probabilities.argmax(axis=1) == chosen_on
        validation.append(
            _Heard(
                apply_temperature(result.validation_probabilities, result.temperature), chosen_on,
                np.array([run.clips[i].speaker for i in result.validation_ids]),
            )
        )  # fmt: skip
        trainings.append(
            Training(
                job.fold, job.seed, result.epochs_trained, result.best_epoch, result.seconds, result.temperature,
                validation_accuracy=float(right.mean()), history=result.history, choices=result.choices,
            )
        )  # fmt: skip
    predictions = calibrated.argmax(axis=-1)  # (S, N)
    matrices = metrics.confusion(truths, predictions, n_classes)  # (S, C, C)
    set_thresholds, answer_thresholds = {}, {}
    for fold, heard in _held_out(clips, calibrated, validation, by_speaker=not run.leaky):
        set_thresholds[fold] = set_threshold(heard.given, heard.speakers)
        answer_thresholds[fold] = answer_threshold(heard.probabilities.max(axis=1), heard.right)
    losses = [metrics.cross_entropy(truths, p) for p in calibrated]
    return ModelEvaluation(
        name=name,
        kind=run.recipe.models[name].kind,
        variant=run.recipe.models[name].variant,
        parameters=result.parameters,
        scores=_scores(clips, predictions, matrices),
        classes=_classes(run.labels, clips, predictions, matrices.sum(axis=0)),
        confusion=matrices.sum(axis=0),
        loss=float(np.mean(losses)),
        loss_per_seed=tuple(losses),
        loss_uncalibrated=float(np.mean([metrics.cross_entropy(truths, p) for p in raw])),
        calibration=Calibration.of(truths, calibrated),
        calibration_before=Calibration.of(truths, raw),
        breakdowns=break_down(
            {name: [getattr(run.clips[i], name) for i in clips.ids] for name in ATTRIBUTES},
            truths,
            predictions,
            clips.said_by.tolist(),
            clips.speakers is not None,
            run.labels,
        ),
        sets=_sets(clips, calibrated, set_thresholds),
        abstention=_abstention(clips, calibrated, answer_thresholds),
        best_val_accuracy=float(np.mean([training.validation_accuracy for training in trainings])),
        probabilities=calibrated,
        uncalibrated=raw,
        trainings=tuple(trainings),
    )


@dataclass(frozen=True, eq=False)
class _Heard:
    """Answers for clips that a model neither learnt from nor is judged on: probabilities (N, C), truths, speakers."""

    probabilities: np.ndarray
    truths: np.ndarray
    speakers: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[_Heard]) -> _Heard:
        return cls(
            *(np.concatenate([getattr(part, f) for part in parts]) for f in ("probabilities", "truths", "speakers"))
        )

    @property
    def given(self) -> np.ndarray:
        return np.asarray(self.probabilities[np.arange(len(self.truths)), self.truths])

    @property
    def right(self) -> np.ndarray:
        return np.asarray(self.probabilities.argmax(axis=1) == self.truths)


def _held_out(
    clips: _Clips, probabilities: np.ndarray, validation: Sequence[_Heard], by_speaker: bool
) -> Iterator[tuple[str, _Heard]]:
    """What thresholds come from: for each fold, the test clips of the others; for "", which is for new recordings, all.

    Each of those was answered by a model that never heard its speaker; that the others' models did hear the fold's own
    test speakers is a dependence of second order, as in any cross-validation. Where there is one fold, its validation
    clips do for both.
    """
    names = sorted(set(clips.folds.tolist()), key=_natural)
    said = clips.said_by if by_speaker else np.full(len(clips.ids), "")
    for fold in ("", *names):
        rows = clips.folds != fold
        parts = [_Heard(p[rows], clips.truths[rows], said[rows]) for p in probabilities]
        yield fold, _Heard.joined(validation if len(names) == 1 else parts)


def _sets(clips: _Clips, probabilities: np.ndarray, thresholds: Mapping[str, float]) -> Sets:
    sets = prediction_sets(probabilities, np.array([thresholds[fold] for fold in clips.folds])[:, None])  # (S, N, C)
    covered = sets[:, np.arange(len(clips.truths)), clips.truths]  # (S, N)
    sizes = sets.sum(axis=-1)
    everything = Sample(np.zeros_like(clips.truths), (~covered).astype(int), clips.speakers, 2)
    return Sets(
        target=COVERAGE,
        coverage=everything.interval(metrics.accuracy),
        per_speaker={str(who): float(covered[:, clips.said_by == who].mean()) for who in np.unique(clips.said_by)},
        size=float(sizes.mean()),
        alone=float((sizes == 1).mean()),
        thresholds={fold: threshold for fold, threshold in thresholds.items() if fold},
        threshold=thresholds[""],
    )


def _abstention(clips: _Clips, probabilities: np.ndarray, thresholds: Mapping[str, float | None]) -> Abstention:
    confidence = probabilities.max(axis=-1)  # (S, N)
    right = probabilities.argmax(axis=-1) == clips.truths
    answered = confidence >= np.array([thresholds[fold] or 0.0 for fold in clips.folds])
    return Abstention(
        target=TARGET,
        answered=float(answered.mean()),
        accuracy=float(right[answered].mean()) if answered.any() else None,
        area=float(np.mean([area_under_risk_coverage(c, r) for c, r in zip(confidence, right, strict=True)])),
        thresholds={fold: threshold for fold, threshold in thresholds.items() if fold},
        threshold=thresholds[""],
    )


def _scores(clips: _Clips, predictions: np.ndarray, matrices: np.ndarray) -> dict[str, Score]:
    n_classes = matrices.shape[-1]
    sample = clips.sample(predictions, n_classes)
    within = {
        fold: metrics.confusion(clips.truths[inside], predictions[:, inside], n_classes)  # (S, C, C)
        for fold in sorted(set(clips.folds.tolist()), key=_natural)
        for inside in [clips.folds == fold]
    }
    scores = {}
    for name, metric in SCORES.items():
        per_seed = metric(matrices)  # (S,)
        scores[name] = Score(
            **vars(sample.interval(metric)),
            per_seed=tuple(float(value) for value in per_seed),
            deviation=float(per_seed.std(ddof=1)) if len(per_seed) > 1 else None,
            per_fold={fold: float(metric(matrix).mean()) for fold, matrix in within.items()},
        )
    return scores


def _classes(
    labels: tuple[str, ...], clips: _Clips, predictions: np.ndarray, matrix: np.ndarray
) -> dict[str, ClassScore]:
    precision, recall, f1 = metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix)
    classes = {}
    for k, label in enumerate(labels):
        rows = np.flatnonzero(clips.truths == k)
        of_class = clips.sample(predictions, len(labels), rows).interval(metrics.accuracy) if len(rows) else None
        classes[label] = ClassScore(len(rows), known(precision[k]), known(recall[k]), known(f1[k]), of_class)
    return classes


def known(value: float) -> float | None:
    """None for NaN, which JSON cannot hold."""
    return float(value) if math.isfinite(value) else None


def _natural(name: str) -> tuple[str, int]:
    """Sorts fold10 after fold9."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)
