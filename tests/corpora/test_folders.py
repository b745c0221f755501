"""A folder for each emotion is a corpus, as it lies or in a zip."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import soundfile

from emovox.corpora import load_corpus, load_path
from emovox.download import user_cache
from emovox.errors import CorpusError
from small_ravdess import sound

SUFFIXES = ("wav", "flac", "ogg", "mp3", "aiff")


def classes(root: Path, *names: str) -> Path:
    """Recordings of these names, a tenth of a second each."""
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, sound(seed), 48000)
    return root


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two emotions of two speakers, in every container."""
    names = [f"{emotion}/{who}/{i}.{SUFFIXES[i]}" for emotion in ("joy", "anger") for who in "xy" for i in range(5)]
    return classes(tmp_path / "my voices", *names)


def pack(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            packed.write(file, Path(top, file.relative_to(folder)))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        load_path(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folders_are_labels_and_speakers(corpus: Path) -> None:
    found = load_corpus("ravdess", corpus)
    assert (found.name, found.labels, found.speakers) == ("my-voices", ("anger", "joy"), ("x", "y"))
    assert [(c.id, c.emotion, c.speaker) for c in found.clips][:2] == [
        ("anger/x/0", "anger", "x"),
        ("anger/x/1", "anger", "x"),
    ]
    assert len(found.clips) == 20 and {c.path.suffix[1:] for c in found.clips} == set(SUFFIXES)


@pytest.mark.parametrize("top", ["", "data", "a/b"])
def test_a_zip_with_a_top_folder_or_none(corpus: Path, tmp_path: Path, top: str) -> None:
    packed = pack(corpus, tmp_path / f"office {len(top)}.zip", top)
    found = load_path(packed)
    assert (found.name, len(found.clips), found.labels) == (f"office-{len(top)}", 20, ("anger", "joy"))
    assert found.clips[0].id == "anger/x/0" and found.source == packed


def test_a_zip_with_a_table_and_ogg(tmp_path: Path) -> None:
    folder = classes(tmp_path / "t", "a.ogg", "b.ogg", "c.ogg")
    (folder / "list.csv").write_text("path;emotion;speaker\na.ogg;sad;x\nb.ogg;joy;y\nc.ogg;joy;z\n")
    (folder / "corpus.toml").write_text("licence = 'CC0-1.0'\n")
    found = load_path(pack(folder, tmp_path / "flat.zip", "top"))
    assert (found.name, found.licence, len(found.clips)) == ("flat", "CC0-1.0", 3)


def test_how_folders_are_read_is_said_and_can_be_turned_round(tmp_path: Path) -> None:
    root = classes(tmp_path / "c", "anna/joy/1.wav", "anna/sad/1.wav", "ben/joy/1.wav", "ben/sad/1.wav")
    (note,) = load_path(root).notes
    assert "as emotions (anna, ben), and those in them as speakers (joy, sad)" in note
    (root / "corpus.toml").write_text(note[note.index("pattern = ") :] + "\n")  # as it was said
    turned = load_path(root)
    assert (turned.labels, turned.speakers, turned.notes) == (("sad", "joy"), ("anna", "ben"), ())


def test_a_pattern_tells_what_folders_do_not(tmp_path: Path) -> None:
    root = classes(tmp_path / "p", "anna/joy_1.wav", "ben/joy_1.wav", "ben/anger_1.wav")
    assert "say who speaks" in refusal(root)
    (root / "corpus.toml").write_text("pattern = '^(?P<speaker>[^/]+)/(?P<emotion>[a-z]+)_'\n")
    assert [(c.emotion, c.speaker) for c in load_path(root).clips] == [
        ("joy", "anna"),
        ("anger", "ben"),
        ("joy", "ben"),
    ]
    classes(root, "ben/noise.wav")
    assert "ben/noise does not match the pattern in" in refusal(root)


def test_no_speaker_says_how_to_tell_one(tmp_path: Path) -> None:
    root = classes(tmp_path / "c", "joy/anna_1.wav", "anger/anna_1.wav", "anger/ben_1.wav")
    message = refusal(root)
    assert "does not say who speaks in 3 recordings, such as anger/anna_1.wav" in message
    assert "anger/SPEAKER/anna_1.wav" in message and "CSV" in message and "corpus.toml" in message
    (root / "corpus.toml").write_text(message[message.index("pattern = ") :] + "\n")  # as it was said
    assert load_path(root).speakers == ("anna", "ben")


def test_nothing_is_left_out_unsaid(corpus: Path) -> None:
    classes(corpus, "alone.wav")
    (corpus / "joy" / "x" / "phone.m4a").write_bytes(b"sound")
    notes = load_path(corpus).notes
    assert "Left out, because not in the folder of an emotion: 1 recording, alone.wav." in notes
    assert any("because .m4a cannot be read: 1 file, phone.m4a; convert" in note for note in notes)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("joy/1.wav",), "say who speaks in 1 recording, such as joy/1.wav"),
        (("1.wav", "2.wav"), "but not their emotions"),
        (("joy/x/1.wav", "joy/x/1.flac", "sad/x/1.wav"), "same name as"),
        (("Joy/x/1.wav", "joy/x/2.wav", "sad/x/1.wav"), 'label_map = { "joy" = "Joy" }'),
        ((f"{'x' * 99}/x/1.wav", "joy/x/2.wav"), "99 letters"),
        (("jo\x1by/x/1.wav", "sad/x/2.wav"), "U+001B"),
    ],
)
def test_what_is_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    assert words in refusal(classes(tmp_path / "c", *names))


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    root = classes(tmp_path / "c", "joy/x/1.wav", "sad/x/2.wav")
    (root / "joy" / "x" / "1.wav").rename(os.fsdecode(os.fsencode(root) + b"/joy/x/caf\xe9.wav"))
    assert "the name of joy/x/caf\ufffd is not UTF-8; rename the file" in refusal(root)


def test_one_recording_is_no_corpus(tmp_path: Path) -> None:
    assert "is a single recording, not a corpus" in refusal(classes(tmp_path, "a.wav") / "a.wav")


def test_a_refused_zip_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    packed = pack(classes(tmp_path / "junk", *(f"{i}.wav" for i in range(50))), tmp_path / "junk.zip")
    message = refusal(packed)
    assert str(packed) in message and "unpacked" not in message
    assert not list((user_cache() / "unpacked").glob("junk-*"))


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for i in range(3):
            packed.writestr(f"joy/x/{i}.wav", bytes(50_000_000))
    message = refusal(tmp_path / "bomb.zip")
    assert "would unpack from 0.1 to 150 MB" in message and "bomb.zip" in message
    assert not list((user_cache() / "unpacked").glob("*bomb*"))


def test_links_to_one_file_are_one_file(tmp_path: Path) -> None:
    root = classes(tmp_path / "c", "joy/x/1.wav", "sad/x/2.wav")
    os.symlink(root / "joy" / "x" / "1.wav", root / "sad" / "x" / "3.wav")
    assert len(load_path(root).clips) == 3  # what a run says of it: test_guard
