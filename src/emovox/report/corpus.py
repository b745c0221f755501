"""Plots of a corpus: classes and speakers, durations, levels, formats, with what stands out marked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from emovox.corpora.base import UNVERSIONED
from emovox.corpora.describe import FENCE, Description
from emovox.report.drawn import write
from emovox.report.letters import legible
from emovox.report.style import COLOURS, GREY, INK, head, in_style, named, new_figure
from emovox.report.words import plural


def plot_description(description: Description, folder: Path) -> tuple[Path, ...]:
    """Write ``classes.png``, ``durations.png``, ``levels.png`` and ``formats.png`` into ``folder``.

    Each carries the word synthetic where the corpus is. Clips that cannot be read are left out, and counted in the
    description's remarks.

    Raises:
        StorageError: The folder cannot be written.
    """
    return tuple(write(draw(description), Path(folder) / f"{draw.__name__}.png") for draw in PLOTS)


MOST_SPEAKERS = 40
"""Of more, the names are left out."""

LABEL_INCHES = 0.19
"""Room for a label."""


def _boxes_inches(description: Description) -> float:
    return max(2.9, 1.2 + LABEL_INCHES * len(description.corpus.labels))


def _short(name: str, letters: int = 18) -> str:
    return legible(name if len(name) <= letters else f"{name[: letters - 1]}…")


def _start(description: Description, what: str, height_inches: float) -> Figure:
    corpus = description.corpus
    figure = new_figure(7.2, height_inches)
    subtitle = f"{len(corpus.clips):,} clips of {plural(len(corpus.speakers), 'speaker')}"
    subtitle += f", {corpus.version}" if corpus.version != UNVERSIONED else ""
    head(figure, f"{corpus.spec.title}: {what}", subtitle, ("synthetic",) if corpus.synthetic else ())
    return figure


@in_style
def classes(description: Description) -> Figure:
    """Clips of each emotion, by intensity where it is known, and of each speaker, by emotion."""
    clips, labels = description.corpus.clips, description.corpus.labels
    speakers = description.corpus.speakers
    height = max(2.9, 1.0 + 0.15 * min(len(speakers), MOST_SPEAKERS), 1.0 + LABEL_INCHES * len(labels))
    figure = _start(description, "emotions and speakers", height)
    left, right = figure.subplots(1, 2)
    rows, names = range(len(labels)), named(figure, labels)
    intensities = sorted({clip.intensity or "unknown" for clip in clips})
    start = np.zeros(len(labels))
    for k, intensity in enumerate(intensities):
        found = Counter(clip.emotion for clip in clips if (clip.intensity or "unknown") == intensity)
        counts = np.array([found[label] for label in labels])
        name = legible(f"{intensity} intensity") if intensities != ["unknown"] else None
        left.barh(rows, counts, left=start, color=COLOURS[(0, 4, 2, 3)[k % 4]], height=0.7, label=name)
        start += counts
    for y, count in enumerate(start):
        left.text(count + 0.01 * start.max(), y, f"{count:.0f}", va="center", fontsize=7)
    left.set_xlim(0, 1.12 * start.max())
    left.set_yticks(rows, names)
    left.invert_yaxis()
    left.set_xlabel("clips")
    left.tick_params(axis="y", length=0)
    if intensities != ["unknown"]:
        left.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, borderaxespad=0.0)
    table = np.zeros((len(speakers), len(labels)))
    place = {speaker: i for i, speaker in enumerate(speakers)}
    for clip in clips:
        table[place[clip.speaker], labels.index(clip.emotion)] += 1
    right.imshow(table, cmap="Blues", vmin=0, vmax=1.6 * table.max(), aspect="auto")
    if len(speakers) <= MOST_SPEAKERS:
        for i, j in np.ndindex(*table.shape):
            right.text(j, i, f"{table[i, j]:.0f}", ha="center", va="center", fontsize=5.8)
        right.set_yticks(range(len(speakers)), [_short(speaker) for speaker in speakers], fontsize=6)
    else:
        right.set_yticks([])
    right.set_xticks(rows, names, rotation=40, ha="right", rotation_mode="anchor")
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    right.set_ylabel("speaker")
    right.set_title("clips of each speaker and emotion", fontsize=8, fontweight="normal")
    return figure


@in_style
def durations(description: Description) -> Figure:
    """Length of the files and of the speech in them, over all clips and by emotion."""
    figure = _start(description, "durations", _boxes_inches(description))
    left, right = figure.subplots(1, 2)
    series = (("whole clip", description.seconds, COLOURS[0]), ("speech in it", description.speech_seconds, COLOURS[1]))
    known = np.concatenate([values[np.isfinite(values)] for _, values, _ in series])
    bins = np.linspace(0, float(known.max()) * 1.02, 41)
    for name, values, colour in series:
        left.hist(values[np.isfinite(values)], bins, color=colour, alpha=0.55, label=name)
        _mark_outliers(left, values, colour)
    left.set_xlabel("seconds")
    left.set_ylabel("clips")
    left.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, borderaxespad=0.0)
    _by_emotion(right, description, description.speech_seconds, "speech, seconds")
    return figure


@in_style
def levels(description: Description) -> Figure:
    """Peak and mean level, over all clips and by emotion."""
    figure = _start(description, "levels", _boxes_inches(description))
    left, right = figure.subplots(1, 2)
    series = (("peak", description.peak_dbfs, COLOURS[0]), ("RMS", description.rms_dbfs, COLOURS[1]))
    known = np.concatenate([values[np.isfinite(values)] for _, values, _ in series])
    bins = np.linspace(np.floor(known.min()), max(1.0, np.ceil(known.max())), 41)
    for name, values, colour in series:
        left.hist(values[np.isfinite(values)], bins, color=colour, alpha=0.55, label=name)
        _mark_outliers(left, values, colour)
    left.axvline(0, color=INK, linewidth=0.9, linestyle=":")
    left.set_xlabel("decibels below full scale (dotted: full scale)")
    left.set_ylabel("clips")
    left.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, borderaxespad=0.0)
    _by_emotion(right, description, description.rms_dbfs, "RMS level, decibels")
    return figure


@in_style
def formats(description: Description) -> Figure:
    """Sample rates, channels and codings."""
    figure = _start(description, "formats", 2.2)
    rates = [f"{rate:,} Hz" if rate else "unreadable" for rate in description.sample_rate_hz]
    channels = [
        "unreadable" if not n else {1: "mono", 2: "stereo"}.get(n, f"{n} channels")
        for n in description.channels.tolist()
    ]
    codings = [coding or "unreadable" for coding in description.subtypes]
    panels = (("sample rate", rates), ("channels", channels), ("coding", codings))
    for axes, (title, values) in zip(figure.subplots(1, 3), panels, strict=True):
        counts = Counter(values).most_common(6)
        widths = [count for _, count in counts]
        axes.barh(range(len(counts)), widths, color=COLOURS[0], height=0.55)
        axes.set_yticks(range(len(counts)), [name for name, _ in counts])
        for y, count in enumerate(widths):
            axes.text(count + 0.02 * max(widths), y, f"{count:,}", va="center", fontsize=7)
        axes.set_xlim(0, 1.25 * max(widths))
        axes.set_ylim(max(len(counts), 3) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, fontsize=8, fontweight="normal")
        axes.set_xlabel("clips")
    return figure


def _by_emotion(axes: Any, description: Description, values: np.ndarray, label: str) -> None:
    """A box an emotion: median, quartiles, reach of the fences, and each outlier."""
    labels = description.corpus.labels
    emotions = np.array([clip.emotion for clip in description.corpus.clips])
    groups = [values[(emotions == name) & np.isfinite(values)] for name in labels]
    line = {"color": GREY, "linewidth": 0.8}
    axes.boxplot(
        groups, orientation="horizontal", whis=FENCE, widths=0.6, patch_artist=True,
        tick_labels=named(axes.figure, labels),
        boxprops={"facecolor": to_rgba(COLOURS[0], 0.2), "edgecolor": COLOURS[0], "linewidth": 0.8},
        medianprops={"color": COLOURS[0], "linewidth": 1.6}, whiskerprops=line, capprops=line,
        flierprops={"marker": "o", "markersize": 2.2, "markerfacecolor": COLOURS[1], "markeredgecolor": "none"},
    )  # fmt: skip
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel(f"{label}\n(dots: outliers of their emotion)")


def _mark_outliers(axes: Any, values: np.ndarray, colour: str) -> None:
    """A tick at the foot for each clip outside the fences."""
    known = values[np.isfinite(values)]
    quarter, three_quarters = np.percentile(known, [25, 75])
    reach = FENCE * (three_quarters - quarter)
    odd = known[(known < quarter - reach) | (known > three_quarters + reach)]
    if not len(odd):
        return  # a line without points would take room all the same
    axes.plot(odd, np.zeros(len(odd)), "|", color=colour, markersize=9, markeredgewidth=0.8, clip_on=False, zorder=5)


PLOTS = (classes, durations, levels, formats)
"""What is drawn of a corpus."""
