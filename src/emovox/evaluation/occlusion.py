"""Which parts of a clip an answer rests on: each part is quietened in turn (Zeiler and Fergus, 2014).

The parts are patches of time and frequency of the waveform, so that models behind any front end are asked alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from emovox.audio import SAMPLE_RATE_HZ
from emovox.corpora.listing import Listing
from emovox.evaluation.robustness import speech

PATCH_SECONDS = 0.2
"""Of a patch at least: about a syllable."""

BANDS = 8

FLOOR = 0.1
"""The share of a clip's moments at which a frequency is as quiet as in its pauses."""

TRANSFORM = ShortTimeFFT(hann(512, sym=False), hop=128, fs=SAMPLE_RATE_HZ)
"""Windows of 32 ms, one every 8 ms."""


@dataclass(frozen=True)
class Grid:
    """T stretches of a clip's speech by F bands of equal width in mel.

    Args:
        seconds: The T + 1 edges of the stretches.
        hertz: The F + 1 edges of the bands, from 0 to 8,000.
    """

    seconds: tuple[float, ...]
    hertz: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(T, F)."""
        return len(self.seconds) - 1, len(self.hertz) - 1


def grid_of(waveform: np.ndarray) -> Grid:
    """The patches of a clip: (samples,), float32, at 16 kHz → its speech in equal stretches, in :data:`BANDS` bands."""
    within = speech(waveform)
    first, end = within.start / SAMPLE_RATE_HZ, within.stop / SAMPLE_RATE_HZ
    mels = np.linspace(0, np.log1p(SAMPLE_RATE_HZ / 2 / 700), BANDS + 1)
    seconds = np.linspace(first, end, max(1, int((end - first) / PATCH_SECONDS)) + 1)
    return Grid(tuple(seconds.tolist()), tuple((700 * np.expm1(mels)).tolist()))


def occluded(waveform: np.ndarray, grid: Grid) -> Iterator[np.ndarray]:
    """A clip with each of its patches quietened.

    In a patch no magnitude of the short-time Fourier transform is above the tenth percentile of its frequency in the
    clip, as in a pause; phases stay. A patch of digital silence would be a sound that no recording has.

    Args:
        waveform: (samples,), float32, at 16 kHz.
        grid: Its patches.

    Yields:
        T · F waveforms (samples,), float32, band by band within each stretch.
    """
    spectrum = TRANSFORM.stft(waveform.astype(np.float64))  # (bins, moments)
    magnitudes = np.abs(spectrum)
    floor = np.quantile(magnitudes, FLOOR, axis=1, keepdims=True)
    quiet = spectrum * np.minimum(1, floor / np.maximum(magnitudes, 1e-12))
    stretch = np.searchsorted(grid.seconds, TRANSFORM.t(len(waveform)), side="right") - 1
    band = np.minimum(np.searchsorted(grid.hertz, TRANSFORM.f, side="right") - 1, grid.shape[1] - 1)
    for t, f in np.ndindex(grid.shape):
        altered = np.where((band[:, None] == f) & (stretch == t), quiet, spectrum)
        yield TRANSFORM.istft(altered, k1=len(waveform)).astype(np.float32)


def falls(whole: np.ndarray, patched: np.ndarray, grid: Grid) -> np.ndarray:
    """How much the probability of the predicted emotion falls with each patch.

    Args:
        whole: (C,), of the clip as it is.
        patched: (T · F, C), in the order of :func:`occluded`.
        grid: Its patches.

    Returns:
        (T, F), from -1 to 1: above 0 where a patch speaks for the emotion, below where it speaks against it.
    """
    predicted = int(np.argmax(whole))
    return np.asarray((whole[predicted] - patched[:, predicted]).reshape(grid.shape))


def strongest(clip: Mapping[str, Any], model: str) -> tuple[str, float]:
    """The patch that speaks most for a model's answer, in words, and by how much its probability falls without it.

    Args:
        clip: One of those in ``explanations.json``.
        model: One of its models.
    """
    found = np.array(clip["models"][model]["falls"])
    t, f = np.unravel_index(int(found.argmax()), found.shape)
    (start, end), (low, high) = clip["seconds"][t : t + 2], clip["hertz"][f : f + 2]
    return f"{start:.1f}–{end:.1f} s, {low / 1000:.1f}–{high / 1000:.1f} kHz", float(found[t, f])


def listing(explanations: Mapping[str, Any], model: str) -> Listing:
    """What ``explanations.json`` says of one model, as a table for people."""
    rows = []
    for clip in explanations["clips"]:
        answer = clip["models"][model]
        where, fall = strongest(clip, model)
        rows.append((clip["clip"], clip["true"], answer["predicted"], f"{answer['probability']:.0%}", where,
                     f"{answer['probability'] - fall:.0%}"))  # fmt: skip
    header = ("clip", "true", "predicted", "with", "rests most on", "without that")
    return Listing(f"What {model} attends to in the hardest clips", header, tuple(rows))
