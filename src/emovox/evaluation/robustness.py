"""What befalls recordings outside a studio: each condition alters a waveform, the same clip always in the same way."""

from __future__ import annotations

import functools
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, fftconvolve, sosfilt

from emovox.audio import SAMPLE_RATE_HZ

CLEAN = "clean"
"""The condition that alters nothing; every other is compared with it."""

TELEPHONE_HZ = (300, 3400)
TELEPHONE_RATE_HZ = 8000
FRAME = SAMPLE_RATE_HZ // 50
SPEECH_DB = 35.0
"""A frame is of speech where it is at most so much quieter than the loudest."""

LOWEST_NOISE_HZ = 50.0

Alter = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""(samples,) and what decides its randomness → (other samples,), both mono at 16 kHz."""


@dataclass(frozen=True)
class Condition:
    """One way in which a recording may differ from those that a model learnt from.

    Args:
        name: What files call it.
        title: What people call it.
        alter: Does it.
    """

    name: str
    title: str
    alter: Alter

    def __call__(self, waveform: np.ndarray, clip: str) -> np.ndarray:
        """Alter a waveform; randomness follows from the condition and the clip alone.

        Args:
            waveform: (samples,), float32, at 16 kHz, full scale ±1.
            clip: Its id.

        Returns:
            (other samples,), float32, at 16 kHz.
        """
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), zlib.crc32(clip.encode())])
        return np.ascontiguousarray(self.alter(waveform, rng), dtype=np.float32)


def telephone(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """300 to 3,400 Hz at 8,000 samples a second, eight bits each by the μ-law of ITU-T G.711."""
    narrow = soxr.resample(waveform, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ, quality="HQ")
    band = sosfilt(butter(4, TELEPHONE_HZ, "bandpass", fs=TELEPHONE_RATE_HZ, output="sos"), narrow)
    return _coded(np.clip(band, -1, 1), TELEPHONE_RATE_HZ, format="WAV", subtype="ULAW")


def coded(waveform: np.ndarray, rng: np.random.Generator, **how: Any) -> np.ndarray:
    """Written by libsndfile in a lossy format and read again."""
    return _coded(np.clip(waveform, -1, 1), SAMPLE_RATE_HZ, **how)


def noise(waveform: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """Pink noise (power falls as 1 / frequency, as of rooms and streets), so much weaker than the speech."""
    hertz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE_HZ)
    white = np.fft.rfft(rng.standard_normal(len(waveform)))
    pink = np.fft.irfft(white / np.sqrt(np.maximum(hertz, LOWEST_NOISE_HZ)), len(waveform))
    wanted = _power(waveform[speech(waveform)]) * 10 ** (-snr_db / 10)
    return np.asarray(waveform + pink * np.sqrt(wanted / _power(pink)))


def reverberation(waveform: np.ndarray, rng: np.random.Generator, rt60_seconds: float) -> np.ndarray:
    """In a room whose sound falls by 60 dB in ``rt60_seconds``: the direct sound, and as much power of decaying noise.

    Polack's model of an impulse response, Gaussian noise under e^(-6.91 t / RT60). As long and as loud as before.
    """
    time = np.arange(round(rt60_seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(time)) * np.exp(-3 * np.log(10) * time / rt60_seconds)
    tail /= np.sqrt((tail**2).sum())
    tail[0] += 1.0
    wet = fftconvolve(waveform, tail)[: len(waveform)]
    return np.asarray(wet * np.sqrt(_power(waveform) / _power(wet)))


def gain(waveform: np.ndarray, rng: np.random.Generator, db: float) -> np.ndarray:
    """Louder or quieter; what exceeds full scale is clipped, as a recorder would."""
    return np.clip(waveform * 10 ** (db / 20), -1, 1)


def speed(waveform: np.ndarray, rng: np.random.Generator, factor: float) -> np.ndarray:
    """Played faster or slower, so that pitch and formants move with the tempo."""
    return np.asarray(soxr.resample(waveform, SAMPLE_RATE_HZ * factor, SAMPLE_RATE_HZ, quality="HQ"))


def cut(waveform: np.ndarray, rng: np.random.Generator, seconds: float) -> np.ndarray:
    """The middle of the speech, so long; a shorter one whole."""
    within = waveform[speech(waveform)]
    length = min(len(within), round(seconds * SAMPLE_RATE_HZ))
    start = (len(within) - length) // 2
    return within[start : start + length]


def sampled(waveform: np.ndarray, rng: np.random.Generator, rate_hz: int) -> np.ndarray:
    """Kept at another sample rate and brought back."""
    there = soxr.resample(waveform, SAMPLE_RATE_HZ, rate_hz, quality="HQ")
    return np.asarray(soxr.resample(there, rate_hz, SAMPLE_RATE_HZ, quality="HQ"))


def speech(waveform: np.ndarray) -> slice:
    """From the first to the last frame of 20 ms that is within 35 dB of the loudest, in samples."""
    frames = max(1, len(waveform) // FRAME)
    energy = np.array([_power(part) for part in np.array_split(waveform, frames)])
    near = np.flatnonzero(energy >= energy.max() * 10 ** (-SPEECH_DB / 10))
    edges = np.linspace(0, len(waveform), frames + 1).round().astype(int)
    return slice(int(edges[near[0]]), int(edges[near[-1] + 1]))


def _power(waveform: np.ndarray) -> float:
    return float(np.mean(np.square(waveform, dtype=np.float64)))


def _coded(waveform: np.ndarray, rate_hz: int, **how: Any) -> np.ndarray:
    """What is left after writing in a format and reading again, at 16 kHz; an encoder may choose its own rate."""
    file = io.BytesIO()
    soundfile.write(file, waveform, rate_hz, **how)
    file.seek(0)
    samples, rate_hz = soundfile.read(file, dtype="float32")
    return np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ"))


def _condition(name: str, title: str, alter: Callable[..., np.ndarray], **how: Any) -> Condition:
    return Condition(name, title, functools.partial(alter, **how))


MP3: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}

CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        _condition(CLEAN, "as recorded", lambda waveform, rng: waveform),
        _condition("telephone", "telephone, μ-law", telephone),
        _condition("mp3-16", "MP3, 16 kbit/s", coded, **MP3, compression_level=0.95),
        _condition("mp3-8", "MP3, 8 kbit/s", coded, **MP3, compression_level=0.99),
        _condition("vorbis-32", "OGG Vorbis, 32 kbit/s", coded, format="OGG", subtype="VORBIS", compression_level=1.0),
        _condition("opus-11", "OGG Opus, 11 kbit/s", coded, format="OGG", subtype="OPUS", compression_level=0.98),
        _condition("noise-20", "noise, 20 dB below speech", noise, snr_db=20.0),
        _condition("noise-10", "noise, 10 dB below speech", noise, snr_db=10.0),
        _condition("noise-0", "noise as loud as speech", noise, snr_db=0.0),
        _condition("room-0.3", "reverberation, 0.3 s", reverberation, rt60_seconds=0.3),
        _condition("room-0.8", "reverberation, 0.8 s", reverberation, rt60_seconds=0.8),
        _condition("louder", "20 dB louder, clipped", gain, db=20.0),
        _condition("quieter", "20 dB quieter", gain, db=-20.0),
        _condition("faster", "10 % faster", speed, factor=1.1),
        _condition("slower", "10 % slower", speed, factor=0.9),
        _condition("cut-2", "2 s of the speech", cut, seconds=2.0),
        _condition("cut-1", "1 s of the speech", cut, seconds=1.0),
        _condition("rate-8000", "8 kHz", sampled, rate_hz=8000),
        _condition("rate-22050", "22.05 kHz", sampled, rate_hz=22050),
        _condition("rate-44100", "44.1 kHz", sampled, rate_hz=44100),
    )
}
"""Every condition under its name, :data:`CLEAN` first."""
