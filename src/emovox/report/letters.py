"""Labels as figures can hold them: in letters that an installed font has, and no longer than there is room."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

LATIN = "DejaVu Sans"  # comes with matplotlib

OTHERS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK KR", "Noto Sans JP", "Noto Sans SC",
    "Noto Sans KR", "Source Han Sans", "IPAexGothic", "TakaoPGothic", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Droid Sans Fallback", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic", "MS Gothic",
    "Microsoft YaHei", "SimHei", "Malgun Gothic", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali",
    "Noto Sans Tamil", "Arial Unicode MS", "Unifont",
)  # fmt: skip
"""Fonts of scripts that the first lacks; those that are installed are used."""

LETTERS = 18
"""Longer labels would take the room of what a figure shows; the tables have them whole."""


@functools.cache
def families() -> tuple[str, ...]:
    """The installed fonts that figures are written in; a letter is taken from the first that has it."""
    installed = set(font_manager.fontManager.get_font_names())
    return (LATIN, *(name for name in OTHERS if name in installed))


def legible(text: str) -> str:
    """The text, with a question mark for every letter that no font has.

    >>> legible("joy")
    'joy'
    """
    return "".join(letter if letter.isspace() or ord(letter) in _letters() else "?" for letter in text)


def label_names(labels: Sequence[str]) -> tuple[list[str], str]:
    """What figures call the labels, and a note where that is not their own letters.

    A label that no font can write is called by its number. Of a long one the end is left out, and its number stands
    before it where another begins alike.

    >>> label_names(["joy", "a rather long label of its own"])
    (['joy', 'a rather long lab…'], '')
    """
    unwritten = [legible(label) != label for label in labels]
    short = [label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…" for label in labels]
    names = [f"{k} {name}" if short.count(name) > 1 else name for k, name in enumerate(short, 1)]
    names = [f"emotion {k}" if unwritten[k - 1] else name for k, name in enumerate(names, 1)]
    note = "Numbers stand for labels, in their order in the tables,\nwhose letters no installed font has."
    return names, note if any(unwritten) else ""


@functools.cache
def _letters() -> frozenset[int]:
    """Code points that the fonts can write."""
    files = (font_manager.findfont(name, fallback_to_default=False) for name in families())
    return frozenset(point for file in files for point in FT2Font(file).get_charmap())
