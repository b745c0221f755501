"""Write docs/cli.md from ``--help`` of every command, so that the page cannot depart from the program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
WIDTH = 100

HEAD = """# Commands

Made from `--help` by `python scripts/cli_reference.py`; a test compares them. Errors are one line on the error stream;
exit code 2 for what you can mend (a full disk behind `>` too), 1 where some recordings could not be used, for a fault
of Emovox, or for a pipe that nobody reads, 130
after Ctrl-C. `--debug` shows the traceback, and what libraries say.
"""


def page() -> str:
    """The whole page as Markdown."""
    os.environ.update(COLUMNS=str(WIDTH), TERMINAL_WIDTH=str(WIDTH), NO_COLOR="1", TERM="dumb")
    os.environ.pop("FORCE_COLOR", None)
    os.environ.pop("GITHUB_ACTIONS", None)
    from typer.main import get_command
    from typer.testing import CliRunner

    from emovox.cli import app

    sections = [HEAD]
    for words in _commands(get_command(app)):
        shown = CliRunner().invoke(app, [*words, "--help"], prog_name="emovox", env={"COLUMNS": str(WIDTH)}).output
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        text = "\n".join(line.rstrip() for line in plain.strip("\n").splitlines()).strip("\n")
        sections.append(f"## `{' '.join(['emovox', *words])}`\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


def _commands(group: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that lead to each command, groups before what they hold."""
    yield before
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, (*before, name))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")
