"""Figures of what was found out about a run beyond its figures.

Each takes what ``audit.json`` and its like hold and returns a figure; ``narrow`` is for a telephone's width.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emovox.corpora import spec_of
from emovox.models import KINDS
from emovox.report.figures import columns_for, handles_of
from emovox.report.style import (
    BAND,
    GREY,
    GROUND,
    INK,
    NARROW,
    WIDE,
    colour_of,
    head,
    in_style,
    legend,
    marker_of,
    new_figure,
    places,
)

Found = Mapping[str, Any]


@in_style
def audit(found: Found, narrow: bool = False) -> Figure:
    """A row for each trick: each model's honest UAR, hollow, and what the trick makes of it, filled."""
    names, tricks = list(found["honest"]), found["tricks"]
    figure = _start(found, "Audit: how much tricks add", "the same recipe, honest and with each trick",
                    1.4 + (0.2 + 0.2 * len(names)) * len(tricks), narrow)  # fmt: skip
    axes = figure.subplots()
    place = places(names)
    for k, name in enumerate(names):
        colour, marker = colour_of(place[name]), marker_of(place[name])
        honest = 100 * found["honest"][name]["value"]
        for row, trick in enumerate(tricks):
            if name not in trick["models"]:
                continue
            score, y = trick["models"][name]["uar"], row + _apart(k, names)
            value, low, high = (100 * score[key] for key in ("value", "low", "high"))
            axes.plot([honest, value], [y, y], color=colour, linewidth=0.8, linestyle=(0, (1, 1)), zorder=2)
            axes.plot([low, high], [y, y], color=colour, linewidth=1.6, alpha=0.6, zorder=2)
            axes.plot(honest, y, marker, color=colour, markerfacecolor=GROUND, markersize=5, zorder=3)
            axes.plot(value, y, marker, color=colour, markersize=5, zorder=4)
            gap = trick["models"][name].get("inflation")
            words = f"{100 * gap['value']:+.1f}".replace("-", "−") if gap else ""
            axes.text(101, y, words, va="center", fontsize=7, color=colour, fontweight="bold")
    _rows(axes, [trick["title"] for trick in tricks], narrow)
    axes.axvline(100 * found["chance_uar"], color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlabel(_uar(found, narrow) + "; right: points gained", fontsize=7.5)
    honestly = Line2D([], [], linestyle="", marker="o", color=GREY, markerfacecolor=GROUND, label="honest")
    _legend(axes, [*_handles(names), honestly])
    return figure


@in_style
def robustness(found: Found, narrow: bool = False) -> Figure:
    """A row for each condition: each model's UAR; a dashed line is where it stands on clips as recorded."""
    conditions = found["conditions"]
    names = list(conditions[0]["models"])
    figure = _start(found, "Robustness: other recordings", "the same models on the same test clips, altered",
                    1.4 + max(0.28, 0.09 * len(names)) * len(conditions), narrow)  # fmt: skip
    axes = figure.subplots()
    place = places(names)
    for k, name in enumerate(names):
        colour, marker = colour_of(place[name]), marker_of(place[name])
        for row, condition in enumerate(conditions):
            value, low, high = (100 * condition["models"][name]["uar"][key] for key in ("value", "low", "high"))
            y = row + _apart(k, names)
            axes.plot([low, high], [y, y], color=colour, linewidth=1.0, alpha=0.6, zorder=2)
            axes.plot(value, y, marker, color=colour, markersize=4, zorder=3)
        clean = 100 * conditions[0]["models"][name]["uar"]["value"]
        axes.axvline(clean, color=colour, linewidth=0.8, linestyle=(0, (4, 2)), alpha=0.7, zorder=1)
    _rows(axes, [condition["title"] for condition in conditions], narrow)
    axes.axvline(100 * found["chance_uar"], color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlabel(_uar(found, narrow), fontsize=7.5)
    _legend(axes, _handles(names))
    return figure


@in_style
def learning_curve(found: Found, narrow: bool = False) -> Figure:
    """A line for each model: UAR over the logarithm of the number of training speakers."""
    names = list(found["curves"])
    figure = _start(found, "Learning curve: more speakers", "", 3.3, narrow, 4.6)
    axes = figure.subplots()
    ticks: set[int] = set()
    place = places(names)
    for k, name in enumerate(names):
        sizes = found["curves"][name]["sizes"]
        colour = colour_of(place[name])
        x = [size["speakers"] * (1 + 0.012 * (k - (len(names) - 1) / 2)) for size in sizes]  # apart, to be seen
        value, low, high = ([100 * size["uar"][key] for size in sizes] for key in ("value", "low", "high"))
        axes.plot(x, value, color=colour, marker=marker_of(place[name]), markersize=4.5, zorder=3)
        axes.vlines(x, low, high, color=colour, linewidth=1.2, alpha=0.6, zorder=2)
        ticks |= {size["speakers"] for size in sizes}
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(ticks), [str(n) for n in sorted(ticks)])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.set_xlabel("training speakers")
    axes.set_ylabel(f"UAR, per cent, with 95 % intervals\nover {found['units']:,} {found['unit']}")
    _legend(axes, _handles(names))
    return figure


@in_style
def adaptation(found: Found, narrow: bool = False) -> Figure:
    """Each model's UAR against the number of a speaker's clips that it was centred on."""
    names = list(dict.fromkeys(name for series in found["series"] for name in series["models"]))
    said = "clips of the speaker without labels, not tested. Hollow: neutral and calm clips only"
    figure = _start(found, "Adaptation to a speaker", said, 3.6, narrow, 5.6)
    axes = figure.subplots()
    place = places(names)
    for series in found["series"]:
        hollow = series["name"] != "random"
        for name, rows in series["models"].items():
            x = [row["count"] for row in rows]
            value, low, high = (100 * np.array([row["uar"][key] for row in rows]) for key in ("value", "low", "high"))
            colour, marker = colour_of(place[name]), marker_of(place[name])
            axes.plot(x, value, marker, linestyle="--" if hollow else "-", linewidth=1.2, color=colour, markersize=5,
                      markerfacecolor=GROUND if hollow else colour)  # fmt: skip
            if not hollow:
                axes.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
    axes.set_xlabel("clips of the speaker")
    axes.set_ylabel("UAR, per cent")
    axes.grid(axis="y")
    _legend(axes, _handles(names))
    return figure


def _start(found: Found, title: str, said: str, height: float, narrow: bool, width: float = WIDE) -> Figure:
    """A figure with its head: corpus and protocol, and what must be said."""
    figure = new_figure(NARROW if narrow else width, height + 0.2 * narrow)
    spec = spec_of(str(found["corpus"]))
    where = f"{spec.title if spec else found['corpus']}, {found['protocol']}"
    head(figure, title, f"{where}: {said}." if said else f"{where}.", tuple(found["warnings"]))
    return figure


def _uar(found: Found, narrow: bool) -> str:
    within = "" if narrow else f", with 95 % intervals over {found['units']:,} {found['unit']}"
    return f"UAR, per cent{within}"


def _apart(number: int, names: Sequence[str]) -> float:
    """How far from its row's middle the n-th of several models lies."""
    return 0.66 * ((number + 0.5) / len(names) - 0.5)


def _handles(names: Sequence[str]) -> list[Line2D]:
    """What a legend shows of each model."""
    return handles_of({name: KINDS[name].title if name in KINDS else name for name in names})


def _rows(axes: Any, titles: Sequence[str], narrow: bool) -> None:
    """Names of rows, first at the top, on alternate ground, over per cent."""
    for y in range(0, len(titles), 2):
        axes.axhspan(y - 0.5, y + 0.5, color=BAND, zorder=0, linewidth=0)
    axes.set_yticks(range(len(titles)), [textwrap.fill(title, 20) if narrow else title for title in titles],
                    fontsize=6.5 if narrow else 8)  # fmt: skip
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")


def _legend(axes: Any, handles: Sequence[Any]) -> None:
    letters = int(11 * axes.figure.get_figwidth())
    columns = columns_for([handle.get_label() for handle in handles], letters, most=6)
    legend(axes, handles, columns, right=True)
