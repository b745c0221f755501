"""The notebook runs from its source, and its committed copy is of that source."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure

from emovox import notebook, plan
from emovox.corpora.base import Corpus, waveform
from emovox.report.diagrams import architecture, blocks_of
from emovox.report.figures import curves
from emovox.report.steps import preprocessing
from figure_text import words

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "notebooks" / "Speech_Emotion_Recognition_Notebook.ipynb"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("notebook_script", ROOT / "scripts" / "notebook.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_copy_is_of_the_source(script) -> None:
    copy = nbformat.read(COPY, as_version=4)
    source = script.read({})
    assert [cell.source for cell in copy.cells] == [cell.source for cell in source.cells], "run make notebook"
    assert all(cell.outputs for cell in copy.cells if cell.cell_type == "code" and "%load_ext" not in cell.source
               and not cell.source.startswith(("from", "DATA", "%pip", "if recognizer")))  # fmt: skip
    assert not [o for cell in copy.cells for o in cell.get("outputs", ()) if o.output_type == "error"]


def test_the_copy_is_small_and_holds_no_recording() -> None:
    text = COPY.read_text(encoding="utf-8")
    assert len(text.encode()) < 8_000_000
    assert "data:audio" not in text


def test_an_unknown_knob_is_an_error(script) -> None:
    with pytest.raises(ValueError, match="no knob NOTHING"):
        script.read({"NOTHING": "1"})
    assert 'DATA = "synthetic"  # None' in script.read({"DATA": '"synthetic"'}).cells[6].source


def test_the_whole_notebook_runs_on_the_embedded_corpus(
    script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    changes = {"DATA": '"synthetic"', "EPOCHS": "2", "MODELS": '("cnn", "whisper", "ensemble")'}
    done = script.execute(script.read(changes), tmp_path, seconds=600)
    assert not [o for cell in done.cells for o in cell.get("outputs", ()) if o.output_type == "error"]
    assert (tmp_path / "runs" / "notebook" / "report.html").is_file()


def test_curves_are_drawn_while_they_grow() -> None:
    epochs = {"loss": [2.0] * 3, "val_loss": [2.1] * 3, "accuracy": [0.2] * 3, "val_accuracy": [0.1] * 3}
    drawn = curves("cnn", "two trainings", [epochs, {key: values[:1] for key, values in epochs.items()}])
    _, right = drawn.axes
    assert [len(line.get_xdata()) for line in right.lines] == [3, 1, 3, 3, 1, 3]  # each training, and their mean
    image, size = drawn._repr_png_()
    assert image.startswith(b"\x89PNG") and size["width"] > 300


def test_each_model_that_learns_has_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, Any]] = []

    class Handle:
        def update(self, what: Any) -> None:
            shown.append(("again", what))

    def display(what: Any, display_id: bool) -> Handle:
        shown.append(("first", what))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    progress = notebook.LiveProgress()
    for stage in ("cnn · fold1 · seed 0", "cnn · fold2 · seed 0"):
        progress.measured(stage, {"loss": 2.0, "accuracy": 0.2})
        progress(stage, 1, 1)
    pictures = [(when, words(what)) for when, what in shown if isinstance(what, Figure)]
    assert [when for when, _ in pictures] == ["first", "again"]
    assert "one training" in pictures[0][1] and "two trainings" in pictures[1][1]


def test_players_stand_under_the_emotion(tiny_corpus: Corpus) -> None:
    html = notebook.sounds(tiny_corpus.clips[:2])._repr_html_()
    assert html.count("<audio") == 2 and tiny_corpus.clips[0].emotion in html and "data:audio/wav;base64," in html


@pytest.mark.parametrize("name", ["cnn", "yamnet", "whisper"])
def test_preprocessing_is_drawn_in_six_steps(name: str, tiny_corpus: Corpus) -> None:
    front = plan().models[name].front_end
    drawn = preprocessing(tiny_corpus.clips[0], front)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in drawn.axes]
    assert [title[0] for title in titles if title] == list("123456")
    read = drawn.axes[5].images[0].get_array()
    assert np.asarray(read).T.shape == front(waveform(tiny_corpus.clips[0])).features.shape[1:]


@pytest.mark.parametrize("name", ["cnn", "whisper", "ensemble"])
def test_a_diagram_counts_what_the_network_has(name: str) -> None:
    recipe = plan()
    blocks = blocks_of(recipe, name, 8)
    assert architecture(recipe, name, 8).axes
    if name == "cnn":
        assert 2 * sum(block.parameters for block in blocks) == 582_416
    assert blocks[-1].shape == "8"
