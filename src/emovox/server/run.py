"""Run the application, in one process or several, until it is told to stop; what was begun is then finished."""

from __future__ import annotations

import os
import socket
import tempfile
from functools import partial

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess

from emovox.errors import ServerError
from emovox.server.app import create_app
from emovox.server.messages import ServerStop
from emovox.server.metrics import SHARED_FOLDER
from emovox.server.settings import Settings

GRACE_SECONDS = 30
"""How long what was begun may take once the server is told to stop."""

MAX_FRAME_BYTES = 1_000_000
"""A socket that sends a longer message is closed."""


class PatientSocket(WebSocketsSansIOProtocol):
    """A socket whose session is told that the server stops, so that it can end with what it heard and its totals."""

    def shutdown(self) -> None:
        """Have the session end, or close what has none."""
        if self.handshake_complete and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.receive", "text": ServerStop().model_dump_json()})
        else:
            super().shutdown()


def serve(settings: Settings, listener: socket.socket, workers: int = 1) -> None:
    """Answer until SIGINT or SIGTERM.

    Args:
        settings: Models, access, and the limits of each worker.
        listener: A bound socket, of :func:`listen`.
        workers: Processes; each loads the models.
    """
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        workers=workers,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws=PatientSocket,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
    )
    if workers == 1:
        uvicorn.Server(config).run([listener])
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ[SHARED_FOLDER] = folder  # for the workers
        try:
            Multiprocess(config, [listener]).run()
        finally:
            del os.environ[SHARED_FOLDER]


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
