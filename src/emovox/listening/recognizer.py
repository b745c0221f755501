"""Answer for a recording with an artifact: decode, resample, run, and say what was heard and how surely."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from emovox.audio import Source, check_waveform, name_of, open_blocks, read_audio, resample
from emovox.errors import AudioError, ModelError
from emovox.listening.artifact import BOX, find_artifact, open_session, read_metadata
from emovox.listening.batch import in_order
from emovox.listening.events import Event
from emovox.listening.prediction import Prediction
from emovox.listening.speech import speech_seconds
from emovox.listening.stream import Stream, StreamSettings
from emovox.listening.timeline import TIMELINE_SECONDS, Timeline

TOLERANCE = 1e-3
"""How far the sum of an artifact's probabilities may be from 1; weights of 8 bits stay well within."""


class Recognizer:
    """An artifact, loaded and ready to answer. Safe to call from many threads.

    Args:
        artifact: An ``.onnx`` file that Emovox wrote.
        threads: Threads for one recording.

    Raises:
        ModelError: The file is missing, is not ONNX, or is not an artifact of Emovox.
    """

    def __init__(self, artifact: Path | str, threads: int = 1) -> None:
        self.path = Path(artifact)
        self._session = open_session(self.path, threads)
        self.metadata = read_metadata(self.path, self._session)
        self.labels: tuple[str, ...] = tuple(self.metadata["labels"])
        self.sample_rate_hz = int(self.metadata["sample_rate_hz"])
        self._shift: np.ndarray | None = None
        there = [output.name for output in self._session.get_outputs()]
        self._outputs = [name for name in ("probabilities", "novelty") if name in there]

    @classmethod
    def load(cls, threads: int = 1) -> Recognizer:
        """Load the model that the package brings: Whisper's encoder, and a head that learnt from all of RAVDESS.

        Args:
            threads: Threads for one recording.

        Raises:
            ModelError: The package was installed without it.
        """
        if not BOX.exists():
            raise ModelError(
                f"{BOX} is missing; install Emovox again, or give a model of your own with --run or --model"
            )
        return cls(BOX, threads)

    @classmethod
    def from_run(cls, run: Path | str, model: str | None = None, threads: int = 1) -> Recognizer:
        """Load a model of a run.

        Args:
            run: A run folder.
            model: The model's name; without it the run's best.
            threads: Threads for one recording.

        Raises:
            ModelError: The folder has no such artifact.
        """
        return cls(find_artifact(run, model), threads)

    def predict(self, recording: Source | np.ndarray, sample_rate_hz: int | None = None, name: str = "") -> Prediction:
        """Say what emotion is heard.

        Args:
            recording: A path (a pipe's too), the bytes of a file, an open binary file, or a waveform: (samples,),
                floating point with full scale ±1.
            sample_rate_hz: The waveform's rate; it is resampled where the artifact's differs. All else tells its own.
            name: What to call it in a message; by default its path.

        Raises:
            AudioError: It cannot be read, or is truncated, too short, too long, too loud, silent, or not finite; or a
                waveform came without its rate.
            ModelError: The artifact gives invalid probabilities.
        """
        return self._answer(self._waveform(recording, sample_rate_hz, name))

    def stream(self, sample_rate_hz: int, settings: StreamSettings | None = None) -> Stream:
        """Listen to a sound while it arrives: its utterances are found, and measured several times a second.

        Args:
            sample_rate_hz: Of the samples that will be pushed; they are resampled where the artifact's differs.
            settings: How to listen; by default a measurement of the last 3 s every 0.25 s.

        Raises:
            AudioError: The rate cannot be used.

        Example:
            stream = recognizer.stream(48_000)
            for samples in microphone:
                for event in stream.push(samples):
                    print(event.as_dict())
            totals = stream.close()[-1]
        """
        return Stream(self._answer, self._decide, self.sample_rate_hz, sample_rate_hz, settings or StreamSettings())

    def timeline(
        self,
        recording: Source | np.ndarray,
        sample_rate_hz: int | None = None,
        name: str = "",
        settings: StreamSettings | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Timeline:
        """Say what emotion is heard when: what a stream tells that is given the whole recording.

        Args:
            recording, sample_rate_hz, name: As for :meth:`predict`; but it may last an hour, be short, or be silent.
            settings: As for :meth:`stream`.
            progress: Called with what is heard, how many seconds of it are done, and how many there are, 0 where that
                is not known.

        Raises:
            AudioError: It cannot be read, or is truncated, too long, too loud, or not finite; or a waveform came
                without its rate.
            ModelError: The artifact gives invalid probabilities.
        """
        if isinstance(recording, np.ndarray):
            stream = self.stream(_rate_of_array(sample_rate_hz, name or "the waveform"), settings)
            return Timeline.of(self.labels, [*stream.push(recording), *stream.close()])
        with open_blocks(_source(recording), TIMELINE_SECONDS, name) as (info, blocks):
            stream = self.stream(info.sample_rate_hz, settings)
            events: list[Event] = []
            for second, block in enumerate(blocks, start=1):
                events += stream.push(block)
                if progress is not None:
                    progress(name or name_of(recording), second, math.ceil(info.seconds))
            return Timeline.of(self.labels, [*events, *stream.close()])

    def _answer(self, waveform: np.ndarray) -> Prediction:
        """What is heard in a waveform at the artifact's rate."""
        answer = self._run(self._outputs, waveform, self._shift)
        probabilities = answer["probabilities"]  # (classes,)
        if not (np.all(probabilities >= 0) and abs(float(probabilities.sum()) - 1) <= TOLERANCE):
            raise ModelError(
                f"{self.path} gives invalid probabilities ({np.array2string(probabilities, precision=2)}): "
                "its weights are damaged; copy it again, or export it again"
            )
        novelty = float(answer["novelty"]) if "novelty" in answer else None
        if novelty is not None and not np.isfinite(novelty):
            raise ModelError(
                f"{self.path} gives an invalid novelty ({novelty}): its weights are damaged; copy it again"
            )
        heard = Prediction(
            self.labels, probabilities, novelty=novelty, speech_seconds=speech_seconds(waveform, self.sample_rate_hz)
        )
        return self._decide(heard, probabilities)

    def _decide(self, heard: Prediction, probabilities: np.ndarray) -> Prediction:
        """The prediction with these probabilities: whether to abstain, and which emotions are in the set."""
        threshold = (self.metadata.get("conformal") or {}).get("threshold")
        least = np.inf if threshold is None else min(threshold, float(probabilities.max()))
        return replace(
            heard,
            probabilities=probabilities,
            abstains=float(probabilities.max()) < self._abstain_below,
            set=tuple(label for label, p in zip(self.labels, probabilities, strict=True) if p >= least),
        )

    def predict_many(
        self, recordings: Iterable[Source | np.ndarray], sample_rate_hz: int | None = None, threads: int | None = None
    ) -> Iterator[Prediction | AudioError]:
        """Say of each of many recordings what emotion is heard, several at once.

        Args:
            recordings: As :meth:`predict` takes them; they are taken as they are needed.
            sample_rate_hz: Of waveforms.
            threads: Recordings at once; by default as many as there are cores.

        Yields:
            For each, in order, its prediction, or the error that says why there is none.

        Raises:
            ModelError: The artifact gives invalid probabilities.
        """

        def answer(recording: Source | np.ndarray) -> Prediction | AudioError:
            try:
                return self.predict(recording, sample_rate_hz)
            except AudioError as error:
                return error

        return in_order(answer, recordings, threads)

    @property
    def adapts(self) -> bool:
        """Whether the artifact can be adapted."""
        there = [value.name for value in self._session.get_overridable_initializers()]
        return "shift" in there and "centring" in self.metadata

    def adapted(self, recordings: Iterable[Source | np.ndarray], sample_rate_hz: int | None = None) -> Recognizer:
        """A recognizer for the voice, the microphone and the room of some recordings, whose emotions need not be known.

        How the mean of their statistics departs from the corpus's, times n / (n + centring) for n recordings, is taken
        off those of every later recording. A few in the speaker's several moods serve best: from recordings in one
        mood alone, that mood is taken for the voice's own.

        Args:
            recordings: Of one speaker, as :meth:`predict` takes them.
            sample_rate_hz: Of waveforms.

        Returns:
            A recognizer of its own, which shares the loaded artifact with this one.

        Raises:
            AudioError: There are no recordings, or one cannot be used.
            ModelError: The artifact holds no published network, so it cannot be adapted.
        """
        if not self.adapts:
            raise ModelError(
                f"{self.path} cannot be adapted, because it is not built on a published network; use a model that is"
            )
        heard = [self.statistics(recording, sample_rate_hz) for recording in recordings]
        if not heard:
            raise AudioError("There are no recordings to adapt to; give at least one")
        adapted = copy.copy(self)
        adapted._shift = np.sum(heard, axis=0) / np.float32(len(heard) + float(self.metadata["centring"]))
        return adapted

    def statistics(self, recording: Source | np.ndarray, sample_rate_hz: int | None = None) -> np.ndarray:
        """How a recording departs from the corpus in what a published network hears: (statistics,), float32."""
        return self._run(["statistics"], self._waveform(recording, sample_rate_hz))["statistics"]

    @cached_property
    def _abstain_below(self) -> float:
        return float(self.metadata.get("abstain_below") or 0.0)

    def _waveform(self, recording: Source | np.ndarray, sample_rate_hz: int | None, name: str = "") -> np.ndarray:
        if isinstance(recording, np.ndarray):
            name = name or "the waveform"
            rate = _rate_of_array(sample_rate_hz, name)
            return resample(check_waveform(recording, name, rate), rate, self.sample_rate_hz)
        return read_audio(_source(recording), self.sample_rate_hz, name=name)

    def _run(self, outputs: list[str], waveform: np.ndarray, shift: np.ndarray | None = None) -> dict[str, np.ndarray]:
        feeds = {"waveform": waveform} if shift is None else {"waveform": waveform, "shift": shift}
        try:
            return dict(zip(outputs, map(np.asarray, self._session.run(outputs, feeds)), strict=True))
        except Exception as error:  # ONNX Runtime has a dozen kinds without a common root
            raise ModelError(
                f"{self.path} cannot predict ({' '.join(str(error).split())[:200]}); export it again"
            ) from None


def _rate_of_array(sample_rate_hz: int | None, name: str) -> int:
    if sample_rate_hz is None:
        raise AudioError(f"{name} is an array, which has no sample rate; give sample_rate_hz, such as 16000")
    return sample_rate_hz


def _source(recording: Source) -> Source:
    """The same, where it is something that can be read."""
    if isinstance(recording, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(recording, "read"):
        return recording
    raise AudioError(
        f"A {type(recording).__name__} is not a recording; give a path, bytes, an open binary file, or a NumPy "
        "array with sample_rate_hz"
    )
