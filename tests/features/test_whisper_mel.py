"""Whisper's log-mel against the published extractor's results and the bare equation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emovox.features.whisper_mel import WhisperMel
from waveforms import babble, silence, tone

THIRTY_SECONDS = 480_000


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["silence", "noise", "sine440", "speech"])
def test_equals_the_published_extractor(name: str, shared: Path) -> None:
    with np.load(shared / "whisper" / "reference.npz") as reference:
        waveform, expected = reference[f"{name}/waveform"], reference[f"{name}/log_mel"].T
    padded = np.pad(waveform, (0, THIRTY_SECONDS - len(waveform)))
    np.testing.assert_allclose(WhisperMel(peak=0).log_mel(padded), expected, atol=1e-4)


def test_one_frame_equals_the_bare_equation() -> None:
    x = babble(1).astype(np.float64)
    n = np.arange(400)
    frame = x[10 * 160 - 200 : 10 * 160 + 200] * np.sin(np.pi * n / 400) ** 2
    power = np.abs(np.exp(-2j * np.pi * np.outer(np.arange(201), n) / 400) @ frame) ** 2
    front = WhisperMel(peak=0)
    mel = power @ front.mel_matrix
    loudest = front.log_mel(x.astype(np.float32)).max() * 4 - 4
    expected = (np.maximum(np.log10(mel), loudest - 8) + 4) / 4
    np.testing.assert_allclose(front.log_mel(x.astype(np.float32))[10], expected, atol=1e-5)


def test_bands_are_straight_to_a_kilohertz_and_then_a_constant_ratio_apart() -> None:
    centres = WhisperMel().centres_hz
    low = centres[centres < 1000]
    np.testing.assert_allclose(np.diff(low), low[1])
    high = centres[centres > 1000]
    np.testing.assert_allclose(high[1:] / high[:-1], high[1] / high[0])
    assert centres[0] == 0 and centres[-1] == pytest.approx(8000)


@pytest.mark.parametrize("samples", [1, 200, 201, 1_600, 16_000, 16_159])
def test_any_length_gives_a_frame_per_hop(samples: int) -> None:
    log_mel = WhisperMel(peak=0).log_mel(babble(2)[:samples])
    assert log_mel.shape == (max(samples, 400) // 160, 80)
    assert log_mel.dtype == np.float32
    assert np.isfinite(log_mel).all()


def test_silence_around_speech_is_trimmed() -> None:
    waveform = np.concatenate([silence(0.5), tone(0.5), silence(0.5)])
    assert 50 <= WhisperMel()(waveform).features.shape[1] <= 53
    assert WhisperMel(trim_db=0)(waveform).features.shape[1] == 150


@pytest.mark.parametrize("settings", [{"n_mels": 128}, {"trim_db": -1}, {"trim_db": float("nan")}])
def test_what_the_networks_cannot_take_is_refused(settings: dict) -> None:
    WhisperMel().check()
    with pytest.raises(ValueError, match="must be"):
        WhisperMel(**settings).check()
