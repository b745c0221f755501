"""Published figures stand beside what they were measured on, and beside nothing else."""

from pathlib import Path

from emovox.evaluation import Evaluation, evaluate
from emovox.report import anchors
from emovox.runs import Run
from fake_run import fake_run


def test_anchors_stand_only_beside_what_they_were_measured_on(
    honest: tuple[Run, Evaluation], leaky: tuple[Run, Evaluation], tmp_path: Path
) -> None:
    assert anchors.people(honest[1]) is anchors.PEOPLE["ravdess"]
    assert [anchor.protocol for anchor in anchors.systems(honest[1])] == ["speakers6"] * 4
    assert anchors.people(leaky[1]) is None
    assert anchors.systems(leaky[1]) == ()
    one = evaluate(fake_run(tmp_path / "one", "speakers1", models=("cnn",), repetitions=2))
    assert anchors.people(one) is anchors.PEOPLE["ravdess"]
    assert anchors.systems(one) == ()
