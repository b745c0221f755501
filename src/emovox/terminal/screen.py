"""A terminal on which foreign text shows as it is, and does nothing; and how counts and times are said there."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

BYTES_FROM = 1_000_000
"""A stage with a larger total counts bytes; nothing else in a study comes near."""

_ESCAPED = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""What could act on a terminal or hide text from a reader: control characters, turns of direction, half characters."""


def visible(text: str) -> str:
    r"""The text with control characters, and bytes of a file's name that are no UTF-8, as escapes.

    >>> print(visible("[red] \x1b[31m caf\udce9.wav"))
    [red] \x1b[31m caf\xe9.wav
    """
    return text if text.isprintable() else _ESCAPED.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    code = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code  # how Python keeps a byte that is no UTF-8
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


_SPELT = {"–": "-", "−": "-", "×": "x", "·": ".", "±": "+/-", "≥": ">=", "≤": "<=", "…": "...", "→": "->", "²": "2"}
"""How our own signs are written where a terminal has only letters."""


def _spelt(error: UnicodeError) -> tuple[str, int]:
    """What a terminal or a file shows in place of characters that its encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SPELT.get(c) or _escape(ord(c)) for c in error.object[error.start : error.end]), error.end


SPELT = "emovox"
"""The name of that rule, for ``errors=`` of a text stream."""

codecs.register_error(SPELT, _spelt)


class Screen(Console):
    """A console on which foreign text (labels, paths, notes) shows as it is, and does nothing.

    Args:
        stderr: Whether it writes to the error stream.
    """

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """A string as it will be measured and shown."""
        return super().render_str(visible(text) if "\n" not in text else text, **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Every piece of text that is shown comes through here, colours apart from it."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield segment._replace(text="\n".join(map(visible, segment.text.split("\n"))))


def say(console: Console, sentence: str) -> None:
    """Print a sentence, wrapped between words in a terminal, and on one line for a file or another program."""
    console.print(Text(sentence), soft_wrap=not console.is_terminal)


def count(done: int, total: int) -> str:
    """How far a stage is.

    >>> count(12, 60), count(208_468_073, 208_468_073)
    ('12/60', '208.5/208.5 MB')
    """
    if total >= BYTES_FROM:
        return f"{done / 1e6:.1f}/{total / 1e6:.1f} MB"
    return f"{done}/{total}" if total else f"{done}"


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "speaker"), counted(1440, "clip")
    ('1 speaker', '1,440 clips')
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """A span of time for people.

    >>> duration(0.4), duration(8.21), duration(75), duration(3720)
    ('0.4 s', '8 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 3:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
