"""Plots of a corpus show what stands out, and say where no person spoke."""

import dataclasses
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from emovox.corpora.describe import Description
from emovox.errors import StorageError
from emovox.report.corpus import PLOTS, formats, levels, plot_description
from fake_run import fake_corpus
from figure_text import words


def described(folder: Path, name: str) -> Description:
    corpus = fake_corpus(folder, name, speakers=4)
    n = len(corpus.clips)
    rng = np.random.default_rng(0)
    seconds = rng.normal(3.7, 0.3, n)
    seconds[:2] = [np.nan, 9.0]
    rms = rng.normal(-35, 5, n)
    rms[0] = np.nan
    return Description(
        corpus=corpus,
        seconds=seconds,
        speech_seconds=seconds - 1.6,
        peak_dbfs=np.minimum(rms + 15, 0),
        rms_dbfs=rms,
        sample_rate_hz=np.array([0, 16000, *[48000] * (n - 2)]),
        channels=np.array([0, 2, *[1] * (n - 2)]),
        subtypes=("", *["PCM_16"] * (n - 1)),
        remarks=(),
    )


def test_a_corpus_is_plotted_with_what_stands_out(tmp_path: Path) -> None:
    paths = plot_description(described(tmp_path / "corpus", "ravdess"), tmp_path / "plots")
    assert [path.name for path in paths] == ["classes.png", "durations.png", "levels.png", "formats.png"]
    for path in paths:
        assert matplotlib.image.imread(path).shape[1] >= 1400


def test_plots_of_a_synthetic_corpus_say_so(tmp_path: Path) -> None:
    description = described(tmp_path / "corpus", "synthetic")
    for draw in PLOTS:
        assert "synthetic" in [text.get_text() for text in draw(description).texts]
    assert "unreadable" in words(formats(description))


def test_plots_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("a file stands here")
    with pytest.raises(StorageError, match="choose another place"):
        plot_description(described(tmp_path / "corpus", "ravdess"), tmp_path / "plots")


def test_every_label_is_in_the_picture_and_nothing_else_takes_room(tmp_path: Path) -> None:
    """Once a line without points pushed the axes aside, and labels out of the picture."""
    description = described(tmp_path / "corpus", "ravdess")
    labels = tuple(f"{label} as in a long sentence" for label in description.corpus.labels)
    renamed = dict(zip(description.corpus.labels, labels, strict=True))
    clips = tuple(dataclasses.replace(clip, emotion=renamed[clip.emotion]) for clip in description.corpus.clips)
    corpus = dataclasses.replace(
        description.corpus, clips=clips, spec=dataclasses.replace(description.corpus.spec, labels=labels)
    )
    level = np.full(len(clips), -20.0)
    figure = levels(dataclasses.replace(description, corpus=corpus, peak_dbfs=level, rms_dbfs=level))
    figure.draw_without_rendering()
    left, right = figure.axes
    assert left.get_tightbbox().x0 >= 0 and left.get_tightbbox().y0 >= 0
    assert left.get_position().x0 < 0.12
    for tick in right.get_yticklabels():
        assert tick.get_text().endswith("…")
        assert tick.get_window_extent().x0 > left.get_window_extent().x1
