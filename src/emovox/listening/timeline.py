"""What is heard when in a recording, as plain values, as a table, and as subtitles."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from emovox.listening.events import Event, Measurement, Totals, UtteranceEnd

TIMELINE_SECONDS = 3600.0
"""A longer file is refused: an hour is heard in minutes."""

COLUMNS = ("what", "start_seconds", "end_seconds", "emotion", "confidence", "abstains", "unfamiliar")


@dataclass(frozen=True)
class Span:
    """A part of an utterance in which one emotion is told.

    Args:
        start_seconds, end_seconds: Spans of one utterance touch, and do not overlap.
        emotion: None where the model had better not say.
        confidence: Of the likeliest emotion, the mean over the part, in [0, 1].
    """

    start_seconds: float
    end_seconds: float
    emotion: str | None
    confidence: float

    @property
    def said(self) -> str:
        """The emotion, or that it is not sure."""
        return self.emotion or "not sure"


@dataclass(frozen=True)
class Timeline:
    """What is heard when in a recording.

    Args:
        duration_seconds: How long the recording is.
        labels: The emotions, in the artifact's order.
        measurements: In order; every hop while speech lasts.
        utterances: In order.
    """

    duration_seconds: float
    labels: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    utterances: tuple[UtteranceEnd, ...]

    @classmethod
    def of(cls, labels: tuple[str, ...], events: Iterable[Event]) -> Timeline:
        """The timeline of all that a stream told, from its first event to its totals."""
        *told, totals = events
        if not isinstance(totals, Totals):
            raise ValueError("The last event of a stream is its totals; close the stream first")
        return cls(
            totals.duration_seconds,
            labels,
            tuple(event for event in told if isinstance(event, Measurement)),
            tuple(event for event in told if isinstance(event, UtteranceEnd)),
        )

    @property
    def spans(self) -> tuple[Span, ...]:
        """The utterances, parted where the emotion that is told changes.

        A measurement tells of the time since the one before it, the first of an utterance from its start, and the last
        to its end. An utterance too short for a measurement is told as a whole.
        """
        return tuple(span for utterance in self.utterances for span in self._spans_of(utterance))

    def _spans_of(self, utterance: UtteranceEnd) -> list[Span]:
        start, end = utterance.start_seconds, utterance.end_seconds
        told = [(m.end_seconds, m.prediction) for m in self.measurements if start < m.end_seconds <= end]
        times = [*(time for time, _ in told[:-1]), end]
        spans: list[Span] = []
        together: list[float] = []
        for time, heard in zip(times, [p for _, p in told] or [utterance.prediction], strict=True):
            emotion = None if heard.abstains or heard.unfamiliar else heard.emotion
            if spans and spans[-1].emotion == emotion:
                start = spans.pop().start_seconds
            else:
                together = []
            together.append(heard.confidence)
            spans.append(Span(start, time, emotion, sum(together) / len(together)))
            start = time
        return spans

    def as_dict(self) -> dict[str, Any]:
        """The timeline as plain values, ready for JSON."""
        return {
            "duration_seconds": self.duration_seconds,
            "labels": list(self.labels),
            "measurements": [measurement.as_dict() for measurement in self.measurements],
            "utterances": [utterance.as_dict() for utterance in self.utterances],
        }

    def csv(self) -> str:
        """A table: a row for each utterance and measurement, by their end; a column for each emotion."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*COLUMNS, *self.labels])
        rows = [("utterance", each) for each in self.utterances] + [("measurement", each) for each in self.measurements]
        for what, event in sorted(rows, key=lambda row: (row[1].end_seconds, row[0])):
            heard = event.prediction
            flags = [str(flag).lower() for flag in (heard.abstains, heard.unfamiliar)]
            times = [f"{event.start_seconds:.3f}", f"{event.end_seconds:.3f}"]
            shares = [f"{p:.6f}" for p in heard.probabilities]
            table.writerow([what, *times, heard.emotion, f"{heard.confidence:.6f}", *flags, *shares])
        return text.getvalue()

    def srt(self) -> str:
        """Subtitles in SubRip's format, one for every span."""
        cues = enumerate(self._cues(","), start=1)
        return "\n".join(f"{number}\n{times}\n{words}\n" for number, (times, words) in cues)

    def vtt(self) -> str:
        """Subtitles in the format of the web (WebVTT), one for every span."""
        cues = [f"{times}\n{html.escape(words, quote=False)}\n" for times, words in self._cues(".")]
        return "\n".join(["WEBVTT\n", *cues])

    def _cues(self, point: str) -> list[tuple[str, str]]:
        return [
            (
                f"{_clock(span.start_seconds, point)} --> {_clock(span.end_seconds, point)}",
                " ".join(f"{span.emotion} {span.confidence:.0%}".split()) if span.emotion else span.said,
            )
            for span in self.spans
        ]


def _clock(seconds: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds.

    >>> _clock(3661.25, ",")
    '01:01:01,250'
    """
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{milliseconds:03d}"
