"""The log-mel spectrogram against independent arithmetic, on silence, noise and tones."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from emovox.features import LogMel, front_end
from waveforms import babble, noise, silence, tone

YAMNET = LogMel(hop_seconds=0.010, n_mels=64, fmin_hz=125.0, fmax_hz=7500.0, n_frames=0)
PUBLISHED = LogMel(
    window_seconds=0.128, hop_seconds=0.032, fft_size=2048, n_mels=128, fmin_hz=0.0, fmax_hz=8000.0, power=2,
    offset=1e-10, trim_db=0.0, n_frames=94, scaling="minmax",
)  # fmt: skip


def test_one_frame_equals_the_bare_equation() -> None:
    """log(Σ_k w(k) |Σ_n x(n) h(n) e^{-2πikn/N}| + offset), written out with an explicit Fourier matrix."""
    front = LogMel(peak=0)
    x = np.random.default_rng(1).normal(0, 0.1, front.window_samples)
    n = np.arange(front.window_samples)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / front.window_samples)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(front.fft_size // 2 + 1), n) / front.fft_size)
    expected = np.log(np.abs(fourier @ (x * hann)) @ front.mel_matrix + front.offset)
    np.testing.assert_allclose(front.log_mel(x.astype(np.float32))[0], expected, atol=2e-5)


@pytest.mark.parametrize("front", [LogMel(), YAMNET, PUBLISHED])
def test_mel_matrix_equals_tensorflows(front: LogMel) -> None:
    tf = pytest.importorskip("tensorflow")
    theirs = tf.signal.linear_to_mel_weight_matrix(
        front.n_mels, front.fft_size // 2 + 1, front.sample_rate_hz, front.fmin_hz, front.fmax_hz, dtype=tf.float64
    ).numpy()
    np.testing.assert_allclose(front.mel_matrix, theirs, atol=1e-6)


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_its_own_band(hertz: float) -> None:
    edges = 700 * (np.exp(np.linspace(*(1127 * np.log1p(np.array([125, 7500]) / 700)), 66) / 1127) - 1)
    band = int(YAMNET.log_mel(tone(1, hertz))[10].argmax())
    assert edges[band] < hertz < edges[band + 2]


def test_silence_around_speech_is_trimmed_and_padded_behind() -> None:
    front = LogMel(n_frames=64)
    (features,), _ = front(np.concatenate([silence(0.5), tone(0.5), silence(0.5)]))
    loud = features.max(axis=1) > -2
    assert loud[0] and 20 <= loud.sum() <= 30 and not loud[40:].any()
    np.testing.assert_allclose(features[40:], front.silence)


def test_a_long_clip_becomes_windows_that_lose_nothing_and_weigh_by_speech() -> None:
    front = LogMel(n_frames=10)
    waveform = np.concatenate([tone(0.5), silence(1), tone(0.5)])
    whole = front.log_mel(waveform)
    features, weights = front(waveform)
    speech = whole[front_end.speech(front.loud(whole))]
    inside = front_end.windows(len(speech), 10)
    np.testing.assert_array_equal(features, speech[inside])
    assert set(inside.ravel()) == set(range(len(speech)))
    silent = (speech[inside] < -6).all(axis=(1, 2))
    assert silent.any() and not weights[silent].any() and weights[[0, -1]].min() > 0


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 11, 14, 15, 16, 999])
def test_windows_overlap_by_half_and_reach_from_end_to_end(frames: int) -> None:
    inside = front_end.windows(frames, 10)
    assert inside[0, 0] == 0 and inside[-1, -1] == frames - 1
    assert inside.shape[1] == min(10, frames)
    assert (np.diff(inside[:, 0]) <= 5).all() and (np.diff(inside[:, 0]) > 0).all()
    assert len(inside) == 1 or len(inside) == 1 + -(-(frames - 10) // 5)


def test_without_a_number_of_frames_a_clip_keeps_the_length_of_its_speech() -> None:
    waveform = np.concatenate([silence(0.5), tone(0.5), silence(0.5)])
    assert (
        25 <= LogMel(n_frames=0)(waveform).features.shape[1] <= 28
    )  # 0.5 s in hops of 20 ms, and a frame that reaches in
    assert LogMel(n_frames=0, trim_db=0)(waveform).features.shape[1] == 1 + (len(waveform) - 400) // 320


def test_minmax_fills_zero_to_one() -> None:
    for window in PUBLISHED(tone(4, 300)).features:
        assert window.min() == 0 and window.max() == pytest.approx(1)


def test_standard_gives_a_clips_speech_zero_mean_and_unit_deviation_and_pads_with_its_mean() -> None:
    front = LogMel(scaling="standard", n_frames=64)
    (features,), _ = front(babble(0.6))
    speech = replace(front, n_frames=0)(babble(0.6)).features.shape[1]
    assert speech < 64
    assert features[:speech].mean() == pytest.approx(0, abs=1e-5)
    assert features[:speech].std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(features[speech:], 0)


def test_standard_and_minmax_do_not_hear_how_loud_a_clip_is() -> None:
    x = babble(1)
    for scaling in ("standard", "minmax"):
        front = LogMel(scaling=scaling, offset=1e-9, n_frames=0, peak=0)
        np.testing.assert_allclose(front(0.1 * x).features, front(x).features, atol=1e-3)
        recorded = LogMel(offset=1e-9, peak=0)
        assert not np.allclose(recorded(0.1 * x).features, recorded(x).features, atol=1)


def test_louder_by_six_decibels_is_higher_by_log_two() -> None:
    front = LogMel(offset=1e-12, peak=0)
    np.testing.assert_allclose(front.log_mel(2 * noise(1)) - front.log_mel(noise(1)), np.log(2), atol=1e-3)


@pytest.mark.parametrize("scaling", ["none", "minmax", "standard"])
def test_what_pads_a_short_clip_is_called_silence(scaling: str) -> None:
    front = LogMel(scaling=scaling)
    assert front(tone(0.2, 300)).features[0, -1].tolist() == [front.silence] * front.n_mels


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window_seconds": 0.0}, "window_seconds"),
        ({"window_seconds": 0.033}, "at most fft_size / 16000"),
        ({"fft_size": 401}, "even"),
        ({"hop_seconds": 0.0}, "hop_seconds"),
        ({"n_mels": 0}, "n_mels"),
        ({"offset": 0.0}, "offset"),
        ({"fmin_hz": -1.0}, "fmin_hz"),
        ({"fmax_hz": 60.0}, "fmin_hz < fmax_hz"),
        ({"fmax_hz": 8001.0}, "<= 8000"),
        ({"trim_db": -1.0}, "trim_db"),
        ({"trim_db": float("nan")}, "trim_db"),
        ({"n_frames": -1}, "n_frames"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict, words: str) -> None:
    LogMel().check()
    with pytest.raises(ValueError, match=words):
        LogMel(**settings).check()


def test_every_field_is_documented() -> None:
    assert all(field.name in (LogMel.__doc__ or "") for field in fields(LogMel))


def test_a_long_clip_of_its_own_length_loses_its_pauses_and_a_short_one_keeps_them() -> None:
    waveform = np.concatenate([tone(0.5), silence(0.6), tone(0.5)])
    whole, alone = LogMel(n_frames=0)(waveform), LogMel(n_frames=0, most_frames=500)(waveform)
    np.testing.assert_array_equal(whole.features, alone.features)
    features, weights = LogMel(n_frames=0, most_frames=50)(waveform)
    assert features.shape[1] == 20 == int(50 * front_end.WINDOW_SHARE)
    assert len(features) == len(weights) == 5  # some 2 x (26 + 5) frames, where the whole clip has 80
    quiet = (features < -6).all(axis=2).sum(axis=1)
    assert quiet.max() <= 2 * front_end.NEAR_FRAMES and weights.min() > 0
