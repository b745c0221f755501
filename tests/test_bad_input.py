"""Bad input through the whole command: one line, the file's name, exit code 2, nothing half-written."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from emovox import cli
from emovox.corpora import ravdess, synthetic
from emovox.corpora.base import Corpus
from fake_run import fake_run
from full_disk import full_disk
from loudness import ABOUT, write_loudness_model
from shop import CONTENT, MD5, serving
from waveforms import babble

RATE_HZ = 16000
Command = Callable[..., Result]


@pytest.fixture
def emovox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command, in an empty folder with an empty cache, where no corpus lies and no network is."""
    for name, value in {"EMOVOX_CACHE": str(tmp_path / "cache"), "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("EMOVOX_DATA", raising=False)
    monkeypatch.setattr(ravdess, "ADDRESS", "http://127.0.0.1:9/none.zip")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda *words: CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="emovox")


def refused(shown: Result, *words: str) -> None:
    """The command ended as bad input should end, and its one line holds all the words."""
    assert shown.exit_code == 2, shown.output
    (line,) = shown.stderr.splitlines()
    assert "Traceback" not in line
    assert [word for word in words if word not in line] == [], line


def write(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def truncated(path: Path) -> None:
    write(path, babble(1.0))
    path.write_bytes(path.read_bytes()[:9000])


def one_hour(path: Path) -> None:
    """An hour at 8 bits and 16 kHz, whose silence takes no room on the disk."""
    samples = 3600 * RATE_HZ
    header = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE_HZ, RATE_HZ, 1, 8) + b"data"
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(header) + 4 + samples) + header + struct.pack("<I", samples))
        file.truncate(file.tell() + samples)


RECORDINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (truncated, "is truncated"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "without samples": (lambda path: write(path, np.zeros(0)), "holds no samples"),
    "silent": (lambda path: write(path, np.zeros(RATE_HZ)), "is silent"),
    "not a number": (lambda path: write(path, np.full(RATE_HZ, np.nan), subtype="FLOAT"), "NaN"),
    "ten milliseconds": (lambda path: write(path, babble(0.01)), "lasts 10 ms"),
    "one hour": (one_hour, "lasts 3600 s"),
    "text": (lambda path: path.write_text("no sound at all, but words"), "is not a recording"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "missing": (lambda path: None, "does not exist"),
}


@pytest.mark.parametrize("kind", RECORDINGS)
def test_a_bad_recording_is_named_and_the_others_are_answered(emovox: Command, tmp_path: Path, kind: str) -> None:
    model = write_loudness_model(tmp_path / "loudness.onnx", ABOUT)
    make, words = RECORDINGS[kind]
    bad, good = tmp_path / "bad.wav", write(tmp_path / "good.wav", babble(1.0))
    make(bad)
    shown = emovox("predict", bad, good, "--model", model, "--json")
    refused(shown, "bad.wav", words)
    assert '"emotion"' in shown.stdout and "good.wav" in shown.stdout


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype"),
    [(8000, 1, "PCM_U8"), (16000, 1, "PCM_24"), (48000, 2, "FLOAT"), (192000, 1, "PCM_16"), (44100, 6, "PCM_32")],
)
def test_an_odd_recording_is_no_bad_one(
    emovox: Command, tmp_path: Path, rate_hz: int, channels: int, subtype: str
) -> None:
    model = write_loudness_model(tmp_path / "loudness.onnx", ABOUT)
    time = np.arange(rate_hz) / rate_hz
    odd = write(tmp_path / "odd.wav", np.tile(0.3 * np.sin(1500 * time)[:, None], channels), rate_hz, subtype)
    shown = emovox("predict", odd, "--model", model, "--json")
    assert (shown.exit_code, shown.stderr) == (0, ""), shown.output
    assert '"emotion"' in shown.stdout


def small_corpus(folder: Path, speakers: int = 4, emotions: tuple[int, ...] = (2, 5)) -> Path:
    for actor in range(1, speakers + 1):
        for emotion in emotions:
            name = f"03-01-{emotion:02d}-01-01-01-{actor:02d}.wav"
            write(folder / f"Actor_{actor:02d}" / name, babble(0.4, seed=10 * actor + emotion))
    return folder


def one_file(folder: Path) -> Path:
    return folder / "Actor_02" / "03-01-05-01-01-01-02.wav"


