"""Front ends: from a waveform to a log-mel spectrogram of fixed shape.

One recording's path is :meth:`LogMel.__call__`, in five steps that can be read one after the other: frames, spectrum,
mel bands, logarithm, fit. ``export.py`` writes the same five steps as an ONNX graph, and a contract test holds the two
together.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

import emovox
from emovox.audio import SAMPLE_RATE_HZ, read_audio
from emovox.corpora.base import Corpus, Progress
from emovox.errors import RecipeError
from emovox.files import replacing


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram: ``log(mel · |STFT| + offset)``, cut or padded to ``n_frames``.

    Args:
        window_seconds: Length of the periodic Hann window.
        hop_seconds: Step between windows.
        fft_size: Points of the Fourier transform, in samples; the window is zero-padded to it.
        n_mels: Mel bands, triangular and unnormalised, on the HTK scale (Young et al., The HTK Book, eq. 5.13).
        fmin_hz, fmax_hz: The lower edge of the first band and the upper edge of the last.
        power: Exponent of the magnitude spectrum: 1 magnitude (as YAMNet), 2 power.
        offset: Added before the logarithm; it sets the floor of silence.
        trim_db: Frames before the first and after the last one that is within this many decibels of the loudest are
            dropped; None keeps all.
        n_frames: Frames kept. A longer clip loses both ends alike; a shorter one is followed by silence.
        scaling: ``"minmax"`` maps each clip to [0, 1]; ``"none"`` leaves natural-log units.
    """

    window_seconds: float = 0.025
    hop_seconds: float = 0.020
    fft_size: int = 512
    n_mels: int = 64
    fmin_hz: float = 60.0
    fmax_hz: float = 7600.0
    power: Literal[1, 2] = 1
    offset: float = 1e-3
    trim_db: float | None = 35.0
    n_frames: int = 128
    scaling: Literal["none", "minmax"] = "none"

    sample_rate_hz = SAMPLE_RATE_HZ

    @property
    def window_samples(self) -> int:
        """Samples under one window."""
        return round(self.window_seconds * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples from one window to the next."""
        return round(self.hop_seconds * self.sample_rate_hz)

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, mels) of every result."""
        return (self.n_frames, self.n_mels)

    @property
    def silence(self) -> float:
        """The value of silence in a result: the logarithm of ``offset``, or 0 where clips are scaled to [0, 1]."""
        return 0.0 if self.scaling == "minmax" else float(np.log(np.float32(self.offset)))

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any setting."""
        settings = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(settings.encode()).hexdigest()[:12]

    @cached_property
    def window(self) -> np.ndarray:
        """The periodic Hann window, float32, (window_samples,)."""
        n = np.arange(self.window_samples)
        return (0.5 - 0.5 * np.cos(2 * np.pi * n / self.window_samples)).astype(np.float32)

    @cached_property
    def mel_matrix(self) -> np.ndarray:
        """Triangular mel weights, float32, (fft_size // 2 + 1, n_mels), each peaking at 1.

        The triangles are straight on the mel axis, as in TensorFlow's ``linear_to_mel_weight_matrix``.
        """
        bins_mel = _hertz_to_mel(np.linspace(0, self.sample_rate_hz / 2, self.fft_size // 2 + 1))[:, None]  # (bins, 1)
        edges = np.linspace(_hertz_to_mel(self.fmin_hz), _hertz_to_mel(self.fmax_hz), self.n_mels + 2)
        low, centre, high = edges[:-2], edges[1:-1], edges[2:]  # (mels,)
        rising = (bins_mel - low) / (centre - low)
        falling = (high - bins_mel) / (high - centre)
        weights: np.ndarray = np.maximum(0, np.minimum(rising, falling))
        weights[0] = 0  # the direct-current bin carries no speech
        return weights.astype(np.float32)

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """The features of one clip.

        Args:
            waveform: (samples,), float32, mono at ``sample_rate_hz``, full scale ±1.

        Returns:
            (n_frames, n_mels), float32.
        """
        return self.fit(self.log_mel(waveform))

    def log_mel(self, waveform: np.ndarray) -> np.ndarray:
        """The whole clip's log-mel spectrogram, untrimmed: (1 + (samples - window) // hop, n_mels), float32."""
        short = self.window_samples - len(waveform)
        if short > 0:
            waveform = np.pad(waveform, (0, short))
        frames = np.lib.stride_tricks.sliding_window_view(waveform, self.window_samples)[:: self.hop_samples]
        # In float64: a pure tone's far bins are below the rounding of float32, and would differ from the artifact's.
        spectrum = np.abs(np.fft.rfft(frames * self.window.astype(np.float64), self.fft_size))  # (frames, bins)
        mel = (spectrum**self.power).astype(np.float32) @ self.mel_matrix  # (frames, mels)
        logarithm: np.ndarray = np.log(mel + np.float32(self.offset))
        return logarithm

    def fit(self, log_mel: np.ndarray) -> np.ndarray:
        """Trim, cut or pad, and scale: (frames, n_mels) → (n_frames, n_mels)."""
        if self.trim_db is not None:
            log_mel = log_mel[self.speech(log_mel)]
        extra = len(log_mel) - self.n_frames
        if extra > 0:
            log_mel = log_mel[extra // 2 : extra // 2 + self.n_frames]
        elif extra < 0:
            log_mel = np.pad(log_mel, ((0, -extra), (0, 0)), constant_values=np.log(np.float32(self.offset)))
        if self.scaling == "minmax":
            low, high = log_mel.min(), log_mel.max()
            log_mel = (log_mel - low) / np.maximum(high - low, np.float32(1e-6))
        return np.ascontiguousarray(log_mel, dtype=np.float32)

    def speech(self, log_mel: np.ndarray) -> slice:
        """From the first to the last frame whose summed mel energy is within ``trim_db`` of the loudest."""
        assert self.trim_db is not None
        energy = np.exp(log_mel).sum(axis=1) ** (2 / self.power)  # (frames,)
        near = np.flatnonzero(energy >= energy.max() * np.float32(10 ** (-self.trim_db / 10)))
        return slice(int(near[0]), int(near[-1]) + 1)


def _hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz, dtype=np.float64) / 700.0)


FRONT_ENDS: dict[str, LogMel] = {
    # The published study's: 16 kHz, 128 log-mels, per-clip min-max to [0, 1], 3 s, silence kept.
    "reference": LogMel(
        window_seconds=0.128,
        hop_seconds=0.032,
        fft_size=2048,
        n_mels=128,
        fmin_hz=0.0,
        fmax_hz=8000.0,
        power=2,
        offset=1e-10,
        trim_db=None,
        n_frames=94,
        scaling="minmax",
    ),
    # Few bands: formants stay apart, and the harmonics of one speaker's pitch do not (docs/choices.md).
    "default": LogMel(n_mels=24),
    # The published YAMNet front end, on the speech of the whole clip rather than on 0.96 s patches.
    "yamnet": LogMel(hop_seconds=0.010, fmin_hz=125.0, fmax_hz=7500.0, n_frames=256),
}


def front_end(name: str) -> LogMel:
    """A front end by name.

    Raises:
        RecipeError: No front end has that name.
    """
    if name not in FRONT_ENDS:
        raise RecipeError(f"Unknown front end {name!r}; available: {', '.join(FRONT_ENDS)}")
    return FRONT_ENDS[name]


def extract(front: LogMel, corpus: Corpus, cache: Path, workers: int = 2, progress: Progress | None = None) -> Path:
    """Features of every clip, computed once and then kept in a cache under the digests of corpus and front end.

    Args:
        front: The front end.
        corpus: Whose clips.
        cache: The folder that keeps feature files.
        workers: Threads that decode, resample and transform.
        progress: Told after every clip.

    Returns:
        The ``.npy`` file of (clips, n_frames, n_mels), float32, in the order of the corpus's clips.

    Raises:
        AudioError: A recording cannot be read; nothing is then cached.
        CorpusError: A recording is gone.
        StorageError: The cache cannot be written.
    """
    clips = corpus.clips
    path = cache / f"{corpus.digest[:16]}-{front.digest}-{emovox.__version__}.npy"
    shape = (len(clips), *front.shape)
    if not path.exists():
        with replacing(path) as temporary, temporary.open("wb") as file, ThreadPoolExecutor(workers) as pool:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            rows = pool.map(lambda clip: front(read_audio(clip.path, front.sample_rate_hz)), clips)
            for i, row in enumerate(rows):
                file.write(row.astype("<f4", copy=False).tobytes())
                if progress:
                    progress("features", i + 1, len(clips))
    return path
