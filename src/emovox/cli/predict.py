"""``emovox predict``: what is heard in recordings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from emovox.cli.base import complain, examples
from emovox.corpora.scan import SUFFIXES
from emovox.errors import AudioError, ModelError
from emovox.terminal import Screen, describe_artifact, prediction_line

app = typer.Typer()


@app.command(
    epilog=examples(
        "emovox predict recording.wav --run runs/NAME",
        "emovox predict *.wav --run runs/NAME --model cnn --json",
        "emovox predict recording.wav --model runs/NAME/artifacts/yamnet.onnx",
        "emovox predict anna-7.wav --adapt anna/ --run runs/NAME",
        "arecord -f S16_LE -r 16000 -d 3 | emovox predict - --run runs/NAME",
    )
)
def predict(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Recordings of 0.1 to 60 seconds; - reads one from a pipe.")
    ],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A run folder; its best model answers.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FILE.onnx", help="An artifact; beside --run, the name of one of its models."),
    ] = None,
    adapt: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Recordings of the same speaker and microphone, whose emotions need not be known; may be given "
            "several times. Ten in the speaker's several moods serve well.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what emotion is heard in recordings. Needs one artifact and no TensorFlow."""
    from emovox.listening import Recognizer

    if run is not None:
        recognizer = Recognizer.from_run(run, model)
    elif model is not None:
        recognizer = Recognizer(model)
    else:
        raise ModelError("No model to answer with; give --run runs/NAME, or --model FILE.onnx")
    if adapt:
        recognizer = recognizer.adapted(_recordings(adapt))
    console, failed = Screen(), False
    if not as_json:
        console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)
    for file in files:
        try:
            if str(file) == "-":
                heard = recognizer.predict(_standard_input(), name="standard input")
            else:
                heard = recognizer.predict(file)
        except AudioError as error:
            failed = True
            complain(str(error))
            continue
        if as_json:
            print(_json({"file": str(file), **heard.as_dict()}), flush=True)
        else:
            console.print(prediction_line(file, heard), soft_wrap=True)
    if failed:
        raise typer.Exit(AudioError.exit_code)


def _recordings(given: list[Path]) -> list[Path]:
    """The files that are given, and those in the folders that are."""
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not inside:
            raise AudioError(f"{path} holds no recordings ({', '.join(SUFFIXES)}); name a folder that does")
        found += inside
    return found


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("standard input is a terminal; pipe a recording into it, or name a file")
    return sys.stdin.buffer


def _json(content: dict[str, Any]) -> str:
    """One line of JSON that any terminal and any encoding can bear."""
    line = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return line if line.isprintable() and sys.stdout.encoding.lower().startswith("utf") else json.dumps(content)
