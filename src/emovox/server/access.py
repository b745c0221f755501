"""Let in who knows the key, and no web page of another host."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from emovox.server.problems import Refusal
from emovox.server.service import service_of

KEY_PROTOCOL = "emovox-key."
"""Before the key in a socket's list of protocols, the one header that a browser lets a page set."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Key(SecurityBase):
    """A dependency that lets in who knows the key; it is compared in constant time.

    It comes as ``Authorization: Bearer KEY``, and for a socket also as the protocol ``emovox-key.KEY``.

    Args:
        key: What must be sent.
    """

    model = HTTPBearer()
    scheme_name = "key"

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    async def __call__(self, connection: HTTPConnection) -> None:
        """Let a request or a socket in.

        Raises:
            Refusal: 401 for one without the key.
        """
        if not secrets.compare_digest(_key_in(connection).encode(), self._key):
            hint = "Send the header 'Authorization: Bearer KEY'"
            raise Refusal(401, "The API key is missing or wrong", hint, {"WWW-Authenticate": "Bearer"})


async def own_pages(connection: HTTPConnection) -> None:
    """A dependency that refuses web pages of other hosts, which a browser names in ``Origin``.

    A page of this very server may ask where its address is a number or localhost, which nobody else can own; a name
    that somebody else registered may lead here too, so a name must be among the configured origins.

    Raises:
        Refusal: 403 for any other page.
    """
    origin = connection.headers.get("origin")
    if origin is not None and origin not in service_of(connection).settings.origins and not _is_own(origin, connection):
        raise Refusal(403, "A web page of another host may not ask", "Start the server with --origin for that page")


def _is_own(origin: str, connection: HTTPConnection) -> bool:
    try:
        page = urlsplit(origin)
        host = page.hostname or ""
    except ValueError:
        return False
    is_number = host.replace(".", "").isdecimal() or ":" in host
    return page.netloc == connection.headers.get("host") and (host in LOOPBACK or is_number)


def _key_in(connection: HTTPConnection) -> str:
    """The key that a caller sends, or nothing."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    protocols = connection.scope.get("subprotocols", ())
    return next((each.removeprefix(KEY_PROTOCOL) for each in protocols if each.startswith(KEY_PROTOCOL)), "")
