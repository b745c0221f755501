"""Figures of what was found out about a run beyond its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovox.report.style import BAND, COLOURS, GREY, GROUND, INK, MARKERS, head, in_style, new_figure


@in_style
def audit(found: Mapping[str, Any]) -> Figure:
    """A row for each trick: each model's honest UAR, hollow, and what the trick makes of it, filled."""
    names = list(found["honest"])
    tricks = found["tricks"]
    figure = new_figure(7.2, 1.15 + (0.2 + 0.2 * len(names)) * len(tricks))
    subtitle = f"{found['corpus']}, {found['protocol']}: the same recipe, honest and with each trick."
    head(figure, "Audit: what tricks are worth", subtitle, tuple(found["warnings"]))
    axes = figure.subplots()
    for k, name in enumerate(names):
        colour, offset = COLOURS[k % len(COLOURS)], 0.6 * ((k + 0.5) / len(names) - 0.5)
        honest = 100 * found["honest"][name]["value"]
        for row, trick in enumerate(tricks):
            if name not in trick["models"]:
                continue
            score, y = trick["models"][name]["uar"], row + offset
            value, low, high = (100 * score[key] for key in ("value", "low", "high"))
            axes.plot([honest, value], [y, y], color=colour, linewidth=0.8, linestyle=(0, (1, 1)), zorder=2)
            axes.plot([low, high], [y, y], color=colour, linewidth=1.6, alpha=0.6, zorder=2)
            marker = MARKERS[k % len(MARKERS)]
            axes.plot(honest, y, marker, color=colour, markerfacecolor=GROUND, markersize=5, zorder=3)
            axes.plot(value, y, marker, color=colour, markersize=5, zorder=4, label=name if row == 0 else None)
            gap = trick["models"][name].get("inflation")
            words = f"{100 * gap['value']:+.1f}".replace("-", "−") if gap else ""
            axes.text(101, y, words, va="center", fontsize=7, color=colour, fontweight="bold")
    _rows(axes, [trick["title"] for trick in tricks])
    axes.axvline(100 * found["chance_uar"], color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlabel(f"UAR, per cent, with 95 % intervals over {found['units']:,} {found['unit']}; at the right points")
    handles = _handles(axes, names)
    handles.append(axes.plot([], [], "o", color=GREY, markerfacecolor=GROUND, label="honest")[0])
    _legend(axes, handles)
    return figure


@in_style
def robustness(found: Mapping[str, Any]) -> Figure:
    """A row for each condition: each model's UAR; a dashed line is where it stands on clips as recorded."""
    conditions = found["conditions"]
    names = list(conditions[0]["models"])
    figure = new_figure(7.2, 1.15 + max(0.26, 0.09 * len(names)) * len(conditions))
    subtitle = f"{found['corpus']}, {found['protocol']}: the same models on the same test clips, altered."
    head(figure, "Other recordings", subtitle, tuple(found["warnings"]))
    axes = figure.subplots()
    for k, name in enumerate(names):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        offset = 0.7 * ((k + 0.5) / len(names) - 0.5)
        for row, condition in enumerate(conditions):
            value, low, high = (100 * condition["models"][name]["uar"][key] for key in ("value", "low", "high"))
            axes.plot([low, high], [row + offset] * 2, color=colour, linewidth=1.0, alpha=0.55, zorder=2)
            axes.plot(value, row + offset, marker, color=colour, markersize=4, zorder=3)
        clean = 100 * conditions[0]["models"][name]["uar"]["value"]
        axes.axvline(clean, color=colour, linewidth=0.8, linestyle=(0, (4, 2)), alpha=0.7, zorder=1)
    _rows(axes, [condition["title"] for condition in conditions])
    axes.axvline(100 * found["chance_uar"], color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlabel(f"UAR, per cent, with 95 % intervals over {found['units']:,} {found['unit']}")
    _legend(axes, _handles(axes, names))
    return figure


@in_style
def learning_curve(found: Mapping[str, Any]) -> Figure:
    """A line for each model: UAR over the logarithm of the number of training speakers."""
    names = list(found["curves"])
    figure = new_figure(4.6, 3.1)
    head(figure, "More speakers", f"{found['corpus']}, {found['protocol']}.", tuple(found["warnings"]))
    axes = figure.subplots()
    ticks: set[int] = set()
    for k, name in enumerate(names):
        sizes = found["curves"][name]["sizes"]
        colour = COLOURS[k % len(COLOURS)]
        x = [size["speakers"] * (1 + 0.012 * (k - (len(names) - 1) / 2)) for size in sizes]  # apart, to be seen
        value, low, high = ([100 * size["uar"][key] for size in sizes] for key in ("value", "low", "high"))
        axes.plot(x, value, color=colour, marker=MARKERS[k % len(MARKERS)], markersize=4.5, zorder=3)
        axes.vlines(x, low, high, color=colour, linewidth=1.2, alpha=0.6, zorder=2)
        ticks |= {size["speakers"] for size in sizes}
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(ticks), [str(n) for n in sorted(ticks)])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.set_xlabel("training speakers")
    axes.set_ylabel(f"UAR, per cent, with 95 % intervals\nover {found['units']:,} {found['unit']}")
    _legend(axes, _handles(axes, names))
    return figure


def _handles(axes: Any, names: list[str]) -> list[Any]:
    """What a legend shows of each model."""
    return [
        axes.plot([], [], MARKERS[k % len(MARKERS)], color=COLOURS[k % len(COLOURS)], label=name)[0]
        for k, name in enumerate(names)
    ]


@in_style
def adaptation(found: Mapping[str, Any]) -> Figure:
    """Each model's UAR against the number of a speaker's clips that it was centred on."""
    figure = new_figure(6.0, 3.6)
    subtitle = (
        f"{found['corpus']}, {found['protocol']}: clips without labels, not tested. Hollow: neutral and calm only."
    )
    head(figure, "Adaptation to a voice", subtitle, tuple(found["warnings"]))
    axes = figure.subplots()
    handles = []
    for series in found["series"]:
        hollow = series["name"] != "random"
        for k, (name, rows) in enumerate(series["models"].items()):
            x = np.array([row["count"] for row in rows])
            value, low, high = (100 * np.array([row["uar"][key] for row in rows]) for key in ("value", "low", "high"))
            colour = COLOURS[k % len(COLOURS)]
            style: dict[str, Any] = {
                "color": colour,
                "markerfacecolor": GROUND if hollow else colour,
                "markersize": 5,
            }
            axes.plot(x, value, MARKERS[k % len(MARKERS)], linestyle="--" if hollow else "-", linewidth=1.2, **style)
            if not hollow:
                axes.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
                handles.append(axes.plot([], [], MARKERS[k % len(MARKERS)], color=colour, label=name)[0])
    axes.set_xlabel("clips of the speaker")
    axes.set_ylabel("UAR, per cent")
    axes.grid(axis="y")
    _legend(axes, handles)
    return figure


def _rows(axes: Any, titles: list[str]) -> None:
    """Names of rows, first at the top, on alternate ground, over per cent."""
    for y in range(0, len(titles), 2):
        axes.axhspan(y - 0.5, y + 0.5, color=BAND, zorder=0, linewidth=0)
    axes.set_yticks(range(len(titles)), titles)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")


def _legend(axes: Any, handles: list[Any]) -> None:
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=min(6, len(handles)), handletextpad=0.2,
        columnspacing=1.0, borderaxespad=0.0,
    )  # fmt: skip
