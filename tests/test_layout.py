"""A run folder's paths: within the folder, all different, and told to people as they are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from emovox.errors import RunError
from emovox.layout import FILES, Layout

ROOT = Path(__file__).resolve().parents[1]
AT = Layout(Path("run"))


def every_path() -> list[Path]:
    fixed = [getattr(AT, name) for name, value in inspect.getmembers(Layout) if isinstance(value, property)]
    return [
        *fixed, AT.job("fold1/cnn-seed0"), AT.logs("fold1/cnn-seed0"), AT.artifact("cnn"), *AT.saved("cnn"),
        AT.figure("confusion", "cnn"), AT.figure("history", "cnn"), AT.probe_figure("audit"), AT.trial("by-clip"),
        AT.sound("a clip"), AT.diagram("cnn"), AT.final("cnn"),
        *(AT.report_as(ending) for ending in (".pdf", ".md", ".txt")),
    ]  # fmt: skip


def test_all_lies_within_and_nothing_lies_on_another() -> None:
    paths = every_path()
    assert len(paths) > 15 and len(set(paths)) == len(paths)
    assert all(path.parts[0] == "run" and len(path.parts) > 1 for path in paths)


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", "", ".x", "x\n"])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    for path in (AT.artifact, AT.saved, lambda name: AT.figure("confusion", name), lambda name: AT.figure(name, "cnn")):
        with pytest.raises(RunError, match="is not a valid folder name"):
            path(name)
    for path in (AT.job, AT.logs):
        for job in (f"{name}/cnn-seed0", f"fold1/{name}-seed0", f"fold1/cnn-seed0/{name}", f"fold1/{name}"):
            with pytest.raises(RunError, match="is not the name of a training"):
                path(job)


def test_the_published_names_are_kept() -> None:
    assert AT.results.name == "training_results.json"
    assert AT.comparison.name == "model_comparison.csv"
    assert AT.summary.name == "training_summary.txt"
    assert AT.final_figure.name == "final_comparison_all_models.png"
    assert [path.name for path in AT.saved("yamnet_classifier")] == [
        "yamnet_classifier_final_model.h5", "yamnet_classifier_final_model.keras",
    ]  # fmt: skip
    assert AT.artifact("cnn.v2") == Path("run/artifacts/cnn.v2.onnx")  # a dot in a name is no suffix


def test_what_people_are_told_are_paths_of_the_layout() -> None:
    top = {path.relative_to("run").parts[0] for path in every_path()}
    for name, _ in FILES:
        if "*" in name:
            assert any(Path(path).match(name) for path in top)
        else:
            assert name.rstrip("/") in top


def test_no_other_module_spells_a_path_of_a_run_folder() -> None:
    """The command line and the terminal name files to people; the rest of ``src`` asks the layout."""
    names = {
        re.escape(path.name) for path in (AT.results, AT.comparison, AT.predictions, AT.provenance, AT.clips, AT.folds)
    }
    spelt = re.compile(rf"/ *\"({'|'.join(names)}|artifacts|logs|figures|folds)[\"/]")
    for module in (ROOT / "src" / "emovox").rglob("*.py"):
        if module.name != "layout.py":
            assert not spelt.search(module.read_text(encoding="utf-8")), module
