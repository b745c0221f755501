"""Figures on how sure a model is, and how far that can be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovox.evaluation import Evaluation, ModelEvaluation, reliability, risk_coverage
from emovox.report.style import ALERT, COLOURS, GREY, GROUND, INK, MARKERS, head, in_style, new_figure
from emovox.report.words import corpus_name, model_title

BINS = 10


@in_style
def reliability_figure(evaluation: Evaluation) -> Figure:
    """A reliability diagram of every model: how often it is right, by how sure it is."""
    models = list(evaluation.models.values())
    columns = min(3, len(models))
    rows = -(-len(models) // columns)
    figure = new_figure(max(4.0, 2.4 * columns), 0.5 + 2.35 * rows)
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}. Hollow: as trained. Filled: with temperature."
    head(figure, "Confidence and accuracy", subtitle, () if columns < 3 else evaluation.warnings)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for k, axes in enumerate(grid):
        if k < len(models):
            _diagram(axes, evaluation, models[k], COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)])
            axes.set_ylabel("" if k % columns else "accuracy, per cent")
            axes.set_xlabel("" if k + columns < len(models) else "confidence, per cent")
            axes.tick_params(labelleft=not k % columns, labelbottom=k + columns >= len(models))
        else:
            axes.set_visible(False)
    if columns < 3 and evaluation.warnings:
        figure.supxlabel(" · ".join(evaluation.warnings), color=ALERT, fontsize=8, fontweight="bold")
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
    axes.text(0.97, 0.05, f"calibration error\n{before:.1f} → {after:.1f}", transform=axes.transAxes, ha="right",
              fontsize=7)  # fmt: skip
    axes.set_title(model_title(model), fontsize=8.5)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_aspect("equal")
    axes.grid()


@in_style
def doubt_figure(evaluation: Evaluation) -> Figure:
    """Left, how many answers are wrong if only the surest share answers; right, how often sets hold the truth."""
    models = list(evaluation.models.values())
    figure = new_figure(7.2, max(2.9, 1.35 + 0.34 * len(models)))
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}."
    head(figure, "Not sure, and sets that hold the truth", subtitle, evaluation.warnings)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.0, 1.1), "wspace": 0.06})
    for k, model in enumerate(models):
        _risk(left, evaluation, model, COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)])
    target = models[0].abstention.target
    left.axhline(100 * (1 - target), color=INK, linewidth=0.9, linestyle=":", zorder=1)
    left.text(1, 100 * (1 - target) + 0.8, f"{100 * target:.0f} % right", fontsize=6.5, va="bottom")
    left.set_xlim(0, 100)
    left.set_ylim(0, 5 + max(100 - 100 * model.accuracy.value for model in models))
    left.set_xlabel("clips that are answered, the surest first, per cent")
    left.set_ylabel("wrong answers, per cent")
    left.grid()
    left.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, columnspacing=1.0, handletextpad=0.3,
                borderaxespad=0.0)  # fmt: skip
    _coverage(right, evaluation, models)
    return figure


def _risk(axes: Any, evaluation: Evaluation, model: ModelEvaluation, colour: str, marker: str) -> None:
    confidence = model.probabilities.max(axis=-1).ravel()
    right = (model.predictions == evaluation.truths).ravel()
    shares, risks = risk_coverage(confidence, right)
    few = shares > 20 / len(shares)  # of a handful of clips a curve only jumps
    axes.plot(100 * shares[few], 100 * risks[few], color=colour, linewidth=1.2, label=model_title(model), zorder=2)
    abstention = model.abstention
    if abstention.accuracy is not None:
        axes.plot(100 * abstention.answered, 100 - 100 * abstention.accuracy, marker, color=colour, markersize=4.5,
                  markeredgecolor=GROUND, markeredgewidth=0.6, zorder=4)  # fmt: skip


def _coverage(axes: Any, evaluation: Evaluation, models: list[ModelEvaluation]) -> None:
    """One row a model: a dot each speaker, a mark their mean with its interval."""
    for y, model in enumerate(models):
        colour, marker, sets = COLOURS[y % len(COLOURS)], MARKERS[y % len(MARKERS)], model.sets
        shares = 100 * np.sort(list(sets.per_speaker.values()))
        axes.plot(shares, np.full(len(shares), y + 0.16), "|", color=colour, markersize=5, alpha=0.7, zorder=2,
                  clip_on=False)  # fmt: skip
        axes.plot([100 * sets.coverage.low, 100 * sets.coverage.high], [y - 0.12] * 2, color=colour, linewidth=1.6)
        axes.plot(100 * sets.coverage.value, y - 0.12, marker, color=colour, markersize=4.5, zorder=3)
    axes.axvline(100 * models[0].sets.target, color=INK, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_yticks(range(len(models)), [f"{model_title(m)}\n{m.sets.size:.2f} a set" for m in models])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.set_xlim(min(50.0, *(100 * model.sets.least[1] - 3 for model in models)), 100)
    axes.grid(axis="x")
    axes.set_xlabel("sets that hold the true emotion, per cent; | each speaker")
