"""What the page is made of: tables, figures and marks, as HTML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from emovox.evaluation import Evaluation

Picture = Path | str
"""A PNG's path, or the markup of an SVG."""


def tag_of(evaluation: Evaluation) -> str:
    """What must stand beside a table's figures."""
    words = " · ".join(evaluation.warnings)
    return f' <span class="tag">{escape(words)}</span>' if words else ""


def with_interval(value: str, bounds: str) -> str:
    """A figure above the bounds of its interval."""
    return f'{value}<br><span class="low">[{bounds}]</span>'


def share(value: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f}"


def table(header: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], caption: str) -> str:
    """A table of escaped cells under its caption; each row has a class and its cells."""
    name = "t" + hashlib.sha256(repr((header, rows, caption)).encode()).hexdigest()[:10]
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr class="{kind}"><th scope="row">{cells[0]}</th>' + "".join(f"<td>{c}</td>" for c in cells[1:]) + "</tr>"
        for kind, cells in rows
    )
    return (
        f'<p class="note" id="{name}">{caption}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}"><table aria-labelledby="{name}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, str]], label: str, code: bool = True) -> str:
    """A table of names and what they stand for, neither escaped yet."""
    kind = ' class="code"' if code else ""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td{kind}>{escape(value)}</td></tr>' for name, value in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="words"><tbody>'
        f"{body}</tbody></table></div>"
    )


def figure(picture: Picture, caption: str, how_to_read: str, narrow: bool = False) -> str:
    """A picture within the page, with its caption and how to read it."""
    if isinstance(picture, Path):
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        picture = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    kind = "narrow" if narrow else "wide"
    return (
        f'<figure class="{kind}"><div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"{picture}</div>"
        f"<figcaption><b>{escape(caption)}.</b> {escape(how_to_read)}</figcaption></figure>"
    )
