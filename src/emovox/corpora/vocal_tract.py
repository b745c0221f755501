"""Source-filter synthesis of speech: glottal pulses, and the spectra that shape them.

A voice is a train of pulses and breath noise, filtered by the glottis and by the resonances of the tract above it (Fant
1960; Klatt 1980). Filters change from frame to frame, so they are applied to overlapping frames in the frequency
domain.

Fant G (1960). Acoustic Theory of Speech Production. Mouton.
Klatt DH (1980). Software for a cascade/parallel formant synthesizer. JASA 67, 971-995.
Doval B, d'Alessandro C, Henrich N (2006). The spectrum of glottal flow models. Acta Acustica 92, 1026-1046.
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATE_HZ = 16000
HOP = 160  # samples between frames: 10 ms
_FRAME = 2 * HOP
_FFT = 3 * HOP  # longer than the frame, so that a formant rings on into the next

FORMANT_WIDTHS_HZ = np.array([70.0, 90.0, 130.0, 200.0, 260.0, 330.0, 400.0])
"""Bandwidths of the first seven formants."""

_HERTZ = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ)  # (bins,)
_DELAY = np.exp(-2j * np.pi * _HERTZ / SAMPLE_RATE_HZ).astype(np.complex64)  # one sample, (bins,)

TURBULENCE = (_HERTZ / (_HERTZ + 1000)).astype(np.float32)
"""Spectrum of breath at the glottis, (bins,): little below a thousand hertz."""


def smooth(track: np.ndarray, seconds: float) -> np.ndarray:
    """A track (frames,) at the frame rate under a Hann kernel of about ``seconds``, its ends held."""
    half = max(1, round(seconds * SAMPLE_RATE_HZ / HOP / 2))
    kernel = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(track, half, mode="edge"), kernel / kernel.sum(), mode="valid")


def formants(centres_hz: np.ndarray, widths_hz: np.ndarray) -> np.ndarray:
    """A cascade of digital resonators of unit gain at 0 Hz (Klatt 1980).

    Args:
        centres_hz: (formants, frames).
        widths_hz: (formants,).

    Returns:
        (frames, bins), complex64.
    """
    radius = np.exp(-np.pi * widths_hz / SAMPLE_RATE_HZ)[:, None]  # (formants, 1)
    first = -2 * radius * np.cos(2 * np.pi * centres_hz / SAMPLE_RATE_HZ)  # (formants, frames)
    second = np.broadcast_to(radius**2, first.shape)
    gain = np.prod(1 + first + second, axis=0).astype(np.float32)[:, None]  # (frames, 1)
    poles = np.ones((len(gain), len(_HERTZ)), np.complex64)
    for a, b in zip(first.astype(np.float32)[..., None], second.astype(np.float32)[..., None], strict=True):
        poles *= 1 + (a + b * _DELAY) * _DELAY
    response: np.ndarray = gain / poles
    return response


def glottis(peak_hz: np.ndarray, fall_hz: np.ndarray) -> np.ndarray:
    """The spectrum of glottal flow, differentiated by the lips' radiation.

    It rises to the glottal formant, falls by 6 dB an octave, and by 12 above ``fall_hz`` (Doval, d'Alessandro and
    Henrich 2006).

    Args:
        peak_hz: The glottal formant, (frames,).
        fall_hz: Where the spectrum falls faster, (frames,).

    Returns:
        (frames, bins), complex64.
    """
    u = _HERTZ.astype(np.float32) / peak_hz.astype(np.float32)[:, None]
    v = _HERTZ.astype(np.float32) / fall_hz.astype(np.float32)[:, None]
    q = np.float32(0.9)
    response = np.empty(u.shape, np.complex64)  # j u / ((1 + j u / q - u²)(1 + j v)), its denominator divided by j
    response.real = u / q + v * (1 - u * u)
    response.imag = u * v / q + u * u - 1
    np.divide(u, response, out=response)
    return response


def band(centres_hz: np.ndarray) -> np.ndarray:
    """The band of a burst or fricative: (frames,) → (frames, bins), real, peak 1, wider the higher it lies."""
    widths_hz = 500 + 0.22 * centres_hz
    response: np.ndarray = np.exp(-0.5 * ((_HERTZ - centres_hz[:, None]) / widths_hz[:, None]) ** 2)
    return response.astype(np.float32)


def pulses(f0_hz: np.ndarray, jitter: float, shimmer: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One pulse a glottal cycle, between samples where need be.

    Args:
        f0_hz: (samples,).
        jitter: Standard deviation of a pulse's time, in cycles.
        shimmer: Standard deviation of a pulse's size, relative.
        rng: Draws both.

    Returns:
        The pulses and the phase in cycles, each (samples,).
    """
    phase = np.cumsum(f0_hz) / SAMPLE_RATE_HZ
    cycles = np.arange(1, int(phase[-1]))
    times = np.interp(cycles + np.clip(rng.normal(0, jitter, len(cycles)), -0.3, 0.3), phase, np.arange(len(phase)))
    sizes = np.clip(1 + rng.normal(0, shimmer, len(cycles)), 0.2, 2)
    whole = np.minimum(times.astype(int), len(phase) - 2)
    part = times - whole
    pulses = np.zeros(len(phase))
    np.add.at(pulses, whole, sizes * (1 - part))
    np.add.at(pulses, whole + 1, sizes * part)
    return pulses, phase


def spectra(sources: np.ndarray) -> np.ndarray:
    """Windowed frames in the frequency domain: (sources, frames · hop) → (sources, frames, bins), complex64."""
    padded = np.pad(sources, ((0, 0), (HOP // 2, HOP // 2))).astype(np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(padded, _FRAME, axis=1)[:, ::HOP]
    window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)  # halves that overlap add up to one
    result: np.ndarray = np.fft.rfft(cut * window, _FFT).astype(np.complex64, copy=False)
    return result


def overlap_add(spectra: np.ndarray) -> np.ndarray:
    """Frames back to one signal: (frames, bins) → (samples,)."""
    parts = np.fft.irfft(spectra, _FFT).reshape(len(spectra), _FFT // HOP, HOP)
    total = np.zeros((len(spectra) + _FFT // HOP - 1, HOP))
    for i in range(_FFT // HOP):
        total[i : i + len(parts)] += parts[:, i]
    return total.reshape(-1)
