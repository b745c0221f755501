"""Corpora by name or path."""

from __future__ import annotations

import dataclasses
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from emovox.archive import content_digest, unpack
from emovox.corpora import ravdess, synthetic
from emovox.corpora.base import Clip, Corpus, CorpusSpec, Progress
from emovox.corpora.facts import FACTS, read_facts
from emovox.corpora.folders import load_classes
from emovox.corpora.scan import SUFFIXES, recordings_under
from emovox.corpora.table import SUFFIXES as TABLES
from emovox.corpora.table import find_table, load_table
from emovox.corpora.words import safe_name
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
    """The corpus at a path.

    Args:
        path: A CSV table; a folder that holds one, recordings with RAVDESS names, or a folder for each emotion; or a
            zip of such a folder, which is unpacked into the user cache once.
        progress: Told while a zip is unpacked.
        claimed: Whether whoever gave the path says that RAVDESS lies there.

    Raises:
        CorpusError: There is nothing at the path, or it is none of these.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() in TABLES:
        return load_table(path, ravdess.SPEC, taken=tuple(SPECS))
    if path.suffix.lower() in SUFFIXES:
        raise CorpusError(f"{path} is a single recording, not a corpus; give a folder, a zip or a CSV table")
    if path.is_dir() and (path / ravdess.ARCHIVE).is_file():
        path /= ravdess.ARCHIVE
    if not path.is_file():
        return _load_folder(path, path.resolve().name, claimed)
    if not zipfile.is_zipfile(path):
        raise CorpusError(
            f"{path} is damaged, or not a zip, a folder or a CSV table; give one of these, or download the zip again"
        )
    folder = user_cache() / "unpacked" / f"{path.stem}-{content_digest(path, *_UNPACKED)}"
    unpack(path, folder, SUFFIXES, _BESIDE, progress)
    try:
        corpus = _load_folder(folder, path.stem, claimed)
    except CorpusError as error:  # whoever mends the zip gets another folder, so this one would stay for ever
        shutil.rmtree(folder, ignore_errors=True)
        raise CorpusError(str(error).replace(str(folder), str(path))) from None
    return dataclasses.replace(corpus, source=path)


_BESIDE = (*TABLES, ".toml", ".txt")
_UNPACKED = (*SUFFIXES, *_BESIDE)


def _load_folder(path: Path, name: str, claimed: bool) -> Corpus:
    """The corpus in a folder, or in the one folder that it holds."""
    path, taken = _within(path), tuple(SPECS)
    table = find_table(path) if path.is_dir() else None
    if table:
        return load_table(table, ravdess.SPEC, name, taken)
    if (path / FACTS).is_file():
        return load_classes(path, read_facts(path), ravdess.SPEC, name, taken)
    if synthetic.is_rendering(path):
        return synthetic.load_rendering(path)
    if any(ravdess.is_named(recording) for recording in recordings_under(path)):
        return ravdess.load_folder(path, claimed, safe_name(name, taken))
    return load_classes(path, read_facts(path), ravdess.SPEC, name, taken)


def _within(folder: Path) -> Path:
    """The folder itself, or the one that holds everything in it and is no class of recordings."""
    while folder.is_dir():
        inside = [path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "__MACOSX"]
        if len(inside) != 1 or not inside[0].is_dir():
            break
        below = list(inside[0].iterdir())
        if not any(path.is_dir() or path.suffix.lower() in (*TABLES, ".toml") for path in below):
            break
        folder = inside[0]
    return folder


def _load_ravdess(data: Path | None, progress: Progress | None, download: bool) -> Corpus:
    named = data or os.environ.get("EMOVOX_DATA")
    if named:
        return load_path(Path(named), progress, claimed=True)
    found = ravdess.find()
    if found:
        return load_path(found, progress, claimed=True)
    if not download:
        raise CorpusError('RAVDESS is not at data/ravdess. Run "emovox data get ravdess", or give its folder or zip')
    try:
        return ravdess.load_folder(ravdess.get(progress=progress))
    except UnreachableError as error:
        corpus = _load_synthetic(None, progress, download)
        note = (
            f"RAVDESS is neither in data/ravdess nor at {user_cache() / 'ravdess'} and cannot be downloaded: {error}. "
            "Continuing with the synthetic corpus, speech that Emovox renders itself. To use RAVDESS, download "
            f"{ravdess.ARCHIVE} from {ravdess.RECORD} and give --data PATH."
        )
        return dataclasses.replace(corpus, notes=(note, *corpus.notes))


def _load_synthetic(data: Path | None, progress: Progress | None, download: bool) -> Corpus:
    if data is not None:
        raise CorpusError(f"The synthetic corpus is rendered, not read from {data}; leave --data out")
    return synthetic.load_synthetic(user_cache() / "synthetic", progress=progress)


CORPORA: dict[str, Loader] = {"ravdess": _load_ravdess, "synthetic": _load_synthetic}
"""Corpus name → what loads it, given a path or None, a progress callback, and whether it may download."""
