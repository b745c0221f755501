"""``emovox predict --timeline``: as a table, as files, and as a figure."""

import csv
import io
import json
import sys

import matplotlib.image
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emovox import cli
from emovox.listening import Recognizer
from emovox.report.timeline import timeline_figure
from figure_text import words
from loudness import ABOUT, write_loudness_model
from waveforms import babble, silence

SPEECH = np.concatenate([silence(0.5), babble(1.5), silence(1.0), 0.1 * babble(1.0, 1), silence(1.0)])


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Predict in a folder with a model and two recordings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    write_loudness_model(tmp_path / "m.onnx", {**ABOUT, "abstain_below": 0.6})
    for name in ("a.wav", "b.wav"):
        soundfile.write(name, SPEECH, 16000)

    def call(*words):
        return CliRunner().invoke(cli.app, ["predict", *words, "--model", "m.onnx"], prog_name="emovox")

    return call


def test_the_table_shows_every_utterance_and_where_it_changes(ask):
    shown = ask("a.wav", "missing.wav", "--timeline")
    assert shown.exit_code == 1 and "missing.wav does not exist" in shown.stderr
    assert "a.wav  5 s, 2 utterances, 3 s of speech" in shown.stdout
    timeline = Recognizer("m.onnx").timeline("a.wav")
    assert len([line for line in shown.stdout.splitlines() if " – 0:0" in line]) == len(timeline.spans)


def test_each_format_is_what_the_timeline_gives(ask):
    timeline = Recognizer("m.onnx").timeline("a.wav")
    assert json.loads(ask("a.wav", "--format", "json").stdout) == {"file": "a.wav", **timeline.as_dict()}
    assert json.loads(ask("a.wav", "--timeline", "--json").stdout)["file"] == "a.wav"
    for form in ("csv", "srt", "vtt"):
        assert ask("a.wav", "--format", form).stdout == getattr(timeline, form)()
    rows = list(csv.DictReader(io.StringIO(timeline.csv())))
    assert len(rows) == len(timeline.utterances) + len(timeline.measurements)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("a.wav", "b.wav", "--format", "srt"), "--format srt is for one recording; name one"),
        (("a.wav", "b.wav", "--plot", "a.png"), "--plot is for one recording; name one"),
        (("a.wav", "--plot", "a.gif"), "--plot writes .png or .svg"),
        (("-", "--plot", "a.png"), "give a file, not a pipe"),
        (("a.wav", "--timeline", "--csv", "out.csv"), "for a timeline give --format csv"),
    ],
)
def test_options_that_do_not_go_together_are_refused(ask, options, said):
    shown = ask(*options)
    assert shown.exit_code == 2 and said in shown.stderr


def test_the_figure_names_what_is_heard(ask, tmp_path):
    assert ask("a.wav", "--plot", "a.png").exit_code == 0
    picture = matplotlib.image.imread(tmp_path / "a.png")
    assert picture.shape[1] > 1000 and 0.02 < (picture[..., :3].min(axis=2) < 0.9).mean() < 0.8
    listener = Recognizer("m.onnx")
    said = words(timeline_figure(listener.timeline("a.wav"), "a.wav", "a.wav", listener.metadata))
    for phrase in ("a.wav", "synthetic", "happy", "calm", "seconds", "trained on synthetic"):
        assert phrase in said
    nothing = listener.timeline(silence(1), 16000)
    soundfile.write("silent.wav", silence(1), 16000)
    timeline_figure(nothing, "silent.wav", "silent.wav", {}).canvas.draw()


def test_a_figure_without_matplotlib_says_what_to_install(ask, monkeypatch):
    monkeypatch.delitem(sys.modules, "emovox.report.timeline", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    shown = ask("a.wav", "--plot", "a.png")
    assert shown.exit_code == 2 and "pip install 'emovox[train]'" in shown.stderr
