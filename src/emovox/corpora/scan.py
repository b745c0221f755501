"""Find the recordings under a folder, at any depth and in a fixed order."""

from __future__ import annotations

import os
from pathlib import Path

from emovox.errors import CorpusError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")


def files_under(root: Path) -> list[Path]:
    """Every file under ``root``, sorted, hidden ones left out; linked folders are followed, each once.

    Raises:
        CorpusError: ``root`` is missing or no folder, or a folder in it cannot be read.
    """
    if not root.exists():
        raise CorpusError(f"{root} does not exist; check the path")
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; give the folder that contains the recordings")
    found: list[Path] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(found)


def recordings_under(root: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Every file under ``root`` with one of the suffixes, sorted.

    Raises:
        CorpusError: As :func:`files_under`.
    """
    return [path for path in files_under(root) if path.suffix.lower() in suffixes]


def _refuse(error: OSError) -> None:
    """Turn what ``os.walk`` would pass over in silence into an error."""
    raise CorpusError(f"{error.filename} cannot be read: {error.strerror}; check its permissions") from None
