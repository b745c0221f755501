"""Figures of a run: the final comparison, confusion matrices, training histories, and a map of the clips.

Each function returns a figure and writes nothing; ``narrow`` puts panels one below the other, for a telephone's width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.report import anchors
from emovox.report.style import (
    BAND,
    COLOURS,
    FAINT,
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
    named,
    new_figure,
    panels,
    places,
)
from emovox.report.words import corpus_name, how_tested, interval, model_title, p_value, plural

History = Mapping[str, Sequence[float]]
"""What was measured of a training → a number an epoch."""

ANCHOR_ROW = 0.55  # the height of a published system's row, where a model's is 1
LIGHT_LETTERS = 0.75  # letters are white on a cell that is at least this full


@in_style
def final_comparison(evaluation: Evaluation, narrow: bool = False) -> Figure:
    """UAR and accuracy of every model beside chance, listeners and published systems; recall of each emotion."""
    systems = anchors.systems(evaluation)
    rows = len(evaluation.models) + ANCHOR_ROW * len(systems)
    first = max(1.3 + 0.46 * rows, 2.2)
    second = 1.2 + max(0.28, 0.075 * len(evaluation.models)) * len(evaluation.labels)
    figure = new_figure(NARROW, first + second + 0.6) if narrow else new_figure(WIDE, max(first, second, 3.1) + 0.1)
    title = f"Emotion from speech: {corpus_name(evaluation)}, {evaluation.protocol}"
    subtitle = f"{how_tested(evaluation)[0].upper()}{how_tested(evaluation)[1:]}."
    head(figure, title, subtitle, evaluation.warnings)
    above, below = panels(figure, (first, second) if narrow else (1.12, 1.0), narrow)
    _overall(above, evaluation, systems, narrow)
    _recalls(below, evaluation)
    return figure


def _overall(axes: Any, evaluation: Evaluation, systems: tuple[anchors.Anchor, ...], narrow: bool) -> None:
    """One row a model: UAR filled, accuracy hollow, lines their intervals; published systems in grey below."""
    models = list(evaluation.models.values())
    place = places(evaluation.models)
    for row, model in enumerate(models):
        colour, marker = colour_of(place[model.name]), marker_of(place[model.name])
        for score, offset, face, width in ((model.uar, -0.13, colour, 2.0), (model.accuracy, 0.13, GROUND, 1.1)):
            y = row + offset
            axes.plot([100 * score.low, 100 * score.high], [y, y], color=colour, linewidth=width, zorder=3)
            axes.plot(
                100 * score.value, y, marker=marker, markersize=5, markerfacecolor=face, markeredgecolor=colour,
                markeredgewidth=1.2, zorder=4,
            )  # fmt: skip
        if evaluation.seeds > 1:
            seeds = [100 * value for value in model.uar.per_seed]
            axes.plot(seeds, [row - 0.37] * len(seeds), "|", color=colour, markersize=4.0, zorder=5)
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
    _reference(axes, 100 * evaluation.chance_uar, "chance", ":")
    people = anchors.people(evaluation)
    if people and people.accuracy is not None:
        _reference(axes, 100 * people.accuracy, "listeners", "--")
    names = [model_title(m) if narrow else f"{model_title(m)}\n{m.parameters:,} par." for m in models]
    axes.set_yticks([*range(len(models)), *heights], names + [anchor.name for anchor in systems])
    for tick in axes.get_yticklabels()[len(models) :]:
        tick.set_color(GREY)
        tick.set_fontsize(7)
    for tick in axes.get_yticklabels()[: len(models)]:
        tick.set_linespacing(1.25)
    _bare(axes, (heights[-1] + 0.35 if heights else len(models) - 0.45) + 0.25, -0.55)
    axes.set_xlabel(f"per cent, with 95 % intervals over {evaluation.units:,} {evaluation.unit}", fontsize=7.5)
    edge = blended_transform_factory(axes.transAxes, axes.transData)  # figures stand in a column right of the axes
    for row, model in enumerate(models):
        if not narrow and (against := evaluation.pair(evaluation.best.name, model.name)):
            axes.text(1.03, row + 0.42, f"{p_value(against.uar.p_holm)} against {model_title(evaluation.best)}",
                      transform=edge, va="center", fontsize=6, color=GREY)  # fmt: skip
        for score, offset, weight in ((model.uar, -0.17, "bold"), (model.accuracy, 0.15, "normal")):
            axes.text(
                1.03, row + offset, f"{100 * score.value:.1f} [{interval(score)}]", transform=edge, va="center",
                fontsize=6.8, fontweight=weight,
            )  # fmt: skip
    for y, anchor in zip(heights, systems, strict=True):
        both = " / ".join(f"{100 * value:.1f}" for value in (anchor.uar, anchor.accuracy) if value is not None)
        axes.text(1.03, y, both, transform=edge, va="center", fontsize=6.8, color=GREY)
    handles = [
        Line2D([], [], linestyle="", marker="o", color=GREY, markersize=5, label="UAR (bold)"),
        Line2D([], [], linestyle="", marker="o", color=GREY, markerfacecolor=GROUND, markersize=5, label="accuracy"),
    ]
    if evaluation.seeds > 1:
        handles.append(Line2D([], [], linestyle="", marker="|", color=GREY, markersize=5, label="each seed"))
    legend(axes, handles, 3, gap=0.4 / (axes.figure.get_figheight() * (0.5 if narrow else 1)))


def _reference(axes: Any, x: float, name: str, style: str) -> None:
    """A vertical line with its name and value above the axes."""
    axes.axvline(x, color=INK, linewidth=0.9, linestyle=style, zorder=2)
    above = blended_transform_factory(axes.transData, axes.transAxes)
    axes.text(x, 1.01, f"{name} {x:.1f}", transform=above, ha="center", va="bottom", fontsize=6.5)


def _recalls(axes: Any, evaluation: Evaluation) -> None:
    """One row an emotion, one marker a model."""
    labels = [label for label in evaluation.labels if any(m.classes[label].clips for m in evaluation.models.values())]
    count = len(evaluation.models)
    size = 4.2 if count < 4 else 3.6
    spread = 0.16 * (np.arange(count) - (count - 1) / 2) if count < 4 else np.linspace(-0.32, 0.32, count)
    place = places(evaluation.models)
    for offset, model in zip(spread, evaluation.models.values(), strict=True):
        colour, marker = colour_of(place[model.name]), marker_of(place[model.name])
        for y, label in enumerate(labels):
            score = model.classes[label]
            assert score.recall is not None
            assert score.recall_interval is not None
            bounds = [100 * score.recall_interval.low, 100 * score.recall_interval.high]
            axes.plot(bounds, [y + offset] * 2, color=colour, linewidth=1.0, alpha=0.6, zorder=2)
            axes.plot(100 * score.recall, y + offset, marker, color=colour, markersize=size, zorder=3, clip_on=False)
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
    _bare(axes, len(labels) - 0.5, -0.5)
    axes.set_xlabel("recall of each emotion, per cent", fontsize=7.5)
    handles = model_handles(evaluation)
    if people:
        handles.append(Line2D([], [], color=INK, linewidth=1.1, linestyle="--", label="listeners"))
    legend(axes, handles, columns_for([handle.get_label() for handle in handles]), right=True)


def model_handles(evaluation: Evaluation) -> list[Line2D]:
    """What a legend shows of each model."""
    return handles_of({name: model_title(model) for name, model in evaluation.models.items()})


def handles_of(titles: Mapping[str, str]) -> list[Line2D]:
    """What a legend shows of models, by name."""
    return [
        Line2D([], [], linestyle="", marker=marker_of(k), color=colour_of(k), markersize=4.5, label=titles[name])
        for name, k in places(titles).items()
    ]


def columns_for(names: Sequence[Any], letters: int = 36, most: int = 3) -> int:
    """How many columns of a legend fit beside each other in so many letters."""
    return max(1, min(most, len(names), letters // (2 + max(len(str(name)) for name in names))))


def _bare(axes: Any, bottom: float, top: float) -> None:
    """Rows over per cent, without a line at the left."""
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(bottom, top)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")


@in_style
def confusion(evaluation: Evaluation, model: ModelEvaluation, narrow: bool = False) -> Figure:
    """True emotions in rows, predicted ones in columns: per cent of each row's clips, and below it how many they are.

    Of several seeds the counts are summed. A narrow figure leaves them out.
    """
    labels, counts = evaluation.labels, model.confusion
    shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]  # (C, C)
    side = max(NARROW, 1.35 + (0.32 if narrow else 0.46) * len(labels))
    figure = new_figure(side, side + 0.25)
    scores = f"UAR {100 * model.uar.value:.1f}, accuracy {100 * model.accuracy.value:.1f} per cent"
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}. {scores}."
    head(figure, f"{model_title(model)}: confusion matrix", subtitle, evaluation.warnings)
    axes = figure.subplots()
    colours = np.tile(to_rgba(COLOURS[0]), (*shares.shape, 1))  # (C, C, 4), transparent where empty
    colours[..., 3] = shares
    edges = np.arange(len(labels) + 1) - 0.5
    axes.pcolormesh(edges, edges, colours, edgecolors=FAINT, linewidth=0.5)
    for i, j in np.ndindex(*shares.shape):
        if counts[i, j] == 0:
            continue
        style: dict[str, Any] = {"ha": "center", "color": "white" if shares[i, j] >= LIGHT_LETTERS else INK}
        bold = "bold" if i == j else "normal"
        rate = f"{100 * shares[i, j]:.0f}" if shares[i, j] >= 0.005 else "<1"
        if narrow:
            axes.text(j, i, rate, va="center", fontsize=7.5, fontweight=bold, **style)
        else:
            axes.text(j, i + 0.04, rate, va="bottom", fontsize=8.5, fontweight=bold, **style)
            axes.text(j, i + 0.12, f"{counts[i, j]:,}", va="top", fontsize=6, **style)
    clips = [model.classes[label].clips for label in labels]
    names = named(figure, labels)
    axes.set_xticks(range(len(labels)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), [f"{name} ({n})" for name, n in zip(names, clips, strict=True)])
    axes.tick_params(length=0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted emotion")
    axes.set_ylabel("true emotion (clips)")
    return figure


def history(evaluation: Evaluation, model: ModelEvaluation, narrow: bool = False) -> Figure:
    """Loss, accuracy and learning rate over epochs; a thin line each training, a thick one their mean."""
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}; {plural(len(model.trainings), 'training')}."
    histories = [training.history for training in model.trainings]
    kept = [training.best_epoch for training in model.trainings]
    title = f"{model_title(model)}: training history"
    return curves(title, subtitle, histories, kept, evaluation.chance_uar, evaluation.warnings, narrow)


@in_style
def curves(
    title: str, subtitle: str, histories: Sequence[History], kept: Sequence[int] = (), chance: float | None = None,
    warnings: tuple[str, ...] = (), narrow: bool = False,
) -> Figure:  # fmt: skip
    """Loss, accuracy and, where it is told, learning rate over the epochs of trainings, which may not have ended.

    Args:
        title, subtitle: Of the figure.
        histories: For each training ``loss``, ``val_loss``, ``accuracy``, ``val_accuracy``: a number an epoch.
        kept: For each training the epoch whose weights were kept; none while it is not known.
        chance: The chance level, in [0, 1].
        warnings: What must be said of the figures.
        narrow: Panels one below the other.
    """
    has_rate = any(history.get("learning_rate") for history in histories)
    sizes = (1.0, 1.0, 0.62) if has_rate else (1.0, 1.0)
    figure = new_figure(NARROW, 0.8 + 2.1 * sum(sizes)) if narrow else new_figure(WIDE, 2.9)
    head(figure, title, subtitle, warnings)
    loss, accuracy, *rate = panels(figure, sizes, narrow)
    for axes, name, label, scale in (
        (loss, "loss", "loss, nats", 1.0),
        (accuracy, "accuracy", "accuracy, per cent", 100.0),
    ):
        _curves(axes, histories, name, "training", COLOURS[0], "-", scale)
        _curves(axes, histories, f"val_{name}", "validation", COLOURS[1], (0, (4, 1.2)), scale, kept)
        axes.set_ylabel(label)
    for axes in rate:
        _curves(axes, histories, "learning_rate", "", GREY, "-")
        axes.set_ylabel("learning rate")
        axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        axes.yaxis.get_offset_text().set_fontsize(7)
    for axes in (loss, accuracy, *rate):
        axes.set_xlabel("epoch")
        _frame(axes)
    accuracy.set_ylim(0, 100)
    if chance is not None:
        accuracy.axhline(100 * chance, color=INK, linewidth=0.9, linestyle=":", zorder=1)
        accuracy.text(0.99, 100 * chance + 1.5, "chance", transform=accuracy.get_yaxis_transform(), ha="right",
                      fontsize=6.5)  # fmt: skip
    handles, _ = loss.get_legend_handles_labels()
    if any(kept):
        handles.append(Line2D([], [], linestyle="", marker="o", color=INK, markersize=3.5, label="kept epoch"))
    legend(loss, handles, 3 if narrow else 2)
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
    axes: Any, histories: Sequence[History], key: str, label: str, colour: str, style: Any, scale: float = 1.0,
    kept: Sequence[int] = (),
) -> None:  # fmt: skip
    """Every training's curve, the epoch whose weights were kept, and the mean of the trainings still going."""
    drawn = [scale * np.asarray(history.get(key, ()), dtype=float) for history in histories]
    several = len(drawn) > 1
    for curve in drawn:
        axes.plot(
            np.arange(1, len(curve) + 1), curve, color=colour, linestyle="-" if several else style,
            linewidth=0.6 if several else 1.4, marker="." if len(curve) == 1 else None, alpha=0.35 if several else 1.0,
            label=None if several else label or None,
        )  # fmt: skip
    for curve, epoch in zip(drawn, kept, strict=False):
        if 0 < epoch <= len(curve):
            axes.plot(epoch, curve[epoch - 1], "o", color=INK, markersize=3.0, zorder=4)
    if several:
        longest = max(len(curve) for curve in drawn)
        table = np.full((len(drawn), longest), np.nan)
        for row, curve in zip(table, drawn, strict=True):
            row[: len(curve)] = curve
        going = (~np.isnan(table)).sum(axis=0)
        enough = going >= (len(drawn) + 1) // 2
        mean = np.nansum(table, axis=0)[enough] / going[enough]
        axes.plot(np.arange(1, longest + 1)[enough], mean, color=colour, linestyle=style, label=label or None)


@in_style
def clip_map(evaluation: Evaluation, model: ModelEvaluation) -> Figure:
    """Test clips by the two main directions of their log probabilities; marks are true emotions."""
    logs = np.log(np.maximum(model.probabilities.mean(axis=0), 1e-4))  # (clips, emotions)
    centred = logs - logs.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2] * np.sign(directions[:2].sum(axis=1, keepdims=True) + 1e-12)  # the same every time
    points = centred @ directions.T  # (clips, 2)
    figure = new_figure(7.2, 4.4)
    subtitle = f"{corpus_name(evaluation)}, {evaluation.protocol}: {len(points):,} test clips."
    head(figure, f"{model_title(model)}: a map of the clips", subtitle, evaluation.warnings)
    axes = figure.subplots()
    for k, label in enumerate(named(figure, evaluation.labels)):
        chosen = evaluation.truths == k
        marker = marker_of(k + k // len(COLOURS))
        axes.plot(*points[chosen].T, marker, color=colour_of(k), markersize=3, alpha=0.7, label=label,
                  markeredgewidth=0)  # fmt: skip
    axes.set_xlabel("first direction")
    axes.set_ylabel("second direction")
    axes.grid()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.6)
    return figure
