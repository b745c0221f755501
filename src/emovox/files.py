"""Write files so that a reader finds the old one or the new one, and never half of either."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emovox.errors import StorageError

_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space there"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it writable"),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR), "move away the file that is in the way"),
}
"""What to do about each way a write fails."""


@contextlib.contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turn what a full disk or a forbidden folder raises into one line that names ``path``.

    Raises:
        StorageError: In place of any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}; {_ADVICE.get(error.errno or 0, 'check the disk')}, or "
            "choose another place (--out for results, EMOVOX_CACHE for the cache, TMPDIR for what is short-lived)"
        ) from None


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder for what is short-lived, and remove it.

    Raises:
        StorageError: In place of any OSError of the block.
    """
    with writing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def check_room(path: Path | str, size: int) -> None:
    """Refuse what will not fit, before a library that cannot bear a full disk begins to write.

    Args:
        path: The file to come, in a folder that exists.
        size: In bytes.

    Raises:
        StorageError: The disk has less room.
    """
    free = shutil.disk_usage(Path(path).parent).free
    if free < size:
        raise StorageError(
            f"Cannot write {path}: it needs {size / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free; free some space "
            "there, or choose another place with --out"
        )


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and move it there once the block ends well.

    The temporary name keeps the suffix, since libraries choose their format by it. On an error, or when the process
    dies, ``path`` is as it was before.

    Raises:
        StorageError: The file cannot be written.

    >>> with replacing("/tmp/emovox-doctest.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> Path("/tmp/emovox-doctest.txt").read_text()
    'whole'
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("r+b") as written:  # Windows syncs only what may be written
                os.fsync(written.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, content: Any) -> None:
    """Write ``content`` as indented JSON with a final newline; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_arrays(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as an ``.npz`` that opens with ``allow_pickle=False``."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """Read what :func:`write_arrays` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _umask() -> int:
    """The process's file-creation mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
