"""Waveforms that a front end, an artifact and a recogniser must all take alike."""

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ


def tone(seconds: float, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).normal(scale=level, size=samples).astype(np.float32)


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Harmonics of a gliding voice, in syllables, over a little noise; a voice of its own for every seed."""
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    height = 2 ** (0.618 * seed % 1)
    pitch = 2 * np.pi * np.cumsum(height * (140 + 40 * np.sin(2 * np.pi * 0.7 * time))) / SAMPLE_RATE_HZ
    voice = sum(np.sin(k * pitch) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time), 0, None)
    return (0.1 * voice * syllables).astype(np.float32) + noise(seconds, 0.002, seed)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


WAVEFORMS = {
    "tone": tone(3),
    "noise": noise(3),
    "babble": babble(3),
    "short": babble(0.1),
    "long": babble(20),
    "loud": np.clip(20 * babble(2), -1, 1),
    "quiet": 1e-3 * babble(2),
    "silence_at_both_ends": np.concatenate([silence(1.3), tone(0.2), silence(0.3), babble(0.7), silence(0.8)]),
    "click": np.concatenate([silence(1), np.ones(99, np.float32), silence(1)]),
}
