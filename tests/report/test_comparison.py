"""Several runs on one page: the same figures as in the terminal, warned of, and what differs between the recipes."""

from pathlib import Path

from emovox.evaluation import compare
from emovox.report.comparison import comparison
from emovox.report.document import render
from fake_run import fake_run


def test_a_page_compares_models_on_the_same_clips_and_names_what_differs(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / "six", "speakers6", models=("cnn", "yamnet")),
        fake_run(tmp_path / "five", "speakers5", models=("cnn",)),
        fake_run(tmp_path / "leaky", "holdout", models=("cnn",)),
    ]
    rows = compare(runs)
    written = render(comparison(runs, rows), ".html")
    assert written.count("<table") == 3  # two sets of test clips, and the recipes
    assert "different test clips" in written and "<strong>leaky</strong>. leaky:" in written
    behind = rows[1].behind
    assert behind is not None and f"{100 * behind.uar.value:+.1f}<br>" in written
    assert '<th scope="row">protocol</th><td>speakers6</td><td>speakers5</td><td>holdout</td>' in written
    assert "<script" not in written and "http" not in written


def test_alike_recipes_are_said_to_be_so(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / name, models=("cnn",), speakers=8) for name in ("one", "other")]
    assert "All recipes are the same." in render(comparison(runs, compare(runs)), ".md")
