"""Figures of a run: the final comparison, confusion matrices, and training histories."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.report import anchors
from emovox.report.style import (
    ALERT,
    BAND,
    COLOURS,
    GREY,
    GROUND,
    INK,
    MARKERS,
    head,
    in_style,
    named,
    new_figure,
)
from emovox.report.words import corpus_name, how_tested, interval, model_title, p_value, plural

ANCHOR_ROW = 0.55  # the height of a published system's row, where a model's is 1


@in_style
def final_comparison(evaluation: Evaluation) -> Figure:
    """UAR and accuracy of every model beside the chance level, people and published systems; recall of each emotion."""
    systems = anchors.systems(evaluation)
    rows = len(evaluation.models) + ANCHOR_ROW * len(systems)
    height = max(1.2 + 0.46 * rows, 1.2 + max(0.28, 0.075 * len(evaluation.models)) * len(evaluation.labels), 3.1)
    figure = new_figure(7.2, height)
    title = f"Emotion from speech: {corpus_name(evaluation)}, {evaluation.protocol}"
    subtitle = f"{how_tested(evaluation)[0].upper()}{how_tested(evaluation)[1:]}."
    head(figure, title, subtitle, evaluation.warnings)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.12, 1.0), "wspace": 0.04})
    _overall(left, evaluation, systems)
    _recalls(right, evaluation)
    return figure


def _overall(axes: Any, evaluation: Evaluation, systems: tuple[anchors.Anchor, ...]) -> None:
    """One row a model: UAR filled, accuracy hollow, lines their intervals; published systems in grey below."""
    models = list(evaluation.models.values())
    for row, model in enumerate(models):
        y, colour, marker = float(row), COLOURS[row % len(COLOURS)], MARKERS[row % len(MARKERS)]
        for score, offset, face, width in ((model.uar, -0.13, colour, 2.0), (model.accuracy, 0.13, GROUND, 1.1)):
            axes.plot([100 * score.low, 100 * score.high], [y + offset] * 2, color=colour, linewidth=width, zorder=3)
            axes.plot(
                100 * score.value, y + offset, marker=marker, markersize=5, markerfacecolor=face,
                markeredgecolor=colour, markeredgewidth=1.2, zorder=4,
            )  # fmt: skip
        if evaluation.seeds > 1:
            seeds = [100 * value for value in model.uar.per_seed]
            axes.plot(seeds, [y - 0.37] * len(seeds), "|", color=colour, markersize=4.0, markeredgewidth=1.0, zorder=5)
    heights = [len(models) - 0.1 + ANCHOR_ROW * k for k in range(len(systems))]
    for y, anchor in zip(heights, systems, strict=True):
        for value, offset, face in ((anchor.uar, -0.1, GREY), (anchor.accuracy, 0.1, GROUND)):
            if value is not None:
                axes.plot(
                    100 * value, y + offset, marker="h", markersize=4.5, markerfacecolor=face, markeredgecolor=GREY,
                    markeredgewidth=0.9, zorder=3,
                )  # fmt: skip
    if systems:
        axes.axhline(len(models) - 0.48, color=GREY, linewidth=0.6)
    _reference(axes, 100 * evaluation.chance_uar, f"chance\n{100 * evaluation.chance_uar:.1f}", ":")
    people = anchors.people(evaluation)
    if people and people.accuracy is not None:
        _reference(axes, 100 * people.accuracy, f"people\n{100 * people.accuracy:.1f}", "--")
    names = [f"{model_title(m)}\n{m.parameters:,} par." for m in models]
    axes.set_yticks([*range(len(models)), *heights], names + [anchor.name for anchor in systems])
    for tick in axes.get_yticklabels()[len(models) :]:
        tick.set_color(GREY)
    for tick in axes.get_yticklabels()[: len(models)]:
        tick.set_linespacing(1.25)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim((heights[-1] + 0.35 if heights else len(models) - 0.45) + 0.25, -0.55)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")
    axes.set_xlabel(f"per cent, with 95 % intervals over {evaluation.units:,} {evaluation.unit}")
    edge = blended_transform_factory(axes.transAxes, axes.transData)  # figures stand in a column right of the axes
    for row, model in enumerate(models):
        if against := evaluation.pair(evaluation.best.name, model.name):
            axes.text(1.03, row + 0.40, f"{p_value(against.uar.p_holm)} against {model_title(evaluation.best)}",
                      transform=edge, va="center", fontsize=5.8, color=GREY)  # fmt: skip
        for score, offset, weight in ((model.uar, -0.13, "bold"), (model.accuracy, 0.13, "normal")):
            axes.text(
                1.03, row + 1.2 * offset, f"{100 * score.value:.1f} [{interval(score)}]", transform=edge, va="center",
                fontsize=6.5, fontweight=weight,
            )  # fmt: skip
    for y, anchor in zip(heights, systems, strict=True):
        both = " / ".join(f"{100 * value:.1f}" for value in (anchor.uar, anchor.accuracy) if value is not None)
        axes.text(1.03, y, both, transform=edge, va="center", fontsize=6.5, color=GREY)
    handles = [
        axes.plot([], [], "o", color=GREY, markersize=5, label="UAR (filled, bold)")[0],
        axes.plot([], [], "o", color=GREY, markerfacecolor=GROUND, markersize=5, label="accuracy (hollow)")[0],
    ]
    if evaluation.seeds > 1:
        handles.append(axes.plot([], [], "|", color=GREY, markersize=5, label="each seed")[0])
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handletextpad=0.1, columnspacing=1.0,
        borderaxespad=0.0,
    )  # fmt: skip


def _reference(axes: Any, x: float, label: str, style: str) -> None:
    """A vertical line with its name at the foot."""
    axes.axvline(x, color=INK, linewidth=0.9, linestyle=style, zorder=2)
    foot = blended_transform_factory(axes.transData, axes.transAxes)
    axes.text(
        x + 1.2, 0.012, label, transform=foot, va="bottom", fontsize=6.5, color=INK, linespacing=1.05, zorder=2,
        bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
    )  # fmt: skip


def _recalls(axes: Any, evaluation: Evaluation) -> None:
    """One row an emotion, one marker a model."""
    labels = [label for label in evaluation.labels if any(m.classes[label].clips for m in evaluation.models.values())]
    count = len(evaluation.models)
    size = 4.2 if count < 4 else 3.6
    spread = 0.16 * (np.arange(count) - (count - 1) / 2) if count < 4 else np.linspace(-0.32, 0.32, count)
    for k, (offset, model) in enumerate(zip(spread, evaluation.models.values(), strict=True)):
        colour = COLOURS[k % len(COLOURS)]
        for y, label in enumerate(labels):
            score = model.classes[label]
            assert score.recall is not None
            assert score.recall_interval is not None
            bounds = [100 * score.recall_interval.low, 100 * score.recall_interval.high]
            axes.plot(bounds, [y + offset] * 2, color=colour, linewidth=0.9, alpha=0.55, zorder=2)
            axes.plot(
                100 * score.recall, y + offset, MARKERS[k % len(MARKERS)], color=colour, markersize=size,
                zorder=3, clip_on=False, label=model_title(model) if y == 0 else None,
            )  # fmt: skip
    people = anchors.people(evaluation)
    for y, label in enumerate(labels):
        if people and label in people.recalls:
            share = 100 * people.recalls[label]
            axes.plot([share] * 2, [y - 0.44, y + 0.44], color=INK, linewidth=1.1, linestyle="--", zorder=2)
    for y in range(0, len(labels), 2):
        axes.axhspan(y - 0.5, y + 0.5, color=BAND, zorder=0, linewidth=0)
    axes.axvline(100 * evaluation.chance_uar, color=INK, linewidth=0.9, linestyle=":", zorder=1)
    called = dict(zip(evaluation.labels, named(axes.figure, evaluation.labels), strict=True))
    axes.set_yticks(range(len(labels)), [called[label] for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")
    axes.set_xlabel("recall of each emotion, per cent", loc="right")
    handles, names = axes.get_legend_handles_labels()
    columns = min(count, 3, max(1, 36 // (2 + max(map(len, names)))))  # as many as fit, in letters
    by_row = [k for column in range(columns) for k in range(column, count, columns)]  # a legend fills column by column
    axes.legend(
        [handles[k] for k in by_row], [names[k] for k in by_row], loc="lower right", bbox_to_anchor=(1.02, 1.0),
        ncols=columns, handletextpad=0.1, columnspacing=1.0, borderaxespad=0.0,
    )  # fmt: skip


@in_style
def confusion(evaluation: Evaluation, model: ModelEvaluation) -> Figure:
    """True emotions in rows, predicted ones in columns: per cent of each row's clips."""
    labels = evaluation.labels
    totals = model.confusion.sum(axis=1)
    shares = 100 * model.confusion / np.maximum(totals, 1)[:, None]  # (C, C)
    side = max(3.4, 1.35 + 0.36 * len(labels))
    figure = new_figure(side + 0.2, side + 0.25)
    scores = f"UAR {100 * model.uar.value:.1f}, accuracy {100 * model.accuracy.value:.1f} per cent"
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}. {scores}."
    head(figure, f"{model_title(model)}: confusion matrix", subtitle, ())
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="equal")
    for i in range(len(labels)):
        for j in range(len(labels)):
            if shares[i, j] >= 0.5:
                axes.text(
                    j, i, f"{shares[i, j]:.0f}", ha="center", va="center", fontsize=7.5,
                    fontweight="bold" if i == j else "normal", color="white" if shares[i, j] > 55 else INK,
                )  # fmt: skip
    clips = [model.classes[label].clips for label in labels]
    names = named(figure, labels)
    axes.set_xticks(range(len(labels)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), [f"{name} ({n})" for name, n in zip(names, clips, strict=True)])
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=GROUND, linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted emotion")
    axes.set_ylabel("true emotion (clips)")
    if evaluation.warnings:
        axes.set_title(" · ".join(evaluation.warnings), color=ALERT, fontsize=8, pad=5)
    return figure


