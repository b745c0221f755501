"""Words that come with a user's data, made fit to be kept and shown."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from emovox.errors import CorpusError

LABEL_LETTERS = 40
"""A longer label would overprint its neighbours in any figure."""

SPEAKER_LETTERS = 100

_JOINERS = "\u200c\u200d"  # letters of Persian and of Indian scripts need them


def tidy(text: str, what: str, where: str, most: int = LABEL_LETTERS) -> str:
    r"""A word as it is kept: in composed letters (NFC), with single spaces.

    Args:
        text: As it was found.
        what: For messages: ``"emotion"``.
        where: For messages: the file and line.
        most: Letters it may have.

    Raises:
        CorpusError: It is too long, or contains a character that cannot be shown.

    >>> tidy(" great\n joy ", "emotion", "mine.csv, line 2")
    'great joy'
    """
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    odd = next((letter for letter in kept if not _is_shown(letter)), "")
    if odd:
        raise CorpusError(f"{where}: the {what} contains a character that cannot be shown, U+{ord(odd):04X}; remove it")
    if len(kept) > most:
        raise CorpusError(f"{where}: the {what} has {len(kept):,} letters, and at most {most} are allowed; shorten it")
    return kept


def plain(text: str, most: int = 400) -> str:
    r"""A text for a message of one line: without what a terminal would obey instead of showing, and not too long.

    >>> plain("a\x1b[31mred"), plain("x" * 1000, 5)
    ('a�[31mred', 'xxxxx…')
    """
    shown = "".join(letter if _is_shown(letter) else "\ufffd" for letter in text[:most])
    return shown + ("…" if len(text) > most else "")


def safe_name(text: str, taken: Sequence[str] = ()) -> str:
    """A corpus's name made from a file's or a folder's: fit to name a folder, and no known corpus's.

    >>> safe_name("my data (new)"), safe_name("ravdess", ["ravdess"])
    ('my-data-new', 'my-ravdess')
    """
    name = re.sub(r"[^\w.]+", "-", unicodedata.normalize("NFC", text)).strip("-._")[:60] or "corpus"
    return f"my-{name}" if name in taken else name


def some(count: int, noun: str) -> str:
    """A number and its noun.

    >>> some(1, "recording"), some(1200, "recording")
    ('1 recording', '1,200 recordings')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def alike(words: Iterable[str]) -> tuple[str, ...]:
    """The first group of words that differ in case, or in the width of letters, only; the commonest first.

    >>> alike(["anger", "joy", "ANGER", "anger"])
    ('anger', 'ANGER')
    """
    counts = Counter(words)
    groups: dict[str, list[str]] = {}
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(unicodedata.normalize("NFKC", word).casefold(), []).append(word)
    return next((tuple(group) for group in groups.values() if len(group) > 1), ())


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in _JOINERS
