"""What the page is made of: tables, figures and marks, as HTML."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from emovox.evaluation import Evaluation


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
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr class="{kind}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" for kind, cells in rows
    )
    return (
        f'<p class="note">{caption}</p><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, str]], code: bool = True) -> str:
    """A table of names and what they stand for, neither escaped yet."""
    kind = ' class="code"' if code else ""
    body = "".join(f"<tr><td>{escape(name)}</td><td{kind}>{escape(value)}</td></tr>" for name, value in rows)
    return f'<div class="scroll"><table class="words"><tbody>{body}</tbody></table></div>'


def figure(path: Path, caption: str, how_to_read: str, narrow: bool = False) -> str:
    """A picture within the page, with its caption and how to read it."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    kind = "narrow" if narrow else "wide"
    return (
        f'<figure class="{kind}"><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption><b>{escape(caption)}.</b> {escape(how_to_read)}</figcaption></figure>"
    )
