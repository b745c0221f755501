"""Listen to a sound while it arrives: find the utterances in it, and say again and again what is heard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from emovox.audio import check_rate, check_samples
from emovox.errors import AudioError
from emovox.listening.events import Event, Measurement, Totals, UtteranceEnd, UtteranceStart
from emovox.listening.frames import Frames
from emovox.listening.prediction import LITTLE_SPEECH_SECONDS, Prediction
from emovox.listening.speech import Loudness

FRAME_SECONDS = 0.025
"""All times are multiples of it, the duration of the whole apart."""

ONSET_SECONDS = 0.1
"""So long a sound must be loud to be speech: a click is shorter, a vowel longer."""

MARGIN_SECONDS = 0.2
"""An utterance is taken with so much before and after it, for soft consonants and breath."""


@dataclass(frozen=True)
class StreamSettings:
    """How a stream listens; every value is rounded to frames of 25 ms.

    Args:
        hop_seconds: From one measurement to the next.
        window_seconds: A measurement listens to the last so many seconds of the utterance, or to what there is of it.
        smoothing_seconds: Measurements are averaged with weights that fall by 1/e in this time; 0 for none.
        pause_seconds: So long a pause ends an utterance.
        longest_seconds: An utterance without a pause is ended after so long, and the next begins there.

    Raises:
        AudioError: A value is out of the range in which it makes sense.
    """

    hop_seconds: float = 0.25
    window_seconds: float = 3.0
    smoothing_seconds: float = 0.25
    pause_seconds: float = 0.6
    longest_seconds: float = 20.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise AudioError(f"{name} is {value:g}; give {low:g} to {high:g} seconds")


_RANGES = {
    "hop_seconds": (0.1, 10.0),
    "window_seconds": (LITTLE_SPEECH_SECONDS, 30.0),
    "smoothing_seconds": (0.0, 30.0),
    "pause_seconds": (2 * MARGIN_SECONDS, 5.0),
    "longest_seconds": (1.0, 30.0),
}


class Stream:
    """A sound that is listened to while it arrives, made by :meth:`emovox.Recognizer.stream`.

    What comes out depends on the samples alone, and not on how they were cut. No more than one utterance is held. A
    stream is for one thread; many streams may share a recognizer.

    Args:
        answer: What is heard in a waveform at ``rate_hz``.
        decide: The same answer for other probabilities.
        rate_hz: The rate that ``answer`` needs.
        sample_rate_hz: The rate of what will be pushed.
        settings: How to listen.

    Raises:
        AudioError: The rate cannot be used.
    """

    def __init__(
        self,
        answer: Callable[[np.ndarray], Prediction],
        decide: Callable[[Prediction, np.ndarray], Prediction],
        rate_hz: int,
        sample_rate_hz: int,
        settings: StreamSettings,
    ) -> None:
        check_rate(sample_rate_hz, "the stream")
        self.sample_rate_hz = sample_rate_hz
        self._answer, self._decide = answer, decide
        self._frames = Frames(sample_rate_hz, rate_hz, FRAME_SECONDS)
        self._frame_seconds = self._frames.size / rate_hz
        self._hop = self._in_frames(settings.hop_seconds)
        self._window = self._in_frames(settings.window_seconds)
        self._pause = self._in_frames(settings.pause_seconds)
        self._longest = self._in_frames(settings.longest_seconds)
        self._least = self._in_frames(LITTLE_SPEECH_SECONDS)
        self._onset = self._in_frames(ONSET_SECONDS)
        self._margin = self._in_frames(MARGIN_SECONDS)
        tau = settings.smoothing_seconds
        self._share = 1 - math.exp(-settings.hop_seconds / tau) if tau else 1.0  # of the newest measurement

        self._loudness = Loudness(self._frame_seconds)
        self._speaking = self._closed = False
        self._kept: list[np.ndarray] = []  # the utterance; before it, what may become its beginning
        self._loud = self._quiet = 0  # frames since it was last otherwise
        self._smoothed: np.ndarray | None = None
        self._samples = self._at = self._spoken = self._utterances = self._measurements = 0

    def push(self, samples: np.ndarray) -> list[Event]:
        """Take the next samples, and tell what has been heard by their end.

        Args:
            samples: (samples,), floating point with full scale ±1; as many as there are, none too.

        Returns:
            In the order of their time: where utterances start and end, and a measurement every hop while speech lasts;
            an utterance's first comes when half a second of it is there.

        Raises:
            AudioError: They are not one channel of floating point, hold NaN or infinity, or swing beyond 8 times full
                scale: then they are left out, and the stream goes on. Or the stream is closed.
            ModelError: The artifact answers with what are no probabilities.
        """
        self._check_open()
        samples = check_samples(samples, "the stream")
        self._samples += len(samples)
        return self._listen(self._frames.push(samples))

    def close(self) -> list[Event]:
        """End what is open.

        Returns:
            The last events; :class:`~emovox.listening.events.Totals` is the last of all.

        Raises:
            AudioError: The stream is closed already.
            ModelError: As for :meth:`push`.
        """
        self._check_open()
        self._closed = True
        events = self._listen(self._frames.push(np.zeros(0, np.float32), last=True))
        if self._speaking:
            events.append(self._end())
        duration = self._samples / self.sample_rate_hz
        return [*events, Totals(duration, self._seconds(self._spoken), self._utterances, self._measurements)]

    def _listen(self, frames: np.ndarray) -> list[Event]:
        """(frames, size) → what is told of them."""
        powers_db = 10 * np.log10(frames.var(axis=1) + 1e-12)  # (frames,)
        pairs = zip(frames, powers_db.tolist(), strict=True)
        return [event for frame, power_db in pairs for event in self._next(frame, power_db)]

    def _next(self, frame: np.ndarray, power_db: float) -> Iterator[Event]:
        loud = self._loudness(power_db, self._speaking)
        self._at += 1
        self._loud, self._quiet = (self._loud + 1, 0) if loud else (0, self._quiet + 1)
        self._kept.append(frame)
        held = len(self._kept)
        if not self._speaking:
            del self._kept[: -(self._margin + self._onset)]
            if self._loud == self._onset:
                self._speaking = True
                yield UtteranceStart(self._seconds(self._at - len(self._kept)))
        elif self._quiet == self._pause or held == self._longest:
            yield self._end()
        elif held >= self._least and held % self._hop == 0 and self._quiet <= self._margin:
            yield self._measure()

    def _measure(self) -> Measurement:
        heard = self._answer(np.concatenate(self._kept[-self._window :]))
        if self._smoothed is None:
            self._smoothed = heard.probabilities
        self._smoothed = self._share * heard.probabilities + (1 - self._share) * self._smoothed
        self._measurements += 1
        start = self._at - min(self._window, len(self._kept))
        return Measurement(self._seconds(start), self._seconds(self._at), self._decide(heard, self._smoothed))

    def _end(self) -> UtteranceEnd:
        """End the utterance where its margin after the last loud frame does, and keep what comes after that."""
        start, length = self._at - len(self._kept), len(self._kept) - max(0, self._quiet - self._margin)
        heard = self._answer(np.concatenate(self._kept[:length]))
        del self._kept[:length]
        self._speaking, self._loud, self._smoothed = False, 0, None
        self._spoken += length
        self._utterances += 1
        return UtteranceEnd(self._seconds(start), self._seconds(start + length), heard)

    def _check_open(self) -> None:
        if self._closed:
            raise AudioError("the stream is closed; begin another with Recognizer.stream")

    def _in_frames(self, seconds: float) -> int:
        return max(1, round(seconds / self._frame_seconds))

    def _seconds(self, frames: int) -> float:
        return round(frames * self._frame_seconds, 6)
