"""``emovox models``: the kinds of model that there are."""

from __future__ import annotations

import typer

from emovox.cli.base import examples
from emovox.models import KINDS
from emovox.terminal import Screen, show_kinds

app = typer.Typer()


@app.command(epilog=examples("emovox models"))
def models() -> None:
    """List the kinds of model, their variants and their sizes."""
    show_kinds(Screen(), KINDS.values())