@pytest.mark.parametrize("kind", ["truncated", "silent", "one hour", "text"])
def test_a_bad_recording_in_a_corpus(emovox: Command, tmp_path: Path, kind: str) -> None:
    """Training refuses it, verify finds it, describe counts it; none of the three reads an hour of sound."""
    bad = one_file(small_corpus(tmp_path / "corpus"))
    make, words = RECORDINGS[kind]
    make(bad)
    ran = emovox("run", "--data", tmp_path / "corpus", "--models", "cnn", "--out", "run")
    assert ran.exit_code == 2
    assert bad.name in ran.stderr.splitlines()[-1] and words in ran.stderr.splitlines()[-1]
    assert not list((tmp_path / "cache").rglob("*.npy"))
    verified = emovox("data", "verify", tmp_path / "corpus")
    assert verified.exit_code == 2 and "1 unreadable" in verified.stdout
    described = emovox("data", "describe", tmp_path / "corpus")
    assert described.exit_code == 0 and words in " ".join(described.stdout.split())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, ("does not exist",)),
        (lambda folder: folder.mkdir(), ("holds no",)),
        (lambda folder: write(folder / "hello.wav", babble(0.4)), ("RAVDESS",)),
        (lambda folder: small_corpus(folder, emotions=(5,)), ("one emotion",)),
        (lambda folder: small_corpus(folder, speakers=1), ("1 speaker", "at least 3")),
        (lambda folder: folder.write_text("not a zip"), ("damaged or not a plain zip",)),
    ],
    ids=["missing", "empty", "wrong names", "one class", "one speaker", "a file"],
)
def test_a_corpus_that_cannot_be_used(
    emovox: Command, tmp_path: Path, make: Callable[[Path], object], words: tuple[str, ...]
) -> None:
    make(tmp_path / "corpus")
    shown = emovox("run", "--data", tmp_path / "corpus", "--out", "run")
    assert shown.exit_code == 2
    assert all(word in shown.stderr.splitlines()[-1] for word in ("corpus", *words)), shown.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(emovox: Command, tmp_path: Path) -> None:
    locked = small_corpus(tmp_path / "corpus") / "Actor_02"
    locked.chmod(0)
    try:
        refused(emovox("run", "--data", tmp_path / "corpus"), "Actor_02", "permissions")
    finally:
        locked.chmod(0o755)


def test_a_folder_that_fails_to_open(emovox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, for whoever tests as root."""
    locked = small_corpus(tmp_path / "corpus") / "Actor_02"
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied", str(locked))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    refused(emovox("run", "--data", tmp_path / "corpus"), "Actor_02 cannot be read", "permissions")


def pack(path: Path, *extra: str) -> Path:
    corpus = small_corpus(path.parent / "packed")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in sorted(corpus.rglob("*.wav")):
            opened.write(file, file.relative_to(corpus))
        for name in extra:
            opened.writestr(name, b"evil")
    return path


def test_a_corrupt_zip_and_one_that_reaches_outside(emovox: Command, tmp_path: Path) -> None:
    evil = pack(tmp_path / "evil.zip", "../evil.wav")
    refused(emovox("run", "--data", evil), "evil.zip", "outside its folder")
    corrupt = pack(tmp_path / "corrupt.zip")
    content = bytearray(corrupt.read_bytes())
    content[len(content) // 2] ^= 0xFF
    corrupt.write_bytes(content)
    refused(emovox("run", "--data", corrupt), "corrupt.zip", "download it anew")
    assert not list((tmp_path / "cache").rglob("*.wav")) and not list(tmp_path.rglob("evil.wav"))


def test_a_download_of_something_else_and_one_that_is_cut(
    emovox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as shop:
        monkeypatch.setattr(ravdess, "ADDRESS", shop.url)
        monkeypatch.setattr(ravdess, "ARCHIVE_BYTES", len(CONTENT))
        shown = emovox("run")
        assert shown.exit_code == 2 and "MD5" in shown.stderr.splitlines()[-1], shown.stderr
        monkeypatch.setattr(ravdess, "ARCHIVE_MD5", MD5)
        shop.cuts = (1000, 1000, *[0] * 50)  # and then nothing more comes
        shown = emovox("data", "get", "ravdess")
        assert shown.exit_code == 2 and "run the same command again" in shown.stderr.splitlines()[-1], shown.stderr
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.suffix for path in kept] == [".part"]


def test_data_get_does_not_pass_over_a_folder_that_was_named(
    emovox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOVOX_DATA", str(tmp_path / "nowhere"))
    refused(emovox("data", "get", "ravdess"), "nowhere does not exist")


def test_no_network_and_no_corpus_is_one_paragraph_and_goes_on(
    emovox: Command, monkeypatch: pytest.MonkeyPatch, tiny_corpus: Corpus
) -> None:
    """The synthetic corpus takes RAVDESS's place only where nothing was named."""
    monkeypatch.setattr(synthetic, "load_synthetic", lambda *_, **__: tiny_corpus)
    monkeypatch.setattr("emovox.study.run_study", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    shown = emovox("run", "--quick")
    assert "cannot be downloaded" in shown.stderr and "Going on with the synthetic corpus" in shown.stderr
    refused(emovox("data", "get", "ravdess"), "cannot be")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models.cnn.training]\nepoch = 3\n", ("models.cnn.training: unknown key 'epoch'", "epochs")),
        ("[models.mine]\nkind = 'cnm'\n", ("models.mine: unknown kind 'cnm'", "cnn_lstm")),
        ("[models.cnn.training]\nepochs = 0\n", ("epochs must be at least 1",)),
        ("[models.cnn]\nvariant = {}\n", ("unknown variant {}", "reference")),
        ("[models.yamnet]\nlayers = [99]\n", ("layers must be some of 1 to 14",)),
        ("[models.cnn]\n[models.ensemble]\n", ("an ensemble needs two other models",)),
        ("[models.cnn\n", ("is not TOML",)),
    ],
)
def test_a_bad_recipe(emovox: Command, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "mine.toml").write_text(text)
    refused(emovox("run", "--recipe", tmp_path / "mine.toml"), *words)


