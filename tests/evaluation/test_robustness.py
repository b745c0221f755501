"""Conditions: each is a pure function of clip and condition, and does what its name says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import welch

from emovox.audio import SAMPLE_RATE_HZ, check_waveform
from emovox.evaluation import robustness
from emovox.evaluation.robustness import CLEAN, CONDITIONS, speech
from waveforms import WAVEFORMS, babble, noise, silence, tone


def band_power(waveform: np.ndarray, low: float, high: float) -> float:
    hertz, density = welch(waveform, SAMPLE_RATE_HZ, nperseg=1024)
    return float(density[(hertz >= low) & (hertz < high)].sum())


def decibels(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(a.astype(np.float64) ** 2) / np.mean(b.astype(np.float64) ** 2)))


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_a_pure_function_of_clip_and_name(name: str) -> None:
    waveform = babble(2.5)
    before = waveform.copy()
    first, again = (CONDITIONS[name](waveform, "clip") for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(waveform, before)
    assert first.dtype == np.float32 and first.flags.c_contiguous


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("kind", [kind for kind in WAVEFORMS if kind != "long"])
def test_every_recording_that_is_accepted_can_be_altered(name: str, kind: str) -> None:
    altered = CONDITIONS[name](WAVEFORMS[kind], kind)
    assert np.isfinite(altered).all() and len(altered) > 0
    if len(altered) >= 0.1 * SAMPLE_RATE_HZ and kind != "quiet":
        check_waveform(altered, name)


def test_what_is_random_differs_from_clip_to_clip() -> None:
    waveform = babble(1)
    for name in ("noise-10", "room-0.3"):
        assert np.abs(CONDITIONS[name](waveform, "a") - CONDITIONS[name](waveform, "b")).max() > 1e-3


def test_clean_alters_nothing_and_comes_first() -> None:
    waveform = babble(1)
    np.testing.assert_array_equal(CONDITIONS[CLEAN](waveform, "a"), waveform)
    assert next(iter(CONDITIONS)) == CLEAN


def test_a_telephone_carries_its_band_alone() -> None:
    heard = CONDITIONS["telephone"](noise(3), "a")
    inside = band_power(heard, 500, 3200)
    assert band_power(heard, 4100, 8000) < 1e-4 * inside and band_power(heard, 0, 150) < 0.02 * inside
    assert len(heard) == 3 * SAMPLE_RATE_HZ


@pytest.mark.parametrize("name", ["mp3-16", "mp3-8", "vorbis-32", "opus-11"])
def test_a_lossy_format_keeps_level_and_length_and_loses_something(name: str) -> None:
    waveform = babble(3)
    heard = CONDITIONS[name](waveform, "a")
    assert abs(len(heard) / len(waveform) - 1) < 0.1 and abs(decibels(heard, waveform)) < 2
    assert len(heard) != len(waveform) or decibels(heard - waveform, waveform) > -40


def test_noise_is_as_far_below_the_speech_as_its_name_says() -> None:
    waveform = np.concatenate([silence(2), babble(2), silence(2)])
    for snr in (20, 10, 0):
        added = CONDITIONS[f"noise-{snr}"](waveform, "a") - waveform
        assert decibels(waveform[speech(waveform)], added) == pytest.approx(snr, abs=0.2)
        assert band_power(added, 100, 200) / band_power(added, 3200, 6400) == pytest.approx(1, abs=0.3)  # of an octave


def test_sound_in_a_room_falls_by_60_db_in_the_time_that_is_said() -> None:
    click = np.concatenate([np.ones(1, np.float32), silence(2)])
    for seconds in (0.3, 0.8):
        tail = CONDITIONS[f"room-{seconds}"](click, "a")[1:]
        n = round(seconds * SAMPLE_RATE_HZ)
        early, late = tail[: n // 10], tail[n // 2 : n // 2 + n // 10]
        assert decibels(early, late) == pytest.approx(30, abs=2)
        assert np.abs(tail[n + 1 :]).max() < 1e-6
    waveform = babble(2)
    heard = CONDITIONS["room-0.8"](waveform, "a")
    assert len(heard) == len(waveform) and decibels(heard, waveform) == pytest.approx(0, abs=0.01)


def test_gain_is_20_db_and_stays_within_full_scale() -> None:
    waveform = 0.05 * tone(1)
    assert decibels(CONDITIONS["louder"](waveform, "a"), waveform) == pytest.approx(20, abs=0.01)
    assert decibels(CONDITIONS["quieter"](waveform, "a"), waveform) == pytest.approx(-20, abs=0.01)
    assert np.abs(CONDITIONS["louder"](tone(1), "a")).max() == 1


def test_speed_moves_length_and_pitch() -> None:
    for name, factor in (("faster", 1.1), ("slower", 0.9)):
        heard = CONDITIONS[name](tone(2, 440), "a")
        assert len(heard) == pytest.approx(2 * SAMPLE_RATE_HZ / factor, abs=2)
        peak = np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE_HZ)[np.abs(np.fft.rfft(heard)).argmax()]
        assert peak == pytest.approx(440 * factor, abs=1)


def test_a_cut_is_of_the_middle_of_the_speech() -> None:
    waveform = np.concatenate([silence(1), babble(4), silence(2)])
    within = speech(waveform)
    assert within.start == pytest.approx(SAMPLE_RATE_HZ, abs=0.2 * SAMPLE_RATE_HZ)
    assert within.stop == pytest.approx(5 * SAMPLE_RATE_HZ, abs=0.2 * SAMPLE_RATE_HZ)
    for seconds in (1, 2):
        heard = CONDITIONS[f"cut-{seconds}"](waveform, "a")
        start = (within.start + within.stop - len(heard)) // 2
        np.testing.assert_array_equal(heard, waveform[start : start + len(heard)])
        assert len(heard) == seconds * SAMPLE_RATE_HZ
    assert len(CONDITIONS["cut-2"](babble(0.5), "a")) <= 0.5 * SAMPLE_RATE_HZ


def test_other_sample_rates_lose_only_what_they_cannot_hold() -> None:
    waveform = babble(2)
    for rate in (22050, 44100):
        heard = CONDITIONS[f"rate-{rate}"](waveform, "a")
        inner = slice(1000, -1000)
        assert decibels(heard[inner] - waveform[inner], waveform[inner]) < -30
    heard = CONDITIONS["rate-8000"](noise(2), "a")
    assert band_power(heard, 4200, 8000) < 1e-4 * band_power(heard, 100, 3500)


def test_conditions_need_no_tensorflow() -> None:
    code = f"import {robustness.__name__}, sys; sys.exit(','.join({{'tensorflow', 'keras'}} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
