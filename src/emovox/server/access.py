"""Access: an optional API key, and no requests from web pages of other hosts."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from emovox.server.problems import Refusal
from emovox.server.service import service_of

KEY_PROTOCOL = "emovox-key."
"""Prefix of the key among the subprotocols of a WebSocket, the only header that a web page can set there."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Key(SecurityBase):
    """A dependency that checks the API key, in constant time.

    The key is sent as ``Authorization: Bearer KEY``, for a WebSocket also as the subprotocol ``emovox-key.KEY``.

    Args:
        key: The expected key.
    """

    model = HTTPBearer()
    scheme_name = "key"

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    async def __call__(self, connection: HTTPConnection) -> None:
        """Check a request or a WebSocket handshake.

        Raises:
            Refusal: 401 without the key.
        """
        if not secrets.compare_digest(_key_in(connection).encode(), self._key):
            hint = "Send the header 'Authorization: Bearer KEY'"
            raise Refusal(401, "The API key is missing or wrong", hint, {"WWW-Authenticate": "Bearer"})


async def own_pages(connection: HTTPConnection) -> None:
    """A dependency that refuses requests from web pages of other hosts, which the browser names in ``Origin``.

    A page of this server is accepted at an IP address or localhost. A host name must be among the configured origins,
    since anybody can register a name that leads to this address (DNS rebinding).

    Raises:
        Refusal: 403 for any other page.
    """
    origin = connection.headers.get("origin")
    if origin is not None and origin not in service_of(connection).settings.origins and not _is_own(origin, connection):
        raise Refusal(
            403,
            "Requests from web pages of other hosts are not allowed",
            "Start the server with --origin for that page",
        )


def _is_own(origin: str, connection: HTTPConnection) -> bool:
    try:
        page = urlsplit(origin)
        host = page.hostname or ""
    except ValueError:
        return False
    is_number = host.replace(".", "").isdecimal() or ":" in host
    return page.netloc == connection.headers.get("host") and (host in LOOPBACK or is_number)


def _key_in(connection: HTTPConnection) -> str:
    """The key that a client sends, or an empty string."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    protocols = connection.scope.get("subprotocols", ())
    return next((each.removeprefix(KEY_PROTOCOL) for each in protocols if each.startswith(KEY_PROTOCOL)), "")
