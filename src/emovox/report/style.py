"""How every figure looks: its colours, its type, its head, and what must be said of it.

The colours are those of Okabe and Ito (2008), which people with any kind of colour vision tell apart, three of them a
little darker so that each stands out from white and from black; a marker's shape says the same again.
"""

from __future__ import annotations

import functools
import io
import itertools
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emovox.models import KINDS
from emovox.report.letters import families, label_names, legible

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B8629A", "#BC8200", "#2E93CC")
MARKERS = ("o", "s", "D", "^", "v", "P")
ALERT = "#D13438"

INK, GREY, RULE, FAINT, BAND = "#222222", "#6b6b6b", "#b8b8b8", "#e4e4e4", "#f5f5f5"
"""Greys, which a page in dark shows in its own ink (:mod:`emovox.report.drawn`)."""

GROUND = "#fefefe"
"""What a page shows as its own ground; not quite white, so that white letters on a colour stay white."""

PIXELS_AN_INCH = 200

WIDE, NARROW = 7.2, 3.9
"""Inches: across a paper's page, and across a telephone's screen, where panels stand one below the other."""

STYLE: dict[str, Any] = {
    "font.family": list(families()),
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold a dollar sign
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.4,
    "figure.facecolor": GROUND,
    "svg.fonttype": "none",  # text stays text
}

Arguments = ParamSpec("Arguments")


class Drawing(Figure):
    """A figure in the project's style, which owes nothing to pyplot and shows itself in a notebook."""

    def draw(self, renderer: Any) -> None:
        """Draw, with what matplotlib makes only now in the style too."""
        with matplotlib.rc_context(STYLE):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, float]]:
        """What a notebook shows: a PNG at twice the size that it takes on the page, and that size in CSS pixels."""
        width, height = (96 * float(side) for side in self.get_size_inches())
        with io.BytesIO() as file:
            self.savefig(file, format="png", dpi=192, metadata={"Software": None})
            return file.getvalue(), {"width": round(width), "height": round(height)}


def in_style(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """A function that draws in the project's style, whatever matplotlib is set to."""

    @functools.wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """An empty figure."""
    figure = Drawing(figsize=(width_inches, height_inches), dpi=PIXELS_AN_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def head(figure: Figure, title: str, subtitle: str, warnings: tuple[str, ...]) -> None:
    """A title and a subtitle at the left, and what must be said of the figures at the right, or below.

    Args:
        figure: A new one, whose panels are not drawn yet.
        title, subtitle: Broken into lines as wide as the figure.
        warnings: Such as synthetic, leaky.
    """
    width, height = figure.get_size_inches()
    words, left, down = " · ".join(warnings), 0.06, 0.06  # inches
    beside = words and 0.105 * len(title) + 0.085 * len(words) < width - 0.5
    parts: tuple[tuple[str, float, float, dict[str, Any]], ...] = (
        (title, 0.094, 0.19, {"fontsize": 10, "fontweight": "bold"}),
        (subtitle, 0.063, 0.15, {"fontsize": 7.5, "color": GREY}),
    )
    for text, letter_inches, line_inches, style in parts:
        for line in textwrap.wrap(legible(text), max(20, int((width - 2 * left) / letter_inches))):
            figure.text(left / width, 1 - down / height, line, va="top", **style)
            down += line_inches
    if words:
        box = {"boxstyle": "round,pad=0.35", "facecolor": "none", "edgecolor": ALERT, "linewidth": 0.8}
        style = {"va": "top", "fontsize": 8, "color": ALERT, "fontweight": "bold", "bbox": box}
        if beside:
            figure.text(1 - 0.10 / width, 1 - 0.09 / height, words, ha="right", **style)
        else:
            for line in textwrap.wrap(words, max(20, int((width - 0.3) / 0.075))):
                figure.text((left + 0.05) / width, 1 - (down + 0.07) / height, line, **style)
                down += 0.27
            down += 0.05
    _leave(figure, above=down / height)


def panels(figure: Figure, sizes: Sequence[float], narrow: bool, **options: Any) -> list[Any]:
    """Axes side by side with these widths, or one below the other with these heights where the figure is narrow."""
    if narrow:
        grid = figure.subplots(len(sizes), 1, squeeze=False, height_ratios=sizes, **options)
    else:
        grid = figure.subplots(1, len(sizes), squeeze=False, width_ratios=sizes, **options)
    return list(grid.ravel())


def legend(axes: Any, handles: Sequence[Any], columns: int, gap: float = 0.0, right: bool = False) -> None:
    """A legend above the axes, filled row by row.

    Args:
        axes: What it explains.
        handles: In the order of reading.
        columns: How many stand beside each other.
        gap: How far above the axes, as a share of their height.
        right: Whether it ends where the axes do, and not begins with them.
    """
    by_row = [k for column in range(columns) for k in range(column, len(handles), columns)]
    axes.legend(
        handles=[handles[k] for k in by_row], loc="lower right" if right else "lower left", ncols=columns,
        bbox_to_anchor=(1.02 if right else -0.02, 1.0 + gap), handletextpad=0.3, columnspacing=1.0, borderaxespad=0.0,
    )  # fmt: skip


def places(models: Iterable[str]) -> dict[str, int]:
    """Which colour and marker each model has: a kind that goes by its own name has the same in every figure.

    >>> len(set(places(["a", "b", *KINDS]).values())) == 2 + len(KINDS)
    True
    """
    names, known = list(models), list(KINDS)
    taken = {known.index(name) for name in names if name in known}
    free = (number for number in itertools.count() if number not in taken)
    return {name: known.index(name) if name in known else next(free) for name in names}


def colour_of(number: int) -> str:
    """The colour of the n-th of several models."""
    return COLOURS[number % len(COLOURS)]


def marker_of(number: int) -> str:
    """The marker of the n-th of several models."""
    return MARKERS[number % len(MARKERS)]


def _leave(figure: Figure, above: float = 0.0, below: float = 0.0) -> None:
    """Keep the panels out of a strip above and below, as shares of the height."""
    engine = figure.get_layout_engine()
    assert engine is not None
    left, bottom, width, height = engine.get().get("rect") or (0.0, 0.0, 1.0, 1.0)
    engine.set(rect=(left, bottom + below, width, height - above - below))  # type: ignore[call-arg]


def named(figure: Figure, labels: Sequence[str]) -> list[str]:
    """What a figure calls its labels; it says so at its foot where that is not their own letters."""
    names, note = label_names(labels)
    if note:
        height = figure.get_figheight()
        _leave(figure, below=0.3 / height)
        figure.text(0.5, 0.05 / height, note, ha="center", va="bottom", fontsize=6, color=GREY)
    return names
