"""Unpack a zip whole and only within its folder, or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

from emovox.errors import CorpusError

Progress = Callable[[str, int, int], None]

BOMB_BYTES = 100_000_000
BOMB_RATIO = 50
"""Recordings pack to a half or a tenth of their size; what packs to so much less is no speech."""


def unpack(
    archive: Path, folder: Path, suffixes: tuple[str, ...], also: tuple[str, ...] = (), progress: Progress | None = None
) -> Path:
    """Unpack the files of some kinds into a folder that appears only once all are there.

    Args:
        archive: A zip.
        folder: The folder to make. One that is there already is whole, since only a whole one gets its name.
        suffixes: The kinds to keep, such as ``(".wav", ".flac")``, in lower case; at least one such file must be there.
        also: Further kinds to keep.
        progress: Told ``("unpack", files so far, files in all)``.

    Returns:
        ``folder``.

    Raises:
        CorpusError: The archive is not a zip, is damaged or encrypted, would write outside the folder, holds no file
            of these kinds, or does not fit on the disk. Nothing is then left behind.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.is_dir():
        return folder
    temporary = None
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(archive, opened, suffixes, also)
            folder.parent.mkdir(parents=True, exist_ok=True)
            _refuse_bomb(archive, members)
            if shutil.disk_usage(folder.parent).free < sum(member.file_size for member in members):
                raise CorpusError(_full(archive, folder))
            temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            for done, member in enumerate(members, 1):
                opened.extract(member, temporary)  # reads to the end, and so checks the CRC
                if progress:
                    progress("unpack", done, len(members))
        temporary.chmod(0o755)
        with contextlib.suppress(FileExistsError):  # another process was quicker
            _rename(temporary, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise CorpusError(f"{archive} is damaged or not a plain zip: {error}; download it again") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CorpusError(_full(archive, folder)) from None
        reason = f"cannot be unpacked to {folder}: {error.strerror or error}"
        raise CorpusError(f"{archive} {reason}; check both and their permissions") from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def content_digest(archive: Path, *more: str) -> str:
    """Twelve hexadecimal digits of the archive's table of contents, which holds each file's name, size and CRC.

    Args:
        archive: A zip.
        more: What else decides what is unpacked.

    Raises:
        CorpusError: The archive cannot be opened as a zip.
    """
    hasher = hashlib.sha256("".join(more).encode())
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in sorted(opened.infolist(), key=lambda m: m.filename):
                hasher.update(f"{member.filename}\t{member.file_size}\t{member.CRC}\n".encode())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CorpusError(f"{archive} is damaged or not a plain zip: {error}; download it again") from None
    except OSError as error:
        reason = error.strerror or error
        raise CorpusError(f"{archive} cannot be read: {reason}; check the file and its permissions") from None
    return hasher.hexdigest()[:12]


def _rename(temporary: Path, folder: Path) -> None:
    """Move a folder to its name; FileExistsError where that is taken."""
    try:
        temporary.replace(folder)
    except OSError:
        if folder.is_dir():
            raise FileExistsError(folder) from None
        raise


def _members(
    archive: Path, opened: zipfile.ZipFile, suffixes: tuple[str, ...], also: tuple[str, ...]
) -> list[zipfile.ZipInfo]:
    """The files to unpack; an archive with any member that points outside is refused as a whole."""
    for member in opened.infolist():
        # The name as stored: on some platforms zipfile has already turned backslashes into slashes.
        for name in (member.orig_filename, member.filename):
            outside = (
                name.startswith(("/", "\\"))
                or PureWindowsPath(name).drive
                or ".." in PurePosixPath(name.replace("\\", "/")).parts
                or stat.S_ISLNK(member.external_attr >> 16)
            )
            if outside:
                raise CorpusError(
                    f"{archive} would write outside its folder ({name}); it is not the published archive, "
                    "so download that one"
                )
    members = [
        member
        for member in opened.infolist()
        if not member.is_dir()
        and PurePosixPath(member.filename).suffix.lower() in suffixes + also
        and not PurePosixPath(member.filename).name.startswith(".")
        and "__MACOSX" not in PurePosixPath(member.filename).parts
    ]
    if not any(PurePosixPath(member.filename).suffix.lower() in suffixes for member in members):
        raise CorpusError(f"{archive} contains no {', '.join(suffixes)} files; give the archive of the recordings")
    return members


def _refuse_bomb(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what no archive of recordings is: next to nothing that unpacks to very much."""
    packed, size = (sum(getattr(m, name) for m in members) for name in ("compress_size", "file_size"))
    if size > BOMB_BYTES and size > BOMB_RATIO * packed:
        raise CorpusError(
            f"{archive} would unpack from {packed / 1e6:.1f} to {size / 1e6:,.0f} MB, which recordings never do; "
            "if you trust it, unpack it and give the folder"
        )


def _full(archive: Path, folder: Path) -> str:
    return (
        f"{archive} does not fit on the disk of {folder.parent}; free some space, or set EMOVOX_CACHE to a "
        "folder on another disk"
    )
