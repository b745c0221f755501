"""Bring your own corpus: a CSV table with a row for each recording.

The columns ``path`` (absolute, or from the table's folder), ``emotion`` and ``speaker`` must be there; ``sex``,
``intensity``, ``statement`` and ``repetition`` may be, and ``start`` and ``end`` in seconds where several clips lie in
one file. Cells are parted by commas, semicolons or tabs::

    path,emotion,speaker,sex
    clips/anna-01.wav,angry,anna,female
    clips/ben-01.wav,neutral,ben,male

A ``corpus.toml`` beside it may tell more (:mod:`emovox.corpora.facts`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.corpora.facts import read_facts
from emovox.corpora.own import own_corpus, refuse_same_id
from emovox.corpora.words import SPEAKER_LETTERS, plain, tidy
from emovox.errors import CorpusError

REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("sex", "intensity", "statement", "repetition")
TIMES = ("start", "end")
COLUMNS = (*REQUIRED, *OPTIONAL, *TIMES)

FILE = "corpus.csv"
"""The table that a folder is described by, if it holds one of this name."""

SUFFIXES = (".csv", ".tsv")
DELIMITERS = ",;\t"


def find_table(folder: Path) -> Path | None:
    """The table that describes a folder: its ``corpus.csv``, or else its only one that has the columns of one.

    Raises:
        CorpusError: Several have.
    """
    if (folder / FILE).is_file():
        return folder / FILE
    tables = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES and p.is_file() and _is_table(p)]
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise CorpusError(f"{folder} contains several tables, {names}; give one of them, or rename it to {FILE}")
    return tables[0] if tables else None


def load_table(path: Path, like: CorpusSpec, name: str = "", taken: Sequence[str] = ()) -> Corpus:
    """The corpus that a table describes.

    Clip ids are the paths from the table's folder without their suffix; of recordings elsewhere, from the folder that
    holds them all, so that no absolute path leaves with a run. An empty optional cell is a missing value: the clip has
    None there.

    Args:
        path: The table.
        like: The corpus whose labels stand first, in its order, others following by the alphabet; and whose published
            partitions hold where the table has its recordings.
        name: What to call it, where neither the facts nor the table's own name shall.
        taken: Names of other corpora.

    Raises:
        CorpusError: The table is missing, is no CSV, lacks a column, has an empty required cell, names a file that does
            not exist or a clip twice, or what it tells is refused by :func:`own_corpus`.
    """
    text, digest = _read(path)
    delimiter = _delimiter(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = _header(path, next(rows, []))
        lines = [(rows.line_num, _cells(path, rows.line_num, header, row)) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise CorpusError(f"{path}, line {rows.line_num}: {error}; save the table as plain CSV") from None
    if not lines:
        raise CorpusError(f"{path} has no rows; add one for each recording")
    facts = read_facts(path.parent)
    if facts.source:
        digest = hashlib.sha256(digest.encode() + facts.source.read_bytes()).hexdigest()
    extra = [name for name in header if name and name not in COLUMNS]
    notes = [f"{path.name} has columns that are not used: {plain(', '.join(extra))}."] if extra else []
    clips = [_clip(path, line, cells) for line, cells in lines]
    numbered = list(zip([line for line, _ in lines], _named(path, clips), strict=True))
    _refuse_twice(path, numbered)
    called = name or (path.resolve().parent.name if path.name == FILE else path.stem)
    return own_corpus([clip for _, clip in numbered], facts, like, called, path.parent, path, digest[:12], notes, taken)


def _read(path: Path) -> tuple[str, str]:
    """A table's text and its SHA-256."""
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
    except UnicodeDecodeError:
        raise CorpusError(f"{path} is not UTF-8 text; save the table as CSV, UTF-8") from None
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}; check the path") from None


