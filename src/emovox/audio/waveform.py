"""Judge whether samples can be listened to, and bring them to one channel at one rate."""

from __future__ import annotations

import numpy as np
import soxr

from emovox.errors import AudioError

SAMPLE_RATE_HZ = 16000
"""The rate of every waveform inside Emovox."""

MIN_SECONDS = 0.1
"""Shorter than any syllable that could carry an emotion."""

MAX_SECONDS = 60.0
"""Longer than any utterance; a longer file is one to cut first."""

MIN_SAMPLE_RATE_HZ = 4000
"""Below this the first two formants, and so the vowel, are gone."""

MAX_SAMPLE_RATE_HZ = 768_000
"""Of the fastest converters; beyond it a header is damaged."""

SILENCE = 1e-5
"""A waveform that swings less than this, full scale being ±1, holds no signal: a third of one step of 16 bits."""

MAX_LEVEL = 8.0
"""Beyond 18 dB over full scale a waveform is in other units, or damaged; whole numbers cannot exceed full scale."""


def mix(samples: np.ndarray) -> np.ndarray:
    """The mean of all channels: (frames, channels) → (frames,)."""
    mono: np.ndarray = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    return mono


def resample(waveform: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """A waveform, (samples,), at another rate, by soxr at its high quality; it may overshoot a little."""
    if from_hz == to_hz:
        return waveform
    resampled: np.ndarray = soxr.resample(waveform, from_hz, to_hz, quality="HQ")
    return resampled.astype(np.float32, copy=False)


def check_rate(sample_rate_hz: int, name: str) -> None:
    """Refuse a rate that holds too little of speech.

    Raises:
        AudioError: It is below 4 kHz, or above any that is in use.
    """
    if sample_rate_hz > MAX_SAMPLE_RATE_HZ:
        raise AudioError(f"{name} has an impossible sample rate, {sample_rate_hz} Hz; export it again at 48000 Hz")
    if not sample_rate_hz >= MIN_SAMPLE_RATE_HZ:
        raise AudioError(
            f"{name} has a sample rate of {sample_rate_hz} Hz; at least {MIN_SAMPLE_RATE_HZ} Hz is needed, "
            "so record it again at 16000 Hz or more"
        )


def check_waveform(waveform: np.ndarray, name: str, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Judge whether a waveform can be listened to.

    Args:
        waveform: (samples,), floating point, full scale ±1.
        name: What to call it in a message: the file, say.
        sample_rate_hz: Its rate.

    Returns:
        The same samples, contiguous float32.

    Raises:
        AudioError: Its rate cannot be used, it is not one channel of floating-point samples, holds NaN or
            infinity, swings beyond 8 times full scale, is shorter than 0.1 s or longer than 60 s, or is silent.

    >>> check_waveform(np.zeros(16000), "zeros")
    Traceback (most recent call last):
    emovox.errors.AudioError: zeros is silent once mixed to one channel; check the microphone and record it again
    """
    check_rate(sample_rate_hz, name)
    checked = check_samples(waveform, name)
    seconds = len(checked) / sample_rate_hz
    if not len(checked):
        raise AudioError(f"{name} contains no samples; record it again")
    if seconds < MIN_SECONDS:
        raise AudioError(
            f"{name} lasts {1000 * seconds:.0f} ms; at least {1000 * MIN_SECONDS:.0f} ms are needed, "
            "so give the whole utterance"
        )
    if seconds > MAX_SECONDS:
        raise AudioError(too_long(name, seconds))
    if float(checked.max()) - float(checked.min()) < SILENCE:
        raise AudioError(f"{name} is silent once mixed to one channel; check the microphone and record it again")
    return checked


def check_samples(samples: np.ndarray, name: str) -> np.ndarray:
    """Judge whether samples are sound at all, however short or soft.

    Args:
        samples: (samples,), floating point, full scale ±1.
        name: What to call them in a message.

    Returns:
        The same samples, contiguous float32.

    Raises:
        AudioError: They are not one channel of floating point, hold NaN or infinity, or swing beyond 8 times full
            scale.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise AudioError(f"{name} has the shape {samples.shape}; give one channel, (samples,)")
    if samples.dtype.kind != "f":
        raise AudioError(f"{name} contains {samples.dtype}; give floating point within ±1 (int16: divide by 32768)")
    low, high = float(samples.min(initial=0)), float(samples.max(initial=0))  # either is NaN where any sample is
    if not np.isfinite(low) or not np.isfinite(high):
        broken = int((~np.isfinite(samples)).sum())
        raise AudioError(f"{name} contains NaN or infinite samples ({broken}); export it again from its source")
    if max(-low, high) > MAX_LEVEL:
        raise AudioError(
            f"{name} reaches {max(-low, high):.3g} times full scale; scale it to ±1 (samples meant as 16-bit "
            "numbers: divide by 32768), or export it again from its source"
        )
    return np.ascontiguousarray(samples, dtype=np.float32)


def too_long(name: str, seconds: float | None, most_seconds: float = MAX_SECONDS) -> str:
    """The message for what lasts longer than it may; None where its length is not known."""
    lasts = f"more than {most_seconds:.0f} s" if seconds is None else f"{seconds:.0f} s"
    timeline = ", or ask for its timeline" if most_seconds == MAX_SECONDS else ""
    return (
        f"{name} lasts {lasts}; at most {most_seconds:.0f} s can be given at once, so cut it into utterances{timeline}"
    )
