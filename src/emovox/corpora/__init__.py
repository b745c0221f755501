"""Corpora by name or path."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from emovox.archive import content_digest, unpack
from emovox.corpora import ravdess, synthetic
from emovox.corpora.base import Clip, Corpus, CorpusSpec, Progress
from emovox.corpora.scan import SUFFIXES
from emovox.corpora.table import FILE, load_table
from emovox.download import UnreachableError, user_cache
from emovox.errors import CorpusError

__all__ = ["CORPORA", "SPECS", "Clip", "Corpus", "CorpusSpec", "Progress", "load_corpus", "load_path", "spec_of"]

SPECS: dict[str, CorpusSpec] = {spec.name: spec for spec in (ravdess.SPEC, synthetic.SPEC)}
"""Corpus name → what is true of that corpus wherever it lies."""

Loader = Callable[[Path | None, Progress | None, bool], Corpus]


def load_corpus(
    name_or_path: str = "ravdess",
    data: Path | None = None,
    progress: Progress | None = None,
    download: bool = True,
) -> Corpus:
    """Find a corpus and read its labels; no recording is decoded but a few.

    RAVDESS is looked for at ``data``, at ``EMOVOX_DATA``, in ``data/ravdess`` and in the user cache, and else
    downloaded. Where the network cannot be reached, the synthetic corpus takes its place, and its first note says so.

    Args:
        name_or_path: A name in :data:`CORPORA`, or what :func:`load_path` reads.
        data: Where the recordings of a named corpus lie: a folder, a zip or a CSV table.
        progress: Told while recordings are downloaded, unpacked or rendered.
        download: Whether RAVDESS may be downloaded, or the synthetic corpus take its place.

    Raises:
        CorpusError: There is no such corpus, or it cannot be read.
        DownloadError: The download was cut, or is not what was published.
    """
    if name_or_path in CORPORA:
        return CORPORA[name_or_path](data, progress, download)
    if Path(name_or_path).exists():
        return load_path(Path(name_or_path), progress)
    raise CorpusError(f"Unknown corpus {name_or_path!r}; available: {', '.join(CORPORA)}, or the path of one")


def spec_of(name: str) -> CorpusSpec | None:
    """What is known of a corpus by its name alone, as a run's provenance tells it; None of a user's own.

    >>> spec_of("ravdess").title, spec_of("mine")
    ('RAVDESS', None)
    """
    return SPECS.get(name)


def load_path(path: Path, progress: Progress | None = None, claimed: bool = False) -> Corpus:
    """The corpus at a path: a CSV table, a folder that holds a ``corpus.csv``, or RAVDESS-named recordings.

    Args:
        path: A ``.csv``, a ``.zip`` (unpacked into the user cache once), or a folder.
        progress: Told while a zip is unpacked.
        claimed: Whether whoever gave the path says that RAVDESS lies there.

    Raises:
        CorpusError: There is nothing at the path, or it is none of these.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == ".csv":
        return load_table(path, like=ravdess.SPEC)
    if path.is_dir() and (path / ravdess.ARCHIVE).is_file():
        path /= ravdess.ARCHIVE
    if path.is_file():
        folder = user_cache() / "unpacked" / f"{path.stem}-{content_digest(path)}"
        path = unpack(path, folder, SUFFIXES, also=(".csv", ".txt"), progress=progress)
    if (path / FILE).is_file():
        return load_table(path / FILE, like=ravdess.SPEC)
    if synthetic.is_rendering(path):
        return synthetic.load_rendering(path)
    return ravdess.load_folder(path, claimed)


def _load_ravdess(data: Path | None, progress: Progress | None, download: bool) -> Corpus:
    named = data or os.environ.get("EMOVOX_DATA")
    if named:
        return load_path(Path(named), progress, claimed=True)
    found = ravdess.find()
    if found:
        return load_path(found, progress, claimed=True)
    if not download:
        raise CorpusError('RAVDESS is not at data/ravdess. Run "emovox data get ravdess", or give --data PATH')
    try:
        return ravdess.load_folder(ravdess.get(progress=progress))
    except UnreachableError as error:
        corpus = _load_synthetic(None, progress, download)
        note = (
            f"RAVDESS is neither in data/ravdess nor at {user_cache() / 'ravdess'} and cannot be downloaded: {error}. "
            "Going on with the synthetic corpus, speech that Emovox renders itself. To use RAVDESS, fetch "
            f"{ravdess.ARCHIVE} from {ravdess.RECORD} and give --data PATH."
        )
        return dataclasses.replace(corpus, notes=(note, *corpus.notes))


def _load_synthetic(data: Path | None, progress: Progress | None, download: bool) -> Corpus:
    if data is not None:
        raise CorpusError(f"The synthetic corpus is rendered, not read from {data}; leave --data out")
    return synthetic.load_synthetic(user_cache() / "synthetic", progress=progress)


CORPORA: dict[str, Loader] = {"ravdess": _load_ravdess, "synthetic": _load_synthetic}
"""Corpus name → what loads it, given a path or None, a progress callback, and whether it may download."""
