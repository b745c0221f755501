"""Whatever is wrong with a corpus is named, file by file, and a whole one is called whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from emovox.corpora import ravdess
from emovox.corpora.base import Corpus
from emovox.corpora.index import Published, samples_digest
from emovox.corpora.sameness import fingerprint
from emovox.corpora.verify import KINDS, Verification, verify
from emovox.errors import CorpusError
from small_ravdess import FRAMES, NAMES, RATE_HZ, place, publish, sound, write, write_all

A, B = NAMES[10], NAMES[70]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Published]]:
    """All 1,440 names with a tenth of a second each, and the index of that."""
    root = tmp_path_factory.mktemp("whole")
    return root, write_all(root)


@pytest.fixture
def corpus(whole: tuple[Path, dict[str, Published]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of two actors that a test may damage, with an index of those two."""
    root, index = whole
    for actor in ("Actor_01", "Actor_02"):
        shutil.copytree(root / actor, tmp_path / "corpus" / actor, copy_function=os.link)
    few = {name: entry for name, entry in index.items() if name[-2:] in ("01", "02")}
    publish(few, monkeypatch)
    return tmp_path / "corpus"


def found(verification: Verification) -> list[tuple[str, str]]:
    """Kind and file of every finding; each has a reason with a next step."""
    assert all(f.kind in KINDS and f.reason and "\n" not in f.reason for f in verification.findings)
    return [(f.kind, f.file) for f in verification.findings]


