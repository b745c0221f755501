"""The command line: one module a group of commands; each parses, calls one public function, shows the result.

Libraries that take long to load are imported inside the commands that need them, so that ``emovox --help`` and
``emovox predict`` start at once.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

import emovox
from emovox.cli import audit, data, deploy, evaluate, listen, models, page, predict, report, run, serve
from emovox.cli.base import Commands, examples

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("emovox run", "emovox predict recording.wav --run runs/NAME", "emovox COMMAND --help"),
)
for module in (run, models, predict, listen, serve, page, evaluate, deploy, report, audit):
    app.add_typer(module.app)
app.add_typer(data.app, name="data")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"emovox {emovox.__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works after a command too.")
    ] = False,
) -> None:
    """Recognise emotion in speech: train, evaluate, compare and export several kinds of model."""


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow says of its own start is of no use to a person
    app(prog_name="emovox")
