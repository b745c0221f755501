"""``emovox data``: fetch a corpus, check its files, or describe what it holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emovox.cli.base import examples
from emovox.errors import CorpusError
from emovox.terminal import Screen, counted, say

if TYPE_CHECKING:
    from emovox.corpora.base import Corpus

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Fetch a corpus, check its files, or describe what it holds."
)

CorpusArgument = Annotated[
    str, typer.Argument(metavar="[NAME_OR_PATH]", help="ravdess, synthetic, a folder, a zip or a CSV table.")
]


@app.command("get", epilog=examples("emovox data get ravdess", "emovox data get ~/Downloads/ravdess.zip"))
def data_get(corpus: CorpusArgument = "ravdess") -> None:
    """Find a corpus, or download it, and show where it is."""
    from emovox.corpora import ravdess
    from emovox.terminal import StageProgress

    try:
        found = _find(corpus)
    except CorpusError:
        if corpus != "ravdess" or ravdess.find() or os.environ.get("EMOVOX_DATA"):
            raise
        with StageProgress(Screen(stderr=True)) as progress:
            ravdess.get(progress=progress)
        found = _find(corpus)
    for note in found.notes:
        say(Screen(), note)
    speakers = counted(len(found.speakers), "speaker")
    say(Screen(), f"{found.name}: {len(found.clips):,} clips of {speakers} in {found.root}")
    say(Screen(), f"Licence: {found.licence}")


@app.command("verify", epilog=examples("emovox data verify ravdess", "emovox data verify ~/ravdess"))
def data_verify(corpus: CorpusArgument = "ravdess") -> None:
    """Decode every file and list what is missing, extra, altered, unreadable, duplicate or mislabelled."""
    from emovox.corpora.verify import verify
    from emovox.terminal import StageProgress, show_listings

    found = _find(corpus)
    with StageProgress(Screen(stderr=True)) as progress:
        verification = verify(found, progress=progress)
    show_listings(Screen(), verification.listings())
    for note in dict.fromkeys((*found.notes, *verification.notes)):
        say(Screen(), note)
    say(Screen(), verification.sentence)
    if not verification.ok:
        raise typer.Exit(CorpusError.exit_code)


@app.command(
    "describe",
    epilog=examples("emovox data describe ravdess", "emovox data describe ~/ravdess --out ravdess-plots"),
)
def data_describe(
    corpus: CorpusArgument = "ravdess",
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the plots into this folder.")] = None,
) -> None:
    """Count and measure: classes, speakers, durations, levels, formats, missing values, outliers."""
    from emovox.corpora.describe import describe
    from emovox.terminal import StageProgress, show_listings

    found = _find(corpus)
    with StageProgress(Screen(stderr=True)) as progress:
        description = describe(found, progress=progress)
    show_listings(Screen(), description.listings())
    for note in found.notes:
        say(Screen(), note)
    if out is not None:
        from emovox.report.corpus import plot_description

        for path in plot_description(description, out):
            say(Screen(), f"Plot: {path}")


def _find(corpus: str) -> Corpus:
    """The corpus that a data command names, where it lies already."""
    from emovox.corpora import load_corpus
    from emovox.terminal import StageProgress

    with StageProgress(Screen(stderr=True)) as progress:
        return load_corpus(str(Path(corpus).expanduser()), progress=progress, download=False)
