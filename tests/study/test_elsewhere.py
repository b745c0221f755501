"""An artifact judged on another corpus: labels are brought together, and what cannot be judged is counted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emovox import cli
from emovox.corpora import load_corpus
from emovox.errors import CorpusError
from emovox.listening import Recognizer
from emovox.study.elsewhere import judge_elsewhere
from loudness import write_loudness_model
from waveforms import babble

ABOUT = {
    "labels": ["calm", "happy", "angry"], "sample_rate_hz": 16000, "format": 2, "model": "loudness", "corpus": "here",
    "abstain_below": 0.5, "conformal": {"coverage": 0.9, "threshold": 0.3},
}  # fmt: skip


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Twelve clips of three speakers, loud where they are angry, and one that cannot be read."""
    rows = [("path", "emotion", "speaker")]
    for number in range(12):
        label, level = (("rage", 3.0), ("calm", 0.01), ("bored", 0.1))[number % 3]
        soundfile.write(tmp_path / f"{number}.wav", np.clip(level * babble(1, number), -1, 1), 16000)
        rows.append((f"{number}.wav", label, f"speaker{number // 4}"))
    (tmp_path / "12.wav").write_bytes(b"no sound")
    rows.append(("12.wav", "calm", "speaker0"))
    with (tmp_path / "other.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "other.csv"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return write_loudness_model(tmp_path / "loudness.onnx", ABOUT)


def test_labels_are_mapped_and_the_rest_is_left_out(other: Path, artifact: Path) -> None:
    found = judge_elsewhere(Recognizer(artifact), load_corpus(data=other), {"rage": "angry"})
    assert found.left_out == {"bored": 4} and list(found.unreadable) == ["12"]
    assert (found.clips, found.speakers, found.labels) == (8, 3, ("calm", "angry"))
    assert found.predicted.sum(axis=1).tolist() == [4, 4] and not found.known
    right = [found.predicted[0, 0], found.predicted[1, 2]]
    assert found.accuracy.value == pytest.approx(sum(right) / 8)
    assert found.uar.value == pytest.approx(np.mean(found.recalls))
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"joy": "happy"}, "joy is no label of other; its labels are"),
        ({"rage": "cross"}, "cross is no emotion of .*; its emotions are calm, happy, angry"),
        ({}, "fewer than two are emotions of the artifact .* --map LABEL=EMOTION"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    other: Path, artifact: Path, mapping: dict[str, str], says: str
) -> None:
    with pytest.raises(CorpusError, match=says):
        judge_elsewhere(Recognizer(artifact), load_corpus(data=other), mapping)


def test_the_command_shows_the_figures_and_keeps_them(other: Path, artifact: Path, tmp_path: Path) -> None:
    words = ["evaluate", str(artifact), "--data", str(other), "--map", "rage=angry", "--out", str(tmp_path / "x.json")]
    shown = CliRunner().invoke(cli.app, words, prog_name="emovox")
    assert shown.exit_code == 0, shown.output
    assert "loudness on other: 8 clips of 3 speakers" in shown.stdout
    assert "4 clips of bored are left out" in shown.stdout and "12 is left out" in shown.stdout
    assert json.loads((tmp_path / "x.json").read_text())["clips"] == 8


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--map", "rage", "--data", "x"), "--map rage is no pair; give LABEL=EMOTION by comma"),
        ((), "is an artifact; give the corpus to evaluate it on with --data"),
    ],
)
def test_what_is_missing_is_said(artifact: Path, words: tuple[str, ...], says: str) -> None:
    shown = CliRunner().invoke(cli.app, ["evaluate", str(artifact), *words], prog_name="emovox")
    assert shown.exit_code == 2 and says in shown.stderr


def test_options_of_an_artifact_have_no_place_beside_a_run(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli.app, ["evaluate", str(tmp_path), "--map", "a=b"], prog_name="emovox")
    assert shown.exit_code == 2 and "--map and --out go with an artifact" in shown.stderr
