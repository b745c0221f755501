"""The log-mel spectrogram of Whisper, as published, and then windows over its speech."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ
from emovox.features import front_end
from emovox.features.front_end import Windows

if TYPE_CHECKING:
    from emovox.features.graph import Graph

WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FLOOR = 1e-10
"""The least power of a band."""

DEPTH = 8.0
"""Decades of power below the clip's loudest band, under which all is alike."""


@dataclass(frozen=True)
class WhisperMel:
    """What Whisper hears (Radford et al., 2022, section 2.2): 80 bands, a frame per 10 ms, as long as there is speech.

    ``(max(log10(mel · |STFT|²), loudest - 8) + 4) / 4``, about from -1 to 1. Whisper pads each clip with zeros to 30 s;
    nothing is padded here.

    Args:
        trim_db: Frames before the first and after the last one that is within this many decibels of the loudest are
            dropped; 0 keeps all.
        n_mels: Mel bands; the published networks take 80.
        peak: The power that the loudest value of a clip is brought to, so that a microphone's distance and gain do not
            matter; 0 leaves clips at the level that they were recorded at, as published.
        most_frames: Frames up to which a clip is read whole; a longer one becomes shorter windows without its pauses.
            0 for any number.
    """

    trim_db: float = 35.0
    n_mels: int = 80
    peak: float = 1.0
    most_frames: int = 500

    sample_rate_hz: ClassVar[int] = SAMPLE_RATE_HZ
    hop_samples: ClassVar[int] = HOP_SAMPLES

    def check(self) -> None:
        """Refuse settings that the published networks cannot take.

        Raises:
            ValueError: Says which.
        """
        if self.n_mels != 80:
            raise ValueError("n_mels must be 80, as in the published networks of Whisper")
        if not self.trim_db >= 0 or self.most_frames < 0 or not self.peak >= 0:
            raise ValueError("trim_db, most_frames and peak must be above 0, or 0 to keep all")

    @property
    def shape(self) -> tuple[int | None, int]:
        """(frames, mels); frames are None, since each clip keeps its own length."""
        return (None, self.n_mels)

    @property
    def silence(self) -> float:
        """The value of a clip that is silent throughout; beside speech, silence is higher (see :data:`DEPTH`)."""
        return (float(np.log10(FLOOR)) + 4) / 4

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any setting."""
        return front_end.digest(self)

    @cached_property
    def window(self) -> np.ndarray:
        """The periodic Hann window, float64, (WINDOW_SAMPLES,)."""
        return front_end.hann(WINDOW_SAMPLES)

    @cached_property
    def centres_hz(self) -> np.ndarray:
        """(n_mels + 2,): the bands' centres, evenly spaced on Slaney's scale, between 0 and half the sample rate."""
        mel = np.linspace(0, _hertz_to_mel(self.sample_rate_hz / 2), self.n_mels + 2)
        return _mel_to_hertz(mel)

    @cached_property
    def bandwidths_hz(self) -> np.ndarray:
        """(n_mels,): the areas of triangles that peak at 1."""
        return np.asarray((self.centres_hz[2:] - self.centres_hz[:-2]) / 2)

    @cached_property
    def mel_matrix(self) -> np.ndarray:
        """Triangular mel weights of area 1, straight in hertz, float32, (WINDOW_SAMPLES // 2 + 1, n_mels)."""
        bins = np.linspace(0, self.sample_rate_hz / 2, WINDOW_SAMPLES // 2 + 1)
        return np.asarray(front_end.triangles(self.centres_hz, bins) / self.bandwidths_hz, dtype=np.float32)

    def __call__(self, waveform: np.ndarray) -> Windows:
        """The windows of one clip.

        Args:
            waveform: (samples,), float32, mono at ``sample_rate_hz``, full scale ±1.

        Returns:
            Features (windows, frames, n_mels) and weights.
        """
        log_mel, loud = self.frames(waveform)
        within = front_end.speech(loud)
        return front_end.utterances(log_mel[within], loud[within], self.most_frames)

    def frames(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The whole clip, untrimmed: its log-mel spectrogram (frames, n_mels), and which frames are loud (frames,)."""
        mel = self._mel(waveform)
        energy = mel @ self.bandwidths_hz.astype(np.float32)  # (frames,), every frequency weighing the same
        return _logarithm(mel), front_end.loud(energy, self.trim_db)

    def log_mel(self, waveform: np.ndarray) -> np.ndarray:
        """The whole clip as published, untrimmed: (samples,) → (samples // HOP_SAMPLES, n_mels), float32."""
        return _logarithm(self._mel(waveform))

    def _mel(self, waveform: np.ndarray) -> np.ndarray:
        """Power in every band: (samples,) → (samples // HOP_SAMPLES, n_mels), float32."""
        waveform = np.pad(waveform, (0, max(0, WINDOW_SAMPLES - len(waveform))))  # what is shorter cannot be reflected
        waveform = np.pad(waveform, WINDOW_SAMPLES // 2, mode="reflect")
        magnitudes = front_end.spectrum(waveform, self.window, HOP_SAMPLES, WINDOW_SAMPLES)[:-1]
        return front_end.at_peak((magnitudes**2).astype(np.float32) @ self.mel_matrix, self.peak, power=2)

    def to_onnx(self, graph: Graph) -> tuple[str, str]:
        """Add the same steps to a graph: ``waveform`` (samples,) → (windows, frames, n_mels) and (windows,)."""
        from emovox.features.graph import at_peak, loud, mel_spectrum, real, speech, utterances, whole

        op = graph
        short = op("Max", op("Sub", whole(WINDOW_SAMPLES), op("Shape", "waveform")), whole(0))
        waveform = op("Pad", "waveform", op("Concat", whole(0), short, axis=0))
        waveform = op("Pad", waveform, whole(WINDOW_SAMPLES // 2, WINDOW_SAMPLES // 2), mode="reflect")
        mel = mel_spectrum(op, waveform, self.window, HOP_SAMPLES, WINDOW_SAMPLES, 2, self.mel_matrix)
        mel = op("Slice", mel, whole(0), whole(-1), whole(0))  # (frames, n_mels)
        mel = at_peak(op, mel, self.peak, power=2)

        log_mel = op("Mul", op("Log", op("Max", mel, real(FLOOR))), real(1 / np.log(10)))
        log_mel = op("Max", log_mel, op("Sub", op("ReduceMax", log_mel, keepdims=1), real(DEPTH)))
        log_mel = op("Div", op("Add", log_mel, real(4)), real(4))

        near = loud(op, op("MatMul", mel, real(self.bandwidths_hz)), self.trim_db)
        first, end = speech(op, near)
        log_mel, near = (op("Slice", each, first, end, whole(0)) for each in (log_mel, near))
        return utterances(op, log_mel, near, self.most_frames)


def _logarithm(mel: np.ndarray) -> np.ndarray:
    """Power to about -1 … 1: (frames, n_mels) → (frames, n_mels)."""
    log_mel = np.log10(np.maximum(mel, np.float32(FLOOR)))
    return np.asarray((np.maximum(log_mel, log_mel.max() - np.float32(DEPTH)) + np.float32(4)) / np.float32(4))


# Slaney's scale (Auditory Toolbox, 1998): straight up to 1,000 Hz, 15 mels there, and then a factor of 6.4 in 27 mels.
_KNEE_HZ, _KNEE_MEL, _MELS_PER_E = 1000.0, 15.0, 27 / np.log(6.4)


def _hertz_to_mel(hertz: float) -> float:
    """Of a frequency above the knee."""
    return float(_KNEE_MEL + _MELS_PER_E * np.log(hertz / _KNEE_HZ))


def _mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    straight = mel * (_KNEE_HZ / _KNEE_MEL)
    return np.where(mel < _KNEE_MEL, straight, _KNEE_HZ * np.exp((mel - _KNEE_MEL) / _MELS_PER_E))
