"""Figures become files, whole and equal for equal content, and SVG that takes on a page's ink."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import matplotlib.image
import pytest

from emovox.evaluation import Evaluation
from emovox.report import confidence, figures, groups
from emovox.report.drawn import in_both_widths, svg, write
from emovox.report.style import FAINT, GREY, GROUND, INK
from emovox.runs import Run

DRAWN = (figures.final_comparison, confidence.reliability_figure, confidence.doubt_figure, groups.groups_figure)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_an_svg_is_a_picture_with_a_title_and_a_page_s_ink(leaky: tuple[Run, Evaluation], draw) -> None:
    text = svg(draw(leaky[1]), "What <it> shows")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("role") == "img"
    title = root[0]
    assert title.text == "What <it> shows" and title.get("id") == root.get("aria-labelledby")
    assert "leaky: speakers shared" in "".join(root.itertext()), "text is kept as text"
    assert "currentColor" in text
    for fixed in (INK, GREY, FAINT, GROUND, "#000000", "#ffffff"):
        assert fixed not in text.lower()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<style|<script|<!DOCTYPE|<\?xml|font-family:\s*'DejaVu", text)


def test_ids_of_two_figures_in_a_page_differ_and_every_use_finds_its_own(leaky: tuple[Run, Evaluation]) -> None:
    one, other = (svg(draw(leaky[1]), "A figure") for draw in DRAWN[:2])
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, other)]
    assert ids[0] and not ids[0] & ids[1]
    for text, own in zip((one, other), ids, strict=True):
        assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        assert {a or b for a, b in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)} <= own


def test_equal_figures_give_equal_text_whatever_matplotlib_is_set_to(leaky: tuple[Run, Evaluation]) -> None:
    drawn = svg(figures.final_comparison(leaky[1]), "A figure")
    with matplotlib.rc_context({"font.size": 20, "text.color": "red", "svg.fonttype": "path", "xtick.color": "red"}):
        assert svg(figures.final_comparison(leaky[1]), "A figure") == drawn
    assert svg(figures.final_comparison(leaky[1]), "Another") != drawn


def test_a_figure_is_written_as_its_path_says(leaky: tuple[Run, Evaluation], tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        assert write(figures.final_comparison(leaky[1]), tmp_path / name) == tmp_path / name
    assert matplotlib.image.imread(tmp_path / "a.png").shape[1] == 1440
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ET.parse(tmp_path / "a.svg").getroot()[0].text == "Emotion from speech: synthetic speech, holdout"
    with pytest.raises(ValueError, match=r"\.png or \.svg, not as \.pdf"):
        write(figures.final_comparison(leaky[1]), tmp_path / "a.pdf")


def test_a_notebook_shows_a_figure_by_itself(leaky: tuple[Run, Evaluation]) -> None:
    picture, size = figures.final_comparison(leaky[1])._repr_png_()  # type: ignore[attr-defined]
    assert picture.startswith(b"\x89PNG") and size["width"] == 691


def test_a_page_holds_both_drawings_and_hides_one(leaky: tuple[Run, Evaluation], tmp_path: Path) -> None:
    placed = in_both_widths(tmp_path / "a.png", figures.final_comparison, (leaky[1],), "A figure", "How to read it.")
    assert re.findall(r'<div class="(\w+)"><svg', placed.svg) == ["far", "near"] and placed.file is not None
    assert len(set(re.findall(r' id="([^"]+)"', placed.svg))) == placed.svg.count(' id="')
    assert matplotlib.image.imread(placed.file).shape[1] == 1440