def _is_table(path: Path) -> bool:
    """Whether a file's first line has the columns that a table must have."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(10_000)
    except (OSError, UnicodeDecodeError):
        return False
    return set(REQUIRED) <= set(_names(line, _delimiter(line)))


def _names(line: str, delimiter: str) -> list[str]:
    return [name.strip().strip('"').strip().lower() for name in line.strip().split(delimiter)]


def _delimiter(text: str) -> str:
    """Of comma, semicolon and tab the one by which the first line falls into most known names."""
    line = text.split("\n", 1)[0]
    return max(DELIMITERS, key=lambda one: (len(set(COLUMNS) & set(_names(line, one))), line.count(one)))


def _header(path: Path, row: list[str]) -> list[str]:
    header = [name.strip().lower() for name in row]
    while header and not header[-1]:
        header.pop()  # a sheet's empty columns
    for name in REQUIRED:
        if name not in header:
            has = f"only {plain(', '.join(header[:12]))}" if header else "and no others"
            raise CorpusError(
                f"{path} has no column {name!r}, {has}; the first line must name columns, of {', '.join(COLUMNS)}"
            )
    twice = next((name for name in COLUMNS if header.count(name) > 1), None)
    if twice:
        raise CorpusError(f"{path} names the column {twice!r} twice; keep one of them")
    return header


def _cells(path: Path, line: int, header: list[str], row: list[str]) -> dict[str, str]:
    while len(row) > len(header) and not row[-1].strip():
        row.pop()
    if len(row) != len(header):
        raise CorpusError(f"{path}, line {line}: {len(row)} cells, but {len(header)} columns; correct the line")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True) if name in COLUMNS}
    for name in REQUIRED:
        if not cells[name]:
            raise CorpusError(f"{path}, line {line}: {name} is empty; fill it in, or remove the line")
    return cells


def _clip(table: Path, line: int, cells: dict[str, str]) -> Clip:
    """A row as a clip that has no id yet."""
    where = f"{table}, line {line}"
    path = table.parent / Path(cells["path"])
    if "\\" in cells["path"] and not _is(path, stat.S_ISREG):  # written on Windows
        path = table.parent / Path(cells["path"].replace("\\", "/"))
    if _is(path, stat.S_ISDIR):
        raise CorpusError(f"{where}: {plain(str(path))} is a folder; give one recording in each line")
    if not _is(path, stat.S_ISREG):
        raise CorpusError(f"{where}: {plain(str(path))} does not exist; correct the path, or remove the line")
    start, end = (_seconds(cells.get(name, ""), name, where) for name in TIMES)
    if end is not None and end <= (start or 0.0):
        raise CorpusError(f"{where}: the clip ends at {end:g} s, but starts at {start or 0:g} s; correct its times")
    more = {name: tidy(cells.get(name, ""), name, where, SPEAKER_LETTERS) or None for name in OPTIONAL}
    return Clip(
        "", path, tidy(cells["emotion"], "emotion", where), tidy(cells["speaker"], "speaker", where, SPEAKER_LETTERS),
        more["intensity"], more["statement"], more["repetition"], more["sex"], start, end,
    )  # fmt: skip


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether something of a kind lies there; a name that no file can have is of none."""
    try:
        return kind(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _seconds(cell: str, name: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        seconds = float(cell.replace(",", "."))
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise CorpusError(f"{where}: {name} is {plain(cell)!r}; give seconds, such as 12.5")
    return seconds


def _named(table: Path, clips: list[Clip]) -> Iterator[Clip]:
    """The clips with their ids."""
    root = Path(os.path.abspath(table.parent))
    places = [Path(os.path.abspath(clip.path)) for clip in clips]
    outside = [place.parent for place in places if not place.is_relative_to(root)]
    try:
        common = Path(os.path.commonpath(outside)) if outside else root
    except ValueError:  # on several drives
        common = None
    for clip, place in zip(clips, places, strict=True):
        base = root if place.is_relative_to(root) else common
        relative = place.relative_to(base) if base else PurePath(*place.parts[-2:])
        yield replace(clip, id=relative.with_suffix("").as_posix() + (f"@{clip.span}" if clip.span else ""))


def _refuse_twice(table: Path, numbered: list[tuple[int, Clip]]) -> None:
    """Refuse a table that has one clip twice, or two that would have one id."""
    files: dict[tuple[str, str], int] = {}
    ids: dict[str, Clip] = {}
    for line, clip in numbered:
        first = files.setdefault((os.path.realpath(clip.path), clip.span), line)
        if first != line:
            raise CorpusError(
                f"{table}, line {line}: {plain(str(clip.path))} is already the clip of line {first}; remove one of them"
            )
        if ids.setdefault(clip.id, clip) is not clip:
            refuse_same_id(clip, ids[clip.id], f"{table}, line {line}: {plain(str(clip.path))}")
