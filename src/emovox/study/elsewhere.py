"""An artifact judged on recordings that it had no part in: another corpus, its labels brought to the artifact's."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from emovox.corpora.base import Clip, Corpus, Progress, waveform
from emovox.corpora.listing import Listing
from emovox.corpora.words import plain
from emovox.errors import AudioError, CorpusError
from emovox.evaluation import metrics
from emovox.evaluation.intervals import Interval, Sample
from emovox.listening import Prediction, Recognizer, in_order


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """How an artifact does on another corpus.

    Args:
        artifact: Its model's name, and the first digits of the SHA-256 of its file.
        corpus: Its name, version and digest.
        known: Whether the artifact learnt from a corpus of that name, so that its speakers may be known to it.
        clips: How many were judged.
        speakers: Of how many people.
        left_out: Labels that the artifact does not know, with their clips.
        unreadable: Recordings that could not be used, with the reason.
        labels: Emotions that were judged, in the artifact's order.
        recalls: Of each of them.
        predicted: (emotions that were judged, emotions of the artifact), counts; rows are true.
        emotions: The artifact's.
        uar, accuracy: With 95 % intervals over speakers.
        calibration_error: Expected, over 15 bins, in [0, 1].
        covered: The share of sets that hold the true emotion; None where the artifact gives none.
        promised: What the artifact says that it is.
        answered: The share of clips for which it does not say "not sure".
        right: The accuracy of those; None where there are none.
        unfamiliar: The share of clips that the artifact finds unlike those that it learnt from.
    """

    artifact: Mapping[str, str]
    corpus: Mapping[str, str]
    known: bool
    clips: int
    speakers: int
    left_out: Mapping[str, int]
    unreadable: Mapping[str, str]
    labels: tuple[str, ...]
    recalls: tuple[float, ...]
    predicted: np.ndarray
    emotions: tuple[str, ...]
    uar: Interval
    accuracy: Interval
    calibration_error: float
    covered: float | None
    promised: float | None
    answered: float
    right: float | None
    unfamiliar: float

    def as_dict(self) -> dict[str, object]:
        """All of it as plain values, ready for JSON."""
        return {
            **vars(self),
            "predicted": self.predicted.tolist(),
            "uar": vars(self.uar),
            "accuracy": vars(self.accuracy),
        }

    def listings(self) -> list[Listing]:
        """The figures as tables to show."""

        def percent(value: float | None) -> str:
            return "–" if value is None else f"{100 * value:.1f}"

        def within(score: Interval) -> str:
            return f"{percent(score.value)} [{percent(score.low)}, {percent(score.high)}]"

        sets = f"{percent(self.covered)} (promised: {percent(self.promised)})"
        rows = (
            ("UAR", within(self.uar)),
            ("chance", percent(1 / len(self.labels))),
            ("accuracy", within(self.accuracy)),
            ("calibration error", percent(self.calibration_error)),
            *([("sets that hold the true emotion", sets)] if self.covered is not None else []),
            ("answered", percent(self.answered)),
            ("right among these", percent(self.right)),
            ("unlike training clips", percent(self.unfamiliar)),
        )
        about = f"{self.artifact['model']} on {self.corpus['name']}: {self.clips:,} clips of {self.speakers} speakers"
        rest = zip(self.labels, self.recalls, self.predicted, strict=True)
        each = ((label, str(row.sum()), percent(recall), self._mistaken(label, row)) for label, recall, row in rest)
        return [
            Listing(about, ("", "%"), rows),
            Listing("By true emotion", ("true", "clips", "recall, %", "most often predicted instead"), tuple(each)),
        ]

    def _mistaken(self, label: str, row: np.ndarray) -> str:
        """The two emotions that clips of one are most often mistaken for, with how many."""
        wrong = sorted(zip(-row, self.emotions, strict=True))
        return ", ".join(f"{name} {-count}" for count, name in wrong[:3] if count and name != label) or "–"


def judge_elsewhere(
    recognizer: Recognizer,
    corpus: Corpus,
    mapping: Mapping[str, str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Elsewhere:
    """Ask an artifact about every clip of a corpus.

    The artifact may answer with any of its emotions; one that the corpus does not have is wrong.

    Args:
        recognizer: The artifact.
        corpus: Any.
        mapping: The corpus's label → the artifact's emotion; a label that is not named stands for itself. Clips of
            labels that are none of the artifact's emotions are left out and counted.
        threads: Clips at a time; None takes one a core.
        progress: Told after every clip.

    Raises:
        CorpusError: The mapping names a label or an emotion that there is not, or fewer than two emotions are left.
    """
    mapping = mapping or {}
    for label, emotion in mapping.items():
        if label not in corpus.labels:
            raise CorpusError(f"{plain(label)} is no label of {corpus.name}; its labels are {', '.join(corpus.labels)}")
        if emotion not in recognizer.labels:
            known = ", ".join(recognizer.labels)
            raise CorpusError(f"{plain(emotion)} is no emotion of {recognizer.path}; its emotions are {known}")
    named = {label: mapping.get(label, label) for label in corpus.labels}
    left_out = Counter(clip.emotion for clip in corpus.clips if named[clip.emotion] not in recognizer.labels)
    clips = [clip for clip in corpus.clips if clip.emotion not in left_out]
    heard: list[tuple[Clip, Prediction]] = []
    unreadable: dict[str, str] = {}
    for done, (clip, answer) in enumerate(_answers(recognizer, clips, threads), start=1):
        if isinstance(answer, AudioError):
            unreadable[clip.id] = str(answer)
        else:
            heard.append((clip, answer))
        if progress:
            progress("recordings", done, len(clips))
    judged = {named[clip.emotion] for clip, _ in heard}
    if len(judged) < 2:
        labels, known = ", ".join(corpus.labels), ", ".join(recognizer.labels)
        raise CorpusError(
            f"Of the labels of {corpus.name} ({labels}) fewer than two are emotions of the artifact ({known}); say "
            "which stand for which with --map LABEL=EMOTION"
        )
    predictions = [prediction for _, prediction in heard]
    order = recognizer.labels
    truths = np.array([order.index(named[clip.emotion]) for clip, _ in heard])
    probabilities = np.stack([prediction.probabilities for prediction in predictions])
    chosen = probabilities.argmax(axis=1)
    speakers = [clip.speaker for clip, _ in heard]
    sample = Sample(truths, chosen, speakers, len(order))
    matrix = sample.matrices[0].astype(int)
    rows = [i for i, label in enumerate(order) if label in judged]
    sure = np.array([not prediction.abstains for prediction in predictions])
    promise = (recognizer.metadata.get("conformal") or {}).get("coverage")
    held = [order[truth] in prediction.set for truth, prediction in zip(truths, predictions, strict=True)]
    digest = hashlib.sha256(recognizer.path.read_bytes()).hexdigest()[:16]
    return Elsewhere(
        artifact={"model": str(recognizer.metadata.get("model", recognizer.path.stem)), "sha256": digest},
        corpus={"name": corpus.name, "version": corpus.version, "digest": corpus.digest},
        known=corpus.name == recognizer.metadata.get("corpus"),
        clips=len(heard),
        speakers=len(set(speakers)),
        left_out=dict(left_out),
        unreadable=unreadable,
        labels=tuple(order[i] for i in rows),
        recalls=tuple(metrics.recall(matrix)[rows].tolist()),
        predicted=matrix[rows],
        emotions=order,
        uar=sample.interval(metrics.uar),
        accuracy=sample.interval(metrics.accuracy),
        calibration_error=metrics.calibration_error(truths, probabilities),
        covered=float(np.mean(held)) if any(prediction.set for prediction in predictions) else None,
        promised=promise,
        answered=float(sure.mean()),
        right=float((chosen == truths)[sure].mean()) if sure.any() else None,
        unfamiliar=float(np.mean([prediction.unfamiliar for prediction in predictions])),
    )


def _answers(
    recognizer: Recognizer, clips: list[Clip], threads: int | None
) -> Iterator[tuple[Clip, Prediction | AudioError]]:
    def answer(clip: Clip) -> Prediction | AudioError:
        try:
            return recognizer.predict(waveform(clip, recognizer.sample_rate_hz), recognizer.sample_rate_hz)
        except AudioError as error:
            return error

    return zip(clips, in_order(answer, clips, threads), strict=True)
