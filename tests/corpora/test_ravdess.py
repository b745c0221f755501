"""Recordings are found where people keep them, read by their names, and refused in one line."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from emovox import archive
from emovox.corpora import load_corpus, load_path, ravdess, synthetic
from emovox.corpora.base import Corpus
from emovox.corpora.index import read_index, write_index
from emovox.corpora.ravdess import ARCHIVE, LABELS, SPEC, load_folder, read_name
from emovox.download import UnreachableError, user_cache
from emovox.errors import CorpusError, DownloadError
from small_ravdess import NAMES, publish, sound, write, write_all

SOME = NAMES[:60:6] + NAMES[60:120:6]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty recordings of two actors."""
    root = tmp_path / "recordings"
    write_all(root, SOME)
    return root


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder and a cache with nothing in them, and no network."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ravdess, "fetch", lambda *_, **__: pytest.fail("reached for the network"))


def pack(path: Path, folder: Path, prefix: str = "") -> Path:
    """Zip a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        for file in sorted(folder.rglob("*.wav")):
            packed.write(file, prefix + str(file.relative_to(folder)))
    return path


def refusal(path: Path, kind: type[Exception] = CorpusError) -> str:
    """The one line with which a path is refused."""
    with pytest.raises(kind) as caught:
        load_path(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def ids(corpus: Corpus) -> list[str]:
    return [clip.id for clip in corpus.clips]


def test_a_name_is_a_label() -> None:
    clip = read_name(Path("any/03-01-06-02-01-02-12.wav"))
    assert (clip.emotion, clip.intensity, clip.statement, clip.repetition) == ("fearful", "strong", "kids", "2")
    assert (clip.speaker, clip.sex, clip.id) == ("12", "female", "03-01-06-02-01-02-12")
    assert read_name(Path("03-01-01-01-02-01-11.flac")).sex == "male"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("angry", "no RAVDESS name"),
        ("03-01-09-01-01-01-01", "emotion 09"),
        ("03-01-01-02-01-01-01", "intensity 02"),
        ("03-01-02-03-01-01-01", "intensity 03"),
        ("03-01-02-01-03-01-01", "statement 03"),
        ("03-01-02-01-01-03-01", "repetition 03"),
        ("03-01-02-01-01-01-00", "actor 00"),
        ("03-02-02-01-01-01-01", "songs or videos"),
        ("01-01-02-01-01-01-01", "songs or videos"),
    ],
)
def test_a_wrong_name(name: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read_name(Path(f"{name}.wav"))


def test_the_index_is_the_published_corpus() -> None:
    index = read_index("ravdess_index.csv")
    clips = [read_name(Path(f"{name}.wav")) for name in index]
    assert sorted(index) == sorted(NAMES)
    assert Counter(clip.emotion for clip in clips) == dict(zip(LABELS, SPEC.clips_per_emotion, strict=True))
    assert set(Counter(clip.speaker for clip in clips).values()) == {60}
    assert Counter(entry.channels for entry in index.values()) == {1: 1435, 2: 5}
    by_digest: dict[str, list[str]] = {}
    for name, entry in sorted(index.items()):
        by_digest.setdefault(entry.digest, []).append(name)
    assert [tuple(names) for names in by_digest.values() if len(names) > 1] == list(SPEC.published_twice)


@pytest.mark.corpus
def test_the_real_recordings_are_ravdess(shared: Path) -> None:
    corpus = load_path(shared / "ravdess")
    assert (corpus.name, len(corpus.clips), corpus.notes) == ("ravdess", 1440, ())


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("depth", ["", "a/b/c"])
def test_any_container_at_any_depth(tmp_path: Path, suffix: str, depth: str) -> None:
    write_all(tmp_path / "top" / depth, SOME, suffix)
    corpus = load_corpus("ravdess", tmp_path / "top")
    assert ids(corpus) == sorted(SOME)
    assert corpus.labels[0] == "neutral" and corpus.labels[-1] == "surprised"
    assert all(clip.path.is_file() for clip in corpus.clips)


def test_what_is_not_as_published_is_said(folder: Path) -> None:
    notes = " ".join(load_corpus("ravdess", folder).notes)
    assert "differ from the published ones" in notes
    assert "20 of the 1,440" in notes


def test_published_samples_make_it_ravdess(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_path(folder).name == "recordings"
    index = write_all(tmp_path / "other", SOME)
    publish(index, monkeypatch)
    assert load_path(folder).name == "ravdess"


def test_a_nested_copy_counts_once(folder: Path) -> None:
    shutil.copytree(folder, folder / "audio_speech_actors_01-24")
    corpus = load_path(folder)
    assert ids(corpus) == sorted(SOME)
    assert all("audio_speech" not in str(clip.path) for clip in corpus.clips)
    assert any("20 more copies" in note and "audio_speech_actors_01-24" in note for note in corpus.notes)


def test_wrong_names_are_left_out_and_said(folder: Path) -> None:
    write(folder / "holiday.wav", sound(1))
    write(folder / "03-02-01-01-01-01-01.wav", sound(2))
    (folder / "notes.txt").write_text("is silent")
    (folder / "__MACOSX").mkdir()
    write(folder / "__MACOSX" / "._x.wav", sound(3))
    corpus = load_path(folder)
    assert len(corpus.clips) == 20
    assert any("2 recordings are left out" in note and "holiday.wav" in note for note in corpus.notes)


def test_no_name_is_right(tmp_path: Path) -> None:
    write(tmp_path / "songs" / "a.wav", sound(1))
    assert "but not their emotions" in refusal(tmp_path / "songs")


def test_an_empty_and_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "contains no recording" in refusal(tmp_path / "empty")
    assert "does not exist; check the path" in refusal(tmp_path / "gone")


def test_an_unreadable_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(path: str | Path) -> object:
        if str(path).endswith("Actor_02"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    message = refusal(folder)
    assert "Actor_02 cannot be read: Permission denied; check its permissions" in message


def test_linked_folders_are_followed_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "there").symlink_to(folder)
    (folder / "loop").symlink_to(folder)
    corpus = load_path(tmp_path / "links")
    assert ids(corpus) == sorted(SOME)
    assert not any("copies" in note for note in corpus.notes)


def test_a_zip_is_unpacked_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack(tmp_path / ARCHIVE, folder)
    told: list[tuple[str, int, int]] = []
    corpus = load_corpus("ravdess", packed, progress=lambda *step: told.append(step))
    assert ids(corpus) == sorted(SOME)
    assert told[-1] == ("unpack", 20, 20)
    monkeypatch.setattr(zipfile.ZipFile, "extract", lambda *_: pytest.fail("unpacked again"))
    assert ids(load_path(packed)) == sorted(SOME)
    assert stat.S_IMODE(corpus.root.stat().st_mode) == 0o755


def nothing_left(cache: Path) -> bool:
    """Whether no file is anywhere in the cache."""
    return not [path for path in cache.rglob("*") if path.is_file()]


def test_a_corrupt_zip_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    packed = pack(tmp_path / "a.zip", folder)
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 0xFF
    packed.write_bytes(content)
    message = refusal(packed)
    assert "a.zip is damaged" in message and "download it again" in message
    assert nothing_left(user_cache())


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_cut_zip(folder: Path, tmp_path: Path, kept: float) -> None:
    packed = pack(tmp_path / "a.zip", folder)
    content = packed.read_bytes()
    packed.write_bytes(content[: int(kept * len(content))])
    assert "a.zip is damaged" in refusal(packed)


@pytest.mark.parametrize("name", ["../evil.wav", "a/../../evil.wav", "/evil.wav", "..\\evil.wav", "C:\\evil.wav"])
def test_a_zip_that_reaches_outside_is_refused_whole(folder: Path, tmp_path: Path, name: str) -> None:
    packed = pack(tmp_path / "a.zip", folder)
    with zipfile.ZipFile(packed, "a") as opened:
        opened.writestr(name, b"evil")
    assert "would write outside its folder" in refusal(packed)
    assert nothing_left(user_cache())
    assert not list(tmp_path.rglob("*evil*"))


def test_a_zip_with_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    packed = pack(tmp_path / "a.zip", folder)
    link = zipfile.ZipInfo("link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(packed, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    assert "would write outside" in refusal(packed)


def test_a_zip_without_recordings(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("readme.txt", "hello")
    assert "contains no .wav, .flac, .ogg" in refusal(tmp_path / "a.zip")
    assert nothing_left(user_cache())


def test_a_disk_that_fills_while_unpacking(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack(tmp_path / "a.zip", folder)
    extract, taken = zipfile.ZipFile.extract, []

    def fill(self: zipfile.ZipFile, *details: object) -> str:
        taken.append(details)
        if len(taken) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return extract(self, *details)  # type: ignore[arg-type]

    monkeypatch.setattr(zipfile.ZipFile, "extract", fill)
    assert "does not fit on the disk" in refusal(packed)
    assert nothing_left(user_cache())


def test_a_disk_that_is_too_small_to_unpack(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack(tmp_path / "a.zip", folder)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 10))
    assert "does not fit on the disk" in refusal(packed)


def test_the_order_of_the_search(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {name: tmp_path / name for name in ("named", "variable")}
    places["here"] = Path("data/ravdess").absolute()
    places["cache"] = user_cache() / "ravdess"
    for path in places.values():
        shutil.copytree(folder, path)
    monkeypatch.setenv("EMOVOX_DATA", str(places["variable"]))
    assert load_corpus("ravdess", places["named"]).root == places["named"]
    assert load_corpus("ravdess").root == places["variable"]
    monkeypatch.delenv("EMOVOX_DATA")
    assert load_corpus("ravdess").root.absolute() == places["here"]
    shutil.rmtree(places["here"])
    pack(places["here"] / ARCHIVE, folder)
    assert "unpacked" in load_corpus("ravdess").root.parts
    shutil.rmtree(places["here"])
    assert load_corpus("ravdess").root == places["cache"]


def test_what_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOVOX_DATA", str(tmp_path / "gone"))
    with pytest.raises(CorpusError, match="gone does not exist"):
        load_corpus("ravdess")


def test_an_unknown_corpus() -> None:
    with pytest.raises(CorpusError, match="Unknown corpus 'ravdes'; available: ravdess, synthetic"):
        load_corpus("ravdes")


def test_not_downloading() -> None:
    with pytest.raises(CorpusError, match='Run "emovox data get ravdess", or give its folder or zip'):
        load_corpus("ravdess", download=False)


def test_it_is_downloaded_unpacked_and_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def serve(url: str, destination: Path, size: int, md5: str, progress: object) -> Path:
        asked.append((url, size, md5))
        return pack(destination, folder)

    monkeypatch.setattr(ravdess, "fetch", serve)
    corpus = load_corpus("ravdess")
    assert ids(corpus) == sorted(SOME)
    assert corpus.root == user_cache() / "ravdess"
    load_corpus("ravdess")
    assert asked == [
        (
            "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
            208_468_073,
            "bc696df654c87fed845eb13823edef8a",
        )
    ]
    assert not (user_cache() / ARCHIVE).exists()


def test_getting_into_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(CorpusError, match="contains other files"):
        ravdess.get(tmp_path / "mine")


def test_without_a_network_the_synthetic_corpus_speaks(
    tiny_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise UnreachableError("https://zenodo.org cannot be reached: no route; check the network and try again")

    monkeypatch.setattr(ravdess, "fetch", unreachable)
    monkeypatch.setattr(synthetic, "load_synthetic", lambda *_, **__: tiny_corpus)
    corpus = load_corpus("ravdess")
    assert corpus.synthetic and corpus.clips == tiny_corpus.clips
    assert "cannot be downloaded" in corpus.notes[0] and "synthetic" in corpus.notes[0]
    assert "--data PATH" in corpus.notes[0] and "\n" not in corpus.notes[0]


def test_a_cut_download_is_no_reason_for_the_synthetic_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object, **__: object) -> None:
        raise DownloadError("cut")

    monkeypatch.setattr(ravdess, "fetch", cut)
    with pytest.raises(DownloadError):
        load_corpus("ravdess")


def test_a_rendering_is_never_taken_for_people(tiny_corpus: Corpus) -> None:
    for corpus in (load_path(tiny_corpus.root), load_corpus("ravdess", tiny_corpus.root)):
        assert corpus.synthetic and corpus.name == "synthetic"
        assert ids(corpus) == ids(tiny_corpus)


def test_the_synthetic_corpus_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="leave --data out"):
        load_corpus("synthetic", tmp_path)


def test_an_index_needs_the_whole_corpus(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="20 recordings, not 1440"):
        write_index(load_folder(folder), tmp_path / "index.csv")
