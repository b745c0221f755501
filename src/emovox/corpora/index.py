"""What was published, recording by recording: a table of digests that WAV and FLAC alike can be held to."""

from __future__ import annotations

import csv
import hashlib
import importlib.resources
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emovox.audio import decode
from emovox.corpora.base import Clip, Corpus
from emovox.errors import CorpusError
from emovox.files import write_text


@dataclass(frozen=True)
class Published:
    """What the index tells of one recording."""

    channels: int
    frames: int
    digest: str


def read_index(name: str) -> dict[str, Published]:
    """What was published, by clip id.

    Args:
        name: A file beside this module, as a spec names it.
    """
    text = importlib.resources.files("emovox.corpora").joinpath(name).read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {row["id"]: Published(int(row["channels"]), int(row["frames"]), row["digest"]) for row in rows}


def write_index(corpus: Corpus, path: Path, workers: int = 2) -> None:
    """Make the index of a corpus from the published recordings.

    Raises:
        CorpusError: They are not all there.
        AudioError: A recording cannot be read.
    """
    found, published = len(corpus.clips), corpus.spec.clips
    if found != published:
        raise CorpusError(
            f"{corpus.root} contains {found} recordings, not {published}; give the whole published corpus"
        )

    def row(clip: Clip) -> str:
        samples, info = decode(clip.path)
        return f"{clip.id},{info.channels},{info.frames},{samples_digest(samples)}\n"

    with ThreadPoolExecutor(workers) as pool:
        write_text(path, "id,channels,frames,digest\n" + "".join(pool.map(row, corpus.clips)))


def samples_digest(samples: np.ndarray) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of samples as 16-bit little-endian integers.

    The same for WAV and FLAC, and for a 24-bit or float file that holds 16-bit samples. Samples that lie between two
    16-bit steps have no such form, and give ``""``.

    Args:
        samples: (frames, channels), float32, full scale ±1.

    >>> samples_digest(np.array([[0.0], [0.5]], dtype=np.float32))
    'd88c86f15bbea365'
    """
    steps = samples * np.float32(32768)
    whole = steps.astype("<i2") if np.abs(steps).max(initial=0) <= 32768 else np.zeros(0, "<i2")
    if not np.array_equal(whole, steps):
        return ""
    return hashlib.sha256(np.ascontiguousarray(whole).tobytes()).hexdigest()[:16]
