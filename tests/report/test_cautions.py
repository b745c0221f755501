"""Warnings stand first, and each has a reason."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from emovox.errors import EmovoxError
from emovox.evaluation import Evaluation
from emovox.report import pdf
from emovox.report.cautions import cautions
from emovox.runs import Run


def names(evaluation: Evaluation) -> list[str]:
    return [each.name for each in cautions(evaluation)]


def test_synthetic_and_leaky_come_first(leaky: tuple[Run, Evaluation]) -> None:
    assert names(leaky[1])[:2] == ["synthetic", "leaky: speakers shared"]
    assert all(each.sentence.endswith(".") for each in cautions(leaky[1]))


def test_an_honest_run_of_many_speakers_is_not_called_leaky(honest: tuple[Run, Evaluation]) -> None:
    assert not {"synthetic", "leaky: speakers shared", "few speakers", "unfinished"} & set(names(honest[1]))


def test_a_class_that_is_never_predicted_is_told(honest: tuple[Run, Evaluation]) -> None:
    evaluation = honest[1]
    name, model = next(iter(evaluation.models.items()))
    confusion = model.confusion.copy()
    confusion[:, 0] += 1
    confusion[:, 2] = 0
    assert "class never predicted" in names(
        dataclasses.replace(evaluation, models={name: dataclasses.replace(model, confusion=confusion)})
    )
    assert np.all(model.confusion.sum(axis=0) >= 0)


def test_overfit_and_uncalibrated_are_told(honest: tuple[Run, Evaluation]) -> None:
    evaluation = honest[1]
    name, model = next((n, m) for n, m in evaluation.models.items() if m.has_history)
    trainings = [
        dataclasses.replace(t, best_epoch=1, history={**t.history, "accuracy": [0.99], "val_accuracy": [0.4]})
        for t in model.trainings
    ]
    unsure = dataclasses.replace(model.calibration, error=0.3)
    changed = dataclasses.replace(model, trainings=tuple(trainings), calibration=unsure)
    found = {each.name: each.sentence for each in cautions(dataclasses.replace(evaluation, models={name: changed}))}
    assert {"overfit", "uncalibrated"} <= set(found) and "30.0" in found["uncalibrated"]


def test_without_a_browser_a_pdf_tells_the_next_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOVOX_BROWSER", str(tmp_path / "nothing"))
    with pytest.raises(EmovoxError, match="print it from there"):
        pdf.write_pdf("", tmp_path / "page.pdf")


def test_a_browser_that_prints_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexit 0\n")
    browser.chmod(0o755)
    monkeypatch.setenv("EMOVOX_BROWSER", str(browser))
    with pytest.raises(EmovoxError, match="printed nothing"):
        pdf.write_pdf("", tmp_path / "page.pdf")
    assert not (tmp_path / "page.pdf").exists()


def test_a_browser_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EMOVOX_BROWSER", raising=False)
    try:
        pdf.find_browser()
    except EmovoxError:
        pytest.skip("no Chromium, Chrome or Edge on this machine")
    page = "<!DOCTYPE html><title>a</title><p>b"
    assert pdf.write_pdf(page, tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
