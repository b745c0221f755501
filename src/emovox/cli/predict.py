"""``emovox predict``: what is heard in recordings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emovox.cli.base import complain, examples, json_line
from emovox.cli.recordings import heard_in
from emovox.cli.timeline import Format, check_options, show_timelines
from emovox.corpora.scan import SUFFIXES, recordings_under
from emovox.errors import AudioError
from emovox.terminal import Screen, StageProgress, describe_artifact, prediction_line

if TYPE_CHECKING:
    from emovox.listening import Prediction, Recognizer

SOME_FAILED = 1
"""The exit code if a recording could not be used; others may have been."""

app = typer.Typer()

RunOption = Annotated[Path | None, typer.Option("--run", metavar="RUN", help="A run folder; its best model is used.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="FILE.onnx",
        help="An artifact; with --run, the name of one of its models. Default: the model that comes with Emovox.",
    ),
]
AdaptOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE|FOLDER",
        help="Recordings of the same speaker and microphone, without labels; can be given several times. About "
        "ten with different emotions work well.",
    ),
]


@app.command(
    epilog=examples(
        "emovox predict recording.wav",
        "emovox predict recording.wav --run runs/NAME",
        "emovox predict *.wav --run runs/NAME --model cnn --json",
        "emovox predict recording.wav --model runs/NAME/artifacts/yamnet.onnx",
        "emovox predict recordings/ --csv answers.csv",
        "emovox predict interview.wav --timeline",
        "emovox predict interview.wav --format srt --plot interview.png > interview.srt",
        "emovox predict anna-7.wav --adapt anna/",
        "arecord -f S16_LE -r 16000 -d 3 | emovox predict -",
    )
)
def predict(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|FOLDER", help="Recordings of 0.1 to 60 seconds, or folders of them; - reads one from a pipe."
        ),
    ],
    run: RunOption = None,
    model: ModelOption = None,
    adapt: AdaptOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="OUT", help="Write one row per recording; a stopped job continues where it ended."
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="K", min=1, help="Show the K most likely emotions.")] = 3,
    with_set: Annotated[
        bool, typer.Option("--set", help="Show the set of emotions that should contain the true one nine times in ten.")
    ] = False,
    timeline: Annotated[
        bool,
        typer.Option("--timeline", help="Show the emotion over time, in recordings of up to an hour."),
    ] = False,
    form: Annotated[Format | None, typer.Option("--format", help="Format of the timeline. Default: a table.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG|SVG", help="Draw the timeline of one recording. Needs matplotlib.")
    ] = None,
) -> None:
    """Predict the emotion in recordings. Needs no TensorFlow.

    The exit code is 1 if a recording could not be used; the others are still predicted.
    """
    from emovox.audio import MAX_SECONDS
    from emovox.listening import in_order

    asked = [file for path in files for file in _inside(path) or [path]]
    over_time = timeline or form is not None or plot is not None
    if over_time:
        form = Format.JSON if as_json and form is None else form
        if out is not None:
            raise typer.BadParameter("--csv writes one row per recording; for a timeline give --format csv")
        check_options(asked, form, plot)
    recognizer = recognizer_for(run, model, adapt)
    if over_time:
        if show_timelines(recognizer, asked, form, plot):
            raise typer.Exit(SOME_FAILED)
        return

    def answer(file: Path) -> Prediction | AudioError:
        try:
            return heard_in(file, lambda source, name: recognizer.predict(source, name=name), MAX_SECONDS)
        except AudioError as error:
            return error

    if out is not None:
        failed = _write_table(recognizer, asked, answer, out)
    else:
        console, failed = Screen(), False
        if not as_json:
            console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)
        for file, heard in zip(asked, in_order(answer, asked), strict=True):
            if isinstance(heard, AudioError):
                failed = True
                complain(str(heard))
            elif as_json:
                print(json_line({"file": str(file), **heard.as_dict()}), flush=True)
            else:
                console.print(prediction_line(file, heard, top, with_set), soft_wrap=True)
    if failed:
        raise typer.Exit(SOME_FAILED)


def recognizer_for(run: Path | None, model: str | None, adapt: list[Path] | None) -> Recognizer:
    """What the options name, adapted to the recordings that they name.

    Raises:
        EmovoxError: They name no model, it cannot be loaded, or a recording to adapt to cannot be used.
    """
    from emovox.listening import Recognizer

    if run is not None:
        recognizer = Recognizer.from_run(run, model)
    elif model is not None:
        recognizer = Recognizer(model)
    else:
        recognizer = Recognizer.load()
    return recognizer.adapted(_recordings(adapt)) if adapt else recognizer


def _write_table(
    recognizer: Recognizer, asked: list[Path], answer: Callable[[Path], Prediction | AudioError], out: Path
) -> bool:
    """Write a row for every recording that has none yet; whether any could not be answered."""
    from emovox.listening import PredictionTable, in_order

    failed, errors = False, Screen(stderr=True)
    with PredictionTable(out, str(recognizer.path), recognizer.labels) as table:
        left = [file for file in dict.fromkeys(asked) if str(file) not in table.done]
        if len(left) < len(asked):
            errors.print(f"{len(asked) - len(left)} of {len(asked)} recordings are already in {out}", soft_wrap=True)
        with StageProgress(errors) as progress:
            for done, (file, heard) in enumerate(zip(left, in_order(answer, left), strict=True), start=1):
                if isinstance(heard, AudioError):
                    failed = True
                    progress.say(str(heard))
                else:
                    table.add(str(file), heard)
                progress("recordings", done, len(left))
    return failed


def _recordings(given: list[Path]) -> list[Path]:
    """The files that are given, and those in the folders that are."""
    found: list[Path] = []
    for path in given:
        inside = _inside(path)
        if os.path.isdir(path) and not inside:
            raise AudioError(f"{path} contains no recordings ({', '.join(_suffixes())}); give a folder with recordings")
        found += inside or [path]
    return found


def _inside(path: Path) -> list[Path]:
    """The recordings in a folder; none in what is no folder."""
    return recordings_under(path, _suffixes()) if os.path.isdir(path) else []  # Path.is_dir raises on a long name


def _suffixes() -> tuple[str, ...]:
    from emovox.audio import ffmpeg

    return (*SUFFIXES, *(ffmpeg.SUFFIXES if ffmpeg.installed() else ()))
