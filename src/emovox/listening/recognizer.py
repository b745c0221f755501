"""Answer for a recording with an artifact: decode, resample, run, and say what was heard and how surely."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from emovox.audio import Source, check_waveform, read_audio, resample
from emovox.errors import AudioError, ModelError
from emovox.listening.artifact import find_artifact, open_session, read_metadata
from emovox.listening.batch import in_order
from emovox.listening.prediction import Prediction
from emovox.listening.speech import speech_seconds

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
            ModelError: The artifact answers with what are no probabilities.
        """
        waveform = self._waveform(recording, sample_rate_hz, name)
        answer = self._run(self._outputs, waveform, self._shift)
        probabilities = answer["probabilities"]  # (classes,)
        if not (np.all(probabilities >= 0) and abs(float(probabilities.sum()) - 1) <= TOLERANCE):
            raise ModelError(
                f"{self.path} answers with what are no probabilities ({np.array2string(probabilities, precision=2)}): "
                "its weights are damaged; copy it anew, or export it again"
            )
        novelty = float(answer["novelty"]) if "novelty" in answer else None
        if novelty is not None and not np.isfinite(novelty):
            raise ModelError(f"{self.path} finds a novelty of {novelty}: its weights are damaged; copy it anew")
        threshold = (self.metadata.get("conformal") or {}).get("threshold")
        least = np.inf if threshold is None else min(threshold, float(probabilities.max()))
        return Prediction(
            self.labels,
            probabilities,
            abstains=float(probabilities.max()) < self._abstain_below,
            set=tuple(label for label, p in zip(self.labels, probabilities, strict=True) if p >= least),
            novelty=novelty,
            speech_seconds=speech_seconds(waveform, self.sample_rate_hz),
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
            ModelError: The artifact answers with what are no probabilities.
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
                f"{self.path} cannot be adapted, since it reads no statistics of a published network; use another model"
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
            return self._resampled(recording, sample_rate_hz, name or "the waveform")
        if isinstance(recording, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(recording, "read"):
            return read_audio(recording, self.sample_rate_hz, name=name)
        raise AudioError(
            f"A {type(recording).__name__} is no recording; give a path, bytes, an open binary file, or a NumPy "
            "array with sample_rate_hz"
        )

    def _run(self, outputs: list[str], waveform: np.ndarray, shift: np.ndarray | None = None) -> dict[str, np.ndarray]:
        feeds = {"waveform": waveform} if shift is None else {"waveform": waveform, "shift": shift}
        try:
            return dict(zip(outputs, map(np.asarray, self._session.run(outputs, feeds)), strict=True))
        except Exception as error:  # ONNX Runtime has a dozen kinds without a common root
            raise ModelError(
                f"{self.path} cannot answer ({' '.join(str(error).split())[:200]}); export it again"
            ) from None

    def _resampled(self, waveform: np.ndarray, sample_rate_hz: int | None, name: str) -> np.ndarray:
        if sample_rate_hz is None:
            raise AudioError(f"{name} is an array, which tells no rate; give sample_rate_hz, such as 16000")
        return resample(check_waveform(waveform, name, sample_rate_hz), sample_rate_hz, self.sample_rate_hz)
