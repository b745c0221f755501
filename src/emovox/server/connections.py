"""Connections that end in time: idle ones soon, and those with a session once it has told all."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from emovox.server.messages import ServerStop

IDLE_SECONDS = 10.0
"""A connection on which no whole head of a request came for so long, or for twice as long, is closed."""


class Connection(H11Protocol):
    """A connection that is closed where it is idle, also where a head comes byte by byte."""

    _look: asyncio.TimerHandle | None = None
    _seen: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at it from time to time."""
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._look:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._look = self.loop.call_later(IDLE_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.transport.get_protocol() is not self:  # a socket has taken over
            return
        busy = self.cycle is not None and not self.cycle.response_complete
        if not busy and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = None if busy else self.cycle
        self._look_later()


class Socket(WebSocketsSansIOProtocol):
    """A socket whose session is told that the server stops, so that it can end with what it heard and its totals."""

    def shutdown(self) -> None:
        """Have the session end, or close what has none."""
        if self.handshake_complete and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.receive", "text": ServerStop().model_dump_json()})
        else:
            super().shutdown()
