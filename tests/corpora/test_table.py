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
        ("file,emotion,speaker\n", "no column 'path', only file, emotion, speaker"),
        ("path,emotion,speaker,Speaker\n", "names the column 'speaker' twice"),
        ("path,emotion,speaker\n", "no rows"),
        ("path,emotion,speaker\nclips/a1.wav,,anna\n", "line 2: emotion is empty"),
        ("path,emotion,speaker\nclips/a1.wav,angry\n", "line 2: 2 cells, but 3 columns"),
        ("path,emotion,speaker\nclips/gone.wav,angry,anna\n", "line 2: .*gone.wav does not exist"),
        (
            "path,emotion,speaker\nclips/a1.wav,sad,a\nclips/a1.wav,angry,a\n",
            "csv, line 3: .*a1.wav is already the clip of line 2",
        ),
        (
            "path,emotion,speaker\nclips/a1.wav,sad,a\nclips/../clips/a1.wav,angry,b\n",
            "line 3: .*already the clip of line 2",
        ),
        (
            "path,emotion,speaker\nclips/a1.wav,sad,a\nclips,angry,a\n",
            "line 3: .*clips is a folder; give one recording",
        ),
        ("path,emotion,speaker\nclips/a1.wav,sa\x1bd,a\n", r"line 2: the emotion contains .* U\+001B; remove it"),
        (
            f"path,emotion,speaker\nclips/a1.wav,{1000 * 'x'},a\n",
            "line 2: the emotion has 1,000 letters, and at most 40 are allowed",
        ),
        ("path,emotion,speaker\nclips/a1.wav,sad,a\u202eb\n", r"line 2: the speaker contains .* U\+202E"),
        (f"path,emotion,speaker\n{5000 * 'x'}.wav,sad,a\n", "line 2: .*x… does not exist"),
        ('path,"emo\ntion",speaker\n', "no column 'emotion', only path, emo.tion, speaker"),
        ("path,emotion,speaker,start\nclips/a1.wav,sad,a,soon\n", "line 2: start is 'soon'; give seconds"),
        ("path,emotion,speaker,start,end\nclips/a1.wav,sad,a,2,1\n", "line 2: the clip ends at 1 s, but starts at 2 s"),
        (
            "path,emotion,speaker\nclips/a1.wav,anger,a\nclips/b1.wav,ANGER,b\nclips/b2.wav,anger,b\n",
            'labels anger, ANGER, which differ only in case.*corpus.toml: label_map = . "ANGER" = "anger" .',
        ),
        (
            "path,emotion,speaker\nclips/a1.wav,sad,ben\nclips/b1.wav,happy,Ben\n",
            "speakers Ben, ben, which differ only in case",
        ),
        ("path,emotion,speaker\nclips/a1.wav,sad,a\nclips/b1.wav,sad,b\n", "only one emotion, sad"),
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


@pytest.mark.parametrize("delimiter", ";\t")
def test_what_a_spreadsheet_writes(tmp_path: Path, delimiter: str) -> None:
    """Semicolons or tabs, capitals in the header, columns of its own, decimal commas and empty cells at the end."""
    rows = [
        "Path,EMOTION, Speaker ,Start,End,Age,,",
        "clips/a1.wav,sad,anna,0|0,0|1,33,,",
        "clips\\b1.wav,joy,ben,,,41,,",
    ]
    text = "\r\n".join(rows).replace(",", delimiter).replace("|", ",")
    corpus = load_path(table(tmp_path, text))
    assert [(c.id, c.emotion, c.speaker, c.start, c.end) for c in corpus.clips] == [
        ("clips/a1@0-0.1", "sad", "anna", 0.0, 0.1),
        ("clips/b1", "joy", "ben", None, None),
    ]
    assert corpus.notes == ("corpus.csv has columns that are not used: age.",)


def test_clip_ids_hold_no_absolute_path(tmp_path: Path) -> None:
    folder = table(tmp_path / "far" / "away", GOOD).parent
    text = f"path,emotion,speaker\n{folder}/clips/a1.wav,sad,a\n{folder}/clips/b1.wav,joy,b\nmine.wav,joy,c\n"
    write(tmp_path / "here" / "mine.wav", sound(9))
    (tmp_path / "here" / "corpus.csv").write_text(text)
    assert [clip.id for clip in load_path(tmp_path / "here").clips] == ["a1", "b1", "mine"]
    write(tmp_path / "here" / "a1.wav", sound(8))
    (tmp_path / "here" / "corpus.csv").write_text(text + "a1.wav,sad,d\n")
    with pytest.raises(CorpusError, match=r"line 5: .*a1.wav has the same name as .*rename one"):
        load_path(tmp_path / "here")


