"""``emovox predict``: what is heard in recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from emovox.cli.base import complain, examples
from emovox.errors import EmovoxError, ModelError

app = typer.Typer()


@app.command(
    epilog=examples(
        "emovox predict recording.wav --run runs/NAME",
        "emovox predict *.wav --run runs/NAME --model cnn --json",
        "emovox predict recording.wav --model runs/NAME/artifacts/yamnet.onnx",
    )
)
def predict(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recordings of 0.1 to 60 seconds.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A run folder; its best model answers.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FILE.onnx", help="An artifact; beside --run, the name of one of its models."),
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
    console, failed = Console(highlight=False), False
    if not as_json:
        from emovox.terminal import describe_artifact

        console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)
    for file in files:
        try:
            heard = recognizer.predict(file)
        except EmovoxError as error:
            failed = True
            complain(str(error))
            continue
        if as_json:
            print(json.dumps({"file": str(file), **heard.as_dict()}, ensure_ascii=False), flush=True)
        else:
            from emovox.terminal import prediction_line

            console.print(prediction_line(file, heard), soft_wrap=True)
    if failed:
        raise typer.Exit(EmovoxError.exit_code)
