"""What a model attends to in a clip, drawn over its log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from emovox.audio import SAMPLE_RATE_HZ
from emovox.features import LogMel
from emovox.report.style import COLOURS, GREY, in_style, new_figure

DYNAMIC = 8.0
"""Natural-log units below the loudest value that are still drawn, some 70 dB."""

SUPPORTS, OPPOSES = COLOURS[1], COLOURS[0]
LEAST_FALL = 0.05
"""Where nothing counts for more, the map stays as pale as what counts for so little."""


@in_style
def attention(waveform: np.ndarray, clip: Mapping[str, Any], model: str) -> Figure:
    """A clip's log-mel in grey, and over it the patches on which a model's answer rests.

    Orange patches speak for the predicted emotion and blue ones against it, the stronger the more its probability
    falls or rises without them. In the strongest of each kind stands by how many points.

    Args:
        waveform: (samples,), float32, at 16 kHz.
        clip: One of those in ``explanations.json``.
        model: One of its models.
    """
    answer = clip["models"][model]
    falls = np.array(answer["falls"])  # (T, F)
    hertz, seconds = np.array(clip["hertz"]), np.array(clip["seconds"])
    bands = np.arange(len(hertz))
    front = LogMel(n_mels=8 * falls.shape[1], hop_seconds=0.010, fmin_hz=0.0, fmax_hz=SAMPLE_RATE_HZ / 2, trim_db=0.0)
    levels = front.log_mel(waveform)  # (frames, mels)
    strength = np.clip((levels.T - levels.max()) / DYNAMIC + 1, 0, 1)
    figure = new_figure(4.2, 1.7)
    axes = figure.subplots()
    duration = len(waveform) / SAMPLE_RATE_HZ
    axes.imshow(_painted(GREY, strength), origin="lower", aspect="auto", extent=(0, duration, 0, falls.shape[1]))
    for_it, against = (np.clip(sign * falls.T, 0, None) / max(LEAST_FALL, np.abs(falls).max()) for sign in (1, -1))
    for colour, share in ((SUPPORTS, for_it), (OPPOSES, against)):
        axes.pcolorfast(seconds, bands, _painted(colour, 0.75 * share))
    for place in {int(falls.argmax()), int(falls.argmin())}:
        t, f = np.unravel_index(place, falls.shape)
        moved = f"{-100 * falls[t, f]:+.0f}".replace("-", "−")
        if moved[1:] != "0":
            where = seconds[t : t + 2].mean(), f + 0.5
            axes.text(*where, moved, ha="center", va="center", fontsize=7, fontweight="bold")
    axes.set_xlim(0, duration)
    axes.set_yticks(bands[::2], [f"{edge / 1000:.1f}" for edge in hertz[::2]])
    axes.set_ylabel("kHz")
    axes.set_xlabel("seconds")
    return figure


def _painted(colour: str, strength: np.ndarray) -> np.ndarray:
    """One colour, the stronger the less transparent, so that it reads on a light and on a dark page."""
    return np.dstack([np.broadcast_to(to_rgb(colour), (*strength.shape, 3)), strength])
