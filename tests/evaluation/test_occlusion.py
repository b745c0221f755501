"""Occlusion: each patch quietens its own part of a clip, and an answer that rests on one part falls with that part."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from emovox.audio import SAMPLE_RATE_HZ
from emovox.evaluation.occlusion import BANDS, falls, grid_of, listing, occluded
from waveforms import WAVEFORMS, babble, tone


def power_at(waveform: np.ndarray, hertz: float, start: float, end: float) -> float:
    part = waveform[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)]
    frequencies, density = welch(part, SAMPLE_RATE_HZ, nperseg=512)
    return float(density[np.argmin(np.abs(frequencies - hertz))])


def clip_with_a_tone() -> np.ndarray:
    """Two seconds of noise, and from 0.8 to 1.2 s a tone of 1 kHz."""
    waveform = 0.01 * np.random.default_rng(0).normal(size=2 * SAMPLE_RATE_HZ).astype(np.float32)
    waveform[12_800:19_200] += tone(0.4, 1000.0)[:6400]
    return waveform


@pytest.mark.parametrize("kind", [kind for kind in WAVEFORMS if kind != "long"])
def test_every_recording_that_is_accepted_has_patches(kind: str) -> None:
    waveform = WAVEFORMS[kind]
    grid = grid_of(waveform)
    altered = list(occluded(waveform, grid))
    assert len(altered) == np.prod(grid.shape)
    assert all(len(each) == len(waveform) and each.dtype == np.float32 and np.isfinite(each).all() for each in altered)


def test_patches_cover_the_speech_and_all_that_is_heard() -> None:
    waveform = np.concatenate([np.zeros(8000), babble(1.5), np.zeros(8000)]).astype(np.float32)
    grid = grid_of(waveform)
    assert grid.seconds[0] == pytest.approx(0.5, abs=0.05) and grid.seconds[-1] == pytest.approx(2.0, abs=0.05)
    assert (grid.hertz[0], grid.hertz[-1]) == (0.0, pytest.approx(SAMPLE_RATE_HZ / 2))
    assert np.diff(grid.seconds) == pytest.approx(1.5 / 7, abs=0.02) and grid.shape == (7, BANDS)


def test_a_patch_quietens_its_own_stretch_and_band_alone() -> None:
    waveform = clip_with_a_tone()
    grid = grid_of(waveform)
    band = np.searchsorted(grid.hertz, 1000.0) - 1
    stretch = np.searchsorted(grid.seconds, 1.0) - 1
    start, end = grid.seconds[stretch : stretch + 2]
    altered = dict(zip(np.ndindex(grid.shape), occluded(waveform, grid), strict=True))
    inside = power_at(altered[stretch, band], 1000.0, start + 0.03, end - 0.03)
    assert inside < 1e-3 * power_at(waveform, 1000.0, start + 0.03, end - 0.03)
    other = altered[stretch, band + 2]
    assert power_at(other, 1000.0, start, end) == pytest.approx(power_at(waveform, 1000.0, start, end), rel=1e-3)
    before = altered[stretch, band][: round((start - 0.05) * SAMPLE_RATE_HZ)]
    np.testing.assert_allclose(before, waveform[: len(before)], atol=1e-5)


def test_an_answer_that_rests_on_one_part_falls_with_that_part_alone() -> None:
    waveform = clip_with_a_tone()
    grid = grid_of(waveform)

    def answer(x: np.ndarray) -> np.ndarray:
        heard = power_at(x, 1000.0, 0.85, 1.15) / power_at(waveform, 1000.0, 0.85, 1.15)
        return np.array([0.1 + 0.8 * heard, 0.9 - 0.8 * heard])

    found = falls(answer(waveform), np.stack([answer(x) for x in occluded(waveform, grid)]), grid)
    middles = np.add(grid.seconds[1:], grid.seconds[:-1]) / 2
    inside = np.zeros(grid.shape, bool)
    inside[(middles > 0.75) & (middles < 1.25), np.searchsorted(grid.hertz, 1000.0) - 1] = True
    assert found[inside].max() > 0.2 and np.abs(found[~inside]).max() < 0.02


def test_a_table_names_the_part_that_counts_most() -> None:
    answer = {"predicted": "angry", "probability": 0.9, "falls": [[0.1, 0.0], [-0.2, 0.4]]}
    clip = {"clip": "a", "speaker": "1", "true": "sad", "seconds": [0.5, 0.7, 0.9], "hertz": [0, 1200, 8000]}
    rows = listing({"clips": [{**clip, "models": {"cnn": answer}}]}, "cnn").rows
    assert rows == (("a", "sad", "angry", "90%", "0.7–0.9 s, 1.2–8.0 kHz", "50%"),)
