"""Find recordings of one sound, whatever their rate, level, depth and container, in time that grows with their number.

A recording is known by a sketch of a kilobyte: the course of its low band, seen from 512 random directions. Sketches
that agree in enough of their signs fall into one bucket (Charikar 2002, Similarity estimation techniques from rounding
algorithms), and only those are compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import soxr

FINGERPRINT_HZ = 1000
FINGERPRINT_SAMPLES = 4096

SKETCH = 512
"""Numbers in a sketch: correlations near 0.9 are then told to 0.01, and those of unrelated sounds stay below 0.3."""

SAME = 0.9
"""Correlation from which two recordings are one. In RAVDESS, different ones reach 0.44 at most."""

SAME_SECONDS = 0.05
"""One recording at two sample rates has one length, but for a resampler's rounding."""

_FEWEST_BITS = 8

_draw = np.random.default_rng(0)
_FLIPS = _draw.choice(np.array([-1, 1], np.float32), FINGERPRINT_SAMPLES)
_BINS = np.sort(_draw.choice(np.arange(1, FINGERPRINT_SAMPLES // 2), SKETCH // 2, replace=False))


def fingerprint(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """What stays of a recording whatever its sample rate, depth, level and container: the course of its low band.

    The waveform is resampled to 1 kHz, its mean taken off, and differenced so that rumble counts little; its first four
    seconds are scaled to unit length. The product of two fingerprints is then the correlation of two recordings.

    Args:
        waveform: (samples,), float32.
        sample_rate_hz: Its rate.

    Returns:
        (4096,), float32, of length 1; zero where nothing changes.
    """
    centred = waveform - waveform.mean()
    low = np.diff(soxr.resample(centred, sample_rate_hz, FINGERPRINT_HZ, quality="MQ"))[:FINGERPRINT_SAMPLES]
    padded = np.pad(low, (0, FINGERPRINT_SAMPLES - len(low))).astype(np.float32)
    return _unit(padded)


def sketch(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """A recording's fingerprint from 512 directions; products of sketches are near those of fingerprints.

    Signs are flipped at random and some of the spectrum kept (Ailon and Chazelle 2006, Approximate nearest neighbors
    and the fast Johnson–Lindenstrauss transform).

    Args:
        waveform, sample_rate_hz: As for :func:`fingerprint`.

    Returns:
        (512,), float16, of length 1; zero where nothing changes.
    """
    spectrum = np.fft.rfft(fingerprint(waveform, sample_rate_hz) * _FLIPS)[_BINS]
    return _unit(np.concatenate([spectrum.real, spectrum.imag]).astype(np.float32)).astype(np.float16)


def same_sounds(sketches: np.ndarray, seconds: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Recordings that hold the sound of an earlier one.

    Args:
        sketches: (recordings, 512).
        seconds: (recordings,), their lengths.

    Yields:
        The first that holds the sound, the one that holds it too, and their correlation, at least ``SAME``.
    """
    bits = max(_FEWEST_BITS, math.ceil(math.log2(max(2, len(sketches)))))  # so that buckets stay small
    bands = SKETCH // bits
    signs = (sketches[:, : bands * bits] > 0).reshape(len(sketches), bands, bits)
    keys = signs @ (1 << np.arange(bits))  # (recordings, bands)
    buckets: dict[tuple[int, int], list[int]] = {}
    for j, row in enumerate(keys.tolist()):
        places = list(enumerate(row))
        near = sorted({i for place in places for i in buckets.get(place, ())})
        if near:
            alike = _correlations(sketches[near], sketches[j])
            alike[abs(seconds[near] - seconds[j]) > SAME_SECONDS] = 0
            best = int(np.argmax(alike >= SAME))
            if alike[best] >= SAME:
                yield near[best], j, float(alike[best])
                continue
        for place in places:
            buckets.setdefault(place, []).append(j)


def _correlations(sketches: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each sketch, (sketches, 512), with another, (512,)."""
    return np.asarray(sketches.astype(np.float32) @ other.astype(np.float32))


def _unit(vector: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vector / np.maximum(np.linalg.norm(vector), np.float32(1e-9))
    return scaled
