"""``emovox listen``: with a file, and with a microphone that the tests make."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emovox import cli
from emovox.cli.live_view import LiveView
from emovox.errors import AudioError
from emovox.listening import Recognizer
from emovox.listening.microphone import microphone
from emovox.terminal import Screen
from loudness import ABOUT, write_loudness_model
from waveforms import babble, silence

ROOT = Path(__file__).resolve().parents[2]
SPEECH = np.concatenate([silence(0.3), babble(1.2), silence(0.8)])


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    write_loudness_model(tmp_path / "m.onnx", {**ABOUT, "abstain_below": 0.6})
    soundfile.write("a.wav", SPEECH, 16000, subtype="FLOAT")

    def call(*words):
        return CliRunner().invoke(cli.app, ["listen", *words, "--model", "m.onnx"], prog_name="emovox")

    return call


def test_a_file_stands_in_for_a_microphone_and_gives_the_events_of_its_stream(ask):
    shown = ask("--input", "a.wav", "--fast", "--json")
    stream = Recognizer("m.onnx").stream(16000)
    events = [*stream.push(SPEECH), *stream.close()]
    assert [json.loads(line) for line in shown.stdout.splitlines()] == [event.as_dict() for event in events]


def test_a_file_is_heard_in_its_own_time_and_told_in_words(ask):
    begun = time.monotonic()
    shown = ask("--input", "a.wav")
    assert time.monotonic() - begun >= len(SPEECH) / 16000
    assert "0:00.1 – 0:01." in shown.stdout and "2.3 s, 1 utterance, 1." in shown.stdout


def test_a_terminal_is_drawn_anew_four_times_a_second_at_least(ask, monkeypatch):
    drawn = []
    draw = LiveView.__rich__
    monkeypatch.setattr(Screen, "is_terminal", True)
    monkeypatch.setattr(LiveView, "__rich__", lambda view: drawn.append(time.monotonic()) or draw(view))
    shown = ask("--input", "a.wav")
    assert len(drawn) >= 4 * len(SPEECH) / 16000
    assert "Listening to a.wav" in shown.stdout and "1 utterance" in shown.stdout


def test_fast_needs_a_file(ask):
    assert "--fast needs --input" in ask("--fast").stderr


class PortAudioError(Exception):
    pass


def fake_sounddevice(pieces=(), rate=44100, error=None):
    """A module as sounddevice is, whose microphone gives these pieces and stops."""

    class InputStream:
        active = False

        def __init__(self, callback, **about):
            self.callback = callback
            assert about["samplerate"] == rate and about["channels"] == 1

        def start(self):
            for piece in pieces:
                self.callback(piece[:, None], len(piece), None, None)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def query_devices(device, kind):
        if error:
            raise error
        return {"default_samplerate": float(rate)}

    return types.SimpleNamespace(InputStream=InputStream, query_devices=query_devices, PortAudioError=PortAudioError)


def test_a_microphone_gives_what_it_hears_until_it_stops(monkeypatch):
    pieces = [np.float32([k, k + 1]) / 10 for k in range(3)]
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(pieces))
    with microphone() as (rate, heard):
        assert rate == 44100
        for piece in pieces:
            np.testing.assert_array_equal(next(heard), piece)
        with pytest.raises(AudioError, match="has stopped; connect it again"):
            next(heard)


def test_a_machine_that_is_too_slow_for_the_model_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice([np.zeros(1, np.float32)] * 700))
    with microphone() as (_, heard), pytest.raises(AudioError, match=r"too slow .*use a smaller one"):
        next(heard)


@pytest.mark.parametrize("error", [PortAudioError("Error querying device -1"), ValueError("No input device matching")])
def test_no_microphone_is_one_line_with_the_next_step(ask, monkeypatch, error):
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(error=error))
    shown = ask("--device", "headset")
    assert shown.exit_code == 2 and shown.stderr.count("\n") == 1
    assert f"No microphone can be opened ({error}); connect one, name another with --device" in shown.stderr


def test_without_sounddevice_or_portaudio_it_says_what_to_install(ask, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install 'emovox[live]', or give a recording with --input FILE" in ask().stderr
    monkeypatch.delitem(sys.modules, "sounddevice")
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "sudo apt install libportaudio2" in ask().stderr


def test_the_view_shows_level_emotion_and_last_utterances(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    listener = Recognizer(write_loudness_model(tmp_path / "m.onnx", {**ABOUT, "abstain_below": 0.6}))
    view, stream, shown = LiveView("Listening to a\x1bb", listener.labels, 16000), listener.stream(16000), []
    for piece in np.split(np.concatenate([SPEECH, SPEECH]), 46):
        view.hear(piece)
        for event in stream.push(piece):
            view.tell(event)
        Screen().print(view)
        shown.append(capsys.readouterr().out)
    assert r"Listening to a\x1bb  0:00.1  Ctrl-C ends" in shown[0] and "waiting for speech" in shown[0]
    assert "-60 dB" in shown[0] and any("█" in each.splitlines()[1] for each in shown)
    assert any("not sure (at most" in each or "\nhappy\n" in each for each in shown)
    assert " – 0:01." in shown[-1]


def test_ctrl_c_ends_with_totals(tmp_path):
    write_loudness_model(tmp_path / "m.onnx", ABOUT)
    soundfile.write(tmp_path / "long.wav", np.tile(SPEECH, 20), 16000)
    command = [sys.executable, "-m", "emovox", "listen", "--input", "long.wav", "--json", "--model", "m.onnx"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert json.loads(process.stdout.readline())["type"] == "utterance.start"
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    last = json.loads(said.splitlines()[-1])
    assert last["type"] == "totals" and 0 < last["duration_seconds"] < 40
