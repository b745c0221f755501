"""Diagrams: networks, drawn from the networks themselves, and the way from a corpus to an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from emovox.models import KINDS, Ensemble, Heard, kind_of
from emovox.recipe import Recipe, members_of
from emovox.report.style import COLOURS, GREY, NARROW, head, in_style, new_figure

PASSED = ("InputLayer", "Reshape", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "Identity", "Flatten", "Permute")
"""Layers that change no number when a network answers."""

JOINED = ("BatchNormalization", "LayerNormalization", "ReLU", "Activation", "Add", "Subtract")
"""Layers that are named with the one before them."""

SHORT = {
    "BatchNormalization": "norm", "LayerNormalization": "norm", "ReLU": "ReLU", "Activation": "ReLU", "Add": "sum",
    "Subtract": "deviation", "Conv1D": "convolution in time", "Conv2D": "convolution",
    "DepthwiseConv2D": "depthwise convolution", "Dense": "dense", "Bidirectional": "LSTM, both ways", "LSTM": "LSTM",
    "GlobalAveragePooling1D": "mean over time", "GlobalAveragePooling2D": "mean",
    "GlobalMaxPooling1D": "peak over time",
    "AveragePooling2D": "mean pooling", "MaxPooling2D": "max pooling", "Concatenate": "side by side",
    "Deviation": "deviation over time",
}  # fmt: skip

ROW_INCHES = 0.43
LEFT, RIGHT = 0.02, 0.80
"""Where boxes begin and end; right of them are the lines that pass by some."""


@dataclass(frozen=True)
class Block:
    """A step of a network.

    Args:
        name: What it is called.
        shape: Of what comes out.
        parameters: How many it has.
        takes: Numbers of the steps whose results it reads.
    """

    name: str
    shape: str
    parameters: int
    takes: tuple[int, ...] = ()


@in_style
def architecture(recipe: Recipe, name: str, classes: int) -> Figure:
    """A model of a recipe, block by block, with shapes and parameters; what passes by a block is a line at the right.

    Args:
        recipe: Which names it.
        name: Of the model.
        classes: Emotions.

    Raises:
        KeyError: The recipe has no such model.
    """
    blocks = blocks_of(recipe, name, classes)
    kind = kind_of(recipe.models[name])
    figure = new_figure(NARROW, 0.7 + ROW_INCHES * len(blocks))
    subtitle = "Shaded: what has parameters." if any(block.parameters for block in blocks) else ""
    head(figure, f"{kind.title if kind.name == name else name}: architecture", subtitle, ())
    axes = _lane(figure, len(blocks))
    for row, block in enumerate(blocks):
        parameters = f"{block.parameters:,} parameters" if block.parameters else ""
        _box(axes, LEFT, RIGHT, row, block.name, " · ".join(filter(None, (block.shape, parameters))), parameters != "")
        if row - 1 in block.takes:
            _arrow(axes, ((LEFT + RIGHT) / 2, row - 0.13), ((LEFT + RIGHT) / 2, row + 0.13))
    for (taken, row), lane in _lanes(blocks).items():
        x = min(0.98, RIGHT + 0.05 * lane)
        axes.plot([RIGHT, x, x], [taken + 0.5, taken + 0.5, row + 0.5], color=GREY, linewidth=0.8)
        _arrow(axes, (x, row + 0.5), (RIGHT, row + 0.5))
    return figure


def _lanes(blocks: Sequence[Block]) -> dict[tuple[int, int], int]:
    """For what passes by a block, from where to where, how far right its line lies, so that no two cover each other."""
    passing = [(taken, row) for row, block in enumerate(blocks) for taken in block.takes if taken != row - 1]
    lanes: dict[tuple[int, int], int] = {}
    for start, end in sorted(passing, key=lambda each: each[1] - each[0]):
        used = {lane for (other, to), lane in lanes.items() if other <= end and start <= to}
        lanes[start, end] = next(lane for lane in range(1, len(passing) + 1) if lane not in used)
    return lanes


@in_style
def workflow() -> Figure:
    """From a corpus to a report, and from a recording to an answer; the two meet at one file."""
    learning = (
        ("corpus", "clips, emotions, speakers"),
        ("folds", "no speaker in two parts"),
        ("front end", "waveform to log-mel"),
        ("training", "choices on validation speakers"),
        ("evaluation", "test speakers, once"),
        ("report", "intervals, tests, figures"),
    )
    listening = (
        (1, "recording", "any file or stream"),
        (2, "decoding", "mono, 16 kHz"),
        (3, "artifact (ONNX)", "front end, network, calibration"),
        (4, "answer", "emotion, probabilities, set"),
    )
    figure = new_figure(5.2, 0.9 + ROW_INCHES * (len(learning) + 0.5))
    head(figure, "From a corpus to an answer", "Left: learning. Right: listening. They meet at one file.", ())
    axes = _lane(figure, len(learning))
    middles = 0.23, 0.77
    for row, (name, said) in enumerate(learning):
        _box(axes, 0.01, 0.45, row, name, said, shaded=False)
        if row:
            _arrow(axes, (middles[0], row - 0.13), (middles[0], row + 0.13))
    for row, name, said in listening:
        _box(axes, 0.55, 0.99, row, name, said, shaded=row == 3)
        if row > 1:
            _arrow(axes, (middles[1], row - 0.13), (middles[1], row + 0.13))
    _arrow(axes, (0.45, 3.5), (0.55, 3.5))
    return figure


def _lane(figure: Figure, rows: int) -> Any:
    axes = figure.subplots()
    axes.set_xlim(0, 1)
    axes.set_ylim(rows, 0)
    axes.axis("off")
    return axes


def _box(axes: Any, left: float, right: float, row: int, name: str, said: str, shaded: bool) -> None:
    """A box with a name and what is said of it; its ground is the page's."""
    middle, height = (left + right) / 2, 0.74
    box = FancyBboxPatch(
        (left, row + (1 - height) / 2), right - left, height, boxstyle="round,pad=0,rounding_size=0.03",
        facecolor=to_rgba(COLOURS[0], 0.14 if shaded else 0.0), edgecolor=COLOURS[0], linewidth=0.8, zorder=1,
        mutation_aspect=3,
    )  # fmt: skip
    axes.add_patch(box)
    inches = (right - left) * 0.95 * axes.figure.get_figwidth()
    style: dict[str, Any] = {"ha": "center", "zorder": 2}
    axes.text(middle, row + 0.49, name, va="bottom", fontweight="bold", fontsize=_fitting(name, inches, 7.5), **style)
    if said:
        axes.text(middle, row + 0.53, said, va="top", fontsize=_fitting(said, inches, 6.5), color=GREY, **style)


