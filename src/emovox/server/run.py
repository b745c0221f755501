"""Run the application in one process or several until it is stopped; open requests are finished first."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from emovox.errors import ServerError
from emovox.quiet import only_python_speaks
from emovox.server.app import create_app
from emovox.server.connections import Connection, Socket
from emovox.server.metrics import SHARED_FOLDER
from emovox.server.settings import Settings

GRACE_SECONDS = 30
"""Time for open requests after a signal to stop."""

MAX_FRAME_BYTES = 1_000_000
"""A longer message of a WebSocket closes it."""


def serve(settings: Settings, listener: socket.socket, workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: Models, access, and the limits of each worker.
        listener: A bound socket, of :func:`listen`.
        workers: Processes; each loads the models.
    """
    config = uvicorn.Config(
        partial(create_app if workers == 1 else _in_worker, settings),
        factory=True,
        workers=workers,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=Connection,
        ws=Socket,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
    )
    if workers == 1:
        uvicorn.Server(config).run([listener])
        return
    with contextlib.suppress(AttributeError, OSError):
        os.dup2(sys.stderr.fileno(), 2)  # where workers write their log, too
    with tempfile.TemporaryDirectory() as folder:
        os.environ[SHARED_FOLDER] = folder  # for the workers
        try:
            Multiprocess(config, [listener]).run()
        finally:
            del os.environ[SHARED_FOLDER]


def _in_worker(settings: Settings) -> FastAPI:
    """The application in a worker, where decoders must not write to the error stream either."""
    app = create_app(settings)
    app.state.quiet = contextlib.ExitStack()
    app.state.quiet.enter_context(only_python_speaks())
    return app


def listen(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises:
        ServerError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only where it is told that this is TCP does asyncio send small packets at once (TCP_NODELAY), 40 ms earlier.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ServerError(f"Cannot listen at {host}, port {port}: {reason}; choose another --host or --port") from None
    return listener
