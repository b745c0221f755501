"""``emovox fit`` and ``emovox export``: from a judged run to the file that is deployed."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from emovox.cli.base import examples
from emovox.cli.run import RUNS, DataOption, WorkersOption, chosen_files, corpus_of, load, with_weights
from emovox.errors import typed
from emovox.terminal import Screen, StageProgress, say

app = typer.Typer()


class Precision(StrEnum):
    """Of an artifact's weights."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"


class Format(StrEnum):
    """In which a model can be written."""

    ONNX = "onnx"
    LITERT = "litert"
    KERAS = "keras"
    H5 = "h5"
    SAVEDMODEL = "savedmodel"


PrecisionOption = Annotated[
    Precision,
    typer.Option(help="Of the weights. float16 halves the file; int8 is smaller and faster, at some cost in accuracy."),
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Default: the run's best model.")]


@app.command(
    epilog=examples(
        "emovox fit runs/NAME",
        "emovox fit runs/NAME --precision int8 --out mine.onnx",
        "emovox fit --data ~/my-corpus --out mine.onnx",
    )
)
@with_weights
def fit(
    ctx: typer.Context,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="The run that evaluated the recipe. Without it, one is made first."),
    ] = None,
    data: DataOption = None,
    protocol: Annotated[
        str, typer.Option(metavar="NAME", help="How to evaluate the recipe, if no run is given.")
    ] = "speakers6",
    model: ModelOption = None,
    precision: PrecisionOption = Precision.FLOAT32,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.onnx", help="The artifact. Default: RUN/final/NAME.onnx.")
    ] = None,
    workers: WorkersOption = None,
    **weights: Path | None,
) -> None:
    """Train one final model on all clips of a corpus, to deploy it.

    No clip is left to test it on. It carries the results of the run, where the same recipe was trained on some speakers
    and tested on the others. Without RUN, the models that train in seconds are evaluated first.
    """
    from emovox.runs import Run
    from emovox.study.fit import fit as learn_from_all

    with StageProgress(Screen(stderr=True)) as progress:
        if run is None:
            corpus = load(data, progress, "ravdess")
            judged = _judged(corpus, protocol, model, workers, weights, progress, typed("emovox", *ctx.obj))
        else:
            judged = Run.open(run)
            corpus = corpus_of(judged, data, progress)
        artifact = learn_from_all(judged, corpus, model, out, precision.value, chosen_files(weights), workers, progress)
    console = Screen()
    say(console, f"Model: {artifact}, {artifact.stat().st_size / 1e6:.1f} MB")
    say(console, f"Card:  {artifact.with_suffix('.md')}")
    say(console, f"Use:   {typed('emovox', 'predict', 'recording.wav', '--model', artifact)}")


def _judged(
    corpus: Any, protocol: str, model: str | None, workers: int | None, weights: dict[str, Path | None],
    progress: StageProgress, command: str,
) -> Any:  # fmt: skip
    """A new run of one model, or of those that are trained in seconds."""
    from emovox.recipe import plan
    from emovox.study import run_study
    from emovox.study.trials import learns_in_epochs

    usual = plan(protocol=protocol, corpus=corpus.name)
    quick = tuple(name for name in usual.models if not learns_in_epochs(usual.models[name]))
    study = plan(protocol=protocol, models=(model,) if model else quick, corpus=corpus.name)
    folder = RUNS / f"{corpus.name}-{protocol}-{time.strftime('%Y%m%d-%H%M%S')}"
    progress.say(
        f"{len(corpus.clips)} clips of {corpus.name}: {', '.join(study.models)} are evaluated first, in {folder}"
    )
    return run_study(
        study, corpus, folder, workers=workers, weights=chosen_files(weights),
        optional=() if model else quick, progress=progress, command=command,
    )  # fmt: skip


@app.command(
    epilog=examples(
        "emovox export runs/NAME --precision int8",
        "emovox export runs/NAME --format litert --out mine.tflite",
    )
)
@with_weights
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run.")],
    model: ModelOption = None,
    format: Annotated[
        Format,
        typer.Option(help="onnx takes a waveform; the others take what the model's front end gives."),
    ] = Format.ONNX,
    precision: PrecisionOption = Precision.FLOAT32,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file; of a SavedModel the folder. Default: in RUN/artifacts."),
    ] = None,
    **weights: Path | None,
) -> None:
    """Write a model of a run in another format, or with smaller weights."""
    from emovox.runs import Run
    from emovox.study.convert import convert

    with StageProgress(Screen(stderr=True)) as progress:
        path = convert(Run.open(run), model, out, format.value, precision.value, chosen_files(weights), progress)
    size = path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*"))
    say(Screen(), f"Model: {path}, {size / 1e6:.1f} MB")
