"""``corpus.toml``: what a user tells of their own corpus, beside its table or in its folder.

Everything in it may be left out::

    name = "office"
    licence = "CC-BY-4.0"
    citation = "Novák and others (2025)"
    language = "Czech"
    acted = false
    labels = ["neutral", "joy", "anger"]          # the order of every table and figure
    label_map = { "Anger" = "anger", "mad" = "anger" }
    pattern = '(?P<speaker>[^/_]+)_[^/]*$'        # of a recording's path in the folder, without its suffix
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emovox.corpora.words import safe_name, tidy
from emovox.errors import CorpusError

FACTS = "corpus.toml"

GROUPS = ("emotion", "speaker", "sex", "intensity", "statement", "repetition")
"""What a pattern may find in a path."""

_LETTERS = 1000


@dataclass(frozen=True)
class Facts:
    """What a user tells of a corpus; what is not told keeps its default.

    Args:
        name: What run folders call it.
        title: Its name as papers write it.
        version, licence, citation, language, acted, caution: As in a ``CorpusSpec``.
        labels: The emotions in their order; empty where that is left to Emovox.
        label_map: A label as it is written in the data → the label that it stands for.
        pattern: A regular expression with named groups, some of :data:`GROUPS`, that is searched in paths.
        source: The file; None where there is none.
    """

    name: str = ""
    title: str = ""
    version: str = ""
    licence: str = ""
    citation: str = ""
    language: str = ""
    acted: bool | None = None
    caution: str = ""
    labels: tuple[str, ...] = ()
    label_map: dict[str, str] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    source: Path | None = None


def read_facts(folder: Path) -> Facts:
    """What the ``corpus.toml`` of a folder tells, and nothing where there is none.

    Raises:
        CorpusError: It is no TOML, or holds an unknown key or a value of another kind.
    """
    path = folder / FACTS
    if not path.is_file():
        return Facts()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}; check its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is not TOML: {' '.join(str(error).split())}; correct it") from None
    known = [f.name for f in dataclasses.fields(Facts) if f.name != "source"]
    for key, value in told.items():
        if key not in known:
            raise CorpusError(f"{path}: unknown key {key!r}; known keys: {', '.join(known)}")
        told[key] = _checked(path, key, value)
    return Facts(**told, source=path)


def _checked(path: Path, key: str, value: Any) -> Any:
    """A value of the kind that its key needs."""
    where = f"{path}, {key}"
    if key == "acted":
        if not isinstance(value, bool):
            raise CorpusError(f"{where}: give true or false, without quotes")
        return value
    if key == "labels":
        if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
            raise CorpusError(f'{where}: give a list, such as ["neutral", "joy"]')
        return tuple(tidy(label, "label", where) for label in value)
    if key == "label_map":
        if not isinstance(value, dict) or not all(isinstance(label, str) for label in value.values()):
            raise CorpusError(f'{where}: give a table, such as {{ "Anger" = "anger" }}')
        return {tidy(old, "label", where): tidy(new, "label", where) for old, new in value.items()}
    if not isinstance(value, str):
        raise CorpusError(f"{where}: give text in quotes")
    if key == "pattern":
        return _pattern(where, value)
    text = tidy(value, key, where, _LETTERS)
    if key == "name" and text != safe_name(text):
        raise CorpusError(f"{where}: {text!r} cannot name a folder; use {safe_name(text)!r}, and put this into title")
    return text


def _pattern(where: str, text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise CorpusError(f"{where}: {error}; give a regular expression") from None
    groups = list(pattern.groupindex)
    if not groups or not set(groups) <= set(GROUPS):
        raise CorpusError(f"{where}: give named groups, such as (?P<speaker>[^/_]+); known: {', '.join(GROUPS)}")
    return pattern
