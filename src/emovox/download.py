"""Fetch a published file: whole, checked against its digest, and going on from where an earlier try was cut."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from emovox.errors import DownloadError

Progress = Callable[[str, int, int], None]

TIMEOUT_SECONDS = 20.0
ATTEMPTS = 2
"""Times that a connection is made again, without a byte gained in between, before giving up."""

_BLOCK_BYTES = 1 << 18


class UnreachableError(DownloadError):
    """Not one byte came: there is no network, or the server does not answer with the file."""


def user_cache() -> Path:
    """The folder for what can be fetched or made again: ``EMOVOX_CACHE``, else ``emovox`` in the platform's own.

    Raises:
        DownloadError: The user has no home folder.
    """
    if named := os.environ.get("EMOVOX_CACHE"):
        return Path(named).expanduser().absolute()
    try:
        home = Path.home()
    except RuntimeError:
        raise DownloadError("There is no home folder for the cache; set EMOVOX_CACHE to a folder") from None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "emovox"


def fetch(
    url: str,
    destination: Path,
    size: int | None = None,
    md5: str | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Path:
    """Fetch ``url`` to ``destination`` unless a file with the right size and digest lies there already.

    Bytes gather in ``destination`` + ``.part``; a later call asks the server for the rest alone (HTTP Range). The
    file takes its name only after its size and digest have been found right.

    Args:
        url: An http or https address.
        destination: The file to make.
        size: Published size in bytes.
        md5: Published digest, hexadecimal.
        sha256: Published digest, hexadecimal.
        progress: Told ``("download", bytes so far, bytes in all)``; the total is 0 where it is not known.
        timeout_seconds: Longest silence of the server.

    Returns:
        ``destination``.

    Raises:
        UnreachableError: The server cannot be reached, or does not have the file.
        DownloadError: The connection was cut (the next call goes on from there), the file is not the published one
            (it is deleted), or the disk is full (what had come is deleted).
    """
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"{url} is not an http address; give one that starts with https://")
    destination = Path(destination)
    if destination.is_file() and not _difference(destination, size, md5, sha256):
        return destination
    part = destination.with_name(destination.name + ".part")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        if size is not None:
            _require_space(part, size)
        _gather(url, part, size, progress, timeout_seconds)
        if difference := _difference(part, size, md5, sha256):
            part.unlink()
            raise DownloadError(
                f"{url} is not the published file: {difference}; try again, or download it in another way"
            )
        part.replace(destination)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            part.unlink(missing_ok=True)
            raise DownloadError(_full(destination.parent)) from None
        reason = error.strerror or error
        raise DownloadError(f"{destination} cannot be written: {reason}; set EMOVOX_CACHE to another folder") from None
    return destination


def _gather(url: str, part: Path, size: int | None, progress: Progress | None, timeout_seconds: float) -> None:
    """Connect again and again, each time for what is still missing, until ``part`` is whole."""
    fruitless = 0
    while True:
        before = _length(part)
        if size is not None and before == size:
            return
        if size is not None and before > size:
            part.unlink()
            before = 0
        try:
            total = _receive(url, part, before, size, progress, timeout_seconds)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                part.unlink()  # longer than the server's file: not a part of it
                continue
            raise UnreachableError(f"{url} returned {error.code} {error.reason}; try again later") from None
        except (urllib.error.URLError, http.client.HTTPException, _Broken) as error:
            total, reason = size, getattr(error, "reason", error)
        else:
            reason = "the connection was closed"
            if total is None or _length(part) >= total:
                return
        fruitless = 0 if _length(part) > before else fruitless + 1
        if fruitless >= ATTEMPTS:
            got = _length(part)
            if not got:
                raise UnreachableError(f"{url} cannot be reached: {reason}; check the network and try again")
            of = f" of {total:,}" if total else ""
            raise DownloadError(
                f"{url} stopped after {got:,}{of} bytes: {reason}; run the same command again to continue from there"
            )


class _Broken(Exception):
    """The connection failed while bytes were coming; kept apart from failures to write them."""


def _receive(
    url: str, part: Path, start: int, size: int | None, progress: Progress | None, timeout_seconds: float
) -> int | None:
    """Append what one connection gives; the whole file's size as the server tells it, or None."""
    request = urllib.request.Request(url, headers={"User-Agent": "emovox"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout_seconds)
    except urllib.error.URLError:
        raise
    except OSError as error:
        raise _Broken(error) from None
    with response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumed and not (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
            raise _Broken("the server sent another part than the one asked for")
        start = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        if size is not None and total is not None and total != size:
            raise DownloadError(
                f"{url} has {total:,} bytes, not the published {size:,}; try again, or download it in another way"
            )
        with part.open("ab" if resumed else "wb") as file:
            done = start
            while block := _block(response):
                file.write(block)
                done += len(block)
                if progress:
                    progress("download", done, size or total or 0)
    return size or total


def _block(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_BLOCK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(error) from None


def _length(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _difference(path: Path, size: int | None, md5: str | None, sha256: str | None) -> str:
    """How a file departs from what was published, or nothing."""
    length = _length(path)
    if size is not None and length != size:
        return f"{length:,} bytes, not {size:,}"
    for kind, published in (("md5", md5), ("sha256", sha256)):
        if published is None:
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, kind).hexdigest()
        if found != published.lower():
            return f"{kind.upper()} {found}, not {published}"
    return ""


def _require_space(part: Path, size: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < size - _length(part):
        raise DownloadError(_full(part.parent))


def _full(folder: Path) -> str:
    return f"The disk of {folder} is full; free some space, or set EMOVOX_CACHE to a folder on another disk"
