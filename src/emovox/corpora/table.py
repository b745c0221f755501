"""Bring your own corpus: a CSV table with a row for each recording.

The columns ``path`` (absolute, or from the table's folder), ``emotion`` and ``speaker`` must be there; ``sex``,
``intensity``, ``statement`` and ``repetition`` may be::

    path,emotion,speaker,sex
    clips/anna-01.wav,angry,anna,female
    clips/ben-01.wav,neutral,ben,male
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path, PurePosixPath

from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.errors import CorpusError

REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("sex", "intensity", "statement", "repetition")

FILE = "corpus.csv"
"""The table that a folder is described by, if it holds one of this name."""


def load_table(path: Path, like: CorpusSpec) -> Corpus:
    """The corpus that a table describes.

    Clip ids are the paths without their suffix. An empty optional cell is a missing value: the clip has None there.

    Args:
        path: The table.
        like: The corpus whose labels stand first, in its order, others following by the alphabet; and whose published
            partitions hold where the table has its speakers.

    Raises:
        CorpusError: The table is missing, is no CSV, lacks a column, has an unknown one or an empty required cell,
            names a file that does not exist, names one twice, or knows fewer than two emotions.
    """
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CorpusError(f"{path} is not UTF-8 text; save the table as CSV, UTF-8") from None
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}; check the path") from None
    rows = csv.reader(lines)
    try:
        header = [name.strip() for name in next(rows, [])]
        _check_header(path, header)
        clips = tuple(_clip(path, rows.line_num, header, row) for row in rows if any(cell.strip() for cell in row))
    except csv.Error as error:
        raise CorpusError(f"{path}, line {rows.line_num}: {error}; save the table as plain CSV") from None
    if not clips:
        raise CorpusError(f"{path} has no rows; add one for each recording")
    found = {clip.emotion for clip in clips}
    if len(found) < 2:
        raise CorpusError(
            f"{path} knows one emotion only, {clips[0].emotion}; there must be at least two to tell apart"
        )
    spec = CorpusSpec(
        name=path.resolve().parent.name if path.name == FILE else path.stem,
        version=hashlib.sha256(content).hexdigest()[:12],
        labels=(*(label for label in like.labels if label in found), *sorted(found - set(like.labels))),
        partitions=like.partitions,
        published_twice=like.published_twice,
    )
    return Corpus(spec, clips, path.parent, source=path)


def _check_header(path: Path, header: list[str]) -> None:
    known = ", ".join((*REQUIRED, *OPTIONAL))
    for name in REQUIRED:
        if name not in header:
            raise CorpusError(f"{path} has no column {name!r}; the first line must name the columns, of {known}")
    for name in header:
        if name not in REQUIRED + OPTIONAL:
            raise CorpusError(f"{path} has an unknown column {name!r}; known columns: {known}")
    if len(set(header)) < len(header):
        raise CorpusError(f"{path} names a column twice; keep one of them")


def _clip(table: Path, line: int, header: list[str], row: list[str]) -> Clip:
    if len(row) != len(header):
        raise CorpusError(f"{table}, line {line}: {len(row)} cells, but {len(header)} columns; mend the line")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    for name in REQUIRED:
        if not cells[name]:
            raise CorpusError(f"{table}, line {line}: {name} is empty; fill it in, or remove the line")
    path = table.parent / cells["path"]
    if not path.is_file():
        raise CorpusError(f"{table}, line {line}: {path} does not exist; mend the path, or remove the line")
    return Clip(
        id=str(PurePosixPath(cells["path"].replace("\\", "/")).with_suffix("")),
        path=path,
        emotion=cells["emotion"],
        speaker=cells["speaker"],
        sex=cells.get("sex") or None,
        intensity=cells.get("intensity") or None,
        statement=cells.get("statement") or None,
        repetition=cells.get("repetition") or None,
    )
