"""Find what of a sound could be speech: by its power, against the softest and the loudest of the last seconds."""

from __future__ import annotations

from collections import deque

import numpy as np

FRAME_SECONDS = 0.02
"""As long as a voice's pitch and vowel stay about the same."""

BELOW_LOUDEST_DB = 35.0
"""What is so much softer than the loudest frame is a pause: within an utterance vowels and fricatives span less."""

ABOVE_FLOOR_DB = (9.0, 6.0)
"""How far above the floor speech begins, and how far it goes on: a voice fades before it ends."""

FLOOR_DB = (-75.0, -45.0)
"""In dB of full scale: between these lies a room's noise; a louder one is told by its lasting."""

MEMORY_SECONDS = 4.0
"""Longer than people speak without a gap down to the noise (Martin, 2001), and as short as a noise may be mistaken."""


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


class Loudness:
    """Whether a frame of a running sound could be speech, by the frames before it alone.

    The floor is the softest frame of the last 4 s, as in minimum statistics (Martin, 2001, "Noise power spectral
    density estimation based on optimal smoothing and minimum statistics"). Speech is 9 dB above it, or 6 dB once it
    has begun, and within 35 dB of the loudest frame. So a noise that lasts is no speech after 4 s.

    Args:
        frame_seconds: How long a frame is.
    """

    def __init__(self, frame_seconds: float) -> None:
        size = round(MEMORY_SECONDS / frame_seconds)
        self._powers = deque([FLOOR_DB[1]], maxlen=size)

    def __call__(self, power_db: float, speaking: bool) -> bool:
        """Whether the next frame could be speech.

        Args:
            power_db: Of the frame, its mean taken off; full scale is 0.
            speaking: Whether speech has begun.
        """
        self._powers.append(power_db)
        floor = max(FLOOR_DB[0], min(self._powers))
        return power_db > max(floor + ABOVE_FLOOR_DB[speaking], max(self._powers) - BELOW_LOUDEST_DB)
