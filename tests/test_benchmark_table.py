"""The figures in README.md are those of benchmarks/results, and nothing is lost on the way."""

import importlib.util
from pathlib import Path

import pytest

from emovox.evaluation import evaluate, results
from fake_run import fake_run

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("benchmark_table", ROOT / "benchmarks" / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_is_up_to_date(table):
    page = table.README.read_text(encoding="utf-8")
    assert page == table.fill(page, table.tables(table.read_results(table.RESULTS)))


def test_a_study_becomes_a_row_for_each_model(table, tmp_path):
    evaluation = evaluate(fake_run(tmp_path / "run", "holdout", models=("cnn", "yamnet"), speakers=6))
    text = table.tables({"small": results(evaluation)})
    for model in evaluation.models.values():
        row = next(line for line in text.splitlines() if f"`{model.name}`" in line)
        assert "`holdout` (leaky)" in row
        assert f"{100 * model.uar.value:.1f} [" in row
        assert f"{model.parameters:,}" in row
        assert f"asked {'65, aim 75' if model.name == 'cnn' else '78, aim 85'}" in row
        assert "(benchmarks/results/small.json)" in row


def test_a_note_stands_beside_the_protocol(table, tmp_path):
    evaluation = evaluate(fake_run(tmp_path / "run", "holdout", models=("cnn",), speakers=6))
    assert "`holdout` (leaky, an older recipe)" in table.tables(
        {"x": {**results(evaluation), "note": "an older recipe"}}
    )


def test_a_synthetic_result_says_so(table, tmp_path):
    evaluation = evaluate(fake_run(tmp_path / "run", name="synthetic", models=("cnn",), speakers=6))
    assert "(synthetic)" in table.tables({"x": results(evaluation)})


def test_measurements_become_rows(table):
    measured = {"what": "decode", "value": 5.21, "unit": "s", "aim": 8, "least": 20}
    text = table.tables({"speed": {"measurements": [measured]}})
    assert "| decode | 5.21 s | 20 s | 8 s | [speed](benchmarks/results/speed.json) |" in text


def test_nothing_measured_says_so(table):
    assert table.tables({}).startswith("Not measured yet")


def test_a_page_without_markers_is_refused(table):
    with pytest.raises(ValueError, match="once each"):
        table.fill("no markers", "text")
