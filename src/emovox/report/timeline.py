"""A figure of emotion over time: bands over the waveform, and the probabilities below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from emovox.audio import Source, open_blocks
from emovox.listening.timeline import TIMELINE_SECONDS, Timeline
from emovox.report.letters import legible
from emovox.report.style import COLOURS, GREY, INK, RULE, WIDE, head, in_style, legend, named, new_figure

EMOTIONS = (*COLOURS[:-1], "#7A4A2B", "#6A51A3", "#2F4F4F")
"""The colours of emotions, in the artifact's order; with more of them they begin anew."""

COLUMNS = 1600
"""Of the waveform: about as many as the figure has pixels."""

LETTER = 0.008
"""How wide a letter of a band's name is, as a share of the figure's width."""


@in_style
def timeline_figure(timeline: Timeline, recording: Source, name: str, metadata: Mapping[str, Any]) -> Figure:
    """The recording with a band for every span, and the smoothed probabilities of every emotion below.

    Args:
        timeline: What is heard in it.
        recording: The same that the timeline is of.
        name: What to call it.
        metadata: Of the artifact that answered.

    Raises:
        AudioError: The recording cannot be read.
    """
    figure = new_figure(WIDE, 3.6)
    trained = f"; trained on {metadata['corpus']}" if metadata.get("corpus") else ""
    subtitle = f"Prediction for the last 3 s of each utterance, smoothed; grey: not sure{trained}."
    head(figure, f"Emotion over time: {name}", subtitle, ("synthetic",) if metadata.get("synthetic") else ())
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.0))
    names = named(figure, timeline.labels)
    colours = {label: EMOTIONS[k % len(EMOTIONS)] for k, label in enumerate(timeline.labels)}
    low, high = _envelope(recording, timeline.duration_seconds)
    times = np.linspace(0, timeline.duration_seconds, len(low))
    most = max(1e-6, float(np.abs([low, high]).max()))
    for span in timeline.spans:
        colour = colours[span.emotion] if span.emotion else RULE
        above.axvspan(span.start_seconds, span.end_seconds, color=colour, alpha=0.35, linewidth=0)
        said = legible(span.said)
        if (span.end_seconds - span.start_seconds) / timeline.duration_seconds > LETTER * len(said):
            middle = (span.start_seconds + span.end_seconds) / 2
            above.text(middle, 1.12 * most, said, ha="center", va="center", fontsize=7, color=INK)
    above.fill_between(times, low, high, color=GREY, linewidth=0.3)
    above.set(xlim=(0, timeline.duration_seconds), ylim=(-1.05 * most, 1.25 * most), yticks=[])
    above.spines["left"].set_visible(False)
    for utterance in timeline.utterances:
        own = [
            each for each in timeline.measurements
            if utterance.start_seconds < each.end_seconds <= utterance.end_seconds
        ]  # fmt: skip
        if own:
            shares = np.array([own[0].prediction.probabilities, *(each.prediction.probabilities for each in own)])
            ends = [utterance.start_seconds, *(each.end_seconds for each in own)]
            below.stackplot(ends, 100 * shares.T, colors=[colours[label] for label in timeline.labels], linewidth=0)
    below.set(ylim=(0, 100), xlabel="seconds", ylabel="probability, %")
    handles = [Patch(color=colours[label], label=name) for label, name in zip(timeline.labels, names, strict=True)]
    legend(below, handles, 8, gap=0.06)
    return figure


def _envelope(recording: Source, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest sample of each of many parts: two of (parts,)."""
    lows, highs = [], []
    with open_blocks(recording, TIMELINE_SECONDS) as (info, blocks):
        size = max(1, int(info.sample_rate_hz * seconds / COLUMNS))
        left = np.zeros(0, np.float32)
        for block in blocks:
            samples = np.concatenate([left, block])
            whole = samples[: len(samples) // size * size].reshape(-1, size)
            left = samples[whole.size :]
            lows.append(whole.min(axis=1))
            highs.append(whole.max(axis=1))
    return np.concatenate(lows), np.concatenate(highs)
