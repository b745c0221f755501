"""From a run's predictions to an Evaluation: what may be said of each model, and how surely.

An Evaluation is a pure function of the run folder: made twice, it is the same to the last digit. Test predictions are
pooled over folds, so that with a rotating protocol each clip is predicted once per seed, by models that never heard its
speaker. Probabilities are calibrated with the temperature of their own training, as the artifacts answer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emovox.errors import RunError, to_resume
from emovox.evaluation import metrics
from emovox.evaluation.abstention import TARGET, answer_threshold, area_under_risk_coverage
from emovox.evaluation.calibration import apply_temperature
from emovox.evaluation.conformal import COVERAGE, prediction_sets, set_threshold
from emovox.evaluation.groups import ATTRIBUTES, Breakdown, break_down
from emovox.evaluation.intervals import Interval, Sample
from emovox.evaluation.metrics import Metric
from emovox.evaluation.pairs import Pair, compare_pairs, smallest_p
from emovox.runs import Run
from emovox.splits import PROTOCOLS, untrained, untrained_notice

SCORES: dict[str, Metric] = {
    "accuracy": metrics.accuracy,
    "uar": metrics.uar,
    "f1_macro": metrics.f1_macro,
    "f1_weighted": metrics.f1_weighted,
}
"""The scores that carry intervals, in the order in which they are shown."""

FEW_SPEAKERS = 8
"""With fewer test speakers a figure says little of others, whatever its interval."""


@dataclass(frozen=True)
class Score:
    """One figure of one model, in [0, 1].

    Args:
        value: Over all test clips, the mean over seeds.
        low, high: Its 95 % interval.
        per_seed: The figure of each seed, pooled over folds.
        deviation: Their sample standard deviation; None for one seed.
        per_fold: The figure within each fold, the mean over seeds.
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
    """How one model does on one emotion; None where the test part has no such clips or predictions.

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
    """What one training, of a fold and a seed, went through, and what was chosen in it without test clips.

    A model that learns in no epochs has no history.
    """

    fold: str
    seed: int
    epochs_trained: int
    best_epoch: int
    seconds: float
    temperature: float
    validation_accuracy: float
    history: Mapping[str, Sequence[float]]
    choices: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """Whether confidence can be believed: see :mod:`emovox.evaluation.metrics`.

    Args:
        error: Expected calibration error, over 15 bins of equal width.
        adaptive_error: The same over bins of equally many clips.
        brier: The Brier score.
    """

    error: float
    adaptive_error: float
    brier: float

    @classmethod
    def of(cls, truths: np.ndarray, probabilities: np.ndarray) -> Calibration:
        """The mean over seeds of probabilities (S, N, C)."""
        measures = metrics.calibration_error, metrics.adaptive_calibration_error, metrics.brier
        return cls(*(float(np.mean([measure(truths, p) for p in probabilities])) for measure in measures))


@dataclass(frozen=True)
class Sets:
    """Prediction sets, whose threshold for each fold comes from clips that the fold does not test.

    Args:
        target: The coverage that is asked for.
        coverage: How often the true emotion was in the set, over all test clips.
        per_speaker: The same of each test speaker.
        size: Emotions in a set, the mean.
        alone: The share of sets that hold one emotion.
        thresholds: Of each fold.
        threshold: For new recordings: from every fold's clips.
    """

    target: float
    coverage: Interval
    per_speaker: dict[str, float]
    size: float
    alone: float
    thresholds: dict[str, float]
    threshold: float

    @property
    def least(self) -> tuple[str, float]:
        """The speaker whose clips' sets hold the truth least often, and how often they do."""
        return min(self.per_speaker.items(), key=lambda item: item[1])


