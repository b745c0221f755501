"""Figures show what the evaluation holds, beside what it was measured against."""

import dataclasses
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.legend import Legend

from emovox.evaluation import Evaluation, evaluate
from emovox.models import KINDS
from emovox.report import confidence, figures, groups
from emovox.report.style import NARROW, places
from emovox.runs import Run
from fake_run import LABELS, fake_result, fake_run
from figure_text import words


def test_pictures_are_sharp_and_not_blank(written: Path) -> None:
    for path in [written / "final_comparison_all_models.png", *(written / "figures").iterdir()]:
        picture = matplotlib.image.imread(path)
        assert picture.shape[1] >= 700
        assert 0.01 < (picture[..., :3].min(axis=2) < 0.95).mean() < 0.9


def test_an_honest_figure_carries_no_warning_but_chance_people_and_systems(
    honest: tuple[Run, Evaluation],
) -> None:
    said = words(figures.final_comparison(honest[1]))
    assert "synthetic" not in said
    assert "leaky" not in said
    for phrase in ("chance 12.5", "listeners 62.4", "Whisper-large-v3", "wav2vec 2.0 base", "24 speakers", "each seed"):
        assert phrase in said, phrase
    for model in honest[1].models.values():
        assert f"{100 * model.uar.value:.1f} [{100 * model.uar.low:.1f}–{100 * model.uar.high:.1f}]" in said
    for label in LABELS:
        assert label in said


def test_the_confusion_figure_shows_shares_of_each_row(
    honest: tuple[Run, Evaluation],
) -> None:
    model = honest[1].models["yamnet"]
    figure = figures.confusion(honest[1], model)
    shares = model.confusion / model.confusion.sum(axis=1, keepdims=True)
    cells = figure.axes[0].collections[0].get_array()
    assert cells is not None
    np.testing.assert_allclose(np.reshape(cells, (8, 8, 4))[..., 3], shares)
    texts = {}
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        texts[round(x), round(y), text.get_va()] = text.get_text()
    for i, j in np.ndindex(8, 8):
        count = model.confusion[i, j]
        rate = "" if not count else f"{100 * shares[i, j]:.0f}" if shares[i, j] >= 0.005 else "<1"
        assert texts.get((j, i, "bottom"), "") == rate
        assert texts.get((j, i, "top"), "") == (f"{count:,}" if count else "")


def test_narrow_figures_say_the_same_one_panel_below_the_other(honest: tuple[Run, Evaluation]) -> None:
    evaluation, model = honest[1], honest[1].models["cnn"]
    for draw, models in (
        (figures.final_comparison, ()), (figures.confusion, (model,)),
        (figures.history, (model,)), (confidence.reliability_figure, ()), (confidence.doubt_figure, ()),
        (groups.groups_figure, ()),
    ):  # fmt: skip
        wide, narrow = (draw(evaluation, *models, narrow=narrow) for narrow in (False, True))
        assert NARROW <= narrow.get_figwidth() < min(4.0, wide.get_figwidth())
        assert len(narrow.axes) >= len(wide.axes)
        narrow.draw_without_rendering()
        for axes in narrow.axes:
            if axes.get_visible():
                box = axes.get_tightbbox()
                assert box is not None
                assert box.x0 >= -1 and box.x1 <= narrow.bbox.x1 + 10, draw.__name__


def test_a_kind_has_the_same_colour_in_every_figure_and_no_two_models_share_one(honest: tuple[Run, Evaluation]) -> None:
    assert places(["whisper"])["whisper"] == places(["cnn", "another", "whisper"])["whisper"]
    names = ["a", "b", *KINDS]
    assert len(set(places(names).values())) == len(names)
    assert list(places(names)) == names


def test_recalls_stand_beside_listeners_where_these_are_known(
    honest: tuple[Run, Evaluation], leaky: tuple[Run, Evaluation]
) -> None:
    assert "listeners" in words(figures.final_comparison(honest[1]))
    said = words(figures.final_comparison(leaky[1]))
    assert "listeners" not in said and "synthetic" in said


def test_trainings_of_unequal_length_and_nan_losses_are_drawn(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", seeds=3, finish=False, models=("cnn",), speakers=8)
    for epochs, job in zip((3, 9, 30), run.jobs, strict=True):
        result = fake_result(run, job, epochs)
        history = {**result.history, "val_loss": [float("nan"), *result.history["val_loss"][1:]]}
        run.write_result(job, type(result)(**{**vars(result), "history": history}))
    evaluation = evaluate(run)
    mean = figures.history(evaluation, evaluation.models["cnn"]).axes[0].lines[3]
    assert mean.get_label() == "training"
    assert len(mean.get_xdata()) == 9  # two of the three trainings went on so far


@pytest.mark.parametrize("count", [1, 3, 5])
def test_names_of_many_models_stay_within_the_figure(honest: tuple[Run, Evaluation], count: int) -> None:
    model = honest[1].models["cnn"]
    models = {f"a long name {k}": dataclasses.replace(model, name=f"a long name {k}") for k in range(count)}
    figure = figures.final_comparison(dataclasses.replace(honest[1], models=models))
    figure.draw_without_rendering()
    for axes in figure.axes:
        (legend,) = axes.findobj(Legend)
        box = legend.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    left, right = (axes.findobj(Legend)[0].get_window_extent() for axes in figure.axes)
    assert left.x1 <= right.x0