def test_an_unknown_model(emovox: Command, tiny_corpus: Corpus) -> None:
    refused(
        emovox("run", "--models", "cnm", "--data", tiny_corpus.root), "cnm", "available: cnn, cnn_lstm, yamnet, whisper"
    )


def test_a_model_that_is_none(emovox: Command, tmp_path: Path) -> None:
    good = write(tmp_path / "a.wav", babble(1.0))
    (tmp_path / "cnn.onnx").write_text("not a model")
    refused(emovox("predict", good, "--model", tmp_path / "cnn.onnx"), "cnn.onnx", "not a model")


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("yamnet", b"not weights", "is neither"),
        ("yamnet", b"\x89HDF\r\n\x1a\n cut", "damaged"),
        ("whisper", b"not weights", "is damaged"),
        ("whisper", b"", "is damaged"),
        ("whisper", None, "no weights of Whisper at"),
    ],
)
def test_weights_that_are_none_are_refused_before_any_work(
    emovox: Command, tmp_path: Path, kind: str, content: bytes | None, words: str
) -> None:
    """Though a kind may be left out of the default study: whoever names a file wants it used."""
    path = tmp_path / "weights.bin"
    if content is not None:
        path.write_bytes(content)
    others = () if kind == "yamnet" else ("--models", "cnn,whisper")
    corpus = small_corpus(tmp_path / "corpus")
    shown = emovox("run", "--data", corpus, "--out", "run", *others, f"--{kind}-weights", path)
    last = shown.stderr.splitlines()[-1]
    assert shown.exit_code == 2 and "weights.bin" in last and words in last, shown.stderr
    assert f"--{kind}-weights PATH" in last
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("kind", ["yamnet", "whisper"])
def test_weights_that_cannot_be_had_are_an_error_where_the_kind_was_asked_for(
    emovox: Command, tmp_path: Path, kind: str
) -> None:
    corpus = small_corpus(tmp_path / "corpus")
    (tmp_path / "mine.toml").write_text(f"[models.cnn]\n[models.{kind}]\n")
    for words in (("--models", f"cnn,{kind}"), ("--recipe", tmp_path / "mine.toml")):
        shown = emovox("run", "--data", corpus, "--out", "run", *words)
        last = shown.stderr.splitlines()[-1]
        assert shown.exit_code == 2 and "cannot be had" in last and f"--{kind}-weights PATH" in last, shown.stderr
    assert list(Path().iterdir()) == []


def test_the_default_study_says_what_it_goes_on_without(
    emovox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emovox.study.stages.prepare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    shown = emovox("run", "--data", small_corpus(tmp_path / "corpus"), "--out", "run")
    left_out = [line for line in shown.stderr.splitlines() if line.startswith("Going on without")]
    assert [line.split()[3] for line in left_out] == ["yamnet:", "whisper:"]
    assert all("weights PATH" in line for line in left_out)
    assert shown.exit_code == 130 and "emovox run --resume --out run" in shown.stderr
    recipe = Path("run/recipe.toml").read_text()
    assert "[models.cnn]" in recipe and "[models.ensemble]" in recipe and "[models.whisper]" not in recipe


def test_a_damaged_run_folder(emovox: Command, tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    (run.path / "provenance.json").write_text("{")
    refused(emovox("evaluate", run.path), "provenance.json", "damaged")
    refused(emovox("evaluate", tmp_path), str(tmp_path), "is not a run")


def test_a_full_disk(emovox: Command, tmp_path: Path) -> None:
    corpus = small_corpus(tmp_path / "corpus")
    with full_disk(4):
        shown = emovox("run", "--data", corpus, "--models", "cnn", "--out", "run")
    assert shown.exit_code == 2
    assert "Cannot write" in shown.stderr.splitlines()[-1] and "free some space" in shown.stderr.splitlines()[-1]
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_debug_shows_the_traceback(emovox: Command, tmp_path: Path) -> None:
    shown = emovox("run", "--data", tmp_path / "missing", "--debug")
    assert shown.exit_code == 2 and "Traceback" in shown.stderr
