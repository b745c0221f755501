"""What every front end is, and the steps that several share: the spectrum, where speech is, and windows over it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from emovox.features.graph import Graph


NEAR_FRAMES = 5
"""What is as near to a loud frame is no pause."""

MOST_GAIN_DB = 60.0

WINDOW_SHARE = 0.4
"""Of the longest clip that is read whole, the length of a window over a longer one: 2 of 5 s, as long as most clips."""


class Windows(NamedTuple):
    """What a network reads of one clip: its speech whole, or in windows that overlap by half where it is longer.

    Args:
        features: (windows, frames, bands), float32.
        weights: (windows,), float32, summing to 1: how much of the clip's speech each window holds.
    """

    features: np.ndarray
    weights: np.ndarray


class FrontEnd(Protocol):
    """From a waveform to the windows that a network reads.

    A front end is a frozen dataclass, and its fields are settings of a recipe. It is written twice, in NumPy and in
    ONNX; a contract test holds the two together.
    """

    sample_rate_hz: ClassVar[int] = SAMPLE_RATE_HZ

    @property
    def shape(self) -> tuple[int | None, int]:
        """(frames, bands) of every window; frames are None where a window is as long as its clip allows."""

    @property
    def silence(self) -> float:
        """The value of silence in a result."""

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any setting."""

    def __call__(self, waveform: np.ndarray) -> Windows:
        """The windows of one clip: (samples,), float32, mono at ``sample_rate_hz``, full scale ±1."""

    def to_onnx(self, graph: Graph) -> tuple[str, str]:
        """Add the same steps to a graph whose input is ``waveform`` (samples,).

        Returns:
            The names of features and weights, as :class:`Windows` has them.
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


def at_peak(mel: np.ndarray, peak: float, power: int) -> np.ndarray:
    """A clip's mel bands, times what makes the loudest of all its values ``peak``; the level of the recording is gone.

    Args:
        mel: (frames, bands).
        peak: 0 leaves the clip at the level that it was recorded at.
        power: Of the magnitudes in ``mel``. A clip is made louder by :data:`MOST_GAIN_DB` at most, so that silence
            stays silent.
    """
    if not peak:
        return mel
    return np.asarray(mel * (np.float32(peak) / max(mel.max(), quietest_peak(peak, power))))


def quietest_peak(peak: float, power: int) -> np.float32:
    """The peak of the quietest clip that :func:`at_peak` brings to ``peak``."""
    return np.float32(peak * 10 ** (-MOST_GAIN_DB / 20 * power))


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


def loud(energy: np.ndarray, trim_db: float) -> np.ndarray:
    """Whether each frame is within ``trim_db`` of the loudest.

    Args:
        energy: (frames,), in units of power.
        trim_db: Decibels; 0 finds every frame loud.
    """
    if not trim_db:
        return np.ones(len(energy), bool)
    return np.asarray(energy >= energy.max() * np.float32(10 ** (-trim_db / 10)))


def speech(loud: np.ndarray) -> slice:
    """From the first to the last loud frame."""
    near = np.flatnonzero(loud)
    return slice(int(near[0]), int(near[-1]) + 1)


def utterances(frames: np.ndarray, loud: np.ndarray, most: int) -> Windows:
    """A clip's speech whole where it is short; where it is longer, without its pauses and in windows.

    A head that learnt from short clips is misled by what is longer: of recordings joined from four clips of one
    emotion, with the silence between them, a head got 36 % when it read them whole, 61 % in windows of 5 s, and 79 %
    in windows of 2 s without the silence (``benchmarks/long.py``).

    Args:
        frames: (frames, bands), from the first loud frame to the last.
        loud: (frames,).
        most: Frames up to which a clip is short; 0 for any number.
    """
    size = 0
    if 0 < most < len(frames):
        spoken = np.convolve(loud, np.ones(2 * NEAR_FRAMES + 1), mode="same") > 0
        frames, loud, size = frames[spoken], loud[spoken], max(1, int(most * WINDOW_SHARE))
    inside = windows(len(frames), size)
    return Windows(frames[inside], weights(loud, inside))


def windows(frames: int, most: int) -> np.ndarray:
    """Which frames each window holds: (windows, frames of a window).

    One window where a clip has at most so many frames; else windows of that length, spread evenly from the first frame
    to the last, each over half of the one before it or more.

    Args:
        frames: Of the clip.
        most: Frames of a window; 0 for any number.

    >>> windows(3, 4).tolist(), windows(7, 4).tolist()
    ([[0, 1, 2]], [[0, 1, 2, 3], [1, 2, 3, 4], [3, 4, 5, 6]])
    """
    size = min(most or frames, frames)
    extra = frames - size
    count = 1 + -(-extra // max(1, size // 2))
    starts = np.arange(count) * extra // max(1, count - 1)
    return np.asarray(starts[:, None] + np.arange(size))


def weights(loud: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How much of the loud frames each window holds: (frames,) and (windows, frames of a window) → (windows,)."""
    held = loud[inside].sum(axis=1)
    return np.asarray(held / held.sum(), dtype=np.float32)
