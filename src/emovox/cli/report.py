"""``emovox report``: a run's report, written anew, as a PDF, or opened."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from emovox.cli.base import examples
from emovox.terminal import Screen, say

app = typer.Typer()


@app.command(
    epilog=examples("emovox report runs/NAME", "emovox report runs/NAME --pdf", "emovox report runs/NAME --open")
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with finished trainings.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it too, by a browser on this machine.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a run's report anew: figures, summary, page and model cards."""
    from emovox.evaluation import evaluate
    from emovox.report import write_report
    from emovox.report.pdf import find_browser, write_pdf
    from emovox.runs import Run

    if pdf:
        find_browser()  # a missing one is said at once
    opened = Run.open(run)
    with Run.locked(run):
        page = write_report(opened, evaluate(opened))
        printed = write_pdf(page, opened.at.pdf) if pdf else None
    console = Screen()
    say(console, f"Report: {page}")
    if printed:
        say(console, f"PDF: {printed}")
    if show:
        webbrowser.open(page.resolve().as_uri())
