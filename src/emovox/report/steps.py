"""A clip on its way from the waveform to what a network reads, drawn step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emovox.audio import read_audio
from emovox.corpora.base import Clip, waveform
from emovox.features import LogMel
from emovox.features.front_end import FrontEnd, speech
from emovox.report.style import COLOURS, GREY, head, in_style, new_figure


@in_style
def preprocessing(clip: Clip, front: FrontEnd) -> Figure:
    """Six pictures: the waveform, one frame, the spectrum over time, the mel filters, log-mel, what a network reads.

    Args:
        clip: A recording.
        front: What its waveform goes through; one that has ``window``, ``hop_samples``, ``mel_matrix`` and ``frames``.
    """
    samples = waveform(clip)
    seconds = np.arange(len(samples)) / front.sample_rate_hz
    figure = new_figure(7.2, 6.4)
    head(figure, f"From sound to a picture: {clip.emotion}", clip.id, ())
    ((a, b), (c, d), (e, f)) = figure.subplots(3, 2)
    _steps(front, samples, seconds, (a, b, c, d, e, f))
    return figure


def _steps(front: Any, samples: np.ndarray, seconds: np.ndarray, panels: tuple[Any, ...]) -> None:
    wave, frame, spectrum, filters, log_mel, read = panels
    window, rate = front.window, front.sample_rate_hz
    hop = front.hop_samples
    logarithms, loud = front.frames(samples)  # (frames, mels), (frames,)
    within = speech(loud)
    duration = seconds[-1]

    wave.plot(seconds, samples, color=COLOURS[0], linewidth=0.4)
    wave.axvspan(within.start * hop / rate, min(duration, within.stop * hop / rate), color=COLOURS[4], alpha=0.2)
    wave.set_title("1. Waveform; shaded: speech", fontsize=8.5)
    wave.set_xlabel("seconds")
    wave.set_xlim(0, duration)

    middle = int(np.argmax(np.convolve(samples**2, np.ones(len(window)), mode="same")))
    start = max(0, min(middle - len(window) // 2, len(samples) - len(window)))
    piece = samples[start : start + len(window)]
    milliseconds = 1000 * np.arange(len(window)) / rate
    frame.plot(milliseconds, piece, color=GREY, linewidth=0.8, label="as recorded")
    frame.plot(milliseconds, piece * window, color=COLOURS[1], linewidth=1.2, label="times the window")
    frame.set_title(f"2. One frame of {1000 * len(window) / rate:.0f} ms, the loudest", fontsize=8.5)
    frame.set_xlabel("milliseconds")
    frame.set_ylim(-1.6 * np.abs(piece).max(), 1.1 * np.abs(piece).max())  # room for the legend
    frame.legend(loc="lower right", ncols=2)

    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::hop]
    bins = front.mel_matrix.shape[0]
    magnitudes = np.abs(np.fft.rfft(frames * window, 2 * (bins - 1)))
    loudness = 20 * np.log10(np.maximum(magnitudes, 1e-6))
    shown = spectrum.imshow(
        loudness.T, origin="lower", aspect="auto", cmap="magma", extent=(0, duration, 0, rate / 2000),
        vmin=loudness.max() - 80,
    )  # fmt: skip
    spectrum.figure.colorbar(shown, ax=spectrum, label="dB", pad=0.01)
    spectrum.set_title("3. Spectrum of every frame", fontsize=8.5)
    spectrum.set_ylabel("kHz")

    hertz = np.linspace(0, rate / 2, bins) / 1000
    for k in range(front.n_mels):
        filters.plot(hertz, front.mel_matrix[:, k], color=COLOURS[k % 2 * 2], linewidth=0.7)
    filters.set_title(f"4. {front.n_mels} mel filters", fontsize=8.5)
    filters.set_xlabel("kHz")

    for axes, picture, title in (
        (log_mel, logarithms, "5. Mel bands, logarithm"),
        (read, front(samples).features[0], "6. Trimmed: what the network reads first"),
    ):
        shown = axes.imshow(picture.T, origin="lower", aspect="auto", cmap="magma")
        axes.figure.colorbar(shown, ax=axes, pad=0.01)
        axes.set_title(title, fontsize=8.5)
        axes.set_xlabel(f"frames, one every {1000 * hop / rate:.0f} ms")
        axes.set_ylabel("band")


@in_style
def log_mel_of(path: Path) -> Figure:
    """The log-mel spectrogram of a sound file, small."""
    front = LogMel(n_mels=64, hop_seconds=0.010, trim_db=0.0, n_frames=0)
    picture = front.log_mel(read_audio(path))  # (frames, mels)
    figure = new_figure(4.2, 1.3)
    axes = figure.subplots()
    seconds = len(picture) * front.hop_seconds
    axes.imshow(picture.T, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, front.n_mels))
    axes.set_xlabel("seconds")
    axes.set_ylabel("mel band")
    return figure
