"""Sections of what was found out beyond a run's figures: as its files say, in the report, and refused where damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emovox.errors import RunError
from emovox.evaluation import evaluate
from emovox.report import probe_figures, write_report
from emovox.report.probes import sections
from emovox.runs import Run
from fake_run import fake_run
from figure_text import words


def score(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


AUDIT = {
    "protocol": "speakers6", "warnings": [], "chance_uar": 0.125, "unit": "speakers", "units": 24, "corpus": "ravdess",
    "honest": {"cnn": score(0.6), "yamnet": score(0.7)},
    "tricks": [
        {"name": "by-clip", "title": "split by clip", "meaning": "it <cheats>.", "models": {
            "cnn": {"uar": score(0.7), "inflation": score(0.1)},
            "yamnet": {"uar": score(0.78), "inflation": score(0.08)}}},
        {"name": "shuffled-labels", "title": "labels shuffled", "meaning": "chance.", "models": {
            "cnn": {"uar": score(0.13), "guessing": score(0.125), "at_chance": True}}},
    ],
}  # fmt: skip


ROBUSTNESS = {
    **{key: AUDIT[key] for key in ("protocol", "warnings", "chance_uar", "unit", "units", "corpus")},
    "conditions": [
        {"name": "clean", "title": "as recorded", "models": {
            name: {"uar": score(0.7), "difference": None, "calibration_error": 0.04} for name in ("cnn", "yamnet")}},
        {"name": "noise", "title": "a <lot> of noise", "models": {
            "cnn": {"uar": score(0.3), "difference": score(-0.4), "calibration_error": 0.21},
            "yamnet": {"uar": score(0.65), "difference": score(-0.05), "calibration_error": 0.05}}},
    ],
}  # fmt: skip
CURVE = {
    **{key: AUDIT[key] for key in ("protocol", "warnings", "chance_uar", "unit", "units", "corpus")},
    "draws": 3,
    "curves": {
        "yamnet": {
            "sizes": [{"speakers": 4, "uar": score(0.5)}, {"speakers": 20, "uar": score(0.7)}],
            "doubling": score(0.041),
        }
    },
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return fake_run(tmp_path / "run", "speakers6", models=("cnn", "yamnet"))


def test_a_run_without_an_audit_has_no_such_section(run: Run) -> None:
    assert sections(run) == []


def test_an_audit_stands_in_the_report_with_its_figure(run: Run) -> None:
    run.at.audit.write_text(json.dumps(AUDIT))
    page = write_report(run, evaluate(run)).read_text()
    assert '<h2 id="audit">' in page and 'href="#audit"' in page and "it &lt;cheats&gt;." in page
    assert "+10.0 [+5.0 to +15.0]" in page and "at chance" in page and "Chance gives 7.5 to 17.5 %" in page
    assert run.at.probe_figure("audit").is_file()


def test_the_figure_shows_every_trick_and_what_it_adds() -> None:
    shown = words(probe_figures.audit({**AUDIT, "warnings": ["synthetic"]}))
    for word in ("split by clip", "labels shuffled", "+10.0", "+8.0", "synthetic"):
        assert word in shown


def test_other_recordings_and_more_speakers_stand_in_the_report(run: Run) -> None:
    run.at.robustness.write_text(json.dumps(ROBUSTNESS))
    run.at.learning_curve.write_text(json.dumps(CURVE))
    page = write_report(run, evaluate(run)).read_text()
    assert [s.name for s in sections(run)] == ["robustness", "learning_curve"]
    assert "cnn loses most with a &lt;lot&gt; of noise: −40.0 [−45.0 to −35.0]." in page and "<td>21.0</td>" in page
    assert "Twice as many speakers would bring yamnet +4.1 [−0.9 to +9.1] points" in page
    assert '<td>50.0<br><span class="low">[45.0–55.0]</span></td>' in page
    assert run.at.probe_figure("robustness").is_file() and run.at.probe_figure("learning_curve").is_file()


def test_their_figures_name_conditions_sizes_and_models() -> None:
    for figure, said in (
        (probe_figures.robustness(ROBUSTNESS), ("as recorded", "a <lot> of noise", "CNN")),
        (probe_figures.learning_curve(CURVE), ("4", "20", "YAMNet")),
    ):
        for word in said:
            assert word in words(figure)


def test_a_damaged_file_is_named(run: Run) -> None:
    for content in ("{", "[]", '{"tricks": [{}]}'):
        run.at.audit.write_text(content)
        with pytest.raises(RunError, match=r"audit\.json is damaged .*delete it"):
            sections(run)
