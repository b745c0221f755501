"""A run looks at a corpus before it works: what cannot be heard is named, and no sound has two speakers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from emovox.corpora import load_path
from emovox.corpora.base import Corpus
from emovox.corpora.guard import guarded
from emovox.errors import CorpusError, SplitError
from emovox.splits import make_folds
from small_ravdess import sound


def corpus(root: Path, rows: dict[str, str], **sounds: np.ndarray) -> Corpus:
    """A table of files (or of parts, "file,start,end"), each with "emotion,speaker"; every file has its own sound."""
    names = dict.fromkeys(row.split(",")[0] for row in rows)
    for seed, name in enumerate(names):
        samples = sounds.get(name.split(".")[0], sound(seed))
        if len(samples):
            soundfile.write(root / name, samples, 48000)
        else:
            (root / name).write_bytes(b"no sound")
    lines = [f"{row if ',' in row else row + ',,'},{labels}" for row, labels in rows.items()]
    (root / "corpus.csv").write_text("\n".join(["path,start,end,emotion,speaker", *lines]) + "\n")
    return load_path(root)


def guard(found: Corpus, root: Path) -> Corpus:
    return guarded(found, root / "checked")


GOOD = {"a.wav": "sad,x", "b.wav": "joy,x", "c.wav": "sad,y", "d.wav": "joy,y", "e.wav": "sad,z", "f.wav": "joy,z"}


def test_a_good_corpus_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = corpus(tmp_path, GOOD)
    told: list[tuple[str, int, int]] = []
    assert guarded(found, tmp_path / "checked", progress=lambda *step: told.append(step)) == found
    assert told[-1] == ("check", 6, 6)
    monkeypatch.setattr("emovox.corpora.guard.decode", lambda *_, **__: pytest.fail("decoded again"))
    assert guard(found, tmp_path) == found
    monkeypatch.undo()
    next((tmp_path / "checked").iterdir()).write_text("{")  # damaged
    assert guard(found, tmp_path) == found


def test_all_unreadable_recordings_are_named_at_once(tmp_path: Path) -> None:
    nothing = np.zeros(0)
    with pytest.raises(CorpusError) as caught:
        guard(corpus(tmp_path, GOOD, b=nothing, d=np.zeros(9000), f=nothing), tmp_path)
    message = str(caught.value)
    assert "3 of 6 recordings cannot be used: " in message and "b.wav is not an audio file" in message
    assert "also d.wav, f.wav. " in message
    assert message.endswith(f"emovox data verify {tmp_path / 'corpus.csv'}")
    assert not (tmp_path / "checked").exists()


def test_of_very_many_unreadable_recordings_some_are_named(tmp_path: Path) -> None:
    rows = {f"{i:02d}.wav": ("sad,x", "joy,y", "joy,z")[i % 3] for i in range(40)}
    with pytest.raises(CorpusError, match=r"40 of 40 .* 19\.wav, …\. For all of them"):
        guard(corpus(tmp_path, rows, **{f"{i:02d}": np.zeros(0) for i in range(40)}), tmp_path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_one_sound_under_two_speakers_is_refused(tmp_path: Path, suffix: str) -> None:
    """The same bytes, the same samples in another container, and a coded copy."""
    with pytest.raises(CorpusError) as caught:
        guard(corpus(tmp_path, {**GOOD, f"copy.{suffix}": "sad,z"}, copy=sound(0)), tmp_path)
    message = str(caught.value)
    assert f"a.wav and copy.{suffix} have the same sound, but the speakers x and z; keep one" in message
    assert "emovox data verify" in message


def test_one_sound_under_two_emotions_is_refused(tmp_path: Path) -> None:
    copy = soxr.resample(sound(0).astype(np.float32) / 65536, 48000, 16000)
    soundfile.write(tmp_path / "copy.flac", copy, 16000)
    with pytest.raises(CorpusError, match=r"a.wav and copy.wav have .* but the emotions sad and joy"):
        guard(corpus(tmp_path, {**GOOD, "copy.wav": "joy,x"}, copy=sound(0)), tmp_path)


def test_two_copies_of_one_speaker_stay_in_one_part(tmp_path: Path) -> None:
    rows = {f"{who}{i:02d}.wav": f"{('sad', 'joy')[i % 2]},{who}" for who in "xyz" for i in range(20)}
    found = corpus(tmp_path, {**rows, "copy.wav": "sad,x"}, x00=sound(99), copy=sound(99))
    looked = guard(found, tmp_path)
    assert looked.twins == (("copy", "x00"),)
    assert "Copies of another recording: 1, such as copy.wav and x00.wav." in looked.notes[0]
    (fold,) = make_folds("holdout", looked)
    assert {"copy", "x00"} <= {clip.id for clip in fold.train}
    assert all(fold.twins == looked.twins for fold in make_folds("loso", looked))


def test_parts_of_one_file(tmp_path: Path) -> None:
    """Parts that follow each other are recordings of their own; parts that overlap are one."""
    long = sound(7, 48000)
    apart = {"long.wav,0,0.5": "sad,x", "long.wav,0.5,1": "joy,y", **GOOD}
    assert guard(corpus(tmp_path, apart, long=long), tmp_path).twins == ()
    over = {"long.wav,0,0.5": "sad,x", "long.wav,0.2,0.6": "joy,y", **GOOD}
    with pytest.raises(CorpusError, match=r"long.wav@0-0.5 and long.wav@0.2-0.6 have the same sound, but the speakers"):
        guard(corpus(tmp_path, over, long=long), tmp_path)


def test_what_sounds_almost_alike_is_said(tmp_path: Path) -> None:
    mixed = (sound(0) * 0.8 + sound(40) * 0.28).astype(np.int16)
    looked = guard(corpus(tmp_path, {**GOOD, "mixed.wav": "sad,z"}, mixed=mixed), tmp_path)
    assert (
        looked.twins == ()
        and "1 recording may have the sound of another speaker, such as a.wav and mixed.wav" in looked.notes[0]
    )
    assert json.loads(next((tmp_path / "checked").iterdir()).read_text())[0][:2] == ["a", "mixed"]


def test_one_file_by_two_spellings_makes_no_fold(tmp_path: Path) -> None:
    found = corpus(tmp_path, GOOD)
    (tmp_path / "link").symlink_to(tmp_path)
    import dataclasses

    a = next(clip for clip in found.clips if clip.id == "a")
    again = dataclasses.replace(a, id="again", path=tmp_path / "link" / "a.wav", speaker="z")
    with pytest.raises(SplitError, match="share the file"):
        make_folds("loso", dataclasses.replace(found, clips=(*found.clips, again)))
