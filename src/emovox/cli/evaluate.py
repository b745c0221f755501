"""``emovox evaluate`` and ``emovox compare``: judge runs, and stand them side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emovox.cli.base import examples
from emovox.terminal import Screen, say

app = typer.Typer()


@app.command(epilog=examples("emovox evaluate runs/NAME", "emovox evaluate runs/NAME --finished"))
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with finished trainings.")],
    finished: Annotated[
        bool, typer.Option("--finished", help="Judge the models that are done, though others are not yet.")
    ] = False,
) -> None:
    """Judge a run again from its predictions, and write its tables, figures and report anew."""
    from emovox.evaluation import evaluate as judge
    from emovox.evaluation import write_results
    from emovox.runs import Run
    from emovox.terminal import show_classes, show_evaluation, show_pairs

    opened, console = Run.open(run), Screen()
    evaluation = judge(opened, finished_only=finished)
    from emovox.report import write_report

    show_evaluation(console, evaluation)
    show_classes(console, evaluation)
    show_pairs(console, evaluation)
    with Run.locked(run):  # what is read above may be read while another process works there
        write_results(opened, evaluation)
        report = write_report(opened, evaluation)
    say(console, f"\nReport: {report}")


@app.command(epilog=examples("emovox compare runs/first runs/second"))
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
) -> None:
    """Show the models of several runs side by side, each with its protocol."""
    from emovox.evaluation import compare as stand_beside
    from emovox.runs import Run
    from emovox.terminal import show_comparison

    show_comparison(Screen(), stand_beside([Run.open(path) for path in runs]))
