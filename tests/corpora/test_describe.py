"""A description measures what is there, and counts what is missing and what stands out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emovox.corpora import load_path
from emovox.corpora.base import Corpus
from emovox.corpora.describe import Description, Remark, describe
from emovox.errors import CorpusError
from small_ravdess import sound, write

RATE_HZ = 16000


def tone(seconds: float, peak: float = 0.5, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A 250 Hz sine, float64."""
    return peak * np.sin(2 * np.pi * 250 * np.arange(round(seconds * rate_hz)) / rate_hz)


def table(folder: Path, clips: dict[str, np.ndarray], rates: dict[str, int] | None = None) -> Corpus:
    """A corpus of these clips: two speakers and two emotions in turn, a sex for the first speaker alone."""
    rows = ["path,emotion,speaker,sex"]
    for i, (name, samples) in enumerate(clips.items()):
        write(folder / f"{name}.wav", samples, (rates or {}).get(name, RATE_HZ))
        rows.append(f"{name}.wav,{('sad', 'happy')[i % 2]},{('x,female', 'y,')[i % 2]}")
    (folder / "corpus.csv").write_text("\n".join(rows) + "\n")
    return load_path(folder)


def remark(description: Description, what: str) -> Remark:
    return next(remark for remark in description.remarks if remark.what == what)


def test_measures_of_known_sound(tmp_path: Path) -> None:
    silence = np.zeros(RATE_HZ)
    padded = np.concatenate([silence, tone(2.0), silence])
    corpus = table(tmp_path, {"a": tone(1.0, 0.5), "b": padded, "c": np.stack([tone(1.0)] * 2, axis=1)})
    told: list[tuple[str, int, int]] = []
    described = describe(corpus, progress=lambda *step: told.append(step))
    np.testing.assert_allclose(described.seconds, [1.0, 4.0, 1.0])
    np.testing.assert_allclose(described.speech_seconds, [1.0, 2.0, 1.0], atol=0.011)
    np.testing.assert_allclose(described.peak_dbfs, 20 * np.log10(0.5), atol=0.01)
    np.testing.assert_allclose(described.rms_dbfs[[0, 2]], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.01)
    np.testing.assert_allclose(described.rms_dbfs[1], 20 * np.log10(0.5 / np.sqrt(2) / np.sqrt(2)), atol=0.01)
    assert described.channels.tolist() == [1, 1, 2]
    assert described.sample_rate_hz.tolist() == [RATE_HZ] * 3
    assert described.subtypes == ("PCM_16",) * 3
    assert described.clips_per_emotion == {"happy": 1, "sad": 2}
    assert described.clips_per_speaker == {"x": 2, "y": 1}
    assert described.sexes == {"female": 1, "unknown": 1}
    assert told[-1] == ("describe", 3, 3)


def test_missing_values_are_counted_and_explained(tmp_path: Path) -> None:
    corpus = table(tmp_path, {name: tone(1.0) for name in "abcde"})
    (tmp_path / "b.wav").write_text("no sound")
    described = describe(corpus)
    sound_missing = remark(described, "sound")
    assert (sound_missing.count, sound_missing.clips) == (1, ("b",))
    assert "not an audio file" in sound_missing.explanation
    assert np.isnan(described.seconds[1]) and described.sample_rate_hz[1] == 0
    assert remark(described, "sex").clips == ("b", "d")
    assert remark(described, "intensity").count == 5
    assert remark(described, "clips of rarer emotions").count == 1
    assert "happy has 2" in remark(described, "clips of rarer emotions").explanation
    assert all(r.explanation and r.handling for r in described.remarks)


def test_outliers_are_counted_and_named(tmp_path: Path) -> None:
    clips = {f"n{i:02d}": tone(1.0 + 0.005 * i, 0.3 + 0.005 * i) for i in range(20)}
    clips |= {"long": tone(5.0), "quiet": tone(1.05, 0.002), "wide": np.stack([tone(1.05)] * 2, axis=1)}
    clips |= {"fast": tone(1.05, 0.3, 48000), "loud": np.clip(tone(1.05, 3.0), -1, 1)}
    described = describe(table(tmp_path, clips, {"fast": 48000}))
    assert remark(described, "length").clips == ("long",)
    assert "quiet" in remark(described, "peak level").clips
    assert "quiet" in remark(described, "RMS level").clips and "loud" in remark(described, "RMS level").clips
    assert remark(described, "channels").clips == ("wide",)
    assert remark(described, "sample rate").clips == ("fast",)
    assert remark(described, "clipped").clips == ("loud",)
    assert {r.kind for r in described.remarks} == {"missing", "outlier"}
    assert len(described.remarks_on("outlier")) == 7


def test_nothing_found_is_said_too(tmp_path: Path) -> None:
    described = describe(table(tmp_path, {name: tone(1.0) for name in "abcd"}))
    assert all(r.count == 0 and r.handling for r in described.remarks_on("outlier"))
    assert remark(described, "sound").count == 0


def test_the_tables_speak(tiny_corpus: Corpus) -> None:
    described = describe(tiny_corpus)
    overview, emotions, spread, remarks = described.listings()
    assert all("synthetic" in listing.title for listing in (overview, emotions, spread, remarks))
    assert dict(overview.rows)["recordings"] == "120"
    assert dict(overview.rows)["clips of a speaker"] == "30"
    assert emotions.rows[0] == ("neutral", "8", "6.7%")
    assert len(spread.rows) == 4 and len(spread.rows[0]) == 6
    assert len(remarks.rows) == len(described.remarks)
    assert "three quarters" in spread.text()
    assert (described.speech_seconds <= described.seconds).all()
    assert (described.rms_dbfs < described.peak_dbfs).all()


def test_nothing_can_be_read(tmp_path: Path) -> None:
    corpus = table(tmp_path, {"a": sound(0), "b": sound(1)})
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match="No recording"):
        describe(corpus)


def test_numbers_that_cannot_be_are_not_shown(tmp_path: Path) -> None:
    """No fence above full scale or below no length, no nought with a sign, no word on a sex that nobody told."""
    peaks = np.geomspace(0.05, 0.999, 12)
    corpus = table(tmp_path, {f"n{i:02d}": tone(0.2 + 0.3 * i, peak) for i, peak in enumerate(peaks)})
    described = describe(corpus)
    assert "to 0.0 dBFS" in remark(described, "peak level").explanation
    assert "outside 0.0 to" in remark(described, "length").explanation
    assert "-0.0" not in " ".join(listing.text() for listing in described.listings())
    assert dict(described.listings()[0].rows)["speakers"] == "2 (1 female, 1 of unknown sex)"
    text = (tmp_path / "corpus.csv").read_text().replace("female", "")
    (tmp_path / "corpus.csv").write_text(text)
    assert dict(describe(load_path(tmp_path)).listings()[0].rows)["speakers"] == "2"


def test_parts_of_a_file_are_described_each(tmp_path: Path) -> None:
    write(tmp_path / "long.wav", np.concatenate([tone(1.0, 0.1), tone(2.0, 0.5)]), RATE_HZ)
    rows = ["path,start,end,emotion,speaker", "long.wav,0,1,sad,x", "long.wav,1,,joy,y"]
    (tmp_path / "corpus.csv").write_text("\n".join(rows))
    described = describe(load_path(tmp_path))
    np.testing.assert_allclose(described.seconds, [1.0, 2.0])
    np.testing.assert_allclose(described.peak_dbfs, [-20, 20 * np.log10(0.5)], atol=0.01)
