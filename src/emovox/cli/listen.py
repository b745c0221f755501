"""``emovox listen``: what is heard live, from a microphone or from a file that stands in for one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from emovox.cli.base import examples, json_line
from emovox.cli.live_view import REFRESHES, LiveView
from emovox.cli.predict import AdaptOption, ModelOption, RunOption, recognizer_for
from emovox.cli.recordings import heard_in
from emovox.terminal import Screen, describe_artifact, say, totals_line, utterance_line

if TYPE_CHECKING:
    import numpy as np

    from emovox.audio import Source
    from emovox.listening import Event, Recognizer

app = typer.Typer()

STEP_SECONDS = 0.1
"""A file that stands in for a microphone comes in such pieces."""


@app.command(
    epilog=examples(
        "emovox listen --run runs/NAME",
        "emovox listen --device headset --model runs/NAME/artifacts/cnn.onnx",
        "emovox listen --input interview.wav --run runs/NAME",
        "emovox listen --input interview.wav --fast --json --run runs/NAME",
    )
)
def listen(
    run: RunOption = None,
    model: ModelOption = None,
    adapt: AdaptOption = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME|NUMBER", help="Which microphone. Default: the system's choice.")
    ] = None,
    stand_in: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="Listen to a recording instead, in real time.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="With --input: as fast as this machine can.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Every event as one JSON object per line.")] = False,
) -> None:
    """Show the emotion live, several times per second; Ctrl-C ends. Nothing is stored or sent."""
    if fast and stand_in is None:
        raise typer.BadParameter("--fast needs --input FILE; a microphone is always in real time")
    recognizer = recognizer_for(run, model, adapt)
    console = Screen()
    if not as_json:
        console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)
    if stand_in is not None:
        from emovox.audio import open_blocks
        from emovox.listening.timeline import TIMELINE_SECONDS

        def play(source: Source, name: str) -> None:
            with open_blocks(source, TIMELINE_SECONDS, name) as (info, blocks):
                rate = info.sample_rate_hz
                _hear(recognizer, name, rate, _pieces(blocks, rate, fast), console, as_json)

        heard_in(stand_in, play, TIMELINE_SECONDS)
    else:
        from emovox.listening.microphone import microphone

        with microphone(int(device) if device and device.isdecimal() else device) as (rate, pieces):
            _hear(recognizer, "the microphone", rate, pieces, console, as_json)


def _pieces(blocks: Iterator[np.ndarray], rate: int, fast: bool) -> Iterator[np.ndarray]:
    """The samples of a file, as late as a microphone would give them."""
    begun, given, step = time.monotonic(), 0, round(STEP_SECONDS * rate)
    for block in blocks:
        for piece in (block[start : start + step] for start in range(0, len(block), step)):
            given += len(piece)
            if not fast:
                time.sleep(max(0.0, begun + given / rate - time.monotonic()))
            yield piece


def _hear(
    recognizer: Recognizer, source: str, rate: int, pieces: Iterator[np.ndarray], console: Screen, as_json: bool
) -> None:
    """Listen until the sound ends or a person ends it, and show what is heard and the totals."""
    from emovox.listening import Totals, UtteranceEnd

    stream = recognizer.stream(rate)
    view = LiveView(f"Listening to {source}", recognizer.labels, rate)
    live = console.is_terminal and not as_json

    def tell(events: list[Event]) -> None:
        for event in events:
            view.tell(event)
            if as_json:
                print(json_line(event.as_dict()), flush=True)
            elif isinstance(event, UtteranceEnd) and not live:
                console.print(utterance_line(event), soft_wrap=True)

    with Live(view, console=console, refresh_per_second=REFRESHES) if live else contextlib.nullcontext():
        with contextlib.suppress(KeyboardInterrupt):  # a person has heard enough
            for piece in pieces:
                view.hear(piece)
                tell(stream.push(piece))
        *events, totals = stream.close()
        tell([*events, totals])
    if not as_json and isinstance(totals, Totals):
        say(console, totals_line(totals.duration_seconds, totals.speech_seconds, totals.utterances))