def test_a_corpus_tells_of_itself(tmp_path: Path) -> None:
    (tmp_path / "corpus.toml").write_text(
        'name = "office"\ntitle = "The office"\nlicence = "CC0-1.0"\ncitation = "Novák (2025)"\nlanguage = "Czech"\n'
        'acted = false\nlabels = ["bored", "good"]\nlabel_map = { "angry" = "bored", "calm" = "good" }\n'
    )
    corpus = load_path(table(tmp_path, GOOD))
    spec = corpus.spec
    assert (spec.name, spec.title, spec.licence, spec.citation) == ("office", "The office", "CC0-1.0", "Novák (2025)")
    assert (spec.language, spec.acted, spec.labels) == ("Czech", False, ("bored", "good"))
    assert spec.caution == "The emotions are not acted; the language is Czech."
    assert {clip.emotion for clip in corpus.clips} == {"bored", "good"}
    before = corpus.version
    (tmp_path / "corpus.toml").write_text('label_map = { "angry" = "calm" }\n')
    assert load_path(tmp_path).version != before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = \n", "corpus.toml is not TOML"),
        ("license_of = 'x'\n", "unknown key 'license_of'; known keys: name, title, version, licence"),
        ("acted = 'yes'\n", "acted: give true or false"),
        ("labels = 'a, b'\n", "labels: give a list"),
        ("labels = ['calm', 'angry']\n", "labels must contain each of angry, bored, calm once"),
        ("label_map = { 'angri' = 'angry' }\n", "label_map has 'angri', but the labels are angry, bored, calm"),
        ("pattern = '(x'\n", "pattern: .*give a regular expression"),
        ("pattern = 'x'\n", "give named groups"),
        ("name = '../x'\n", "cannot name a folder; use 'x'"),
        ("name = 'ravdess'\n", "is the name of a published corpus"),
        ("licence = 5\n", "licence: give text in quotes"),
        ('citation = "a\\u001b"\n', "corpus.toml, citation: the citation contains a character"),
    ],
)
def test_facts_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "corpus.toml").write_text(text)
    with pytest.raises(CorpusError, match=words) as caught:
        load_path(table(tmp_path, GOOD))
    assert "\n" not in str(caught.value)


def test_a_table_of_another_name_describes_its_folder(tmp_path: Path) -> None:
    table(tmp_path / "lab", GOOD, "all of it.csv")
    (tmp_path / "lab" / "measures.csv").write_text("path,loudness\n")
    assert load_path(tmp_path / "lab").name == "lab"
    table(tmp_path / "lab", GOOD, "other.tsv")
    with pytest.raises(CorpusError, match=r"several tables, all of it.csv, other.tsv; give one"):
        load_path(tmp_path / "lab")


def test_labels_that_differ_in_case_are_mended_as_it_is_said(tmp_path: Path) -> None:
    text = "path,emotion,speaker\nclips/a1.wav,ANGER,a\nclips/b1.wav,Anger,b\nclips/b2.wav,joy,b\n"
    with pytest.raises(CorpusError) as caught:
        load_path(table(tmp_path, text))
    message = str(caught.value)
    (tmp_path / "corpus.toml").write_text(message[message.index("label_map = ") :] + "\n")
    assert load_path(tmp_path).labels == ("ANGER", "joy")


def test_published_folds_are_of_published_recordings_only(tmp_path: Path) -> None:
    """Speakers who happen to be called 01 to 24 are not RAVDESS's."""
    names = [f"03-01-{e:02d}-01-01-01-{actor:02d}" for actor in range(1, 25) for e in (4, 5)]
    for own in (False, True):
        rows = ["path,emotion,speaker"]
        for seed, name in enumerate(names):
            file = f"{seed}.wav" if own else f"{name}.wav"
            write(tmp_path / str(own) / file, sound(seed))
            rows.append(f"{file},{('sad', 'angry')[seed % 2]},{name[-2:]}")
        (tmp_path / str(own) / "corpus.csv").write_text("\n".join(rows))
        assert bool(load_path(tmp_path / str(own)).spec.partitions) is not own


def test_no_user_s_corpus_passes_for_a_published_one(tmp_path: Path) -> None:
    assert load_path(table(tmp_path / "ravdess", GOOD)).name == "my-ravdess"
