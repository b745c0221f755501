"""RAVDESS in names and numbers, with a tenth of a second of noise in place of each recording."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emovox.corpora import ravdess, verify
from emovox.corpora.index import Published, samples_digest

RATE_HZ = 48000
FRAMES = 5280
NAMES = tuple(
    f"03-01-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}"
    for actor, emotion, intensity, statement, repetition in itertools.product(
        range(1, 25), range(1, 9), (1, 2), (1, 2), (1, 2)
    )
    if not (emotion == 1 and intensity == 2)
)


def sound(seed: int, frames: int = FRAMES) -> np.ndarray:
    """Seeded noise, (frames,), int16, a different one for every seed."""
    return np.random.default_rng(seed).integers(-9000, 9000, frames, dtype=np.int16)


def place(root: Path, name: str, suffix: str = ".wav") -> Path:
    """Where a recording lies in the published folders."""
    return root / f"Actor_{name[-2:]}" / f"{name}{suffix}"


def write(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str | None = None) -> Path:
    """Write one recording, replacing what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def write_all(root: Path, names: tuple[str, ...] = NAMES, suffix: str = ".wav") -> dict[str, Published]:
    """Write recordings, and give the index that goes with them."""
    index = {}
    for seed, name in enumerate(names):
        samples = sound(seed)
        write(place(root, name, suffix), samples)
        digest = samples_digest(samples[:, None].astype(np.float32) / 32768)
        index[name] = Published(1, FRAMES, digest)
    return index


def publish(index: dict[str, Published], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``index`` be what was published."""
    for module in (ravdess, verify):
        monkeypatch.setattr(module, "read_index", lambda _: index)
