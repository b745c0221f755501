"""What libsndfile cannot read is converted by ffmpeg, within limits, or refused in one line."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from emovox import cli
from emovox.audio import converted, ffmpeg, read_audio
from emovox.errors import AudioError, UnknownFormat
from loudness import ABOUT, write_loudness_model
from waveforms import tone

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture
def film(tmp_path):
    """A recording in a container of films, in a file whose name a shell would obey."""
    soundfile.write(tmp_path / "a.wav", tone(1), 16000)
    path = tmp_path / "a $(touch x); -y.mka"
    wave, out = str(tmp_path / "a.wav"), f"file:{path}"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", wave, "-c:a", "flac", out], check=True)
    return path


@needs_ffmpeg
def test_another_container_is_read_through_ffmpeg(film, tmp_path):
    with pytest.raises(UnknownFormat, match=r"is not an audio file that can be read; give WAV"):
        read_audio(film)
    with converted(film) as wave:
        assert read_audio(wave).tolist() == read_audio(tmp_path / "a.wav").tolist()
    assert not wave.exists() and not (tmp_path / "x").exists()


@needs_ffmpeg
def test_predict_finds_in_a_folder_what_ffmpeg_reads(film, tmp_path):
    write_loudness_model(tmp_path / "m.onnx", ABOUT)
    words = ["predict", str(tmp_path), "--model", str(tmp_path / "m.onnx"), "--json"]
    told = [json.loads(line) for line in CliRunner().invoke(cli.app, words, prog_name="emovox").stdout.splitlines()]
    assert [Path(each.pop("file")).name for each in told] == [film.name, "a.wav"]
    assert told[0] == told[1]


@needs_ffmpeg
def test_what_ffmpeg_cannot_read_is_refused(film, tmp_path):
    film.rename(tmp_path / "whole.mka")
    whole = (tmp_path / "whole.mka").read_bytes()
    (tmp_path / "cut.mka").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "words.mka").write_text("no sound")
    (tmp_path / "list.mka").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'whole.mka'}\n")
    stream = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{tmp_path / 'whole.mka'}\n#EXT-X-ENDLIST\n"
    (tmp_path / "stream.mka").write_text(stream)
    for name in ("words.mka", "list.mka", "stream.mka"):
        with pytest.raises(AudioError, match=rf"{name} is not an audio file that can be read, by ffmpeg either"):
            converted(tmp_path / name).__enter__()
    with pytest.raises(AudioError, match=r"cut\.mka is truncated or damaged"):
        converted(tmp_path / "cut.mka").__enter__()
    with pytest.raises(AudioError, match=r"whole\.mka lasts more than 0 s"):
        converted(tmp_path / "whole.mka", most_seconds=0.2).__enter__()


@needs_ffmpeg
def test_ffmpeg_is_stopped_when_it_takes_too_long(film, monkeypatch):
    def slow(command, timeout, **how):
        assert isinstance(command, list) and not how.get("shell")
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(ffmpeg.subprocess, "run", slow)
    with pytest.raises(AudioError, match="takes ffmpeg too long; convert it to WAV"):
        converted(film).__enter__()


def test_without_ffmpeg_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    with pytest.raises(AudioError, match=r"a\.m4a is not an audio file that can be read; give .* or install ffmpeg"):
        converted(tmp_path / "a.m4a").__enter__()
