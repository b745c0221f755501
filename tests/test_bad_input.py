"""Bad input through the whole command: one line, the file's name, the next step, exit code 2, nothing half-written."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
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
from hostile import corpora, models, recipes, recordings, runs, words
from hostile.case import RATE_HZ, Case, Place, recording
from loudness import ABOUT, write_loudness_model
from shop import CONTENT, MD5, serving
from waveforms import babble, tone

CASES = [
    *recordings.CASES, *models.CASES, *words.CASES, *recipes.CASES, *corpora.CASES, *runs.CASES,
]  # fmt: skip
NEXT_STEP = re.compile(r"; |, so | give | available: | known keys: | must be |add one|, or |check | needs ")

SOURCE = Path(__file__).resolve().parents[1] / "src"

Command = Callable[..., Result]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is good, and shared: a recording, a model, a small corpus, a finished run."""
    folder = tmp_path_factory.mktemp("good")
    soundfile.write(folder / "good.wav", babble(1.0), RATE_HZ)
    write_loudness_model(folder / "model.onnx", ABOUT)
    corpora.place_clips(folder / "corpus")
    fake_run(folder / "run", models=("cnn", "yamnet"), speakers=4)
    return folder


@pytest.fixture
def emovox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command, in an empty folder with an empty cache, where no corpus lies and no network is."""
    for name, value in {"EMOVOX_CACHE": str(tmp_path / "cache"), "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("EMOVOX_DATA", raising=False)
    monkeypatch.setattr(ravdess, "ADDRESS", "http://127.0.0.1:9/none.zip")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("emovox.audio.ffmpeg.shutil.which", lambda name: None)  # as on a machine without ffmpeg

    def run(*words: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="emovox", input=stdin)

    return run


def test_there_are_three_hundred_bad_inputs() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 300


@pytest.mark.parametrize("case", CASES, ids=[ascii(case.name)[1:-1] for case in CASES])
def test_a_bad_input(
    emovox: Command,
    tmp_path: Path,
    good: Path,
    case: Case,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused in one line that names it and the next step, and leaves nothing behind."""
    place = Place(tmp_path / "place", good)
    place.path.mkdir()
    case.make(place)
    for name, value in case.env.items():
        monkeypatch.setenv(name, value.replace("@", f"{place.path}/"))
    late = ["emovox.study.stages.train"]  # bad input is refused before
    late += [] if "EMOVOX_CACHE" in case.env else ["emovox.corpora.synthetic.render_corpus"]
    for work in late:
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("long work was begun"))
    before = {path: _stamp(path) for path in place.path.rglob("*")}
    shown = emovox(*(_word(word, place) for word in case.words), stdin=case.stdin)
    assert (shown.exit_code, _unexpected(shown)) == (case.code, None), shown.output
    *others, line = shown.stderr.removesuffix("\n").split("\n")
    assert case.progress or not others, shown.stderr
    assert [said for said in case.says if said not in line] == [], line
    assert NEXT_STEP.search(line), line
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", line), line
    assert "Traceback" not in shown.output and "Error(" not in line, line
    assert capfd.readouterr() == ("", "")  # libraries, which do not write through Python
    if case.answers:
        assert '"emotion"' in shown.stdout and "good.wav" in shown.stdout and "bad" not in shown.stdout
    else:
        assert case.progress or "%" not in shown.stdout
    assert {path: _stamp(path) for path in place.path.rglob("*")} == before
    assert [path.name for path in Path().iterdir()] == []
    left = [path.relative_to(tmp_path / "cache") for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path for path in left if path.parts[0] not in case.keeps or path.name.startswith(".")] == []


def _word(word: str, place: Place) -> str:
    if word[:1] == "@":
        return os.path.join(place.path, word[1:])
    return str(place.good / word[1:]) if word[:1] == "=" else word


def _stamp(path: Path) -> tuple[int, int]:
    about = path.lstat()
    return (about.st_mtime_ns, about.st_size) if stat.S_ISREG(about.st_mode) else (0, 0)


def _unexpected(shown: Result) -> BaseException | None:
    return None if isinstance(shown.exception, SystemExit) else shown.exception


# Through a shell, as a person types it


@dataclass(frozen=True)
class Shell:
    """What bash is given, with ``$emovox``, ``$model`` and ``$good``; how it ends, and what the one line says."""

    line: str
    says: str
    code: int = 2
    env: dict[str, str] = field(default_factory=dict)


