"""Write files so that a reader finds the old one or the new one, and never half of either."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emovox.errors import RunError, StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HALF = ".writing-"
"""How the name of a file begins that is not yet whole."""

_LOCKED_BYTE = 1 << 20
"""On Windows a locked byte cannot be read, so this one lies beyond what the file says."""

_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space there"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it writable"),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR), "move the file that has this name"),
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
            "choose another place (--out for results, EMOVOX_CACHE for the cache, TMPDIR for temporary files)"
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
        handle, name = tempfile.mkstemp(prefix=f"{_HALF}{path.stem}-", suffix=path.suffix, dir=path.parent)
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


def sweep(folder: Path | str, older_than_seconds: float = 0.0) -> None:
    """Remove what processes that were killed had begun to write below a folder.

    Args:
        folder: Need not exist.
        older_than_seconds: What was touched since is left, since another process may still write it.
    """
    for path in Path(folder).rglob(f"{_HALF}*"):
        with contextlib.suppress(OSError):  # its writer is done
            if time.time() - path.stat().st_mtime >= older_than_seconds:
                path.unlink()


TURNS = 100
"""How often a folder that others make and remove is made again for a lock."""


@contextlib.contextmanager
def locked(path: Path | str) -> Iterator[None]:
    """Keep every other process from what a lock file stands for; death releases it.

    The lock is advisory: of ``flock`` or, on Windows, of ``msvcrt``. The file and the folders made for it are removed
    at the end, unless they hold something else then.

    Args:
        path: The lock file; its folder is what people are told of.

    Raises:
        RunError: Another process, or another thread, holds it; the message names the process and its machine.
        StorageError: The file cannot be written.
    """
    path = Path(path)
    with writing(path):
        made, handle = _taken(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # while it is still ours; Windows removes no open file
            path.unlink()
        os.close(handle)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # as when another has opened it since
                path.unlink()
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _taken(path: Path) -> tuple[list[Path], int]:
    """The folders that were made for a lock file, and its open, locked handle."""
    made: list[Path] = []
    turns = TURNS
    while True:
        made = [folder for folder in path.parents if folder in made or not folder.exists()]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return made, _take(path)
        except (FileNotFoundError, FileExistsError):  # a holder has just removed the folder, before or while it is made
            turns -= 1
            if not turns:
                raise


def _take(path: Path) -> int:
    """An open, locked handle of the file of that name."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise RunError(
                f"{path.parent} is in use by {holder}; wait until it ends, stop it with Ctrl-C, or choose another "
                "folder with --out"
            ) from None
        except OSError as error:
            warnings.warn(
                f"{path} cannot be locked ({error.strerror}); do not start a second process in this folder",
                stacklevel=4,
            )
        with contextlib.suppress(FileNotFoundError):
            # Elsewhere than on Windows its holder may just have removed it.
            if sys.platform == "win32" or os.path.samestat(os.fstat(handle), path.stat()):
                os.truncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {platform.node() or 'this machine'}\n".encode())
                return handle
        os.close(handle)


def _lock(handle: int) -> None:
    """Lock an open file, or raise BlockingIOError where another has."""
    if sys.platform == "win32":
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_text(path: Path | str, text: str) -> None:
    r"""Write ``text`` as UTF-8; a byte of a file's name that is no UTF-8 becomes an escape as in JSON: ``\udce9``."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


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
