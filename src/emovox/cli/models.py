"""``emovox models``: the kinds of model that there are."""

from __future__ import annotations

import typer
from rich.console import Console

from emovox.cli.base import examples
from emovox.models import KINDS

app = typer.Typer()


@app.command(epilog=examples("emovox models"))
def models() -> None:
    """List the kinds of model, their variants and their sizes."""
    from emovox.terminal import show_kinds

    show_kinds(Console(highlight=False), KINDS.values())