SHELL = [
    Shell("$emovox predict bad.mp3 $good --model $model", "bad.mp3 is truncated: the end of its last frame", code=1),
    Shell("$emovox predict noise.mp3 --model $model", "noise.mp3 is not an audio file that can be read", code=1),
    Shell("$emovox predict bad.ogg --model $model", "bad.ogg is truncated: its last page is missing", code=1),
    Shell("$emovox predict bad.aiff --model $model", "bad.aiff is truncated", code=1),
    Shell(r"$emovox predict $'caf\xe9.wav' $good --model $model", r"caf\xe9.wav does not exist", code=1),
    Shell(r"$emovox predict $'\e[31m.wav' --model $model", r"\x1b[31m.wav does not exist", code=1),
    Shell(r"LC_ALL=C $emovox predict $'w\xc3\xbctend.wav' --model $model", "tend.wav does not exist", code=1),
    Shell(
        "$emovox predict wütend.wav --model $model", r"w\xfctend.wav does", code=1, env={"PYTHONIOENCODING": "ascii"}
    ),
    Shell("head -c 9000 $good | $emovox predict - --model $model", "standard input is truncated", code=1),
    Shell("$emovox predict <(head -c 9000 $good) --model $model", "/dev/fd/", code=1),
    Shell("$emovox predict - --model $model < /dev/null", "standard input is empty", code=1),
    Shell("mkfifo pipe; echo words > pipe & $emovox predict pipe --model $model", "pipe is not an audio file", code=1),
    Shell("$emovox predict $good --model $model > /dev/full", "Cannot write the output: No space left on device"),
    Shell("$emovox predict $good --json --model $model > /dev/full", "Cannot write the output: No space left"),
    Shell("$emovox models > /dev/full", "Cannot write the output: No space left on device"),
    Shell("$emovox --version > /dev/full", "Cannot write the output: No space left on device"),
    Shell("$emovox --help > /dev/full", "Cannot write the output: No space left on device"),
    Shell("$emovox predict $good --model broken.onnx", "broken.onnx is not a model that can be read"),
    Shell("$emovox predict $good --run nope", "nope does not exist; check the name"),
    Shell("$emovox predict --fil $good", "No such option: --fil; try 'emovox predict --help'"),
    Shell("$emovox evaluate .", ". has no recipe.toml, so it is not a run; give a run folder"),
    Shell("$emovox run --recipe bad.toml", "unknown key 'epoch'; known keys: epochs"),
    Shell("$emovox run --data missing", "missing does not exist; check the path"),
]


@pytest.mark.skipif(os.name != "posix" or not Path("/dev/full").exists(), reason="needs bash and /dev/full")
@pytest.mark.parametrize("shell", SHELL, ids=[shell.line for shell in SHELL])
def test_a_bad_input_in_a_shell(tmp_path: Path, good: Path, shell: Shell) -> None:
    """No stream of Python's own stands between the command and the shell."""
    place = Place(tmp_path, good)
    place.write("bad.mp3", recordings.cut(recording("MP3"), 0.51))
    place.write("noise.mp3", b"\xff\xfb\x90\x00" + np.random.default_rng(0).bytes(5000))
    place.write("bad.ogg", recordings.cut(recording("OGG"), 0.5))
    place.write("bad.aiff", recordings.cut(recording("AIFF"), 0.5))
    place.write("broken.onnx", "no model")
    place.write("bad.toml", "[models.cnn.training]\nepoch = 3\n")
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "200", "EMOVOX_CACHE": str(tmp_path / "cache")}
    env |= {"emovox": f"{sys.executable} -m emovox", "model": str(good / "model.onnx"), "good": str(good / "good.wav")}
    env |= {"PYTHONUTF8": "1"} | shell.env
    done = subprocess.run(["bash", "-c", shell.line], cwd=tmp_path, env=env, capture_output=True, check=False)
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (shell.code, 1), said
    assert shell.says in said
    assert ("good.wav" in done.stdout.decode()) == ("$good --model $model" in shell.line and "full" not in shell.line)


def test_a_good_recording_is_answered_on_any_terminal(tmp_path: Path, good: Path) -> None:
    """Labels with letters that ASCII lacks, an error stream that is closed, a reader that has left."""
    labels = ["wütend", "怒り", "–"]
    model = write_loudness_model(tmp_path / "m.onnx", {**ABOUT, "labels": labels})
    base = {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "200"}
    typed = f"{sys.executable} -m emovox predict {good / 'good.wav'} --model {model}"
    for more, env, shown in (
        ("", {"PYTHONIOENCODING": "ascii"}, r"w\xfctend"),
        ("", {"PYTHONIOENCODING": "latin-1"}, "wütend"),
        ("", {"LC_ALL": "C"}, "wütend"),
        (" 2>&-", {}, "wütend"),
        (" --json", {"PYTHONIOENCODING": "ascii"}, r"w\u00fctend"),
        (" --json | head -c 0", {}, ""),
    ):
        done = subprocess.run(typed + more, shell=True, env={**base, **env}, capture_output=True, check=False)
        encoding = "latin-1" if "latin-1" in env.values() else "utf-8"
        assert (done.returncode, done.stderr) == (0, b""), done.stderr
        assert shown in done.stdout.decode(encoding), (more, env)


