"""Diagrams of networks, drawn from the networks themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from emovox.models import Ensemble, Heard, kind_of
from emovox.recipe import Recipe, members_of
from emovox.report.style import COLOURS, GREY, head, in_style, new_figure

PASSED = ("InputLayer", "Reshape", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "Identity", "Flatten", "Permute")
"""Layers that change no number when a network answers."""

JOINED = ("BatchNormalization", "LayerNormalization", "ReLU", "Activation", "Add", "Subtract")
"""Layers that are named with the one before them."""

SHORT = {
    "BatchNormalization": "norm", "LayerNormalization": "norm", "ReLU": "ReLU", "Activation": "ReLU", "Add": "sum",
    "Subtract": "less the mean", "Conv1D": "convolution in time", "Conv2D": "convolution",
    "DepthwiseConv2D": "depthwise convolution", "Dense": "dense", "Bidirectional": "LSTM, both ways", "LSTM": "LSTM",
    "GlobalAveragePooling1D": "mean over time", "GlobalAveragePooling2D": "mean",
    "GlobalMaxPooling1D": "peak over time",
    "AveragePooling2D": "mean pooling", "MaxPooling2D": "max pooling", "Concatenate": "side by side",
    "Deviation": "deviation over time",
}  # fmt: skip

ROWS = 9


@dataclass(frozen=True)
class Block:
    """A step of a network: what it is called, what comes out, and how many parameters it has."""

    name: str
    shape: str
    parameters: int


@in_style
def architecture(recipe: Recipe, name: str, classes: int) -> Figure:
    """A model of a recipe, block by block, with shapes and parameters.

    Args:
        recipe: Which names it.
        name: Of the model.
        classes: Emotions.

    Raises:
        KeyError: The recipe has no such model.
    """
    blocks = blocks_of(recipe, name, classes)
    kind = kind_of(recipe.models[name])
    columns = -(-len(blocks) // ROWS)
    rows = -(-len(blocks) // columns)
    figure = new_figure(max(3.6, min(7.2, 2.4 * columns)), 0.6 + 0.42 * rows)
    head(figure, kind.title if kind.name == name else name, "", ())
    axes = figure.subplots()
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.axis("off")
    for number, block in enumerate(blocks):
        column, row = divmod(number, rows)
        face = "white" if not block.parameters else "#e8f1f8"
        axes.text(
            column + 0.48, row + 0.5, block.name, ha="center", va="bottom", fontweight="bold",
            fontsize=min(7.0, 200 / len(block.name)) if columns > 1 else 7.0,
        )  # fmt: skip
        below = " · ".join(filter(None, (block.shape, f"{block.parameters:,} par." if block.parameters else "")))
        axes.text(column + 0.48, row + 0.54, below, ha="center", va="top", fontsize=6, color=GREY)
        box = FancyBboxPatch(
            (column + 0.05, row + 0.12), 0.86, 0.76, boxstyle="round,pad=0,rounding_size=0.06", facecolor=face,
            edgecolor=COLOURS[0], linewidth=0.8, zorder=0,
        )  # fmt: skip
        axes.add_patch(box)
        if number + 1 < len(blocks) and row + 1 < rows:
            arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (column + 0.48, row + 1.12), (column + 0.48, row + 0.88), arrowprops=arrow)
    return figure


def blocks_of(recipe: Recipe, name: str, classes: int) -> list[Block]:
    """The steps of a model, from what it reads to its probabilities."""
    settings: Any = recipe.models[name]
    kind = kind_of(settings)
    answer = Block("probabilities", f"{classes}", 0)
    if isinstance(kind, Ensemble):
        members = [Block(member, f"{classes}", 0) for member in members_of(recipe, name)]
        return [*members, Block("mean, weights from validation", f"{classes}", 0)]
    front = settings.front_end
    bands = front.shape[1]
    read = [Block("waveform", "samples at 16 kHz", 0), Block("log-mel", f"time × {bands}", 0)]
    if isinstance(kind, Heard):
        network = kind.encoder(settings, None)
        width = int(network.output_shape[-1])
        published = [Block(f"{kind.title}, as published", "never trained here", network.count_params())]
        over_time = Block(f"{' and '.join(settings.statistics)} over time", f"{width}", 0)
        hidden = settings.hidden_units
        if hidden:
            trained = Block(f"head, {hidden} hidden units", f"{classes}", (width + 1) * hidden + (hidden + 1) * classes)
        else:
            trained = Block("linear head", "fitted in closed form", 0)
        return [*read, *published, over_time, trained, answer]
    network = kind.build(settings, front.shape, classes)  # type: ignore[attr-defined]
    several = [Block(f"mean of {settings.members} such networks", f"{classes}", 0)] if settings.members > 1 else []
    return [*read, *_blocks(network), *several]


def _blocks(network: Any) -> list[Block]:
    """A network's layers; what only follows another is named with it."""
    made: list[Block] = []
    for layer in network.layers:
        kind = type(layer).__name__
        shape = " × ".join("time" if size is None else f"{size}" for size in tuple(layer.output.shape)[1:])
        if kind in PASSED:
            continue
        called = SHORT.get(kind, layer.name)
        if kind == "Concatenate":  # of several looks at the same, one after the other in the list
            beside: list[str] = []
            while made and not made[-1].parameters:
                beside.insert(0, made.pop().name.split(" + ")[0])
            made.append(Block(", ".join(dict.fromkeys(beside)) or called, shape, 0))
        elif kind in JOINED and made:
            last = made[-1]
            name = last.name if called in last.name.split(" + ") else f"{last.name} + {called}"
            made[-1] = Block(name, shape, last.parameters + layer.count_params())
        else:
            made.append(Block(called, shape, layer.count_params()))
    return made
