"""The house holds: documents agree with the code, and nothing that must not be committed is."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import emovox
from emovox import texts

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


def test_every_dependency_is_pinned():
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    project = PYPROJECT["project"]
    asked = project["dependencies"] + [d for extra in project["optional-dependencies"].values() for d in extra]
    names = {re.split(r"[<>=!~\[; ]", dependency)[0].lower().replace("_", "-") for dependency in asked}
    assert names - {"emovox"} <= pinned


def test_constraints_name_no_index_and_no_path():
    lines = [x for x in (ROOT / "constraints.txt").read_text().splitlines() if not x.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line) for line in lines)


def test_the_documents_list_the_modules_in_the_order_that_is_enforced():
    table = re.findall(r"^\| `(\w+)/?` \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.M)
    contract = PYPROJECT["tool"]["importlinter"]["contracts"][0]
    layers = [layer.removeprefix("emovox.") for layer in contract["layers"]]
    known = {path.stem for path in (ROOT / "src" / "emovox").glob("*.py")} | {
        path.parent.name for path in (ROOT / "src" / "emovox").glob("*/*.py")
    }
    modules = [name for name in table if name in layers]
    assert modules == layers[::-1]
    assert known - {"__init__", "__main__", "emovox"} <= set(layers)


def test_each_module_is_told_in_one_sentence():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `\w+/?` \| (.*) \|$", page, re.M)
    for row in rows[: len(PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"])]:
        assert re.fullmatch(r"[^.]+(`\.\w+`[^.]*)*\.", row), row


def test_the_listening_half_is_kept_from_every_module_of_the_learning_half():
    layers, half = (contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"][:2])
    either = {"emovox.notebook", "emovox.cli", "emovox.terminal", "emovox.quiet"}
    kept_from = {name for name in half["forbidden_modules"] if name.startswith("emovox.")}
    assert kept_from == set(layers["layers"]) - set(half["source_modules"]) - either


REACHED = {
    "python_multipart": "Starlette's parser of forms imports it",
    "tf2onnx": "Keras' exporter imports it",
    "markdown_it_py": "is imported as markdown_it",
}


def test_every_dependency_is_imported():
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", source, re.M))
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    asked = [project["dependencies"], *(extras[name] for name in ("train", "serve", "client", "live"))]
    names = {re.split(r"[<>=!~\[; ]", each)[0].lower().replace("-", "_") for some in asked for each in some}
    assert names - imported == set(REACHED)
    known = {*sys.stdlib_module_names, "emovox", "ipython", "markdown_it", *(name.lower() for name in names)}
    assert {name.lower() for name in imported} - known == set()


def test_public_names_are_where_the_package_says():
    for name in set(emovox.__all__) - {"__version__"}:
        home = importlib.import_module(emovox._HOME[name])
        assert getattr(emovox, name) is getattr(home, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = emovox.nothing


def test_version_is_said_once():
    assert f"version: {emovox.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_command_page_is_what_help_says():
    code = "import cli_reference as c; import sys; sys.exit(0 if c.PAGE.read_text('utf-8') == c.page() else 1)"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", env=env, check=False)
    assert done.returncode == 0, "docs/cli.md is out of date; run python scripts/cli_reference.py"


def test_links_between_documents_lead_somewhere():
    made = {ROOT / "docs" / "explanation" / f"{name}.md" for name in (*texts.ORDER, "references")}
    made |= {ROOT / "docs" / "reference" / "recipe.md"}  # by docs/hooks.py, when the site is built
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            assert path.exists() or path in made, f"{page.name} links to {target}"


def test_make_targets_that_documents_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= targets, f"{page.name} names make {named - targets}"


def test_no_recording_weights_or_pickle_is_committed():
    for name in tracked():
        assert Path(name).suffix not in {".tflite", ".pkl", ".pickle", ".flac", ".wav"}, name
        path = ROOT / name
        if path.suffix == ".py" and path.exists() and path.name != Path(__file__).name:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(import|from) (pickle|joblib|dill)\b|allow_pickle\s*=\s*True", text, re.M), name
