"""What ``emovox predict --timeline`` shows: emotion over time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emovox.cli.base import complain, json_line
from emovox.cli.recordings import heard_in
from emovox.errors import AudioError
from emovox.terminal import Screen, StageProgress, describe_artifact, say, show_timeline

if TYPE_CHECKING:
    from emovox.audio import Source
    from emovox.listening import Recognizer, Timeline


class Format(StrEnum):
    """How a timeline is written."""

    JSON = "json"
    CSV = "csv"
    SRT = "srt"
    VTT = "vtt"


def check_options(files: Sequence[Path], form: Format | None, plot: Path | None) -> None:
    """Refuse what cannot be written, before anything is heard.

    Raises:
        BadParameter: The options do not go together.
        ModuleNotFoundError: A figure is asked for, and matplotlib is not installed.
    """
    if len(files) > 1 and (plot is not None or form not in (None, Format.JSON)):
        raise typer.BadParameter(f"{'--plot' if plot else f'--format {form}'} is for one recording; name one")
    if plot is not None:
        import emovox.report.timeline  # noqa: F401 (it needs matplotlib)

        if plot.suffix.lower() not in (".png", ".svg"):
            raise typer.BadParameter(f"--plot writes .png or .svg, and not {plot.name}")
        if str(files[0]) == "-":
            raise typer.BadParameter("--plot reads the recording twice; give a file, not a pipe")


def show_timelines(recognizer: Recognizer, files: Sequence[Path], form: Format | None, plot: Path | None) -> bool:
    """Show the timeline of each recording; whether any could not be heard."""
    from emovox.listening.timeline import TIMELINE_SECONDS

    console, errors, failed = Screen(), Screen(stderr=True), False
    if form is None:
        console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)

    def listen(source: Source, name: str) -> Timeline:
        with StageProgress(errors) as progress:
            found = recognizer.timeline(source, name=name, progress=progress if errors.is_terminal else None)
        if plot is not None:
            from emovox.report.drawn import write
            from emovox.report.timeline import timeline_figure

            write(timeline_figure(found, source, Path(name).name, recognizer.metadata), plot)
        return found

    for file in files:
        try:
            found = heard_in(file, listen, TIMELINE_SECONDS)
        except AudioError as error:
            failed = True
            complain(str(error))
            continue
        if form is None:
            show_timeline(console, str(file), found)
        elif form is Format.JSON:
            print(json_line({"file": str(file), **found.as_dict()}), flush=True)
        else:
            text = {Format.CSV: found.csv, Format.SRT: found.srt, Format.VTT: found.vtt}[form]()
            print(text, end="", flush=True)
    if plot is not None and not failed:
        say(errors, f"Figure: {plot}")
    return failed
