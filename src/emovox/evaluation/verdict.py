"""What is said of a run and of each of its models: the values that tables, figures and pages are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emovox.evaluation import metrics
from emovox.evaluation.groups import Breakdown
from emovox.evaluation.intervals import Interval
from emovox.evaluation.pairs import Pair, smallest_p
from emovox.splits import untrained_notice

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
