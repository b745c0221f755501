"""What every corpus is: a spec that tells its facts, and clips with an emotion and a speaker."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from emovox.audio import SAMPLE_RATE_HZ, read_audio
from emovox.errors import CorpusError

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)`` while long work goes on."""

UNVERSIONED = "unversioned"
"""The version of a corpus of which none was told."""


@dataclass(frozen=True)
class Clip:
    """One recording.

    Args:
        id: Unique in its corpus, and the same on every machine (RAVDESS: the file's stem).
        path: Where the recording lies.
        emotion: One of the corpus's labels.
        speaker: Who speaks; the unit that a speaker-independent protocol keeps apart.
        intensity, statement, repetition, sex: What else the corpus knows; None where it does not.
        start, end: The part of the file that it is, in seconds; None stands for the file's beginning and its end.
    """

    id: str
    path: Path
    emotion: str
    speaker: str
    intensity: str | None = None
    statement: str | None = None
    repetition: str | None = None
    sex: str | None = None
    start: float | None = None
    end: float | None = None

    @property
    def span(self) -> str:
        """The part of the file in words, empty where the clip is all of it."""
        if self.start is None and self.end is None:
            return ""
        return f"{self.start or 0:g}-{'end' if self.end is None else f'{self.end:g}'}"


def waveform(clip: Clip, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """A clip as one channel at one rate, as :func:`emovox.audio.read_audio` gives it: (samples,), float32.

    Raises:
        AudioError: It cannot be read.
    """
    return read_audio(clip.path, sample_rate_hz, start=clip.start, end=clip.end)


@dataclass(frozen=True)
class Partition:
    """Test groups of speakers that somebody published.

    Args:
        protocol: Name in ``splits.PROTOCOLS`` of the rule that they belong to.
        groups: The test speakers of each fold, as their clips name them.
        origin: Who published them, to be read after "6 folds by speaker, ".
    """

    protocol: str
    groups: tuple[tuple[str, ...], ...]
    origin: str

    @property
    def speakers(self) -> frozenset[str]:
        """Everybody in it."""
        return frozenset(itertools.chain(*self.groups))


@dataclass(frozen=True)
class CorpusSpec:
    """What is true of a corpus wherever it lies. A fact that nobody told keeps its default.

    Args:
        name: What commands and run folders call it, for example ``"ravdess"``.
        labels: The emotions in the order of every probability vector.
        title: Its name as papers write it; by default ``name``.
        version: The published version or digest.
        licence: An SPDX identifier or a short phrase.
        citation: How its authors ask to be cited.
        language: What is spoken, in words.
        acted: Whether its emotions are portrayed, not felt; None where that is not known.
        synthetic: True where no person spoke; every figure then carries the word.
        caution: A sentence for reports: whose emotions a model of it learns, and in which language.
        sample_rate_hz: Of the published files.
        speakers: Everybody who speaks in it, as clips name them.
        clips_per_speaker: Of each of them.
        clips_per_emotion: Of each label, in label order.
        partitions: Published test groups, at most one a protocol.
        published_twice: Pairs of clip ids that hold one recording as published.
        index: The file in ``emovox.corpora`` that holds what was published, recording by recording.
        read_name: The clip that a file's name says it is; None where names tell nothing.
        speaker_folder: A pattern of the folders that hold one speaker each, with the speaker as its group.
    """

    name: str
    labels: tuple[str, ...]
    title: str = ""
    version: str = UNVERSIONED
    licence: str = "not stated"
    citation: str = ""
    language: str = ""
    acted: bool | None = None
    synthetic: bool = False
    caution: str = ""
    sample_rate_hz: int | None = None
    speakers: tuple[str, ...] = ()
    clips_per_speaker: int | None = None
    clips_per_emotion: tuple[int, ...] = ()
    partitions: tuple[Partition, ...] = ()
    published_twice: tuple[tuple[str, str], ...] = ()
    index: str | None = None
    read_name: Callable[[Path], Clip] | None = None
    speaker_folder: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def clips(self) -> int | None:
        """How many were published; None where nobody told."""
        return sum(self.clips_per_emotion) or None

    def partition(self, protocol: str) -> Partition | None:
        """The published test groups of a protocol."""
        return next((partition for partition in self.partitions if partition.protocol == protocol), None)


@dataclass(frozen=True)
class Corpus:
    """The recordings of a corpus as they lie somewhere, sorted by clip id.

    Args:
        spec: What is true of the corpus wherever it lies.
        clips: At least one clip.
        root: The folder the clips lie under.
        notes: Sentences about what was found while loading (a nested copy, say), for people to read.
        source: The table or zip that it was read from; None where that is ``root`` itself.
        same: Pairs of clip ids that were found to hold one recording, beside those that were published so.

    Raises:
        CorpusError: There are no clips, two share an id, or one has an unknown label.
    """

    spec: CorpusSpec
    clips: tuple[Clip, ...]
    root: Path
    notes: tuple[str, ...] = ()
    source: Path | None = None
    same: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", tuple(sorted(self.clips, key=lambda clip: clip.id)))
        if not self.clips:
            raise CorpusError(
                f"{self.root} contains no clips of {self.name}; give the folder that contains the recordings"
            )
        ids = [clip.id for clip in self.clips]
        if len(set(ids)) < len(ids):
            twice = next(a for a, b in itertools.pairwise(ids) if a == b)
            raise CorpusError(f"{self.root} contains the clip {twice} twice; remove one of them")
        unknown = {clip.emotion for clip in self.clips} - set(self.labels)
        if unknown:
            raise CorpusError(f"Unknown emotion {sorted(unknown)[0]!r}; {self.name} has {', '.join(self.labels)}")

    @property
    def name(self) -> str:
        """The spec's."""
        return self.spec.name

    @property
    def version(self) -> str:
        """The spec's."""
        return self.spec.version

    @property
    def licence(self) -> str:
        """The spec's."""
        return self.spec.licence

    @property
    def citation(self) -> str:
        """The spec's."""
        return self.spec.citation

    @property
    def labels(self) -> tuple[str, ...]:
        """The spec's."""
        return self.spec.labels

    @property
    def synthetic(self) -> bool:
        """The spec's."""
        return self.spec.synthetic

    @property
    def twins(self) -> tuple[tuple[str, str], ...]:
        """Pairs of clip ids that hold one recording, as published or as found."""
        return self.spec.published_twice + self.same

    @property
    def speakers(self) -> tuple[str, ...]:
        """Those whose clips are here, sorted."""
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
                hasher.update(f"{clip.id}\t{clip.emotion}\t{clip.speaker}\t{content}{clip.span}\n".encode())
        return hasher.hexdigest()


def _content(clip: Clip) -> str:
    try:
        with clip.path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise CorpusError(f"{clip.path} cannot be read: {error.strerror or error}; restore it") from None
