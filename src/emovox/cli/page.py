"""``emovox page``: the page as static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emovox.cli.base import examples
from emovox.cli.predict import ModelOption, RunOption, recognizer_for
from emovox.terminal import Screen, say

app = typer.Typer()


@app.command(
    epilog=examples(
        "emovox page site/",
        "emovox page site/ --model runs/NAME/artifacts/whisper.onnx",
        "python -m http.server --directory site/",
    )
)
def page(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder, for any web server.")],
    run: RunOption = None,
    model: ModelOption = None,
) -> None:
    """Write the page with a model as files. It listens in the browser; the sound never leaves that machine."""
    from emovox.page import write_page

    loaded = write_page(recognizer_for(run, model, None), out)
    say(Screen(), f"Page: {out / 'index.html'}, {loaded / 1e6:.1f} MB to load; put {out} on a web server")
