"""A user's own corpus is a table, and what is wrong with it is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from emovox.corpora import load_corpus, load_path
from emovox.errors import CorpusError
from small_ravdess import sound, write


def table(folder: Path, text: str, name: str = "corpus.csv") -> Path:
    """Write a table and the three recordings it may name."""
    for i, clip in enumerate(("a1", "b1", "b2")):
        write(folder / "clips" / f"{clip}.wav", sound(i))
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


GOOD = "path,emotion,speaker,sex\nclips/b1.wav,bored,ben,male\nclips/a1.wav,angry,anna,\n\nclips/b2.wav,calm,ben,male\n"


def test_a_table_is_a_corpus(tmp_path: Path) -> None:
    corpus = load_path(table(tmp_path, GOOD, "mine.csv"))
    assert corpus.name == "mine"
    assert corpus.labels == ("calm", "angry", "bored")
    assert [(c.id, c.emotion, c.speaker, c.sex) for c in corpus.clips] == [
        ("clips/a1", "angry", "anna", None),
        ("clips/b1", "bored", "ben", "male"),
        ("clips/b2", "calm", "ben", "male"),
    ]
    assert all(clip.path.is_file() for clip in corpus.clips)


def test_a_folder_with_a_table(tmp_path: Path) -> None:
    table(tmp_path / "office", "\ufeff" + GOOD)
    assert load_corpus(str(tmp_path / "office")).name == "office"
    assert load_corpus("ravdess", tmp_path / "office").name == "office"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'path'"),
        ("path,emotion\n", "no column 'speaker'"),
        ("path,emotion,speaker,age\n", "unknown column 'age'; known columns: path, emotion"),
        ("path,emotion,speaker,speaker\n", "names a column twice"),
        ("path,emotion,speaker\n", "no rows"),
        ("path,emotion,speaker\nclips/a1.wav,,anna\n", "line 2: emotion is empty"),
        ("path,emotion,speaker\nclips/a1.wav,angry\n", "line 2: 2 cells, but 3 columns"),
        ("path,emotion,speaker\nclips/gone.wav,angry,anna\n", "line 2: .*gone.wav does not exist"),
        ("path,emotion,speaker\nclips/a1.wav,sad,a\nclips/a1.wav,angry,a\n", "clips/a1 twice"),
        ("path,emotion,speaker\nclips/a1.wav,sad,a\nclips/b1.wav,sad,b\n", "one emotion only, sad"),
        ('path,emotion,speaker\n"clips/a1.wav,sad,a\nclips/b1.wav,happy,b\n', "corpus.csv"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words) as caught:
        load_path(table(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_not_text_and_not_there(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    with pytest.raises(CorpusError, match="cannot be read"):
        load_path(path)
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CorpusError, match="not UTF-8"):
        load_path(path)
