"""A document: a tree of blocks, written as HTML, Markdown, plain text or PDF by a template each."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from emovox import texts
from emovox.corpora.listing import Listing
from emovox.errors import EmovoxError
from emovox.files import write_text
from emovox.report.pdf import write_pdf


@dataclass(frozen=True)
class Caution:
    """A warning.

    Args:
        name: In a word or two.
        sentence: What it means for the reader.
    """

    name: str
    sentence: str


@dataclass(frozen=True)
class Paragraph:
    """Plain words, whoever wrote them."""

    words: str


@dataclass(frozen=True)
class Prose:
    """Markdown of our own, with mathematics."""

    markdown: str


@dataclass(frozen=True)
class Code:
    """Words as they are typed."""

    words: str


@dataclass(frozen=True)
class Figure:
    """A picture.

    Args:
        title: Its caption.
        reading: How to read it.
        svg: Markup from :mod:`emovox.report.drawn`.
        file: Where it lies, for forms that hold no picture.
        sound: A recording, to be played below it.
        narrow: Whether half the width is enough.
    """

    title: str
    reading: str
    svg: str
    file: Path | None = None
    sound: Path | None = None
    narrow: bool = False


@dataclass(frozen=True)
class Section:
    """Blocks under a heading.

    Args:
        title: The heading.
        blocks: In the order of reading.
        name: What links call it.
    """

    title: str
    blocks: tuple[Block, ...]
    name: str = ""


Block = Paragraph | Prose | Code | Listing | Figure | Section


@dataclass(frozen=True)
class Document:
    """A whole page.

    Args:
        title: Its heading.
        blocks: In the order of reading.
        cautions: What must be known first.
        tags: Words that stand beside every table and figure, such as synthetic.
    """

    title: str
    blocks: tuple[Block, ...]
    cautions: tuple[Caution, ...] = ()
    tags: tuple[str, ...] = ()


def _markdown(words: str) -> str:
    """Words that are neither HTML nor a cell's end in Markdown."""
    return words.replace("<", "&lt;").replace("|", "\\|")


ESCAPES: dict[str, Callable[[str], str]] = {".html": escape, ".md": _markdown, ".txt": str}
"""The endings that have a template, and what makes any words harmless there."""


def render(document: Document, form: str, folder: Path = Path()) -> str:
    """The document as text.

    Args:
        document: What is to be read.
        form: ``.html`` (holds its pictures and sounds), ``.md`` or ``.txt`` (name their files).
        folder: Where it will lie; the files of its figures lie below.
    """
    written = _environment(form).get_template(f"document{form}").render(document=document, folder=folder)
    return re.sub(r"\n{3,}", "\n\n", written).strip() + "\n"


def write(document: Document, path: Path) -> Path:
    """Write the document in the form that the path's ending names.

    Args:
        document: What is to be read.
        path: A file that ends in ``.html``, ``.md``, ``.txt`` or ``.pdf``; an older one is replaced.

    Returns:
        The path.

    Raises:
        EmovoxError: The ending is another, or no browser prints the PDF.
        StorageError: The file cannot be written.
    """
    form = path.suffix.lower()
    if form == ".pdf":
        return write_pdf(render(document, ".html"), path)
    if form not in ESCAPES:
        raise EmovoxError(f"{path} names no form; let it end in {', '.join(ESCAPES)} or .pdf")
    write_text(path, render(document, form, path.parent))
    return path


@functools.cache
def _environment(form: str) -> Environment:
    def harmless(value: Any) -> Any:
        return value if isinstance(value, Markup) else Markup(ESCAPES[form](str(value)))

    made = Environment(
        loader=PackageLoader("emovox.report"), autoescape=True, finalize=harmless, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"kind": lambda block: type(block).__name__, "prose": lambda text: Markup(texts.html(text)),
                     "markup": Markup, "embedded": _embedded}  # fmt: skip
    return made


def _embedded(path: Path) -> str:
    """A file as base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")
