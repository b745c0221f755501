"""Sounds in which nobody speaks: always the same, of every length and level, and each of its own kind."""

from __future__ import annotations

import numpy as np
import pytest

from emovox.audio import check_waveform
from emovox.evaluation.sounds import SOUNDS, sound


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_can_be_listened_to_and_is_always_the_same(name: str) -> None:
    several = [sound(name, seed) for seed in range(3)]
    for seed, x in enumerate(several):
        check_waveform(x, name)
        assert 16_000 <= len(x) <= 64_000 and 0.003 <= np.abs(x).max() <= 0.51
        np.testing.assert_array_equal(x, sound(name, seed))
    assert len({len(x) for x in several}) == 3


def test_kinds_differ_in_how_flat_their_spectra_are() -> None:
    def flatness(name: str) -> float:
        power = np.abs(np.fft.rfft(sound(name, 1))) ** 2 + 1e-12
        return float(np.exp(np.log(power).mean()) / power.mean())

    assert flatness("white noise") > 0.4 > flatness("pink noise") > flatness("brown noise")
    assert flatness("tone") < 1e-3 and flatness("melody") < 0.05
