"""Features of a corpus: computed once, kept by what they were made from, whole or not at all."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.errors import AudioError, CorpusError, StorageError
from emovox.features import LogMel, cache, extract
from full_disk import full_disk
from waveforms import tone

RATE = 16000


def write(path: Path, samples: np.ndarray) -> Clip:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return Clip(path.stem, path, "sad", path.stem)


def of(*clips: Clip) -> Corpus:
    return Corpus(CorpusSpec("mine", ("sad",)), clips, clips[0].path.parent)


def test_features_are_cached_by_digest_in_the_order_of_the_clips(tmp_path: Path) -> None:
    clips = tuple(write(tmp_path / f"{i}.wav", tone(0.5, 200.0 * (i + 1))) for i in range(3))
    told: list[int] = []
    path = extract(LogMel(), of(*clips), tmp_path / "cache", 2, lambda stage, done, total: told.append(done))
    stored = np.load(path)
    assert stored.shape == (3, *LogMel().shape) and told == [1, 2, 3]
    bands = [row[5].argmax() for row in stored]
    assert bands == sorted(bands) and len(set(bands)) == 3
    extract(LogMel(), of(*clips), tmp_path / "cache", 2, lambda stage, done, total: told.append(done))
    assert told == [1, 2, 3]  # nothing is decoded again
    copied = tmp_path / "copied"
    copied.mkdir()
    moved = of(*(write(copied / clip.path.name, tone(0.5, 200.0 * (i + 1))) for i, clip in enumerate(clips)))
    assert extract(LogMel(), moved, tmp_path / "cache") == path


def test_other_settings_are_other_features(tmp_path: Path) -> None:
    corpus = of(write(tmp_path / "a.wav", tone(0.5, 300)))
    first, second = (extract(front, corpus, tmp_path / "cache") for front in (LogMel(), LogMel(n_mels=30)))
    assert first != second
    assert np.load(second).shape == (1, 128, 30)


def test_an_edited_front_end_is_never_answered_from_an_old_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(cache.PACKAGE, tmp_path / "emovox", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "PACKAGE", tmp_path / "emovox")
    corpus = of(write(tmp_path / "a.wav", tone(0.5, 300)))
    before = extract(LogMel(), corpus, tmp_path / "cache")
    assert extract(LogMel(), corpus, tmp_path / "cache") == before
    decoding = [path.relative_to(cache.PACKAGE) for path in cache.PACKAGE.rglob("audio*")]
    for name in ("features/log_mel.py", "features/front_end.py", *(d for d in decoding if d.suffix)):
        file = tmp_path / "emovox" / name
        whole = file.read_bytes()
        file.write_bytes(whole + b"\n")
        assert extract(LogMel(), corpus, tmp_path / "cache") != before, name
        file.write_bytes(whole)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0")
    assert extract(LogMel(), corpus, tmp_path / "cache") != before  # another version of what resamples


def test_a_recording_edited_to_the_same_size_is_read_again(tmp_path: Path) -> None:
    before = np.load(extract(LogMel(), of(write(tmp_path / "a.wav", tone(0.5, 300))), tmp_path / "cache"))
    after = np.load(extract(LogMel(), of(write(tmp_path / "a.wav", tone(0.5, 900))), tmp_path / "cache"))
    assert not np.array_equal(before, after)


def test_a_recording_that_is_gone_is_named(tmp_path: Path) -> None:
    corpus = of(write(tmp_path / "a.wav", tone(0.5, 300)))
    (tmp_path / "a.wav").unlink()
    with pytest.raises(CorpusError, match=r"a\.wav cannot be read: No such file"):
        extract(LogMel(), corpus, tmp_path / "cache")


def test_a_bad_recording_leaves_no_cache(tmp_path: Path) -> None:
    good = write(tmp_path / "a.wav", tone(0.5, 300))
    (tmp_path / "b.wav").write_text("not sound")
    with pytest.raises(AudioError, match=r"b\.wav"):
        extract(LogMel(), of(good, Clip("b", tmp_path / "b.wav", "sad", "b")), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_no_cache(tmp_path: Path) -> None:
    corpus = of(write(tmp_path / "a.wav", tone(0.3, 300)))
    with full_disk(), pytest.raises(StorageError, match=r"Cannot write .*cache.*EMOVOX_CACHE"):
        extract(LogMel(), corpus, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
