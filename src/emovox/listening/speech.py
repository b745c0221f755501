"""Find how much of a recording is sound that could be speech."""

from __future__ import annotations

import numpy as np

FRAME_SECONDS = 0.02
"""As long as a voice's pitch and vowel stay about the same."""

BELOW_LOUDEST_DB = 35.0
"""What is so much softer than the loudest frame is a pause: within an utterance vowels and fricatives span less."""


def speech_seconds(waveform: np.ndarray, sample_rate_hz: int) -> float:
    """How long a recording is loud enough to be speech, pauses left out.

    Args:
        waveform: (samples,), one channel.
        sample_rate_hz: Its rate.

    Returns:
        Seconds of frames whose power is within 35 dB of the loudest frame's. Steady noise counts too.

    >>> round(speech_seconds(np.repeat(np.float32([0, 0.5, 0]), 8000), 16000), 2)
    0.5
    """
    size = round(FRAME_SECONDS * sample_rate_hz)
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)  # (frames, size)
    power = np.mean(frames.astype(np.float32) ** 2, axis=1) if len(frames) else np.zeros(0)  # (frames,)
    loud = power > 10 ** (-BELOW_LOUDEST_DB / 10) * power.max(initial=0)
    return float(np.count_nonzero(loud) * FRAME_SECONDS)
