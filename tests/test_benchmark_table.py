"""The figures in README.md are those of benchmarks/results, and nothing is lost on the way."""

import copy
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from emovox.evaluation import evaluate, results
from fake_run import fake_run

ROOT = Path(__file__).resolve().parents[1]


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table():
    return loaded("table")


@pytest.fixture(scope="module")
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        return loaded("study")


@pytest.fixture(scope="module")
def of_four(tmp_path_factory):
    """A study as its file holds it."""
    run = fake_run(
        tmp_path_factory.mktemp("of_four") / "run", "holdout", models=("cnn", "yamnet", "whisper", "ensemble")
    )
    return json.loads(json.dumps(results(evaluate(run))))


def line(text: str, model: str) -> str:
    return next(line for line in text.splitlines() if f"| `{model}` |" in line)


def test_pages_are_up_to_date(table):
    for path, page in table.pages().items():
        assert page == path.read_text(encoding="utf-8"), f"run python benchmarks/table.py: {path.name}"


def test_a_study_becomes_a_row_for_each_model(table, of_four):
    text = table.tables({"small": of_four})
    for name, model in of_four["models"].items():
        row = line(text, name)
        assert "`holdout` (leaky)" in row
        assert f"{100 * model['scores']['uar']['value']:.1f} [" in row
        assert f"| {model['parameters']:,} |" in row
        assert "`small`" in row


def test_a_row_shows_what_was_asked_of_its_kind_and_variant(table, of_four):
    text = table.tables({"x": of_four})
    assert "asked 88, aim 93" in line(text, "ensemble")
    assert "asked" not in line(text, "cnn")
    published = copy.deepcopy(of_four)
    published["models"]["cnn"]["variant"], published["models"]["yamnet"]["variant"] = "reference", "replica"
    text = table.tables({"x": published})
    assert "asked 65, aim 75" in line(text, "cnn")
    assert "asked" not in line(text, "yamnet")
    assert "asked 63.5, aim 68" in line(table.tables({"x": {**of_four, "protocol": "speakers6"}}), "cnn")


def test_a_row_names_what_was_trained_on_and_looked_at(table, of_four):
    text = table.tables({"x": of_four})
    assert "| RAVDESS | 20 of 24 speakers, in other splits |" in line(text, "cnn")
    assert "| AudioSet; RAVDESS |" in line(text, "yamnet")
    assert "| AudioSet; 680,000 h of speech from the web; RAVDESS |" in line(text, "ensemble")
    taught = table.tables({"x": {**of_four, "teachers": {"cnn": "whisper"}}})
    assert "| RAVDESS; taught by `whisper` |" in line(taught, "cnn")
    assert "taught" not in line(taught, "ensemble")  # Whisper is one of its members
    assert "| nothing |" in line(table.tables({"x": {**of_four, "looked_at": "nothing"}}), "cnn")


def test_an_ensemble_has_no_minutes_of_training(table, of_four):
    cells = line(table.tables({"x": of_four}), "ensemble").split(" | ")
    assert cells[7] == ""


def test_a_note_stands_beside_the_protocol(table, of_four):
    assert "`holdout` (leaky, an older recipe)" in table.tables({"x": {**of_four, "note": "an older recipe"}})


def test_a_synthetic_result_says_so(table, tmp_path):
    evaluation = evaluate(fake_run(tmp_path / "run", name="synthetic", models=("cnn",), speakers=6))
    assert "(synthetic)" in table.tables({"x": results(evaluation)})


def test_measurements_become_rows(table):
    measured = {"what": "decode", "value": 5.21, "unit": "s", "aim": 8, "least": 20}
    text = table.tables({"speed": {"measurements": [measured]}})
    assert "| decode | 5.21 s | 20 s | 8 s | `speed` |" in text


def test_a_number_without_a_unit_has_no_space_behind_it(table):
    assert "| apart | 0.0123 |" in table.tables(
        {"x": {"measurements": [{"what": "apart", "value": 0.0123, "unit": ""}]}}
    )