@in_style
def history(evaluation: Evaluation, model: ModelEvaluation) -> Figure:
    """Loss, accuracy and learning rate over epochs; a thin line each training, a thick one their mean."""
    histories = [training.history for training in model.trainings]
    has_rate = any(history.get("learning_rate") for history in histories)
    figure = new_figure(7.2, 2.75)
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}; {plural(len(histories), 'training')}."
    head(figure, f"{model_title(model)}: training history", subtitle, evaluation.warnings)
    panels = figure.subplots(1, 3 if has_rate else 2, width_ratios=(1, 1, 0.62) if has_rate else (1, 1))
    for axes, name, label, scale in (
        (panels[0], "loss", "loss, nats", 1.0),
        (panels[1], "accuracy", "accuracy, per cent", 100.0),
    ):
        _curves(axes, model, name, "training", COLOURS[0], "-", scale)
        _curves(axes, model, f"val_{name}", "validation", COLOURS[1], (0, (4, 1.2)), scale)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        _frame(axes)
    panels[1].set_ylim(0, 100)
    panels[1].axhline(100 * evaluation.chance_uar, color=INK, linewidth=0.9, linestyle=":", zorder=1)
    panels[1].text(0.99, 100 * evaluation.chance_uar + 1.5, "chance", transform=panels[1].get_yaxis_transform(),
                   ha="right", fontsize=6.5)  # fmt: skip
    handles, labels = panels[0].get_legend_handles_labels()
    if any(training.best_epoch for training in model.trainings):
        handles.append(panels[0].plot([], [], "o", color=INK, markersize=3.5)[0])
        labels.append("kept epoch")
    panels[0].legend(handles, labels, loc="best")
    if has_rate:
        _curves(panels[2], model, "learning_rate", "", GREY, "-", 1.0, marked=False)
        panels[2].set_xlabel("epoch")
        panels[2].set_ylabel("learning rate")
        panels[2].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        panels[2].yaxis.get_offset_text().set_fontsize(7)
        _frame(panels[2])
    return figure


