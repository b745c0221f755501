"""Diagrams show what the networks have, and what each step takes."""

from __future__ import annotations

import re

import pytest

from emovox.models import KINDS
from emovox.recipe import Recipe, built_in
from emovox.report.diagrams import _lanes, architecture, blocks_of, workflow
from emovox.report.drawn import svg
from figure_text import words


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return built_in("default")


def test_every_step_takes_an_earlier_one_and_is_taken(recipe: Recipe) -> None:
    for name in recipe.models:
        blocks = blocks_of(recipe, name, 8)
        taken = {number for block in blocks for number in block.takes}
        assert taken == set(range(len(blocks) - 1)), name
        assert all(number < row for row, block in enumerate(blocks) for number in block.takes)


def test_a_shortcut_passes_by_what_it_is_added_to(recipe: Recipe) -> None:
    blocks = blocks_of(recipe, "cnn", 8)
    sums = [row for row, block in enumerate(blocks) if "sum" in block.name]
    assert len(sums) == 3 and all(len(blocks[row].takes) == 2 for row in sums)
    pooled = next(row for row, block in enumerate(blocks) if block.name == "mean pooling")
    assert blocks[pooled].takes != (pooled - 1,)


def test_lines_that_pass_by_blocks_never_cover_each_other(recipe: Recipe) -> None:
    for name in recipe.models:
        lanes = _lanes(blocks_of(recipe, name, 8))
        for (start, end), lane in lanes.items():
            for (other, to), beside in lanes.items():
                assert (start, end) == (other, to) or lane != beside or end < other or to < start


@pytest.mark.parametrize("name", list(KINDS))
def test_a_diagram_says_what_its_blocks_say_and_reads_in_the_dark(recipe: Recipe, name: str) -> None:
    figure = architecture(recipe, name, 8)
    said = words(figure)
    for block in blocks_of(recipe, name, 8):
        assert block.name in said and block.shape in said
        assert not block.parameters or f"{block.parameters:,} parameters" in said
    colours = set(re.findall(r"(?:fill|stroke):(#[0-9a-f]+)", svg(figure, name)))
    assert colours <= {"#0072b2"}, "a fixed light ground hides the page's light ink"


def test_the_workflow_ends_in_a_report_and_an_answer() -> None:
    said = words(workflow())
    for step in ("corpus", "folds", "training", "evaluation", "report", "recording", "artifact (ONNX)", "answer"):
        assert step in said
