"""``emovox evaluate`` and ``emovox compare``: judge runs, and stand them side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emovox.cli.base import examples
from emovox.cli.run import (
    MovedOption,
    WorkersOption,
    chosen_files,
    corpus_of,
    load,
    names,
    warn_if_long,
    with_weights,
)
from emovox.errors import ModelError
from emovox.terminal import Screen, say

if TYPE_CHECKING:
    from emovox.runs import Run

app = typer.Typer()


@app.command(
    epilog=examples(
        "emovox evaluate runs/NAME",
        "emovox evaluate runs/NAME --finished",
        "emovox evaluate runs/NAME --robustness --models whisper",
        "emovox evaluate runs/NAME --learning-curve",
        "emovox evaluate runs/NAME --adapt 0,5,10,20",
        "emovox evaluate runs/NAME --explain",
        "emovox evaluate mine.onnx --data ~/other-corpus --map joy=happy,anger=angry",
    )
)
@with_weights
def evaluate(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FILE.onnx",
            help="A run folder with finished trainings; or an artifact, to evaluate it on the corpus given by --data.",
        ),
    ],
    finished: Annotated[
        bool, typer.Option("--finished", help="Evaluate the finished models of a run that is not complete.")
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Test the models on altered clips (telephone, codecs, noise, rooms); takes minutes.",
        ),
    ] = False,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Train on fewer speakers, to see what more speakers would bring.")
    ] = False,
    adapt: Annotated[
        str | None,
        typer.Option(
            metavar="COUNTS",
            help="Centre the models on this many clips of each test speaker, without labels, such as 0,5,10,20.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show which parts of the ten hardest clips the models use."),
    ] = False,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Models for --robustness and --explain (default: all) or --learning-curve (default: those trained "
            "without epochs), by comma.",
        ),
    ] = None,
    data: MovedOption = None,
    mapped: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="PAIRS",
            help="For an artifact: labels of the corpus and the emotions they mean, such as joy=happy,anger=angry.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="For an artifact: write the results to a file too.")
    ] = None,
    workers: WorkersOption = None,
    **weights: Path | None,
) -> None:
    """Evaluate a run again from its predictions, and write its tables, figures and report again.

    Or evaluate an artifact on another corpus.
    """
    if run.suffix == ".onnx":
        _judge_artifact(run, data, mapped, out, workers)
        return
    if mapped or out:
        raise ModelError(f"--map and --out go with an artifact, FILE.onnx, and {run} is a run; leave them out")
    from emovox.evaluation import evaluate as judge
    from emovox.evaluation import write_results
    from emovox.runs import Run
    from emovox.terminal import show_classes, show_evaluation, show_pairs, show_trust

    if models and not (robustness or learning_curve or explain):
        raise ModelError(
            "--models chooses models for --robustness, --explain or --learning-curve; give it with one of them"
        )
    counts = None if adapt is None else _counts(adapt)
    opened, console = Run.open(run), Screen()
    evaluation = judge(opened, finished_only=finished)
    from emovox.report import write_report

    show_evaluation(console, evaluation)
    show_classes(console, evaluation)
    show_pairs(console, evaluation)
    show_trust(console, evaluation)
    if robustness or learning_curve or explain or counts is not None:
        asked = robustness, learning_curve, explain, counts
        _find_out(opened, *asked, names(models), data, workers, chosen_files(weights))
    with Run.locked(run):  # what is read above may be read while another process works there
        write_results(opened, evaluation)
        report = write_report(opened, evaluation)
    say(console, f"\nReport: {report}")


def _judge_artifact(
    artifact: Path, data: str | None, mapped: str | None, out: Path | None, threads: int | None
) -> None:
    """Ask an artifact about every clip of a corpus, and show how it does."""
    from emovox.files import write_json
    from emovox.listening import Recognizer
    from emovox.study.elsewhere import judge_elsewhere
    from emovox.terminal import StageProgress, show_listings

    pairs = [pair.partition("=") for pair in (mapped or "").split(",") if pair]
    if wrong := next((label for label, equals, emotion in pairs if not (label and equals and emotion)), None):
        raise ModelError(f"--map {wrong} is no pair; give LABEL=EMOTION by comma, such as joy=happy,anger=angry")
    recognizer, console = Recognizer(artifact), Screen()
    if data is None:
        raise ModelError(f"{artifact} is an artifact; give the corpus to evaluate it on with --data")
    with StageProgress(Screen(stderr=True)) as progress:
        corpus = load(data, progress, data)
        mapping = {label.strip(): emotion.strip() for label, _, emotion in pairs}
        found = judge_elsewhere(recognizer, corpus, mapping, threads, progress)
    for clip, reason in found.unreadable.items():
        say(console, f"{clip} is left out: {reason}")
    for label, clips in found.left_out.items():
        say(
            console,
            f"{clips} clips of {label} are left out, because the artifact has no such emotion (see --map).",
        )
    if found.known:
        say(console, f"The artifact was trained on {found.corpus['name']}, so it may know these speakers.")
    show_listings(console, found.listings())
    if out is not None:
        write_json(out, found.as_dict())
        say(console, f"Results: {out}")


def _counts(listed: str) -> list[int]:
    """``"0,5,10"`` as numbers."""
    try:
        counts = sorted({int(word) for word in listed.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 0:
        raise ModelError(f"--adapt needs numbers of clips, separated by commas, such as 0,5,10,20; got {listed}")
    return counts


def _find_out(
    run: Run, robustness: bool, learning_curve: bool, explain: bool, counts: list[int] | None,
    models: tuple[str, ...] | None, data: str | None, workers: int | None, weights: dict[str, Path],
) -> None:  # fmt: skip
    """Alter the run's test clips, train on fewer speakers, centre on test speakers; and show what came of it."""
    from emovox.evaluation.occlusion import listing
    from emovox.provenance import available_cores
    from emovox.report.probes import adaptation_section, learning_curve_section, robustness_section
    from emovox.study.adaptation import adapt
    from emovox.study.explain import explain as quieten
    from emovox.study.learning_curve import expected_seconds
    from emovox.study.learning_curve import learning_curve as fewer_speakers
    from emovox.study.robustness import robustness as alter
    from emovox.study.trials import trainable
    from emovox.terminal import StageProgress, show_listings, show_section

    sections, listings = [], []
    with StageProgress(Screen(stderr=True)) as progress:
        corpus = corpus_of(run, data, progress)
        if robustness:
            altered = alter(run, corpus, weights, models, workers, progress)
            sections.append(robustness_section(altered, run.at.probe_figure("robustness")))
        if learning_curve:
            chosen = trainable(run, models)
            warn_if_long(progress, chosen, expected_seconds(run, chosen, workers or available_cores()))
            curves = fewer_speakers(run, corpus, weights, chosen, workers, progress)
            sections.append(learning_curve_section(curves, run.at.probe_figure("learning_curve")))
        if counts is not None:
            centred = adapt(run, corpus, counts, weights, progress)
            sections.append(adaptation_section(centred, run.at.probe_figure("adaptation")))
        if explain:
            quietened = quieten(run, corpus, weights, models, threads=workers, progress=progress)
            listings = [listing(quietened, name) for name in models or run.recipe.models]
    for section in sections:
        show_section(Screen(), section)
    show_listings(Screen(), listings)


@app.command(
    epilog=examples(
        "emovox compare runs/first runs/second", "emovox compare runs/first runs/second --out compared.html"
    )
)
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the comparison to a file too; its name ends in .html, .md, .txt or .pdf."
        ),
    ] = None,
) -> None:
    """Show the models of several runs side by side, each with its protocol."""
    from emovox.evaluation import compare as stand_beside
    from emovox.runs import Run
    from emovox.terminal import show_comparison

    opened, console = [Run.open(path) for path in runs], Screen()
    rows = stand_beside(opened)
    show_comparison(console, rows)
    if out is not None:
        from emovox.report.comparison import comparison
        from emovox.report.document import write

        say(console, f"\nReport: {write(comparison(opened, rows), out)}")