def _frame(axes: Any) -> None:
    """Axes that begin at nought and reach a little beyond the last and the highest point; whole epochs only."""
    points = np.concatenate([np.asarray(line.get_xydata(), dtype=float) for line in axes.lines] or [np.ones((1, 2))])
    points = points[np.isfinite(points).all(axis=1)]  # (points, 2)
    last, highest = points.max(axis=0) if len(points) else (1.0, 1.0)
    axes.set_xlim(0, last + max(0.5, 0.02 * last))
    axes.set_ylim(0, 1.06 * highest if highest > 0 else 1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.grid()


def _curves(
    axes: Any, model: ModelEvaluation, key: str, label: str, colour: str, style: Any, scale: float, marked: bool = True
) -> None:
    """Every training's curve, the epoch whose weights were kept, and the mean of the trainings still going."""
    curves = [scale * np.asarray(training.history.get(key, ()), dtype=float) for training in model.trainings]
    several = len(curves) > 1
    for training, curve in zip(model.trainings, curves, strict=True):
        epochs = np.arange(1, len(curve) + 1)
        axes.plot(
            epochs, curve, color=colour, linestyle="-" if several else style, linewidth=0.6 if several else 1.4,
            marker="." if len(curve) == 1 else None, alpha=0.3 if several else 1.0,
            label=None if several else label or None,
        )  # fmt: skip
        if marked and key.startswith("val_") and 0 < training.best_epoch <= len(curve):
            axes.plot(training.best_epoch, curve[training.best_epoch - 1], "o", color=INK, markersize=3.0, zorder=4)
    if several:
        longest = max(len(curve) for curve in curves)
        table = np.full((len(curves), longest), np.nan)
        for row, curve in zip(table, curves, strict=True):
            row[: len(curve)] = curve
        going = (~np.isnan(table)).sum(axis=0)
        enough = going >= (len(curves) + 1) // 2
        mean = np.nansum(table, axis=0)[enough] / going[enough]
        axes.plot(np.arange(1, longest + 1)[enough], mean, color=colour, linestyle=style, label=label or None)