# What no table can tell


def refused(shown: Result, *words: str) -> None:
    """The command ended as bad input should end, and its one line holds all the words."""
    assert shown.exit_code == 2, shown.output
    (line,) = shown.stderr.splitlines()
    assert "Traceback" not in line
    assert [word for word in words if word not in line] == [], line


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype"),
    [(8000, 1, "PCM_U8"), (16000, 1, "PCM_24"), (48000, 2, "FLOAT"), (192000, 1, "PCM_16"), (44100, 6, "PCM_32")],
)
def test_an_odd_recording_is_no_bad_one(
    emovox: Command, tmp_path: Path, good: Path, rate_hz: int, channels: int, subtype: str
) -> None:
    odd = Place(tmp_path, good).sound(
        "odd.wav", np.tile(tone(rate_hz / 16000, 100, 0.3)[:, None], channels), rate_hz, subtype=subtype
    )
    shown = emovox("predict", odd, "--model", good / "model.onnx", "--json")
    assert (shown.exit_code, shown.stderr) == (0, ""), shown.output
    assert '"emotion"' in shown.stdout


@pytest.mark.parametrize("case", corpora.RECORDINGS, ids=[case.name for case in corpora.RECORDINGS])
def test_a_bad_recording_in_a_corpus_is_found_and_counted(
    emovox: Command, tmp_path: Path, good: Path, case: Case
) -> None:
    """Training refuses it, as above; verify finds it, describe counts it; none of them reads an hour of sound."""
    case.make(Place(tmp_path, good))
    verified = emovox("data", "verify", tmp_path / "bad")
    assert verified.exit_code == 2 and "1 unreadable" in verified.stdout
    described = emovox("data", "describe", tmp_path / "bad")
    assert described.exit_code == 0 and case.says[1] in " ".join(described.stdout.split())


def small_corpus(folder: Path) -> Path:
    corpora.place_clips(folder)
    return folder


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


def test_no_network_and_no_corpus_is_one_paragraph_and_goes_on(
    emovox: Command, monkeypatch: pytest.MonkeyPatch, tiny_corpus: Corpus
) -> None:
    """The synthetic corpus takes RAVDESS's place only where nothing was named."""
    monkeypatch.setattr(synthetic, "load_synthetic", lambda *_, **__: tiny_corpus)
    monkeypatch.setattr("emovox.study.run_study", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    shown = emovox("run", "--quick")
    assert "cannot be downloaded" in shown.stderr and "Continuing with the synthetic corpus" in shown.stderr
    refused(emovox("data", "get", "ravdess"), "cannot be")


@pytest.mark.parametrize("kind", ["yamnet", "whisper"])
def test_weights_that_cannot_be_had_are_an_error_where_the_kind_was_asked_for(
    emovox: Command, tmp_path: Path, kind: str
) -> None:
    corpus = small_corpus(tmp_path / "corpus")
    (tmp_path / "mine.toml").write_text(f"[models.cnn]\n[models.{kind}]\n")
    for asked in (("--models", f"cnn,{kind}"), ("--recipe", tmp_path / "mine.toml")):
        shown = emovox("run", "--data", corpus, "--out", "run", *asked)
        last = shown.stderr.splitlines()[-1]
        assert shown.exit_code == 2 and "Cannot get the weights" in last and f"--{kind}-weights PATH" in last, (
            shown.stderr
        )
    assert list(Path().iterdir()) == []


def test_the_default_study_says_what_it_goes_on_without(
    emovox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emovox.study.stages.prepare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    shown = emovox("run", "--data", small_corpus(tmp_path / "corpus"), "--out", "run")
    left_out = [line for line in shown.stderr.splitlines() if line.startswith("Continuing without")]
    assert [line.split()[2] for line in left_out] == ["yamnet:", "whisper:"]
    assert all("weights PATH" in line for line in left_out)
    assert shown.exit_code == 130 and "emovox run --resume --out run" in shown.stderr
    recipe = Path("run/recipe.toml").read_text()
    assert "[models.cnn]" in recipe and "[models.ensemble]" in recipe and "[models.whisper]" not in recipe


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
