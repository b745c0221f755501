"""``emovox audit``: how much the tricks that inflate figures would be worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emovox.cli.base import examples
from emovox.cli.run import MovedOption, WorkersOption, chosen_files, corpus_of, names, warn_if_long, with_weights
from emovox.terminal import Screen, say

app = typer.Typer()


@app.command(epilog=examples("emovox audit runs/NAME", "emovox audit runs/NAME --models whisper,cnn"))
@with_weights
def audit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run.")],
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Models, by comma. Default: those trained without epochs; others take as long as in the run.",
        ),
    ] = None,
    data: MovedOption = None,
    workers: WorkersOption = None,
    **weights: Path | None,
) -> None:
    """Train a run's models again with tricks that inflate results, and show how much each one adds.

    It splits by clip, chooses on test clips, normalises by test speaker, copies recordings, shuffles labels.
    """
    from emovox.evaluation import evaluate as judge
    from emovox.provenance import available_cores
    from emovox.report import write_report
    from emovox.report.probes import audit_section
    from emovox.runs import Run
    from emovox.study.audit import audit as play
    from emovox.study.audit import expected_seconds, refuse_leaks
    from emovox.study.trials import trainable
    from emovox.terminal import StageProgress, show_section

    opened = Run.open(run)
    with StageProgress(Screen(stderr=True)) as progress:
        corpus = corpus_of(opened, data, progress)
        chosen = trainable(opened, names(models))
        warn_if_long(progress, chosen, expected_seconds(opened, chosen, workers or available_cores()))
        found = play(opened, corpus, chosen_files(weights), chosen, workers, progress)
    show_section(Screen(), audit_section(found, opened.at.probe_figure("audit")))
    with Run.locked(run):
        say(Screen(), f"\nReport: {write_report(opened, judge(opened, finished_only=True))}")
    refuse_leaks(found)
