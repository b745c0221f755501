"""``emovox serve``: answer over HTTP and over a socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from emovox.cli.base import complain, examples
from emovox.cli.predict import recognizer_for
from emovox.terminal import Screen, describe_artifact, say

app = typer.Typer()


@app.command(
    epilog=examples(
        "emovox serve",
        "emovox serve --run runs/NAME",
        "emovox serve --model runs/NAME/artifacts/whisper.onnx --port 9000",
        "curl --data-binary @recording.wav -H 'Content-Type: audio/wav' http://127.0.0.1:8000/v1/predict",
    )
)
def serve(
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="A run folder; its best model is used.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="FILE.onnx",
            help="An artifact; with --run, the name of one of its models. Can be given several times, the first is the "
            "default. Without it: the model that comes with Emovox.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 accepts other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of that address; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; each loads the models.")] = 1,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Recordings that a worker processes at the same time. Default: the cores are shared."),
    ] = None,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are refused with 503.")] = 16,
    sockets: Annotated[int, typer.Option(min=0, help="Sockets that may be open; more are refused with 503.")] = 32,
    body_mb: Annotated[float, typer.Option(min=0.001, metavar="MB", help="The largest body of a request.")] = 25.0,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="The longest recording.")] = 60.0,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="For sending a body, and for waiting for an answer.")
    ] = 30.0,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="https://HOST", help="A page of another host that may send requests; can be given several times."
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="EMOVOX_API_KEY",
            metavar="KEY",
            show_default=False,
            help="Key that clients must send; best set in the environment, where other users do not see it.",
        ),
    ] = None,
) -> None:
    """Serve predictions over HTTP and WebSocket. Recordings are neither stored nor logged."""
    from emovox.server import Settings, listen
    from emovox.server import serve as run_server

    recognizers = [recognizer_for(run, name, adapt=None) for name in model or (None,)]
    settings = Settings(
        artifacts=tuple(recognizer.path for recognizer in recognizers),
        api_key=api_key,
        origins=tuple(origin or ()),
        threads=threads or max(1, (os.cpu_count() or 1) // workers),
        waiting=waiting,
        sockets=sockets,
        body_bytes=round(1e6 * body_mb),
        seconds=seconds,
        body_seconds=timeout,
        answer_seconds=timeout,
    )
    console = Screen()
    for recognizer in recognizers:
        console.print(describe_artifact(recognizer.path, recognizer.metadata), soft_wrap=True)
    with listen(host, port) as listener:
        at, number = listener.getsockname()[:2]
        if api_key is None and not at.startswith("127."):
            complain("Anybody who reaches this machine can send requests; set EMOVOX_API_KEY, or leave --host out")
        say(console, f"Listening at http://{f'[{at}]' if ':' in at else at}:{number} (Ctrl-C stops)")
        run_server(settings, listener, workers)
