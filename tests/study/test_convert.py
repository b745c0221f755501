"""A model of a run in another format: as its artifact answers, or refused where the format cannot hold it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from emovox.corpora.base import Corpus
from emovox.errors import ModelError
from emovox.evaluation import evaluate
from emovox.listening import Recognizer
from emovox.runs import Run
from emovox.study import Serial, stages
from emovox.study.convert import convert
from waveforms import babble


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def exported(run: Run) -> Run:
    with Serial(ignore) as executor:
        stages.export(run, evaluate(run), {}, executor, ignore)
    return run


def test_onnx_of_another_precision_tells_the_same_of_itself(exported: Run, tmp_path: Path) -> None:
    for name in ("one", "all"):
        usual = Recognizer(exported.at.artifact(name))
        half = Recognizer(convert(exported, name, tmp_path / f"{name}.onnx", precision="float16"))
        assert half.metadata == {**usual.metadata, "precision": "float16"}
        np.testing.assert_allclose(
            half.predict(babble(2), 16000).probabilities, usual.predict(babble(2), 16000).probabilities, atol=0.02
        )


@pytest.mark.parametrize(("format", "suffix"), [("litert", ".tflite"), ("keras", ".keras"), ("h5", ".h5")])
def test_other_formats_lie_beside_the_artifact(exported: Run, format: str, suffix: str) -> None:
    assert convert(exported, "one", format=format) == exported.at.artifact("one").with_suffix(suffix)  # type: ignore[arg-type]
    assert exported.at.artifact("one").with_suffix(suffix).stat().st_size > 1000


def test_what_a_format_cannot_hold_is_refused(exported: Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="litert cannot hold an ensemble; choose --format onnx"):
        convert(exported, "all", format="litert")
    with pytest.raises(ModelError, match="keras cannot hold weights of int8"):
        convert(exported, "one", format="keras", precision="int8")
    with pytest.raises(ModelError, match=r"must end in \.tflite"):
        convert(exported, "one", tmp_path / "a.onnx", format="litert")
    with pytest.raises(ModelError, match="has no model 'cnn'"):
        convert(exported, "cnn")


def test_a_run_without_artifacts_is_refused(run: Run, tiny_corpus: Corpus) -> None:
    with pytest.raises(ModelError, match=r"contains no artifacts"):
        convert(run, "one")
