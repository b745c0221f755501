"""What a stream tells while it listens; times are in seconds from its first sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from emovox.listening.prediction import Prediction


@dataclass(frozen=True)
class UtteranceStart:
    """Someone begins to speak.

    Args:
        start_seconds: A little before the voice was loud enough, so that a soft first consonant is in.
    """

    start_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The event as plain values, ready for JSON."""
        return {"type": "utterance.start", **asdict(self)}


@dataclass(frozen=True)
class Measurement:
    """What is heard in the last seconds of an utterance that goes on.

    Args:
        start_seconds, end_seconds: The part that was listened to.
        prediction: Its probabilities are smoothed over the utterance's measurements, and ``abstains`` and ``set``
            follow them; ``novelty`` and ``speech_seconds`` are of this part alone.
    """

    start_seconds: float
    end_seconds: float
    prediction: Prediction

    def as_dict(self) -> dict[str, Any]:
        """The event as plain values, ready for JSON."""
        return _spoken("measurement.result", self)


@dataclass(frozen=True)
class UtteranceEnd:
    """Someone has ended to speak.

    Args:
        start_seconds, end_seconds: The whole utterance.
        prediction: What is heard in the whole, as :meth:`~emovox.Recognizer.predict` answers.
    """

    start_seconds: float
    end_seconds: float
    prediction: Prediction

    def as_dict(self) -> dict[str, Any]:
        """The event as plain values, ready for JSON."""
        return _spoken("utterance.end", self)


@dataclass(frozen=True)
class Totals:
    """All of a stream, told when it is closed.

    Args:
        duration_seconds: How long it was.
        speech_seconds: How long all utterances were together.
        utterances: Count.
        measurements: Count.
    """

    duration_seconds: float
    speech_seconds: float
    utterances: int
    measurements: int

    def as_dict(self) -> dict[str, Any]:
        """The event as plain values, ready for JSON."""
        return {"type": "totals", **asdict(self)}


Event = UtteranceStart | Measurement | UtteranceEnd | Totals


def _spoken(kind: str, event: Measurement | UtteranceEnd) -> dict[str, Any]:
    return {
        "type": kind,
        "start_seconds": event.start_seconds,
        "end_seconds": event.end_seconds,
        "prediction": event.prediction.as_dict(),
    }