@dataclass(frozen=True, eq=False)
class Abstention:
    """Answers given where confidence reaches a threshold, which for each fold comes from clips that it does not test.

    Args:
        target: The share of answers that is to be right.
        answered: The share of test clips that are answered.
        accuracy: The share of those answers that is right; None where nothing is answered.
        area: Under the risk-coverage curve of the test clips.
        thresholds: Of each fold; None where no threshold reaches the target, and everything is answered.
        threshold: For new recordings: from every fold's clips.
    """

    target: float
    answered: float
    accuracy: float | None
    area: float
    thresholds: dict[str, float | None]
    threshold: float | None


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """All that is said of one model.

    Args:
        name, kind, variant: As the recipe has them; "" where the kind has no variants.
        parameters: All weights of the model, those of a published network in it too.
        scores: Under the names of :data:`SCORES`.
        classes: Under each label, in label order.
        confusion: (C, C) counts summed over seeds, rows true, columns predicted.
        loss: Cross-entropy in nats of the calibrated probabilities, the mean over seeds.
        loss_per_seed: The same for each seed.
        loss_uncalibrated: The same before temperature.
        calibration: Of the calibrated probabilities, the mean over seeds.
        calibration_before: The same before temperature.
        breakdowns: By sex, intensity and statement, as far as the corpus knows them, and by speaker.
        sets: What its prediction sets hold.
        abstention: What comes of its not answering where it is not sure.
        best_val_accuracy: Accuracy of the kept weights on validation clips, the mean over trainings.
        probabilities: (S, N, C) calibrated, in the order of the evaluation's clips.
        uncalibrated: (S, N, C) the same before temperature.
        trainings: Every fold and seed.
    """

    name: str
    kind: str
    variant: str
    parameters: int
    scores: dict[str, Score]
    classes: dict[str, ClassScore]
    confusion: np.ndarray
    loss: float
    loss_per_seed: tuple[float, ...]
    loss_uncalibrated: float
    calibration: Calibration
    calibration_before: Calibration
    breakdowns: tuple[Breakdown, ...]
    sets: Sets
    abstention: Abstention
    best_val_accuracy: float
    probabilities: np.ndarray
    uncalibrated: np.ndarray
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
    def calibration_error(self) -> float:
        """Expected calibration error."""
        return self.calibration.error

    @property
    def training_seconds(self) -> float:
        """Wall time of all trainings together."""
        return sum(training.seconds for training in self.trainings)

    @property
    def epochs_trained(self) -> float:
        """Epochs of a training, the mean over trainings; 0 where it learnt in none."""
        return float(np.mean([training.epochs_trained for training in self.trainings]))

    @property
    def choices(self) -> dict[str, float]:
        """What was chosen without test clips, the mean over trainings."""
        names = self.trainings[0].choices
        return {name: float(np.mean([training.choices[name] for training in self.trainings])) for name in names}

    @property
    def has_history(self) -> bool:
        """Whether any training left figures epoch by epoch."""
        return any(len(values) for training in self.trainings for values in training.history.values())


@dataclass(frozen=True)
class FoldSummary:
    """Sizes of a fold's parts, its validation and test speakers, and the emotions that only its test part has."""

    train: int
    validation: int
    test: int
    validation_speakers: tuple[str, ...]
    test_speakers: tuple[str, ...]
    untrained: tuple[str, ...] = ()


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
        unit: What intervals take as independent: ``"speakers"``, or ``"clips"`` where speakers are shared or there is
            one only.
        units: How many of them.
        folds: Under their names.
        clip_ids, speakers, clip_folds: (N,) each test clip, who speaks, and the fold that tests it.
        truths: (N,) class indices.
        models: Under their names, in the recipe's order.
        pairs: Every two of them, tested on the same clips.
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
    pairs: tuple[Pair, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def best(self) -> ModelEvaluation:
        """The model to use: that of the highest validation accuracy, so that test clips choose nothing.

        A tie goes to the first. Everything that names a best model names this one.
        """
        return max(self.models.values(), key=lambda model: model.best_val_accuracy)

    @property
    def independent(self) -> tuple[str, ...] | None:
        """(N,) who speaks in each test clip, where speakers are what is independent; None where clips are."""
        return self.speakers if self.unit == "speakers" else None

    @property
    def smallest_p(self) -> float:
        """The smallest p value that a paired test can give on so many units."""
        return smallest_p(self.units)

    def pair(self, one: str, other: str) -> Pair | None:
        """Two models' comparison, whichever of them is the better; None for a model and itself."""
        return next((pair for pair in self.pairs if {pair.one, pair.other} == {one, other}), None)

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

    @property
    def untrained(self) -> dict[str, tuple[str, ...]]:
        """Fold → the emotions that it tests and has no training clip of; folds without such are left out."""
        return {name: fold.untrained for name, fold in self.folds.items() if fold.untrained}

    @property
    def few_speakers(self) -> int:
        """How many test speakers there are, where a figure says little of others whatever its interval; else 0."""
        speakers = len(set(self.speakers))
        return speakers if speakers < FEW_SPEAKERS and not self.leaky else 0

    @property
    def notices(self) -> tuple[str, ...]:
        """What else must be known of these figures, a sentence each."""
        return tuple(untrained_notice(name, labels) for name, labels in self.untrained.items())


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
        finished = f" (all of {', '.join(names)} is done: judge it with --finished)" if names else ""
        raise RunError(
            f"{run.path} has {len(left)} of {len(run.jobs)} trainings left{finished}; "
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
