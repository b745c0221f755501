"""What every front end is, and the steps that several share: frames under a window, and where speech is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from emovox.features.graph import Graph


class FrontEnd(Protocol):
    """From a waveform to the picture that a network reads.

    A front end is a frozen dataclass, and its fields are settings of a recipe. It is written twice, in NumPy and in
    ONNX; a contract test holds the two together.
    """

    sample_rate_hz: ClassVar[int] = SAMPLE_RATE_HZ

    @property
    def shape(self) -> tuple[int | None, int]:
        """(frames, bands) of every result; frames are None where a result is as long as its clip."""

    @property
    def silence(self) -> float:
        """The value of silence in a result."""

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any setting."""

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """(samples,), float32, mono at ``sample_rate_hz``, full scale ±1 → (frames, bands), float32."""

    def to_onnx(self, graph: Graph) -> str:
        """Add the same steps to a graph whose input is ``waveform`` (samples,).

        Returns:
            The name of the result, (frames, bands).
        """


def digest(front_end: FrontEnd) -> str:
    """Twelve hexadecimal digits over a front end's class and settings."""
    settings = json.dumps(dataclasses.asdict(front_end), sort_keys=True)  # type: ignore[call-overload]
    return hashlib.sha256(f"{type(front_end).__name__} {settings}".encode()).hexdigest()[:12]


def hann(samples: int) -> np.ndarray:
    """The periodic Hann window, float64, (samples,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)


def spectrum(waveform: np.ndarray, window: np.ndarray, hop_samples: int, fft_size: int) -> np.ndarray:
    """Magnitudes of the short-time Fourier transform: (samples,) → (frames, fft_size // 2 + 1), float64.

    In float64: a pure tone's far bins are below the rounding of float32, and would differ from the artifact's.
    """
    frames = np.lib.stride_tricks.sliding_window_view(waveform, len(window))[::hop_samples]
    return np.abs(np.fft.rfft(frames * window, fft_size))


def triangles(centres: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Triangular filters that peak at 1 in the middle of their three neighbouring centres: (bins, bands).

    Args:
        centres: (bands + 2,), the lower edge of the first band, the bands' centres, the upper edge of the last; on the
            scale on which the triangles are straight.
        bins: (bins,), where the spectrum's bins lie on that scale.
    """
    low, centre, high = centres[:-2], centres[1:-1], centres[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))


def speech(energy: np.ndarray, trim_db: float) -> slice:
    """From the first to the last frame that is within ``trim_db`` of the loudest.

    Args:
        energy: (frames,), in units of power.
        trim_db: Decibels; 0 keeps every frame.
    """
    if not trim_db:
        return slice(0, len(energy))
    near = np.flatnonzero(energy >= energy.max() * np.float32(10 ** (-trim_db / 10)))
    return slice(int(near[0]), int(near[-1]) + 1)
