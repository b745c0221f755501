"""Figures on how sure a model is, and how far that can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovox.evaluation import Evaluation, ModelEvaluation, reliability, risk_coverage
from emovox.report.figures import columns_for, model_handles
from emovox.report.style import (
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
    panels,
    places,
)
from emovox.report.words import corpus_name, model_title

BINS = 10


@in_style
def reliability_figure(evaluation: Evaluation, narrow: bool = False) -> Figure:
    """A reliability diagram of every model: how often it is right, by how sure it is."""
    models = list(evaluation.models.values())
    columns = min(2 if narrow else 3, len(models))
    rows = -(-len(models) // columns)
    width = NARROW if narrow else max(NARROW, 2.4 * columns)
    side = (width - 0.5) / columns
    figure = new_figure(width, 0.9 + min(side + 0.15, 2.9) * rows)
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}. Hollow: as trained. Filled: with temperature."
    head(figure, "Reliability diagrams", subtitle, evaluation.warnings)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    place = places(evaluation.models)
    for k, axes in enumerate(grid):
        if k < len(models):
            number = place[models[k].name]
            _diagram(axes, evaluation, models[k], colour_of(number), marker_of(number))
            axes.set_ylabel("" if k % columns else "accuracy, per cent")
            axes.set_xlabel("" if k + columns < len(models) else "confidence, per cent")
            axes.tick_params(labelleft=not k % columns, labelbottom=k + columns >= len(models))
        else:
            axes.set_visible(False)
    return figure


def _diagram(axes: Any, evaluation: Evaluation, model: ModelEvaluation, colour: str, marker: str) -> None:
    truths = np.tile(evaluation.truths, len(model.probabilities))
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    for probabilities, face, width in ((model.uncalibrated, GROUND, 0.8), (model.probabilities, colour, 1.4)):
        confidence, accuracy, _ = reliability(truths, probabilities.reshape(len(truths), -1), BINS)
        axes.plot(
            100 * confidence, 100 * accuracy, marker=marker, color=colour, linewidth=width, markersize=3.6,
            markerfacecolor=face, markeredgewidth=0.9, alpha=1.0 if face == colour else 0.6, zorder=3, clip_on=False,
        )  # fmt: skip
    before, after = 100 * model.calibration_before.error, 100 * model.calibration.error
    for y, words in ((0.12, "calibration error"), (0.04, f"{before:.1f} → {after:.1f}")):
        axes.text(0.97, y, words, transform=axes.transAxes, ha="right", fontsize=7)
    axes.set_title(model_title(model), fontsize=8.5)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xticks(range(0, 101, 20))
    axes.set_yticks(range(0, 101, 20))
    axes.set_aspect("equal")
    axes.grid()


@in_style
def doubt_figure(evaluation: Evaluation, narrow: bool = False) -> Figure:
    """The share of wrong answers if only the surest clips are answered, and how often sets hold the truth."""
    models = list(evaluation.models.values())
    rows = 0.9 + 0.36 * len(models)
    figure = new_figure(NARROW, 3.5 + rows) if narrow else new_figure(WIDE, max(3.1, 0.7 + rows))
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}."
    head(figure, "Risk and coverage, and prediction sets", subtitle, evaluation.warnings)
    first, second = panels(figure, (2.6, rows) if narrow else (1.0, 1.1), narrow)
    for name, k in places(evaluation.models).items():
        _risk(first, evaluation, evaluation.models[name], colour_of(k), marker_of(k))
    target = models[0].abstention.target
    first.axhline(100 * (1 - target), color=INK, linewidth=0.9, linestyle=":", zorder=1)
    first.text(1, 100 * (1 - target) + 0.8, f"{100 * target:.0f} % right", fontsize=6.5, va="bottom")
    first.set_xlim(0, 100)
    first.set_ylim(0, 5 + max(100 - 100 * model.accuracy.value for model in models))
    first.set_xlabel("answered, the most confident first, per cent", fontsize=7.5)
    first.set_ylabel("wrong answers, per cent")
    first.grid()
    handles = model_handles(evaluation)
    for handle in handles:
        handle.set_linestyle("-")
    legend(first, handles, columns_for([handle.get_label() for handle in handles]))
    _coverage(second, models)
    return figure


def _risk(axes: Any, evaluation: Evaluation, model: ModelEvaluation, colour: str, marker: str) -> None:
    confidence = model.probabilities.max(axis=-1).ravel()
    right = (model.predictions == evaluation.truths).ravel()
    shares, risks = risk_coverage(confidence, right)
    few = shares > 20 / len(shares)  # of a handful of clips a curve only jumps
    axes.plot(100 * shares[few], 100 * risks[few], color=colour, linewidth=1.2, zorder=2)
    abstention = model.abstention
    if abstention.accuracy is not None:
        axes.plot(100 * abstention.answered, 100 - 100 * abstention.accuracy, marker, color=colour, markersize=5,
                  markeredgecolor=GROUND, markeredgewidth=0.6, zorder=4)  # fmt: skip


def _coverage(axes: Any, models: list[ModelEvaluation]) -> None:
    """One row a model: a stroke each speaker, a mark their mean with its interval."""
    place = places(model.name for model in models)
    for y, model in enumerate(models):
        colour, marker, sets = colour_of(place[model.name]), marker_of(place[model.name]), model.sets
        shares = 100 * np.sort(list(sets.per_speaker.values()))
        axes.plot(shares, np.full(len(shares), y + 0.16), "|", color=colour, markersize=5, alpha=0.7, zorder=2,
                  clip_on=False)  # fmt: skip
        axes.plot([100 * sets.coverage.low, 100 * sets.coverage.high], [y - 0.12] * 2, color=colour, linewidth=1.6)
        axes.plot(100 * sets.coverage.value, y - 0.12, marker, color=colour, markersize=4.5, zorder=3)
    axes.axvline(100 * models[0].sets.target, color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_yticks(range(len(models)), [f"{model_title(m)}\n{m.sets.size:.2f} per set" for m in models])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.set_xlim(min(50.0, *(100 * model.sets.least[1] - 3 for model in models)), 100)
    axes.grid(axis="x")
    axes.set_xlabel("sets with the true emotion, per cent; | each speaker", fontsize=7.5)
