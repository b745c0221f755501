"""``emovox page``: the page as static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emovox.cli.base import examples
from emovox.terminal import Screen, say

app = typer.Typer()


@app.command(
    epilog=examples(
        "emovox page site/ --run runs/NAME",
        "emovox page site/ --model runs/NAME/artifacts/whisper.onnx",
        "python -m http.server --directory site/",
    )
)
def page(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder, for any web server.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A run folder; its best model is used.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FILE.onnx", help="An artifact; with --run, the name of one of its models."),
    ] = None,
) -> None:
    """Write the page and a model as files; it listens in the browser, and the sound never leaves that machine."""
    from emovox.errors import ModelError
    from emovox.listening import Recognizer
    from emovox.page import write_page

    if run is not None:
        recognizer = Recognizer.from_run(run, model)
    elif model is not None:
        recognizer = Recognizer(model)
    else:
        raise ModelError("No model is given; give --run runs/NAME, or --model FILE.onnx")
    loaded = write_page(recognizer, out)
    say(Screen(), f"Page: {out / 'index.html'}, {loaded / 1e6:.1f} MB to load; put {out} on a web server")
