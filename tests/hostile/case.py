"""One bad input: how it is made, what is typed, and what must be said."""

from __future__ import annotations

import functools
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from loudness import ABOUT, write_loudness_model
from waveforms import babble

RATE_HZ = 16000


@dataclass(frozen=True)
class Place:
    """A folder of its own for a bad input, and the good ones that all share.

    Args:
        path: The folder.
        good: A folder with ``good.wav``, ``model.onnx``, a finished ``run`` and a small ``corpus``; it is not changed.
    """

    path: Path
    good: Path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, content: bytes | str = b"") -> Path:
        """A file with its folders."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def sound(self, name: str, samples: np.ndarray, rate_hz: int = RATE_HZ, **how: Any) -> Path:
        """A recording."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate_hz, **how)
        return path

    def copy(self, what: str, name: str) -> Path:
        """A copy of something good."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        if (self.good / what).is_dir():
            return Path(shutil.copytree(self.good / what, self.path / name))
        return Path(shutil.copy(self.good / what, self.path / name))

    def model(self, name: str, steepness: float = 20.0, **about: Any) -> Path:
        """An artifact that says something else of itself."""
        return write_loudness_model(self.path / name, {**ABOUT, **about}, steepness)


Make = Callable[[Place], object]


def nothing(place: Place) -> None:
    """Nothing needs to be made."""


@dataclass(frozen=True)
class Case:
    """One bad input.

    Args:
        name: What the test is called by.
        words: What is typed after ``emovox``: ``@name`` is a path in the place, ``=name`` something good.
        says: What the line on the error stream holds.
        make: Makes the bad input.
        answers: Whether a good recording, typed behind the bad one, is answered.
        progress: Whether lines on what is done may stand before the error.
        keeps: Folders of the cache that may hold something whole at the end.
        stdin: What comes through standard input.
        env: The environment, beside the usual.
        code: The exit code.
    """

    name: str
    words: tuple[str, ...]
    says: tuple[str, ...]
    make: Make = nothing
    answers: bool = False
    progress: bool = False
    keeps: tuple[str, ...] = ("checked",)
    stdin: bytes = b""
    env: dict[str, str] = field(default_factory=dict)
    code: int = 2


@functools.cache
def recording(container: str, seconds: float = 1.0, **how: Any) -> bytes:
    """The bytes of a whole recording."""
    file = io.BytesIO()
    soundfile.write(file, babble(seconds), RATE_HZ, format=container, **how)
    return file.getvalue()
