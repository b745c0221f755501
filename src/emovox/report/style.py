"""How every figure looks: its colours, its type, its head, and what must be said of it.

The colours are those of Okabe and Ito (2008), which people with any kind of colour vision tell apart, three of them a
little darker so that each stands out from white and from black; a marker's shape says the same again.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emovox.report.letters import families, label_names, legible

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B8629A", "#BC8200", "#2E93CC")
MARKERS = ("o", "s", "D", "^", "v", "P")
ALERT = "#D13438"

INK, GREY, RULE, FAINT, BAND = "#222222", "#6b6b6b", "#b8b8b8", "#e4e4e4", "#f5f5f5"
"""Greys, which a page in dark shows in its own ink (:mod:`emovox.report.drawn`)."""

GROUND = "#fefefe"
"""What a page shows as its own ground; not quite white, so that white letters on a colour stay white."""

PIXELS_AN_INCH = 200

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
    """A title and a subtitle at the left, and what must be said of the figures at the right."""
    width, height = figure.get_size_inches()
    top = 0.24 if not subtitle else 0.40
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0.0, 0.0, 1.0, 1 - top / height))  # type: ignore[call-arg]
    left = 0.06 / width
    figure.text(left, 1 - 0.06 / height, legible(title), va="top", fontsize=10, fontweight="bold")
    if subtitle:
        figure.text(left, 1 - 0.25 / height, legible(subtitle), va="top", fontsize=7.5, color=GREY)
    if warnings:
        box = {"boxstyle": "round,pad=0.35", "facecolor": "none", "edgecolor": ALERT, "linewidth": 0.8}
        words = " · ".join(warnings)
        figure.text(
            1 - 0.10 / width, 1 - 0.09 / height, words, va="top", ha="right", fontsize=8, color=ALERT,
            fontweight="bold", bbox=box,
        )  # fmt: skip


def named(figure: Figure, labels: Sequence[str]) -> list[str]:
    """What a figure calls its labels; it says so at its foot where that is not their own letters."""
    names, note = label_names(labels)
    if note:
        height, engine = figure.get_figheight(), figure.get_layout_engine()
        assert engine is not None
        left, bottom, width, above = engine.get()["rect"]
        foot = 0.3 / height
        engine.set(rect=(left, bottom + foot, width, above - foot))  # type: ignore[call-arg]
        figure.text(0.5, 0.05 / height, note, ha="center", va="bottom", fontsize=6, color=GREY)
    return names
