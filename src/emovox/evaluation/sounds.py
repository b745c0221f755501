"""Sounds in which nobody speaks: what a model of speech should say that it does not know."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ

Sound = Callable[[np.random.Generator, int], np.ndarray]
"""From a generator and a number of samples to a waveform of any level."""

QUIETEST_DB, LOUDEST_DB = -50.0, -6.0
"""Between which the peak lies, full scale being 0 dB."""


def sound(name: str, seed: int) -> np.ndarray:
    """One sound of a kind, of 1 to 4 s, at a level of its own: (samples,), float32, mono at 16 kHz.

    Args:
        name: A key of :data:`SOUNDS`.
        seed: Decides everything else.

    >>> sound("tone", 0).dtype, float(abs(sound("tone", 0)).max()) < 1
    (dtype('float32'), True)
    """
    rng = np.random.default_rng([seed, *map(ord, name)])
    x = SOUNDS[name](rng, int(rng.uniform(1, 4) * SAMPLE_RATE_HZ))
    peak = 10 ** (rng.uniform(QUIETEST_DB, LOUDEST_DB) / 20)
    return np.asarray(peak * x / np.abs(x).max(), dtype=np.float32)


def _noise(exponent: float) -> Sound:
    """Gaussian noise whose power falls with frequency to this exponent: 0 white, 1 pink, 2 brown."""

    def make(rng: np.random.Generator, samples: int) -> np.ndarray:
        spectrum = np.fft.rfft(rng.standard_normal(samples))
        hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
        return np.fft.irfft(spectrum * np.maximum(hertz, 20) ** (-exponent / 2), samples)

    return make


def _seconds(samples: int) -> np.ndarray:
    return np.arange(samples) / SAMPLE_RATE_HZ


def _octaves(rng: np.random.Generator, low_hz: float, high_hz: float) -> float:
    return float(np.exp(rng.uniform(np.log(low_hz), np.log(high_hz))))


def _sines(hertz: np.ndarray, samples: int) -> np.ndarray:
    """Sines whose frequencies may change: (sines, samples or 1) → (samples,)."""
    turns = np.cumsum(np.broadcast_to(hertz, (len(hertz), samples)), axis=1) / SAMPLE_RATE_HZ
    return np.asarray(np.sin(2 * np.pi * turns).sum(axis=0))


def _tone(rng: np.random.Generator, samples: int) -> np.ndarray:
    return _sines(np.array([[_octaves(rng, 80, 4000)]]), samples)


def _chord(rng: np.random.Generator, samples: int) -> np.ndarray:
    return _sines(_octaves(rng, 110, 500) * np.array([[1.0], [1.26], [1.5]]), samples)


def _sweep(rng: np.random.Generator, samples: int) -> np.ndarray:
    return _sines(np.linspace(_octaves(rng, 80, 6000), _octaves(rng, 80, 6000), samples)[None], samples)


def _siren(rng: np.random.Generator, samples: int) -> np.ndarray:
    return _sines(900 + 300 * np.sin(2 * np.pi * rng.uniform(0.3, 2) * _seconds(samples))[None], samples)


def _hum(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Of the mains: 50 Hz and what lies above it, in a little noise."""
    buzz = sum(np.sin(2 * np.pi * 50 * k * _seconds(samples)) / k for k in range(1, 9))
    return np.asarray(buzz + 0.05 * rng.standard_normal(samples))


def _clicks(rng: np.random.Generator, samples: int) -> np.ndarray:
    x = np.zeros(samples)
    x[rng.integers(0, samples, rng.integers(3, 30))] = 1.0
    return x


def _events(
    rng: np.random.Generator,
    samples: int,
    event: Callable[[np.random.Generator], np.ndarray],
    apart: Callable[[], float],
) -> np.ndarray:
    """Short sounds one after another, their beginnings so many seconds apart."""
    x, start = np.zeros(samples), 0
    while start < samples:
        y = event(rng)[: samples - start]
        x[start : start + len(y)] += y
        start += int(apart() * SAMPLE_RATE_HZ)
    return x


def _fading(samples: int, seconds: float) -> np.ndarray:
    """From 1 down to 1/e in so many seconds."""
    return np.asarray(np.exp(-_seconds(samples) / seconds))


def _melody(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Notes of a major scale, each with its fifth below, struck and fading."""

    def note(rng: np.random.Generator) -> np.ndarray:
        root = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
        partials = np.arange(1, 7)
        length = SAMPLE_RATE_HZ // 2
        voices = [_sines(np.array([[f * k]]), length) / k for f in (root, 0.75 * root) for k in partials]
        return np.asarray(sum(voices) * _fading(length, 0.2))

    return _events(rng, samples, note, lambda: float(rng.choice([0.2, 0.3, 0.4])))


def _drums(rng: np.random.Generator, samples: int) -> np.ndarray:
    def beat(rng: np.random.Generator) -> np.ndarray:
        length = SAMPLE_RATE_HZ // 5
        if rng.random() < 0.5:
            return np.asarray(rng.standard_normal(length) * _fading(length, 0.02))
        return np.asarray(_sines(np.array([[60.0]]), length) * _fading(length, 0.08))

    return _events(rng, samples, beat, lambda: 0.25)


def _dialling(rng: np.random.Generator, samples: int) -> np.ndarray:
    def key(rng: np.random.Generator) -> np.ndarray:
        pair = [[rng.choice([697.0, 770.0, 852.0, 941.0])], [rng.choice([1209.0, 1336.0, 1477.0])]]
        return _sines(np.array(pair), SAMPLE_RATE_HZ // 8)

    return _events(rng, samples, key, lambda: 0.18)


def _birds(rng: np.random.Generator, samples: int) -> np.ndarray:
    def chirp(rng: np.random.Generator) -> np.ndarray:
        length = int(rng.uniform(0.05, 0.2) * SAMPLE_RATE_HZ)
        hertz = rng.uniform(2500, 5500) + rng.uniform(-8000, 8000) * _seconds(length)
        return _sines(hertz[None], length) * np.hanning(length)

    return _events(rng, samples, chirp, lambda: float(rng.uniform(0.1, 0.5)))


SOUNDS: dict[str, Sound] = {
    "white noise": _noise(0), "pink noise": _noise(1), "brown noise": _noise(2), "hum": _hum, "clicks": _clicks,
    "tone": _tone, "chord": _chord, "sweep": _sweep, "siren": _siren, "dialling": _dialling, "melody": _melody,
    "drums": _drums, "birds": _birds,
}  # fmt: skip
"""Name → what makes it."""
