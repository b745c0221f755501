"""The log-mel spectrogram, in five steps: frames, spectrum, mel bands, logarithm, windows over speech."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ
from emovox.features import front_end
from emovox.features.front_end import Windows

if TYPE_CHECKING:
    from emovox.features.graph import Graph

LEAST_DEVIATION, LEAST_RANGE = 1e-3, 0.1
"""Of a clip that is scaled: in silence, rounding must not become all that is heard."""


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram: ``log(mel · |STFT| + offset)`` of a clip's speech, in windows of ``n_frames``.

    Args:
        window_seconds: Length of the periodic Hann window.
        hop_seconds: Step between windows.
        fft_size: Points of the Fourier transform, in samples; the window is zero-padded to it.
        n_mels: Mel bands, triangular and unnormalised, on the HTK scale (Young et al., The HTK Book, eq. 5.13).
        fmin_hz, fmax_hz: The lower edge of the first band and the upper edge of the last.
        power: Exponent of the magnitude spectrum: 1 magnitude (as YAMNet), 2 power.
        peak: What the loudest value of a clip is brought to before the logarithm, so that a microphone's distance and
            gain do not matter; 0 leaves clips at the level that they were recorded at.
        offset: Added before the logarithm; it sets the floor of silence.
        trim_db: Frames before the first and after the last one that is within this many decibels of the loudest are
            dropped; 0 keeps all.
        n_frames: Frames of every window. A longer clip becomes several windows; a shorter one is followed by silence.
            0 keeps a clip's own length.
        most_frames: Where ``n_frames`` is 0 and clips keep their own length, the frames up to which one is read whole;
            a longer one becomes shorter windows without its pauses. 0 for any number.
        scaling: ``"minmax"`` maps each window to [0, 1], ``"standard"`` to zero mean and unit deviation; ``"none"``
            leaves natural-log units.
    """

    window_seconds: float = 0.025
    hop_seconds: float = 0.020
    fft_size: int = 512
    n_mels: int = 24
    fmin_hz: float = 60.0
    fmax_hz: float = 7600.0
    power: Literal[1, 2] = 1
    peak: float = 10.0
    offset: float = 1e-3
    trim_db: float = 35.0
    n_frames: int = 128
    most_frames: int = 0
    scaling: Literal["none", "minmax", "standard"] = "none"

    sample_rate_hz: ClassVar[int] = SAMPLE_RATE_HZ

    def check(self) -> None:
        """Refuse settings that no spectrogram can be made with.

        Raises:
            ValueError: Says which.
        """
        if not 0 < self.window_samples <= self.fft_size:
            raise ValueError(f"window_seconds must be above 0 and at most fft_size / {self.sample_rate_hz}")
        if self.fft_size % 2 or self.hop_samples < 1 or self.n_mels < 1 or not self.offset > 0:
            raise ValueError("fft_size must be even, hop_seconds, n_mels and offset above 0")
        if not 0 <= self.fmin_hz < self.fmax_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"needs 0 <= fmin_hz < fmax_hz <= {self.sample_rate_hz // 2}")
        if not self.peak >= 0:
            raise ValueError("peak must be above 0, or 0 to keep a recording's level")
        if not self.trim_db >= 0 or self.n_frames < 0 or self.most_frames < 0:
            raise ValueError("trim_db, n_frames and most_frames must be above 0, or 0 to keep all")

    @property
    def window_samples(self) -> int:
        """Samples under one window."""
        return round(self.window_seconds * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples from one window to the next."""
        return round(self.hop_seconds * self.sample_rate_hz)

    @property
    def shape(self) -> tuple[int | None, int]:
        """(frames, mels) of every window; frames are None where each clip keeps its own length."""
        return (self.n_frames or None, self.n_mels)

    @property
    def silence(self) -> float:
        """The value of silence in a window: the logarithm of ``offset``, or 0 where windows are scaled one by one."""
        return 0.0 if self.scaling == "minmax" else self._padding

    @property
    def _padding(self) -> float:
        """What follows a shorter clip, before min-max scaling and after standardising."""
        return 0.0 if self.scaling == "standard" else float(np.log(np.float32(self.offset)))

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any setting."""
        return front_end.digest(self)

    @cached_property
    def window(self) -> np.ndarray:
        """The periodic Hann window, float64, (window_samples,)."""
        return front_end.hann(self.window_samples).astype(np.float32).astype(np.float64)

    @cached_property
    def mel_matrix(self) -> np.ndarray:
        """Triangular mel weights, float32, (fft_size // 2 + 1, n_mels), each peaking at 1.

        The triangles are straight on the mel axis, as in TensorFlow's ``linear_to_mel_weight_matrix``.
        """
        bins = _hertz_to_mel(np.linspace(0, self.sample_rate_hz / 2, self.fft_size // 2 + 1))
        edges = np.linspace(_hertz_to_mel(self.fmin_hz), _hertz_to_mel(self.fmax_hz), self.n_mels + 2)
        weights = front_end.triangles(edges, bins)
        weights[0] = 0  # the direct-current bin carries no speech
        return weights.astype(np.float32)

    def __call__(self, waveform: np.ndarray) -> Windows:
        """The windows of one clip.

        Args:
            waveform: (samples,), float32, mono at ``sample_rate_hz``, full scale ±1.

        Returns:
            Features (windows, n_frames, n_mels) and weights.
        """
        log_mel, loud = self.frames(waveform)
        within = front_end.speech(loud)
        log_mel, loud = log_mel[within], loud[within]
        if not self.n_frames:
            features, weights = front_end.utterances(log_mel, loud, self.most_frames)
            return Windows(self.fit(features), weights)
        inside = front_end.windows(len(log_mel), self.n_frames)
        return Windows(self.fit(log_mel[inside]), front_end.weights(loud, inside))

    def frames(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The whole clip, untrimmed: its log-mel spectrogram (frames, n_mels), and which frames are loud (frames,)."""
        log_mel = self.log_mel(waveform)
        return log_mel, self.loud(log_mel)

    def log_mel(self, waveform: np.ndarray) -> np.ndarray:
        """The whole clip's log-mel spectrogram, untrimmed: (1 + (samples - window) // hop, n_mels), float32."""
        waveform = np.pad(waveform, (0, max(0, self.window_samples - len(waveform))))
        magnitudes = front_end.spectrum(waveform, self.window, self.hop_samples, self.fft_size)
        mel = (magnitudes**self.power).astype(np.float32) @ self.mel_matrix  # (frames, mels)
        return np.asarray(np.log(front_end.at_peak(mel, self.peak, self.power) + np.float32(self.offset)))

    def fit(self, windows: np.ndarray) -> np.ndarray:
        """Scale and pad: (windows, frames, n_mels) → (windows, n_frames, n_mels)."""
        each: dict[str, Any] = {"axis": (1, 2), "keepdims": True}
        if self.scaling == "standard":
            exact = windows.astype(np.float64)  # what float32 rounds off would be all that is left of silence
            deviation = np.maximum(exact.std(**each), LEAST_DEVIATION)
            windows = ((exact - exact.mean(**each)) / deviation).astype(np.float32)
        missing = max(0, self.n_frames - windows.shape[1])
        windows = np.pad(windows, ((0, 0), (0, missing), (0, 0)), constant_values=np.float32(self._padding))
        if self.scaling == "minmax":
            low, high = windows.min(**each), windows.max(**each)
            windows = (windows - low) / np.maximum(high - low, np.float32(LEAST_RANGE))
        return np.ascontiguousarray(windows, dtype=np.float32)

    def loud(self, log_mel: np.ndarray) -> np.ndarray:
        """Whether the summed mel energy of each frame is within ``trim_db`` of the loudest: (frames,)."""
        return front_end.loud(np.exp(log_mel).sum(axis=1) ** (2 / self.power), self.trim_db)

    def to_onnx(self, graph: Graph) -> tuple[str, str]:
        """Add the five steps to a graph: ``waveform`` (samples,) → (windows, n_frames, n_mels) and (windows,)."""
        from emovox.features.graph import (
            DOUBLE,
            FLOAT,
            at_peak,
            loud,
            mel_spectrum,
            real,
            speech,
            utterances,
            whole,
            windows,
        )  # fmt: skip

        op = graph
        short = op("Max", op("Sub", whole(self.window_samples), op("Shape", "waveform")), whole(0))
        waveform = op("Pad", "waveform", op("Concat", whole(0), short, axis=0))
        mel = mel_spectrum(
            op, waveform, self.window, self.hop_samples, self.fft_size, self.power, self.mel_matrix
        )  # (frames, n_mels)
        log_mel = op("Log", op("Add", at_peak(op, mel, self.peak, self.power), real(self.offset)))

        energy = op("ReduceSum", op("Exp", log_mel), whole(1), keepdims=0)  # (frames,)
        near = loud(op, op("Pow", energy, real(2 / self.power)), self.trim_db)
        first, end = speech(op, near)
        log_mel, near = (op("Slice", each, first, end, whole(0)) for each in (log_mel, near))
        if self.n_frames:
            kept, weights = windows(op, log_mel, near, whole(self.n_frames))
        else:
            kept, weights = utterances(op, log_mel, near, self.most_frames)

        each: dict[str, Any] = {"axes": [1, 2], "keepdims": 1}
        if self.scaling == "standard":
            kept = op("Cast", kept, to=DOUBLE)
            centred = op("Sub", kept, op("ReduceMean", kept, **each))
            deviation = op("Sqrt", op("ReduceMean", op("Mul", centred, centred), **each))
            kept = op("Cast", op("Div", centred, op("Max", deviation, np.float64(LEAST_DEVIATION))), to=FLOAT)
        if self.n_frames:  # a shorter clip is followed by silence
            missing = op("Sub", whole(self.n_frames), op("Shape", kept, start=1, end=2))
            kept = op("Pad", kept, op("Concat", whole(0, 0, 0, 0), missing, whole(0), axis=0), real(self._padding))
        if self.scaling == "minmax":
            low, high = op("ReduceMin", kept, **each), op("ReduceMax", kept, **each)
            kept = op("Div", op("Sub", kept, low), op("Max", op("Sub", high, low), real(LEAST_RANGE)))
        return kept, weights


def _hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz, dtype=np.float64) / 700.0)