def test_a_whole_corpus(whole: tuple[Path, dict[str, Published]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, index = whole
    publish(index, monkeypatch)
    told: list[tuple[str, int, int]] = []
    result = verify(root, progress=lambda *step: told.append(step))
    assert result.ok and result.against_index
    assert result.findings == ()
    counts = {count.what: (count.found, count.expected) for count in result.counts}
    assert counts["recordings"] == (1440, 1440)
    assert counts["actors"] == counts["actors with 60 recordings"] == (24, 24)
    assert counts["of neutral"] == (96, 96)
    assert all(counts[f"of {label}"] == (192, 192) for label in ravdess.LABELS[1:])
    assert "is complete: 1,440 recordings with the published samples" in result.sentence
    assert told[-1] == ("verify", 1440, 1440)


@pytest.mark.corpus
@pytest.mark.slow
def test_the_real_corpus_is_whole(shared: Path) -> None:
    result = verify(shared / "ravdess")
    assert result.ok and result.against_index
    assert [note for note in result.notes if "one take under two names" in note]


def test_two_actors_are_not_a_corpus(corpus: Path) -> None:
    result = verify(corpus)
    assert found(result) == []
    assert not result.ok
    assert "the counts are wrong" in result.sentence
    assert {count.what: count.found for count in result.counts}["of actor 03"] == 0


def test_missing(corpus: Path) -> None:
    place(corpus, A).unlink()
    result = verify(corpus)
    assert found(result) == [("missing", A)]
    assert {count.what: count.found for count in result.counts}["of actor 01"] == 59
    assert "1 missing" in result.sentence


def test_extra(corpus: Path) -> None:
    write(corpus / "Actor_01" / "holiday.wav", sound(5000))
    write(corpus / "Actor_01" / f"{A[:-2]}25.wav", sound(5001))
    result = verify(corpus)
    assert [finding.file for finding in result.of("extra")] == [f"Actor_01/{A[:-2]}25.wav", "Actor_01/holiday.wav"]
    assert [finding.file for finding in result.of("mislabelled")] == [f"Actor_01/{A[:-2]}25.wav"]  # the folder


def test_altered_samples(corpus: Path) -> None:
    samples = sound(10)
    samples[100] += 1
    write(place(corpus, A), samples)
    result = verify(corpus)
    assert found(result) == [("altered", f"Actor_01/{A}.wav")]
    assert "samples are not the published ones" in result.findings[0].reason


def test_altered_form(corpus: Path) -> None:
    samples = sound(10)
    write(place(corpus, A), soxr.resample(samples, RATE_HZ, 16000), 16000)
    write(place(corpus, B), np.stack([sound(70)] * 2, axis=1))
    reasons = {finding.file: finding.reason for finding in verify(corpus).of("altered")}
    assert "16000 Hz, not 48000" in reasons[f"Actor_01/{A}.wav"]
    assert "2 channels, not 1" in reasons[f"Actor_02/{B}.wav"]


def test_a_changed_rate_in_the_header_alone(corpus: Path) -> None:
    write(place(corpus, A), sound(10), 44100)
    assert found(verify(corpus)) == [("altered", f"Actor_01/{A}.wav")]


def test_another_container_or_depth_is_not_altered(corpus: Path) -> None:
    place(corpus, A).unlink()
    write(place(corpus, A, ".flac"), sound(10))
    write(place(corpus, B), sound(70).astype(np.float32) / 32768, subtype="FLOAT")
    assert found(verify(corpus)) == []


def test_unreadable(corpus: Path) -> None:
    text, empty, silent, cut, broken = (place(corpus, name) for name in NAMES[:5])
    for path in (text, empty):
        path.unlink()
    text.write_text("no sound\n" * 50)
    empty.touch()
    write(silent, np.zeros(FRAMES, np.int16))
    content = cut.read_bytes()
    cut.unlink()
    cut.write_bytes(content[: len(content) // 2])
    write(broken, np.full(FRAMES, np.nan, np.float32), subtype="FLOAT")
    result = verify(corpus)
    assert found(result) == sorted(("unreadable", f"Actor_01/{name}.wav") for name in NAMES[:5])
    reasons = " ".join(finding.reason for finding in result.findings)
    for word in ("not an audio file", "empty", "silent", "truncated", "NaN"):
        assert word in reasons


@pytest.mark.parametrize("rate", [8000, 16000, 48000, 96000])
def test_a_duplicate_at_any_rate(corpus: Path, rate: int) -> None:
    samples = soxr.resample(sound(10).astype(np.float32) / 32768 / 2, RATE_HZ, rate, quality="HQ")
    write(corpus / "copy.wav", samples, rate)
    result = verify(corpus)
    assert ("duplicate", "copy.wav") in found(result) or ("duplicate", f"Actor_01/{A}.wav") in found(result)
    reasons = [finding.reason for finding in result.of("duplicate")]
    assert len(reasons) == 1 and "same sound as" in reasons[0]


def test_a_contradicting_duplicate(corpus: Path) -> None:
    write(place(corpus, B), sound(10))
    result = verify(corpus)
    assert ("mislabelled", f"Actor_02/{B}.wav") in found(result)
    assert any(f"published as {A}" in finding.reason for finding in result.of("mislabelled"))
    assert any("though labelled" in finding.reason and "speaker" in finding.reason for finding in result.findings)


def test_two_files_with_each_other_s_names(corpus: Path) -> None:
    write(place(corpus, A), sound(70))
    write(place(corpus, B), sound(10))
    result = verify(corpus)
    assert found(result) == [("mislabelled", f"Actor_01/{A}.wav"), ("mislabelled", f"Actor_02/{B}.wav")]


def test_a_misnamed_file_is_recognised_by_its_sound(corpus: Path) -> None:
    place(corpus, A).rename(corpus / "Actor_01" / "recording (1).wav")
    result = verify(corpus)
    assert found(result) == [("missing", A), ("mislabelled", "Actor_01/recording (1).wav")]
    assert "recording (1).wav" in result.of("missing")[0].reason
    assert A in result.of("mislabelled")[0].reason


def test_a_file_in_another_actor_s_folder(corpus: Path) -> None:
    place(corpus, A).rename(corpus / "Actor_02" / f"{A}.wav")
    result = verify(corpus)
    assert found(result) == [("mislabelled", f"Actor_02/{A}.wav")]
    assert "says actor 01" in result.findings[0].reason


def test_a_nested_copy_is_a_note(corpus: Path) -> None:
    shutil.copytree(corpus, corpus / "copy")
    result = verify(corpus)
    assert found(result) == []
    assert any("120 more copies" in note for note in result.notes)
    altered = corpus / "copy" / "Actor_01" / f"{A}.wav"
    write(altered, sound(7000))
    assert found(verify(corpus)) == [("altered", f"copy/Actor_01/{A}.wav")]


def test_what_was_published_twice_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first, second), *_ = ravdess.SPEC.published_twice
    index = write_all(tmp_path, (first, second))
    write(place(tmp_path, second), sound(0))
    index[second] = index[first]
    publish(index, monkeypatch)
    result = verify(tmp_path)
    assert found(result) == []
    assert any(first in note and second in note for note in result.notes)


def test_any_other_corpus(tiny_corpus: Corpus, tmp_path: Path) -> None:
    result = verify(tiny_corpus)
    assert result.ok and not result.against_index
    assert found(result) == []
    shutil.copytree(tiny_corpus.root, tmp_path / "damaged")
    first, second = (tmp_path / "damaged" / clip.path.relative_to(tiny_corpus.root) for clip in tiny_corpus.clips[:2])
    shutil.copy(first, second)
    write(tmp_path / "damaged" / "other.wav", sound(1))
    result = verify(tmp_path / "damaged")
    assert not result.ok
    assert [kind for kind, _ in found(result)] == ["extra", "duplicate"]


def test_a_table(tmp_path: Path) -> None:
    for i, name in enumerate(("a", "b")):
        write(tmp_path / f"{name}.wav", sound(i))
    write(tmp_path / "c.wav", sound(0))
    write(tmp_path / "unlisted.wav", sound(9))
    (tmp_path / "corpus.csv").write_text("path,emotion,speaker\na.wav,sad,x\nb.wav,happy,y\nc.wav,happy,x\n")
    result = verify(str(tmp_path))
    assert found(result) == [("duplicate", "c.wav")]
    assert "emotion sad there and happy here" in result.findings[0].reason


def test_the_tables_hold_it_all(corpus: Path) -> None:
    assert [listing.title for listing in verify(corpus).listings()] == ["Counts"]
    place(corpus, A).unlink()
    counts, findings = verify(corpus).listings()
    assert ("recordings", "119", "1,440") in counts.rows
    assert findings.rows[0][:2] == ("missing", A)
    assert A in findings.text()
    shutil.rmtree(corpus / "Actor_02")
    _, findings = verify(corpus).listings(most=5)
    assert len(findings.rows) == 6
    assert findings.rows[-1] == ("missing", "…", "56 more")


def test_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        verify(tmp_path / "gone")


def test_fingerprints_of_different_sounds_differ() -> None:
    prints = np.stack([fingerprint(sound(seed, 48000).astype(np.float32), 48000) for seed in range(20)])
    correlations = prints @ prints.T
    np.testing.assert_allclose(np.diag(correlations), 1, atol=1e-5)
    assert np.abs(correlations - np.eye(20)).max() < 0.3
    lifted = fingerprint(sound(0, 48000).astype(np.float32) + 20000, 48000)
    np.testing.assert_allclose(lifted, prints[0], atol=1e-3)


def test_a_digest_needs_whole_steps() -> None:
    steps = np.array([[0], [-32768], [32767]], np.float32) / 32768
    assert len(samples_digest(steps)) == 16
    for other in (steps + np.float32(1e-5), np.full_like(steps, np.nan), np.ones_like(steps)):
        assert samples_digest(other) == ""


def test_the_digest_is_of_the_stored_integers(tmp_path: Path) -> None:
    import hashlib

    samples = np.stack([sound(1), sound(2)], axis=1)
    path = write(tmp_path / "two.flac", samples)
    stored, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert samples_digest(stored) == hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:16]
