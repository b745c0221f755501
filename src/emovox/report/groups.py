"""A figure of how models do on groups of clips and on each speaker."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.report import anchors
from emovox.report.letters import legible
from emovox.report.style import COLOURS, INK, MARKERS, RULE, head, in_style, new_figure
from emovox.report.words import corpus_name, model_title

NAMED_SPEAKERS = 40
"""Of more, names would overprint each other."""


@in_style
def groups_figure(evaluation: Evaluation) -> Figure:
    """Left, UAR by sex, intensity and statement; right, by speaker, the best model's hardest at the foot."""
    models = list(evaluation.models.values())
    rows = [
        (part.attribute, g.name) for part in models[0].breakdowns if part.attribute != "speaker" for g in part.groups
    ]
    speakers = len(set(evaluation.speakers))
    height = 1.3 + max(0.42 * len(rows), 0.135 * min(speakers, NAMED_SPEAKERS), 1.6)
    figure = new_figure(7.2 if rows else 4.8, height)
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}. UAR with 95 % intervals."
    head(figure, "By group and by speaker", subtitle, evaluation.warnings)
    by_speaker = any(part.attribute == "speaker" for part in models[0].breakdowns)
    panels = figure.subplots(1, bool(rows) + by_speaker, squeeze=False, gridspec_kw={"wspace": 0.06})[0]
    if rows:
        _groups(panels[0], evaluation, models, rows)
    if by_speaker:
        _speakers(panels[-1], evaluation, models)
    handles, names = panels[0].get_legend_handles_labels()
    panels[0].legend(handles, names, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handletextpad=0.1,
                     columnspacing=1.0, borderaxespad=0.0)  # fmt: skip
    return figure


def _groups(axes: Any, evaluation: Evaluation, models: list[ModelEvaluation], rows: list[tuple[str, str]]) -> None:
    spread = np.linspace(-0.3, 0.3, len(models)) if len(models) > 1 else [0.0]
    for k, (model, offset) in enumerate(zip(models, spread, strict=True)):
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        found = {(part.attribute, g.name): g for part in model.breakdowns for g in part.groups}
        for y, row in enumerate(rows):
            uar = found[row].uar
            axes.plot([100 * uar.low, 100 * uar.high], [y + offset] * 2, color=colour, linewidth=1.0, alpha=0.7)
            axes.plot(100 * uar.value, y + offset, marker, color=colour, markersize=4, zorder=3, clip_on=False,
                      label=model_title(model) if y == 0 else None)  # fmt: skip
    people = anchors.people(evaluation)
    for y, row in enumerate(rows):
        share = people.groups.get(row) if people else None
        if share is not None:
            axes.plot([100 * share] * 2, [y - 0.42, y + 0.42], color=INK, linewidth=1.1, linestyle="--", zorder=2)
            axes.text(100 * share + 0.8, y - 0.46, "people", fontsize=5.5, va="top")
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
    for k, (model, of_speaker) in enumerate(zip(models, scores, strict=True)):
        colour, marker, chosen = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], model is evaluation.best
        for y, name in enumerate(names):
            uar = of_speaker[name]
            if chosen:
                axes.plot([100 * uar.low, 100 * uar.high], [y, y], color=colour, linewidth=1.2, zorder=2)
            size, order, alpha = (4.0, 4, 1.0) if chosen else (2.6, 3, 0.55)
            label = model_title(model) if y == 0 else None
            axes.plot(100 * uar.value, y, marker, color=colour, markersize=size, zorder=order, alpha=alpha, label=label,
                      clip_on=False)  # fmt: skip
    if len(names) <= NAMED_SPEAKERS:
        axes.set_yticks(range(len(names)), [legible(name) for name in names], fontsize=6.5)
    else:
        axes.set_yticks([])
    _frame(axes, evaluation, len(names))
    axes.set_xlabel(f"UAR of each speaker, per cent; line: {model_title(evaluation.best)}")


def _frame(axes: Any, evaluation: Evaluation, rows: int) -> None:
    axes.axvline(100 * evaluation.chance_uar, color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")
