"""The model that the package brings: small, open about itself, and ready."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emovox import Recognizer, cli
from emovox.errors import ModelError
from emovox.listening import artifact, recognizer
from waveforms import babble


@pytest.fixture(scope="module")
def box() -> Recognizer:
    return Recognizer.load()


def test_it_is_small_and_tells_what_it_is(box: Recognizer) -> None:
    assert box.path.stat().st_size <= 12e6
    about = box.metadata
    assert (about["corpus"], about["licence"], about["fold"]) == ("ravdess", "CC-BY-NC-SA-4.0", "all")
    assert about["notices"] == ["Holds weights of Whisper, OpenAI, MIT licence."]
    assert about["protocol"] == "speakers6" and not about["leaky"] and not about["synthetic"]
    assert len(box.labels) == 8 and box.adapts


def test_its_card_and_licence_lie_beside_it(box: Recognizer) -> None:
    card = box.path.with_suffix(".md").read_text(encoding="utf-8")
    value = f"{100 * box.metadata['metrics']['uar']['value']:.1f}"
    assert value in card and "all 1440 clips of 24 speakers" in card
    assert "On other corpora" in card and "weights of 8 bits" in card and "CC-BY-NC-SA-4.0" in card
    assert "MIT License" in (box.path.parent / "LICENSE.txt").read_text(encoding="utf-8")


def test_it_answers_without_being_named(box: Recognizer, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", babble(2), 16000)
    shown = CliRunner().invoke(cli.app, ["predict", str(tmp_path / "a.wav"), "--json"], prog_name="emovox")
    assert shown.exit_code == 0, shown.output
    whole = io.BytesIO((tmp_path / "a.wav").read_bytes())
    np.testing.assert_allclose(sum(box.predict(whole).probabilities), 1, atol=1e-3)
    assert f'"emotion": "{box.predict(tmp_path / "a.wav").emotion}"' in shown.stdout


def test_a_package_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert artifact.BOX == recognizer.BOX
    monkeypatch.setattr(recognizer, "BOX", Path("missing.onnx"))
    with pytest.raises(ModelError, match=r"missing\.onnx is missing; install Emovox again"):
        Recognizer.load()
