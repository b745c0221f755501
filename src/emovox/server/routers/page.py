"""``/``: the page, what it is told of this server, and the model for a browser that listens by itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from emovox.page import FILES, MODEL, SETTINGS, settings
from emovox.server.service import Shared

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; media-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing is loaded from elsewhere, and nothing written into the page is run."""


class Page(StaticFiles):
    """Static files with headers that keep a page to itself."""

    def __init__(self) -> None:
        super().__init__(directory=FILES, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with the headers."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


about = APIRouter()
model = APIRouter()


@about.get(f"/{SETTINGS}", include_in_schema=False)
async def tell(service: Shared) -> dict[str, Any]:
    """What the page is told before it begins."""
    return settings(service.recognizer(None)[1], server=True, key=service.settings.api_key is not None)


@model.get(f"/{MODEL}", include_in_schema=False)
async def give(service: Shared) -> FileResponse:
    """The model that answers where none is named."""
    return FileResponse(service.recognizer(None)[1].path)
