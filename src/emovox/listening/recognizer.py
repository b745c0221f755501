"""Answer for a recording with an artifact: decode, resample, run, and say what was heard and how surely."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import soxr

from emovox.audio import check_waveform, read_audio
from emovox.errors import AudioError
from emovox.listening.artifact import find_artifact, open_session, read_metadata
from emovox.listening.prediction import Prediction


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

    def predict(self, recording: Path | str | np.ndarray, sample_rate_hz: int | None = None) -> Prediction:
        """Say what emotion is heard.

        Args:
            recording: A path, or a waveform, (samples,), floating point with full scale ±1.
            sample_rate_hz: The waveform's rate, resampled where the artifact's differs; without it the artifact's.
                A file tells its own.

        Raises:
            AudioError: It cannot be read, or is too short, too long, silent, or not finite.
        """
        if isinstance(recording, np.ndarray):
            waveform = self._resampled(recording, self.sample_rate_hz if sample_rate_hz is None else sample_rate_hz)
        else:
            waveform = read_audio(recording, self.sample_rate_hz)
        (probabilities,) = self._session.run(["probabilities"], {"waveform": waveform})  # (classes,)
        return Prediction(self.labels, probabilities, abstains=float(probabilities.max()) < self._abstain_below)

    @cached_property
    def _abstain_below(self) -> float:
        return float(self.metadata.get("abstain_below") or 0.0)

    def _resampled(self, waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        if sample_rate_hz <= 0:
            raise AudioError(f"sample_rate_hz is {sample_rate_hz}; give the waveform's samples a second, such as 16000")
        waveform = check_waveform(waveform, "the waveform", sample_rate_hz)
        if sample_rate_hz == self.sample_rate_hz:
            return waveform
        resampled: np.ndarray = soxr.resample(waveform, sample_rate_hz, self.sample_rate_hz, quality="HQ")
        return resampled
