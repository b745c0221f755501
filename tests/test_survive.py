"""A study that is killed at a random moment goes on to the unbroken figures; the benchmark does it twenty times."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc"),
]


def test_a_killed_study_leaves_nothing_half_and_goes_on_to_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    import survive

    _, (told,) = survive.measure(tmp_path, kills=1, seed=3)
    assert told["most_apart"] == 0
