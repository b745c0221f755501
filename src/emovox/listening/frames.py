"""Bring a sound that arrives in pieces to one rate, in frames of one size."""

from __future__ import annotations

import numpy as np
import soxr


class Frames:
    """Cuts what is pushed into frames at another rate; how the pieces were cut makes no difference.

    Resampled by soxr at its high quality, as a whole recording is: the two give the same samples.

    Args:
        from_hz: The rate of what is pushed.
        to_hz: The rate of the frames.
        seconds: How long a frame is.
    """

    def __init__(self, from_hz: int, to_hz: int, seconds: float) -> None:
        self.size = round(seconds * to_hz)
        self._block = round(seconds * from_hz)
        self._resampler = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, quality="HQ")
        self._pushed = np.zeros(0, np.float32)  # less than a block
        self._resampled = np.zeros(0, np.float32)  # less than a frame

    def push(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        """Take samples, and give the frames that are whole.

        Args:
            samples: (samples,), float32.
            last: Whether these are the last; what is no whole frame then is left out.

        Returns:
            (frames, size), float32.
        """
        pushed = np.concatenate([self._pushed, samples])
        used = len(pushed) if last else len(pushed) // self._block * self._block
        self._pushed = pushed[used:].copy()  # and not the whole piece
        resampled = np.concatenate([self._resampled, *self._at_new_rate(pushed[:used], last)])
        used = len(resampled) // self.size * self.size
        self._resampled = resampled[used:].copy()
        return resampled[:used].reshape(-1, self.size)

    def _at_new_rate(self, samples: np.ndarray, last: bool) -> list[np.ndarray]:
        if self._resampler is None:
            return [samples]
        blocks = [samples[start : start + self._block] for start in range(0, len(samples), self._block)]
        parts = [self._resampler.resample_chunk(block) for block in blocks]
        return [*parts, self._resampler.resample_chunk(samples[:0], last=True)] if last else parts
