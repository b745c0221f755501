"""A figure of how models do on groups of clips and on each speaker."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.report import anchors
from emovox.report.figures import columns_for, model_handles
from emovox.report.letters import legible
from emovox.report.style import (
    INK,
    NARROW,
    RULE,
    WIDE,
    colour_of,
    head,
    in_style,
    legend,
    marker_of,
    new_figure,
    panels,
    places,
)
from emovox.report.words import corpus_name, model_title

NAMED_SPEAKERS = 40
"""Of more, names would overprint each other."""


@in_style
def groups_figure(evaluation: Evaluation, narrow: bool = False) -> Figure:
    """UAR by sex, intensity and statement; and by speaker, the best model's hardest at the foot."""
    models = list(evaluation.models.values())
    rows = [
        (part.attribute, g.name) for part in models[0].breakdowns if part.attribute != "speaker" for g in part.groups
    ]
    by_speaker = any(part.attribute == "speaker" for part in models[0].breakdowns)
    speakers = min(len(set(evaluation.speakers)), NAMED_SPEAKERS)
    sizes = [0.5 + 0.42 * len(rows)] * bool(rows) + [0.5 + max(0.135 * speakers, 1.0)] * by_speaker
    if narrow:
        figure = new_figure(NARROW, 1.2 + sum(sizes))
    else:
        figure = new_figure(WIDE if rows else 4.8, 0.9 + max(2.0, *sizes))
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}. UAR with 95 % intervals."
    head(figure, "By group and by speaker", subtitle, evaluation.warnings)
    drawn = panels(figure, sizes if narrow else [1.0] * len(sizes), narrow)
    if rows:
        _groups(drawn[0], evaluation, models, rows)
    if by_speaker:
        _speakers(drawn[-1], evaluation, models)
    handles = model_handles(evaluation)
    legend(drawn[0], handles, columns_for([handle.get_label() for handle in handles]))
    return figure


def _groups(axes: Any, evaluation: Evaluation, models: list[ModelEvaluation], rows: list[tuple[str, str]]) -> None:
    spread = np.linspace(-0.3, 0.3, len(models)) if len(models) > 1 else [0.0]
    place = places(evaluation.models)
    for model, offset in zip(models, spread, strict=True):
        colour, marker = colour_of(place[model.name]), marker_of(place[model.name])
        found = {(part.attribute, g.name): g for part in model.breakdowns for g in part.groups}
        for y, row in enumerate(rows):
            uar = found[row].uar
            axes.plot([100 * uar.low, 100 * uar.high], [y + offset] * 2, color=colour, linewidth=1.0, alpha=0.7)
            axes.plot(100 * uar.value, y + offset, marker, color=colour, markersize=4, zorder=3, clip_on=False)
    people = anchors.people(evaluation)
    for y, row in enumerate(rows):
        share = people.groups.get(row) if people else None
        if share is not None:
            axes.plot([100 * share] * 2, [y - 0.42, y + 0.42], color=INK, linewidth=1.1, linestyle="--", zorder=2)
            axes.text(100 * share - 1.2, y - 0.47, "listeners", fontsize=6.5, va="top", ha="right")
    before = ""
    for y, (attribute, _) in enumerate(rows):
        if attribute != before and y:
            axes.axhline(y - 0.5, color=RULE, linewidth=0.6)
        before = attribute
    axes.set_yticks(range(len(rows)), [legible(f"{attribute}: {name}") for attribute, name in rows])
    _frame(axes, evaluation, len(rows))
    axes.set_xlabel("UAR, per cent")


def _speakers(axes: Any, evaluation: Evaluation, models: list[ModelEvaluation]) -> None:
    scores = [
        {g.name: g.uar for part in m.breakdowns if part.attribute == "speaker" for g in part.groups} for m in models
    ]
    best = scores[models.index(evaluation.best)]
    names = sorted(best, key=lambda name: -best[name].value)
    place = places(evaluation.models)
    for model, of_speaker in zip(models, scores, strict=True):
        k, chosen = place[model.name], model is evaluation.best
        colour, marker = colour_of(k), marker_of(k)
        for y, name in enumerate(names):
            uar = of_speaker[name]
            if chosen:
                axes.plot([100 * uar.low, 100 * uar.high], [y, y], color=colour, linewidth=1.2, zorder=2)
            size, order, alpha = (4.0, 4, 1.0) if chosen else (2.6, 3, 0.55)
            axes.plot(100 * uar.value, y, marker, color=colour, markersize=size, zorder=order, alpha=alpha,
                      clip_on=False)  # fmt: skip
    if len(names) <= NAMED_SPEAKERS:
        axes.set_yticks(range(len(names)), [legible(name) for name in names], fontsize=6.5)
    else:
        axes.set_yticks([])
    _frame(axes, evaluation, len(names))
    axes.set_xlabel(f"UAR of each speaker, per cent; line: {model_title(evaluation.best)}", fontsize=7.5)


def _frame(axes: Any, evaluation: Evaluation, rows: int) -> None:
    axes.axvline(100 * evaluation.chance_uar, color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")
