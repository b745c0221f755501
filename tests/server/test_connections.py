"""A connection that sends no request is closed, also one that sends it byte by byte; one that asks is kept."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from emovox.server import connections

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def sent(port: int, sends: list[bytes]) -> int:
    """How many requests are answered when each of these is sent a tenth of a second after the one before."""
    answered = b""
    with socket.create_connection(("127.0.0.1", port)) as line, contextlib.suppress(ConnectionError):
        for each in sends:
            line.sendall(each)
            time.sleep(0.1)
            with contextlib.suppress(BlockingIOError):
                answered += line.recv(1 << 16, socket.MSG_DONTWAIT)
        line.settimeout(5)
        answered += line.recv(1 << 16)
    return answered.count(b"200 OK")


async def answers(sends: list[bytes]) -> int:
    """How many of a server's answers such a caller gets."""
    config = uvicorn.Config(PlainTextResponse("well"), http=connections.Connection)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: connections.Connection(config, ServerState(), {}), "127.0.0.1", 0)
    async with server:
        return await asyncio.to_thread(sent, server.sockets[0].getsockname()[1], sends)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.5)


SLOWLY = [bytes([byte]) for byte in REQUEST]


@pytest.mark.parametrize(("sends", "answered"), [([], 0), (SLOWLY, 0), ([REQUEST, *SLOWLY], 1), ([REQUEST] * 15, 15)])
def test_one_is_kept_as_long_as_it_asks(sends: list[bytes], answered: int) -> None:
    assert asyncio.run(answers(sends)) == answered
