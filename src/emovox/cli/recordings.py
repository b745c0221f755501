"""Where the recordings of a command come from: a file, a pipe, or what ffmpeg makes of another format."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from emovox.errors import AudioError, UnknownFormat

if TYPE_CHECKING:
    from emovox.audio import Source

Answer = TypeVar("Answer")


def heard_in(file: Path, listen: Callable[[Source, str], Answer], most_seconds: float) -> Answer:
    """What ``listen(source, name)`` says of a file; ``-`` stands for standard input.

    Raises:
        AudioError: What ``listen`` raises, or ffmpeg cannot help.
    """
    if str(file) == "-":
        return listen(_standard_input(), "standard input")
    try:
        return listen(file, str(file))
    except UnknownFormat as error:
        from emovox.audio import converted
        from emovox.audio.ffmpeg import installed

        if not file.is_file():  # a pipe has been read already
            raise
        if not installed():
            raise AudioError(f"{error}, or install ffmpeg, which reads most others") from None
        with converted(file, most_seconds) as wave:
            return listen(wave, str(file))


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("standard input is a terminal; pipe a recording into it, or name a file")
    return sys.stdin.buffer
