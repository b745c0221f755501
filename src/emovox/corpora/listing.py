"""A titled table of words, for a terminal, a page or a test to show as it likes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Listing:
    """Rows of cells under column names.

    Args:
        title: What the table tells.
        header: Column names.
        rows: As many cells a row as there are columns.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

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
          a     12
          bb    3
        """
        cells = (self.header, *self.rows)
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.header))]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        )
        return "\n".join([self.title, *(f"  {line}" for line in lines)])