def test_ablations_become_two_tables(table):
    made = {"about": "layers", "what": "1–3", "uar": 0.7512, "cross_entropy": 0.68, "seconds_a_fit": 2.04}
    once = {"about": "tuning", "what": "low rank", "uar": 0.7, "explored": True, "how": "one fold"}
    text = table.ablations({"ablations": {"ablations": [made, once]}})
    assert "| layers | 1–3 | 75.1 | 0.680 | 2.0 |" in text
    assert "| tuning | low rank | 70.0 |  | one fold |" in text
    assert table.ablations({}) == table.EMPTY
    assert "layers" not in table.tables({"ablations": {"ablations": [made, once]}})


def test_what_was_found_out_beyond_figures_becomes_three_tables(table):
    half = {"value": 0.5, "low": 0.45, "high": 0.55}
    less = {"value": -0.1, "low": -0.2, "high": 0.01}
    audit = {
        "honest": {"cnn": half},
        "tricks": [
            {"title": "split by clip", "models": {"cnn": {"uar": half, "inflation": less}}},
            {"title": "labels shuffled", "models": {"cnn": {"uar": half, "at_chance": False}}},
        ],
    }
    clean, noisy = ({"uar": half, "difference": d, "calibration_error": 0.041} for d in (None, less))
    robustness = {
        "conditions": [{"title": "clean", "models": {"cnn": clean}}, {"title": "noise", "models": {"cnn": noisy}}]
    }
    curve = {"curves": {"cnn": {"sizes": [{"speakers": 4, "uar": half}], "doubling": less}}}
    text = table.probes({"audit": audit, "robustness": robustness, "learning_curve": curve})
    assert "| split by clip | `cnn` | 50.0 | 50.0 | −10.0 [−20.0, +1.0] |" in text
    assert "| labels shuffled | `cnn` | 50.0 | 50.0 | not at chance |" in text
    assert "| clean | 50.0, 4 |" in text and "| noise | 50.0 (−10.0), 4 |" in text
    assert "| `cnn` | 50.0 | −10.0 [−20.0, +1.0] |" in text
    assert table.probes({}) == table.EMPTY
    assert table.tables({"audit": audit, "robustness": robustness, "learning_curve": curve}) == table.EMPTY


def test_a_study_is_measured_against_its_limits(study, of_four):
    costs = study.Costs(minutes=21.5, gibibytes=1.5, gigabytes=0.25, prepared={"yamnet": 30.0})
    whole = {**of_four, "protocol": "speakers6", "models": {**of_four["models"], "cnn_lstm": of_four["models"]["cnn"]}}
    rows = {row["what"]: row for row in study.measured("usual", whole, costs)}
    wall = {"what": "`usual`: wall time", "value": 21.5, "unit": "min", "aim": 20, "least": 45}
    assert rows["`usual`: wall time"] == wall
    assert rows["`usual`: peak memory of all processes"]["least"] == 3
    assert rows["`usual`: most disk of the run folder"]["aim"] == 0.3
    share = rows["`usual`: share of `yamnet`, hearing and trainings"]
    assert share["value"] == round(0.5 + of_four["models"]["yamnet"]["training_time_minutes"], 4)
    assert share["least"] == 4
    assert any("at most 1,000,000 parameters" in what for what in rows)


def test_part_of_a_study_is_held_to_no_time(study, of_four):
    costs = study.Costs(minutes=21.5, gibibytes=1.5, gigabytes=0.25, prepared={})
    rows = {row["what"]: row for row in study.measured("part", {**of_four, "protocol": "speakers6"}, costs)}
    assert "least" not in rows["`part`: wall time"]


def test_with_a_cache_no_costs_are_kept(study, of_four):
    (row,) = study.measured("again", {**of_four, "protocol": "speakers6"}, None)
    assert row["least"] == 66


def test_a_command_is_kept_without_paths(study):
    kept = study.without_paths(["emovox", "run", "--data", "/mine/ravdess", "--protocol", "loso", "--out=/mine/run"])
    assert kept == "emovox run --data PATH --protocol loso --out=PATH"


def test_nothing_measured_says_so(table):
    assert table.tables({}).startswith("Not measured yet")


def test_a_page_without_markers_is_refused(table):
    with pytest.raises(ValueError, match="once each"):
        table.fill("no markers", "text")
