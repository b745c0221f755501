"""A titled table of words, for a terminal, a page or a test to show as it likes."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Listing:
    """Rows of cells under column names.

    Args:
        title: What the table tells; may be empty.
        header: Column names; none where each row is a name and what it stands for.
        rows: As many cells a row as there are columns. The first line of a cell is its figure, further ones are notes.
        marks: What sets a row apart, such as ``best``; empty, or one a row.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        head, *rows = (
            "".join(f"<{tag} style='text-align:left'>{escape(cell)}</{tag}>" for cell in cells)
            for tag, cells in (("th", self.header), *(("td", row) for row in self.rows))
        )
        caption = f"<caption style='text-align:left;font-weight:bold'>{escape(self.title)}</caption>"
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def text(self) -> str:
        """The table as plain lines, its columns aligned.

        >>> print(Listing("Sizes", ("name", "clips"), (("a", "12"), ("bb", "3"))).text())
        Sizes
          name  clips
          a        12
          bb        3
        """
        lines = [[cell.replace("\n", " ") for cell in row] for row in (self.header, *self.rows) if row]
        columns = list(zip(*lines, strict=True))
        widths = [max(map(len, column)) for column in columns]
        words = [any(cell[:1].isalpha() for cell in column[1:]) for column in columns]  # figures stand at the right
        aligned = (
            "  ".join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(row, widths, [True, *words[1:]], strict=True)
            )
            for row in lines
        )
        return "\n".join([*textwrap.wrap(self.title, 88), *(f"  {line.rstrip()}" for line in aligned)])