def _fitting(text: str, inches: float, most: float) -> float:
    """The size of type, in points, at which a text is no wider than its box."""
    return min(most, 72 * inches / (0.66 * len(text)))


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": GREY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    axes.annotate("", end, start, arrowprops=style)


def blocks_of(recipe: Recipe, name: str, classes: int) -> list[Block]:
    """The steps of a model, from what it reads to its probabilities."""
    settings: Any = recipe.models[name]
    kind = kind_of(settings)
    if isinstance(kind, Ensemble):
        names = members_of(recipe, name)
        members = [Block(KINDS[one].title if one in KINDS else one, f"{classes} probabilities", 0) for one in names]
        return [*members, Block("mean, weights from validation", f"{classes}", 0, tuple(range(len(members))))]
    front = settings.front_end
    bands = front.shape[1]
    read = [Block("waveform", "samples at 16 kHz", 0), Block("log-mel", f"time × {bands}", 0, (0,))]
    if isinstance(kind, Heard):
        network = kind.encoder(settings, None)
        width = int(network.output_shape[-1])
        hidden = settings.hidden_units
        if hidden:
            trained = f"head, {hidden} hidden units", f"{classes}", (width + 1) * hidden + (hidden + 1) * classes
        else:
            trained = "linear head", "fitted in closed form", 0
        return [
            *read,
            Block(f"{kind.title}, as published", "never trained here", network.count_params(), (1,)),
            Block(f"{' and '.join(settings.statistics)} over time", f"{width}", 0, (2,)),
            Block(*trained, (3,)),
            Block("probabilities", f"{classes}", 0, (4,)),
        ]
    network = kind.build(settings, front.shape, classes)  # type: ignore[attr-defined]
    made = _blocks(network, read)
    if settings.members > 1:
        made.append(Block(f"mean of {settings.members} such networks", f"{classes}", 0, (len(made) - 1,)))
    return made


def _blocks(network: Any, made: list[Block]) -> list[Block]:
    """A network's layers after what it reads; what only follows another is named with it."""
    layers = _branch_by_branch(network)
    readers = Counter(one for layer in layers for one in _read_by(layer))
    at: dict[str, int] = {}  # layer -> its block
    for layer in layers:
        kind, sources = type(layer).__name__, _read_by(layer)
        shape = " × ".join("time" if size is None else f"{size}" for size in tuple(layer.output.shape)[1:])
        called = SHORT.get(kind, layer.name)
        takes = tuple(sorted({at[source] for source in sources})) or (len(made) - 1,)
        last = max(takes)
        alone = all(readers[source] == 1 for source in sources if at[source] == last)
        if kind in PASSED:
            at[layer.name] = last
        elif kind == "Concatenate":
            at[layer.name] = _put_together(made, at, shape, called)
        elif kind in JOINED and alone and last == len(made) - 1 and sources and last > 1:
            old = made[last]
            name = old.name if called in old.name.split(" + ") else f"{old.name} + {called}"
            others = tuple(sorted({*old.takes, *takes} - {last}))
            made[last] = Block(name, shape, old.parameters + layer.count_params(), others)
            at[layer.name] = last
        else:
            made.append(Block(called, shape, layer.count_params(), takes))
            at[layer.name] = len(made) - 1
    return made


def _put_together(made: list[Block], at: Mapping[str, int], shape: str, called: str) -> int:
    """Make one block of several looks at the same, which are the last in the list and have no parameters."""
    looks: list[Block] = []
    while made and not made[-1].parameters:
        looks.insert(0, made.pop())
    names = dict.fromkeys(look.name.split(" + ")[0] for look in looks)
    takes = {taken for look in looks for taken in look.takes if taken < len(made)}
    made.append(Block(", ".join(names) or called, shape, 0, tuple(sorted(takes))))
    return len(made) - 1


def _branch_by_branch(network: Any) -> list[Any]:
    """A network's layers, each after those it reads, and each branch without others in between."""
    named = {layer.name: layer for layer in network.layers}
    ordered: dict[str, Any] = {}

    def visit(name: str) -> None:
        for source in _read_by(named[name]):
            visit(source)
        ordered.setdefault(name, named[name])

    read = {source for layer in network.layers for source in _read_by(layer)}
    for name in named:
        if name not in read:
            visit(name)
    return list(ordered.values())


def _read_by(layer: Any) -> Sequence[str]:
    """The names of the layers whose results a layer reads; none for a network's input."""
    if type(layer).__name__ == "InputLayer":
        return ()
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.operation.name for tensor in tensors]
