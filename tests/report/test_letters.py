"""Labels in figures are legible, whatever they are written in."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import pytest

from emovox.evaluation import Evaluation
from emovox.report import figures, letters
from emovox.report.letters import label_names, legible
from emovox.runs import Run
from figure_text import words

ODD = ("a$_{$", "[/fear]", "très heureux", "x" * 40, "怒り", "радость", "گفت", "sad")


@pytest.fixture
def latin_only(monkeypatch: pytest.MonkeyPatch):
    """As on a machine without fonts of other scripts."""
    monkeypatch.setattr(letters, "OTHERS", ())
    for cached in (letters.families, letters._letters):
        cached.cache_clear()
    yield
    for cached in (letters.families, letters._letters):
        cached.cache_clear()


def relabelled(evaluation: Evaluation) -> Evaluation:
    models = {
        name: dataclasses.replace(m, classes=dict(zip(ODD, m.classes.values(), strict=True)))
        for name, m in evaluation.models.items()
    }
    return dataclasses.replace(evaluation, labels=ODD, models=models)


def test_labels_without_letters_are_numbered_and_it_is_said(latin_only: None) -> None:
    names, note = label_names(ODD)
    assert names[:3] == ["a$_{$", "[/fear]", "très heureux"]
    assert names[3] == f"{17 * 'x'}…" and names[4] == "emotion 5" and names[5] == "радость"
    assert "Numbers stand for labels" in note
    assert label_names(["joy"]) == (["joy"], "")
    assert label_names([30 * "x", 31 * "x", "y"])[0] == [f"1 {17 * 'x'}…", f"2 {17 * 'x'}…", "y"]
    assert legible("corpus 怒り") == "corpus ??"


def test_figures_hold_any_label(honest: tuple[Run, Evaluation], latin_only: None, tmp_path: Path) -> None:
    """None is read as mathematics, none is a box, and none reaches out of the picture."""
    evaluation = relabelled(honest[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (figures.final_comparison(evaluation), figures.confusion(evaluation, evaluation.models["cnn"])):
            figure.savefig(tmp_path / "c.png")
            shown = words(figure)
            assert all(name in shown for name in ("a$_{$", "[/fear]", "très heureux", "emotion 5", "Numbers stand"))
            axes_right = [axes.get_tightbbox().x1 for axes in figure.axes]
            assert min(axes.get_tightbbox().x0 for axes in figure.axes) >= 0
            assert max(axes_right) <= figure.bbox.width + 10  # a legend has a margin
