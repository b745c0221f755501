"""Front ends against independent arithmetic, on silence, noise and tones."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.errors import AudioError, CorpusError, RecipeError, StorageError
from emovox.features import FRONT_ENDS, LogMel, extract, front_end
from full_disk import full_disk

RATE = 16000


def tone(hertz: float, seconds: float = 1.0, peak: float = 0.5) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("samples", [100, 1_600, 16_000, 320_000])
def test_any_length_gives_the_same_shape(name: str, samples: int) -> None:
    front = front_end(name)
    features = front(np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32))
    assert features.shape == front.shape
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_one_frame_equals_the_bare_equation() -> None:
    """log(Σ_k w(k) |Σ_n x(n) h(n) e^{-2πikn/N}| + offset), written out with an explicit Fourier matrix."""
    front = LogMel(trim_db=None)
    x = np.random.default_rng(1).normal(0, 0.1, front.window_samples)
    n = np.arange(front.window_samples)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / front.window_samples)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(front.fft_size // 2 + 1), n) / front.fft_size)
    expected = np.log(np.abs(fourier @ (x * hann)) @ front.mel_matrix + front.offset)
    np.testing.assert_allclose(front.log_mel(x.astype(np.float32))[0], expected, atol=2e-5)


def test_mel_matrix_equals_tensorflows() -> None:
    tf = pytest.importorskip("tensorflow")
    for front in FRONT_ENDS.values():
        theirs = tf.signal.linear_to_mel_weight_matrix(
            front.n_mels, front.fft_size // 2 + 1, RATE, front.fmin_hz, front.fmax_hz, dtype=tf.float64
        ).numpy()
        np.testing.assert_allclose(front.mel_matrix, theirs, atol=1e-6)


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_its_own_band(hertz: float) -> None:
    front = front_end("yamnet")
    edges = 700 * (np.exp(np.linspace(*(1127 * np.log1p(np.array([125, 7500]) / 700)), 66) / 1127) - 1)
    band = int(front.log_mel(tone(hertz))[10].argmax())
    assert edges[band] < hertz < edges[band + 2]


def test_silence_around_speech_is_trimmed_and_padded_behind() -> None:
    front = LogMel(n_frames=64)
    quiet = np.zeros(RATE // 2, np.float32)
    features = front(np.concatenate([quiet, tone(440, 0.5), quiet]))
    loud = features.max(axis=1) > -2
    assert loud[0] and 20 <= loud.sum() <= 30 and not loud[40:].any()
    np.testing.assert_allclose(features[40:], front.silence)


def test_a_long_clip_loses_both_ends_alike() -> None:
    front = LogMel(n_frames=10, trim_db=None)
    whole = front.log_mel(np.random.default_rng(2).normal(0, 0.1, RATE).astype(np.float32))
    start = (len(whole) - 10) // 2
    np.testing.assert_array_equal(front.fit(whole), whole[start : start + 10])


def test_minmax_fills_zero_to_one_and_survives_silence() -> None:
    front = front_end("reference")
    features = front(tone(300, 2))
    assert features.min() == 0 and features.max() == pytest.approx(1)
    assert np.isfinite(front(np.zeros(RATE, np.float32))).all()


def test_louder_by_six_decibels_is_higher_by_log_two() -> None:
    front = LogMel(trim_db=None, offset=1e-12)
    x = np.random.default_rng(3).normal(0, 0.1, RATE).astype(np.float32)
    np.testing.assert_allclose(front.log_mel(2 * x) - front.log_mel(x), np.log(2), atol=1e-3)


def test_digest_changes_with_every_setting() -> None:
    assert LogMel().digest == LogMel().digest
    assert len({LogMel().digest, LogMel(n_mels=65).digest, LogMel(trim_db=None).digest, LogMel(power=2).digest}) == 4


def test_unknown_front_end_lists_the_known() -> None:
    with pytest.raises(RecipeError, match="available: reference, default, yamnet"):
        front_end("mfcc")


def write(path: Path, samples: np.ndarray) -> Clip:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return Clip(path.stem, path, "sad", path.stem)


def of(*clips: Clip) -> Corpus:
    return Corpus(CorpusSpec("mine", ("sad",)), clips, clips[0].path.parent)


def test_extract_caches_by_digest_and_keeps_order(tmp_path: Path) -> None:
    clips = tuple(write(tmp_path / f"{i}.wav", tone(200 * (i + 1), 0.5)) for i in range(3))
    corpus = of(*clips)
    told: list[int] = []
    path = extract(LogMel(), corpus, tmp_path / "cache", 2, lambda stage, done, total: told.append(done))
    stored = np.load(path)
    assert stored.shape == (3, *LogMel().shape) and told == [1, 2, 3]
    bands = [row[5].argmax() for row in stored]
    assert bands == sorted(bands) and len(set(bands)) == 3
    extract(LogMel(), of(*clips), tmp_path / "cache", 2, lambda stage, done, total: told.append(done))
    assert told == [1, 2, 3]  # nothing is decoded again
    copied = tmp_path / "copied"
    copied.mkdir()
    moved = of(*(write(copied / clip.path.name, tone(200 * (i + 1), 0.5)) for i, clip in enumerate(clips)))
    assert extract(LogMel(), moved, tmp_path / "cache") == path


def test_a_recording_edited_to_the_same_size_is_read_again(tmp_path: Path) -> None:
    before = np.load(extract(LogMel(), of(write(tmp_path / "a.wav", tone(300, 0.5))), tmp_path / "cache"))
    after = np.load(extract(LogMel(), of(write(tmp_path / "a.wav", tone(900, 0.5))), tmp_path / "cache"))
    assert not np.array_equal(before, after)


def test_a_recording_that_is_gone_is_named(tmp_path: Path) -> None:
    corpus = of(write(tmp_path / "a.wav", tone(300, 0.5)))
    (tmp_path / "a.wav").unlink()
    with pytest.raises(CorpusError, match=r"a\.wav cannot be read: No such file"):
        extract(LogMel(), corpus, tmp_path / "cache")


def test_a_bad_recording_leaves_no_cache(tmp_path: Path) -> None:
    good = write(tmp_path / "a.wav", tone(300, 0.5))
    (tmp_path / "b.wav").write_text("not sound")
    with pytest.raises(AudioError, match=r"b\.wav"):
        extract(LogMel(), of(good, Clip("b", tmp_path / "b.wav", "sad", "b")), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_no_cache(tmp_path: Path) -> None:
    corpus = of(write(tmp_path / "a.wav", tone(300, 0.3)))
    with full_disk(), pytest.raises(StorageError, match=r"Cannot write .*cache.*EMOVOX_CACHE"):
        extract(LogMel(), corpus, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("scaling", ["none", "minmax"])
def test_what_pads_a_short_clip_is_called_silence(scaling: Literal["none", "minmax"]) -> None:
    front = LogMel(scaling=scaling)
    assert front(tone(300, 0.2))[-1].tolist() == [front.silence] * front.n_mels
