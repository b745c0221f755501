"""``emovox report``: a run's report, written anew, in the form that is asked for."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import typer

from emovox.cli.base import examples
from emovox.terminal import Screen, say

app = typer.Typer()

ENDINGS = {"html": ".html", "markdown": ".md", "text": ".txt", "pdf": ".pdf"}
"""Forms of a report, and how their files end."""


@app.command(
    epilog=examples(
        "emovox report runs/NAME --open", "emovox report runs/NAME --format markdown", "emovox report runs/NAME --pdf"
    )
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with finished trainings.")],
    form: Annotated[
        Literal["html", "markdown", "text", "pdf"],
        typer.Option("--format", help="Write it in this format too. A PDF needs a browser on this machine."),
    ] = "html",
    pdf: Annotated[bool, typer.Option("--pdf", help="The same as --format pdf.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it when it is written.")] = False,
) -> None:
    """Write a run's report again: figures, summary, page and model cards."""
    from emovox.evaluation import evaluate
    from emovox.report import write_report
    from emovox.report.pdf import find_browser
    from emovox.runs import Run

    ending = ".pdf" if pdf else ENDINGS[form]
    if ending == ".pdf":
        find_browser()  # a missing one is said at once
    opened = Run.open(run)
    with Run.locked(run):
        path = write_report(opened, evaluate(opened), ending)
    say(Screen(), f"Report: {path}")
    if show:
        webbrowser.open(path.resolve().as_uri())
