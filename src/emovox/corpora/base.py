"""What every corpus is: clips with an emotion and a speaker, in one fixed label order."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from emovox.errors import CorpusError

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)`` while long work goes on."""


@dataclass(frozen=True)
class Clip:
    """One recording.

    Args:
        id: Unique in its corpus, and the same on every machine (RAVDESS: the file's stem).
        path: Where the recording lies.
        emotion: One of the corpus's labels.
        speaker: Who speaks; the unit that a speaker-independent protocol keeps apart.
        intensity, statement, repetition, sex: What else the corpus knows; None where it does not.
    """

    id: str
    path: Path
    emotion: str
    speaker: str
    intensity: str | None = None
    statement: str | None = None
    repetition: str | None = None
    sex: str | None = None


@dataclass(frozen=True)
class Corpus:
    """Named recordings with a fixed label order, sorted by clip id.

    Args:
        name: For example ``"ravdess"``.
        version: The published version or digest.
        licence: An SPDX identifier or a short phrase.
        citation: How its authors ask to be cited.
        labels: The emotions in the order of every probability vector.
        clips: At least one clip.
        root: The folder the clips lie under.
        synthetic: True where no person spoke; every figure then carries the word.
        notes: Sentences about what was found while loading (a nested copy, say), for people to read.
        source: The table that it was read from; None where that is ``root`` itself.

    Raises:
        CorpusError: There are no clips, two share an id, or one has an unknown label.
    """

    name: str
    version: str
    licence: str
    citation: str
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    root: Path
    synthetic: bool = False
    notes: tuple[str, ...] = field(default=())
    source: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", tuple(sorted(self.clips, key=lambda clip: clip.id)))
        if not self.clips:
            raise CorpusError(f"{self.root} holds no clips of {self.name}; name the folder that holds the recordings")
        ids = [clip.id for clip in self.clips]
        if len(set(ids)) < len(ids):
            twice = next(a for a, b in itertools.pairwise(ids) if a == b)
            raise CorpusError(f"{self.root} holds the clip {twice} twice; remove one of them")
        unknown = {clip.emotion for clip in self.clips} - set(self.labels)
        if unknown:
            raise CorpusError(f"Unknown emotion {sorted(unknown)[0]!r}; {self.name} knows {', '.join(self.labels)}")

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers, sorted."""
        return tuple(sorted({clip.speaker for clip in self.clips}))

    @cached_property
    def digest(self) -> str:
        """BLAKE2b, 256 bits, over every clip's id, emotion, speaker and file, byte by byte; worked out once.

        Raises:
            CorpusError: A recording is gone, or may not be read.
        """
        hasher = hashlib.blake2b(digest_size=32)
        with ThreadPoolExecutor() as pool:
            for clip, content in zip(self.clips, pool.map(_content, self.clips), strict=True):
                hasher.update(f"{clip.id}\t{clip.emotion}\t{clip.speaker}\t{content}\n".encode())
        return hasher.hexdigest()


def _content(clip: Clip) -> str:
    try:
        with clip.path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise CorpusError(f"{clip.path} cannot be read: {error.strerror or error}; restore it") from None
