"""A map of what a model attends to says where its answer rests, in colours and in figures."""

from __future__ import annotations

import numpy as np
import pytest

from emovox.report.occlusion import attention
from waveforms import babble


@pytest.mark.parametrize(("most", "least", "words"), [(0.4, -0.07, {"−40", "+7"}), (0.001, 0.0, set())])
def test_the_strongest_patches_carry_their_points(most: float, least: float, words: set[str]) -> None:
    falls = np.zeros((4, 8))
    falls[1, 2], falls[3, 5] = most, least
    edges = {"seconds": np.linspace(0.2, 1.4, 5).tolist(), "hertz": np.geomspace(100, 8000, 9).tolist()}
    clip = {**edges, "models": {"cnn": {"falls": falls.tolist()}}}
    (axes,) = attention(babble(1.5), clip, "cnn").axes
    assert {text.get_text() for text in axes.texts} == words
    if words:
        assert [text.get_position()[1] for text in sorted(axes.texts, key=lambda t: t.get_text())] == [5.5, 2.5]
