"""Figures of what was found out about a run beyond its figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

from emovox.report import figures
from emovox.report.figures import COLOURS, GREY, INK, MARKERS, STYLE, head, new_figure


def audit(found: Mapping[str, Any], path: Path) -> Path:
    """A row for each trick: each model's honest UAR, hollow, and what the trick makes of it, filled."""
    names = list(found["honest"])
    tricks = found["tricks"]
    with matplotlib.rc_context(STYLE):
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
                axes.plot(honest, y, marker, color=colour, markerfacecolor="white", markersize=5, zorder=3)
                axes.plot(value, y, marker, color=colour, markersize=5, zorder=4, label=name if row == 0 else None)
                gap = trick["models"][name].get("inflation")
                words = f"{100 * gap['value']:+.1f}".replace("-", "−") if gap else ""
                axes.text(101, y, words, va="center", fontsize=7, color=colour, fontweight="bold")
        _rows(axes, [trick["title"] for trick in tricks])
        axes.axvline(100 * found["chance_uar"], color=INK, linewidth=0.9, linestyle=":", zorder=1)
        axes.set_xlabel(
            f"UAR, per cent, with 95 % intervals over {found['units']:,} {found['unit']}; at the right points"
        )
        handles = [axes.plot([], [], MARKERS[k], color=COLOURS[k], label=name)[0] for k, name in enumerate(names)]
        handles.append(axes.plot([], [], "o", color=GREY, markerfacecolor="white", label="honest")[0])
        _legend(axes, handles)
        return figures.save(figure, path)


def _rows(axes: Any, titles: list[str]) -> None:
    """Names of rows, first at the top, on alternate ground, over per cent."""
    for y in range(0, len(titles), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="#f5f5f5", zorder=0, linewidth=0)
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
