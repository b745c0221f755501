"""Models of several runs stand side by side where their test clips are the same."""

from pathlib import Path

import pytest

from emovox.evaluation import compare
from fake_run import fake_run


def test_runs_are_compared_where_they_judge_the_same_clips(tmp_path: Path) -> None:
    six = fake_run(tmp_path / "six", "speakers6", models=("cnn", "yamnet"))
    five = fake_run(tmp_path / "five", "speakers5", models=("cnn_lstm",))
    leaky = fake_run(tmp_path / "leaky", "holdout", models=("cnn",))
    rows = compare([six, five, leaky])
    assert [(row.run, row.model) for row in rows] == [
        ("six", "yamnet"), ("six", "cnn"), ("five", "cnn_lstm"), ("leaky", "cnn")
    ]  # fmt: skip
    assert rows[0].behind is None
    assert rows[3].behind is None
    assert rows[3].leaky
    for row in rows[1:3]:
        assert row.behind is not None
        gap = row.behind.uar
        assert gap.value == pytest.approx(rows[0].uar.value - row.uar.value)
        assert gap.low < gap.value < gap.high
        assert 0 < gap.p_value <= gap.p_holm <= 1
