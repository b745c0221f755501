"""A user's own corpus goes through the whole command: odd labels, another language, uneven speakers, any length."""

from __future__ import annotations

import csv
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

pytest.importorskip("tensorflow")

from emovox import cli, study
from emovox.listening import Recognizer
from emovox.study import Serial
from waveforms import babble

LABELS = ("très heureux", "a$_{$", "[∕怒り]")
CLIPS = {"anna": 2, "boris": 5, "chloé": 3, "dan": 9}  # of each speaker; not all labels alike

FACTS = """
title = "Le bureau"
licence = "CC0-1.0"
language = "French"
acted = false
labels = ["a$_{$", "[très] heureux", "[∕怒り]"]
label_map = { "très heureux" = "[très] heureux" }
"""
RECIPE = """
[models.cnn]
members = 1
[models.cnn.training]
epochs = 1
"""


def clips() -> list[tuple[str, str, str]]:
    """(emotion, speaker, file name) of every clip."""
    return [
        (LABELS[i % 3], speaker, f"{i}.{('wav', 'flac', 'ogg')[i % 3]}")
        for speaker, count in CLIPS.items()
        for i in range(count + 1)
    ]


def by_folder(root: Path) -> Path:
    """A folder for each emotion, and in it one for each speaker."""
    root = root / "bureau"
    for seed, (emotion, speaker, name) in enumerate(clips()):
        seconds = (0.4, 12.0, 3.0, 1.0)[seed % 4]
        path = root / emotion / speaker / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, babble(seconds, seed=seed + 1), 16000)
    (root / "corpus.toml").write_text(FACTS, encoding="utf-8")
    return root


def by_table(root: Path) -> Path:
    """A table with semicolons, of recordings that lie elsewhere."""
    folder = by_folder(root / "elsewhere")
    (root / "table").mkdir()
    (root / "table" / "bureau.csv").write_text(
        "\n".join(
            ["Path;Emotion;Speaker;Remark", *(f"{folder}/{e}/{s}/{name};{e};{s};good" for e, s, name in clips())]
        ),
        encoding="utf-8",
    )
    (root / "table" / "corpus.toml").write_text(FACTS, encoding="utf-8")
    return root / "table" / "bureau.csv"


def by_zip(root: Path) -> Path:
    """A zip with one folder at its top."""
    folder = by_folder(root / "packed")
    with zipfile.ZipFile(root / "bureau.zip", "w") as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            packed.write(path, path.relative_to(folder.parent))
    return root / "bureau.zip"


@pytest.mark.parametrize("make", [by_folder, by_table, by_zip])
def test_a_user_s_own_corpus(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(study, "Processes", lambda workers, threads, told, *_: Serial(told))  # starts TensorFlow once
    data = make(tmp_path)
    (tmp_path / "mine.toml").write_text(RECIPE)

    def emovox(*words: object) -> str:
        shown = CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="emovox")
        assert shown.exit_code == 0, shown.output
        return " ".join(shown.output.split())

    verified = emovox("data", "verify", data)
    assert "is complete: 23 recordings" in verified and "of [très] heureux 9 of [∕怒り] 7" in verified
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph")  # a letter that no font has
        described = emovox("data", "describe", data, "--out", "plots")
        assert "CC0-1.0" in described and "unknown" not in described and "-0.0" not in described
        ran = emovox("run", "--data", data, "--recipe", "mine.toml", "--out", "run", "--workers", 1)
    assert "23 clips of bureau, protocol speakers1" in ran and "3 test clips of 1 speaker." in ran

    with open("run/folds/clips.csv", encoding="utf-8") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert len(ids) == 23 and all(not i.startswith("/") and str(tmp_path) not in i for i in ids)
    assert "a$_{$/boris/1" in ids
    results = json.loads(Path("run/training_results.json").read_text(encoding="utf-8"))
    assert results["emotions"] == ["a$_{$", "[très] heureux", "[∕怒り]"]
    for name in ("report.html", "training_summary.txt"):
        told = Path("run", name).read_text(encoding="utf-8")
        assert "Le bureau" in told and "The emotions are not acted; the language is French." in told
        assert "CC0-1.0" in told and "[très] heureux" in told
        told = told.split('<h2 id="theory">')[0]  # where texts and works speak of other corpora
        assert not [word for word in ("English", " actor", "eight emotions", "RAVDESS") if word in told]
    assert Path("run/figures/confusion_cnn.png").is_file() and Path("plots/levels.png").is_file()

    recording = next(path for path in tmp_path.rglob("*.wav") if path.parent.name == "dan")
    assert "a$_{$" in emovox("predict", recording, "--run", "run")
    artifact = Recognizer.from_run("run")
    assert artifact.labels == ("a$_{$", "[très] heureux", "[∕怒り]")
    assert np.isclose(sum(artifact.predict(recording).probabilities), 1)
    assert "[très] heureux" in emovox("evaluate", "run")
    emovox("run", "--resume", "--out", "run")
