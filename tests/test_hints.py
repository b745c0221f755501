"""Every command that a message advises can be typed as it stands: the command line takes it."""

from __future__ import annotations

import ast
import io
import itertools
import re
import shlex
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from rich.console import Console
from typer.core import TyperCommand
from typer.testing import CliRunner

from emovox import cli, terminal
from emovox.errors import ModelError, RunError, to_resume, typed
from emovox.evaluation import evaluate
from emovox.listening.artifact import find_artifact
from emovox.models import KINDS, Heard
from emovox.report.document import render
from emovox.report.summary import page
from emovox.runs import Run
from fake_run import fake_run

SOURCE = Path(cli.__file__).parents[1]
COMMANDS = r"emovox (?:run|predict|evaluate|compare|models|data|audit)\b"


def type_in(command: str) -> dict[str, Any]:
    """What the command line understands of a command, which it takes without carrying it out."""
    name, *words = shlex.split(command)
    assert name == "emovox"
    understood: list[dict[str, Any]] = []
    with mock.patch.object(TyperCommand, "invoke", lambda self, context: understood.append(context.params)):
        shown = CliRunner().invoke(cli.app, words, prog_name=name)
    assert shown.exit_code == 0 and len(understood) == 1, f"{command}: {shown.output}"
    return understood[0]


def written() -> list[str]:
    """Every command in a text of the source that a person may read, with 1 where a value is put in."""
    found = []
    for module in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                said = "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said = node.value
            else:
                continue
            said = said.replace("[cyan]", "")
            for quote in ("'", '"'):  # as in: continue with 'emovox run --resume'
                found += re.findall(f"{quote}({COMMANDS}[^{quote}\\n]*){quote}", said)
            if re.fullmatch(f"{COMMANDS} [^;]*", said):  # an example, or a step to take next
                found.append(said)
    names = {f"emovox {name}" for name in ("audit", "compare", "data", "evaluate", "predict")}  # a mention, no command
    return sorted(set(found) - names)


@pytest.mark.parametrize("command", written())
def test_a_command_in_the_source_can_be_typed(command: str) -> None:
    type_in(command)


def test_no_command_in_the_source_holds_a_value_that_is_not_quoted() -> None:
    """A value goes through ``typed``, which quotes it."""
    for module in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else []
            for before, after in itertools.pairwise(parts):
                told = isinstance(before, ast.Constant) and re.search(f"{COMMANDS}[^'\"]*$", str(before.value))
                assert not (told and isinstance(after, ast.FormattedValue)), f"{module}:{node.lineno}"


def test_commands_are_found_in_the_source() -> None:
    assert {"emovox run --resume", "emovox run", "emovox compare runs/first runs/second"} <= set(written())


@pytest.fixture
def finished(tmp_path: Path) -> Run:
    return fake_run(tmp_path / "my runs" / "it's 50% $HOME", models=("cnn",), speakers=6)


@pytest.mark.parametrize(
    "folder", ["runs/a", "my runs/b c", "it's", 'say "x"', "$HOME/x", "a`b", "a\\", "naïve", "x;y"]
)
def test_a_folder_of_any_name_is_typed_whole(folder: str) -> None:
    assert type_in(to_resume(folder))["out"] == Path(folder)
    assert type_in(typed("emovox", "evaluate", folder))["run"] == Path(folder)


def advised(message: str) -> str:
    """The one command in a message."""
    (command,) = re.findall(f"{COMMANDS}.*?(?=(?:'|$)(?:$|[.;)]))", message)
    return str(command)


def test_every_way_to_go_on_names_the_folder(finished: Run, tmp_path: Path) -> None:
    path = finished.job_folder(finished.jobs[0]) / "result.npz"
    whole = path.read_bytes()
    messages = []
    for damage in (b"", None):
        path.write_bytes(b"") if damage is not None else path.unlink()
        with pytest.raises(RunError) as caught:
            finished.read_result(finished.jobs[0])
        messages.append(str(caught.value))
    with pytest.raises(RunError) as caught:
        evaluate(finished)
    messages.append(str(caught.value))
    path.write_bytes(whole)
    with pytest.raises(ModelError) as missing:
        find_artifact(finished.path)
    messages.append(str(missing.value))
    for message in messages:
        told = type_in(advised(message))
        assert told["resume"] and told["out"] == finished.path, message


def test_the_summary_of_an_unfinished_run_names_its_folder(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn", "yamnet"), speakers=6)
    (run.job_folder(run.jobs[1]) / "result.npz").unlink()
    last = render(page(evaluate(run, finished_only=True), run.path), ".txt").splitlines()[-1]
    assert type_in(advised(last))["out"] == run.path


def steps(run: Run, **given: Any) -> list[dict[str, Any]]:
    """What is advised at the end of a run, as the command line understands it."""
    console = Console(width=40, record=True, file=io.StringIO())
    terminal.show_finished(console, run, evaluate(run), given)
    return [type_in(line) for line in console.export_text().splitlines() if line.startswith("emovox")]


def test_the_next_steps_keep_what_was_given(finished: Run) -> None:
    weights = {f"{kind.name}_weights": Path("my weights") for kind in KINDS.values() if isinstance(kind, Heard)}
    given = {
        "data": "my own/table.csv", "protocol": "loso", "models": ("cnn", "yamnet"), "variant": None, "epochs": 3,
        "batch_size": None, "no_augment": True, "seeds": 2, "quick": True, "recipe": None, **weights,
    }  # fmt: skip
    predict, again, compare = steps(finished, **given)
    assert predict["run"] == compare["runs"][0] == finished.path
    wanted = {**given, "protocol": "speakers6", "models": "cnn,yamnet"}
    assert {name: again[name] for name in wanted} == wanted
    assert (again["out"], again["resume"]) == (None, False)
    assert set(given) | {"out", "resume", "workers", "no_board", "show"} == set(again)


def test_a_plain_command_is_advised_plainly(finished: Run) -> None:
    assert [step.get("protocol") for step in steps(finished)][1] == "speakers6"
    assert {k: v for k, v in steps(finished)[1].items() if v} == {"protocol": "speakers6"}
