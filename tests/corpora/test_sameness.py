"""One sound is found again whatever was done to it, and in time that grows with the number of recordings."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from emovox.corpora import sameness
from emovox.corpora.sameness import SAME, SKETCH, fingerprint, same_sounds, sketch

RATE_HZ = 16000


def voice(seed: int, seconds: float = 3.0) -> np.ndarray:
    """A tone that glides and swells, in noise: no two alike, (samples,), float32."""
    rng = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch = rng.uniform(90, 260) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 2) * time_axis + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    voiced = sum(np.sin(k * phase) / k for k in range(1, 8)) * np.sin(2 * np.pi * rng.uniform(1, 4) * time_axis) ** 2
    return (0.1 * voiced + rng.normal(0, 0.003, len(time_axis))).astype(np.float32)


def test_sketches_correlate_as_fingerprints_do() -> None:
    sounds = [voice(seed) for seed in range(30)]
    sounds += [(a + 0.5 * b).astype(np.float32) for a, b in zip(sounds[:15], sounds[15:], strict=True)]
    prints = np.stack([fingerprint(one, RATE_HZ) for one in sounds])
    sketches = np.stack([sketch(one, RATE_HZ) for one in sounds]).astype(np.float32)
    assert sketches.shape == (45, SKETCH) and sketch(sounds[0], RATE_HZ).nbytes == 1024
    assert np.abs(prints @ prints.T - sketches @ sketches.T).max() < 0.25
    near = prints @ prints.T > 0.8
    assert np.abs((prints @ prints.T - sketches @ sketches.T)[near]).max() < 0.06


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 0.1 * x,
        lambda x: soxr.resample(soxr.resample(x, RATE_HZ, 8000), 8000, RATE_HZ)[: len(x)],
        lambda x: x + np.float32(0.1),
        lambda x: (x + np.random.default_rng(9).normal(0, 0.01, len(x))).astype(np.float32),
        lambda x: np.round(x * 127) / np.float32(127),
    ],
    ids=["level", "rate", "offset", "noise", "depth"],
)
def test_a_changed_copy_among_many(change: object) -> None:
    sounds = [voice(seed) for seed in range(60)]
    sounds.append(change(sounds[20]))  # type: ignore[operator]
    sketches = np.stack([sketch(one, RATE_HZ) for one in sounds])
    ((first, second, alike),) = same_sounds(sketches, np.full(61, 3.0))
    assert (first, second) == (20, 60) and alike > SAME


def test_another_length_is_another_sound() -> None:
    sketches = np.stack([sketch(voice(0), RATE_HZ)] * 3)
    assert [pair[:2] for pair in same_sounds(sketches, np.array([3.0, 3.2, 3.01]))] == [(0, 2)]


def test_a_thousand_copies_are_told_from_the_first_each() -> None:
    sketches = np.stack([sketch(voice(0), RATE_HZ)] * 1000)
    assert [pair[:2] for pair in same_sounds(sketches, np.full(1000, 3.0))] == [(0, j) for j in range(1, 1000)]


@pytest.mark.parametrize("count", [2_000, 16_000])
def test_comparisons_grow_with_the_number_and_not_with_its_square(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    correlations = sameness._correlations
    monkeypatch.setattr(sameness, "_correlations", lambda a, b: (compared.append(len(a)), correlations(a, b))[1])
    sketches = (np.random.default_rng(0).normal(size=(count, SKETCH)) / SKETCH**0.5).astype(np.float16)
    assert list(same_sounds(sketches, np.full(count, 3.0))) == []
    assert sum(compared) < 30 * count
