"""``/``: the page, which asks this server or hears in the browser itself."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parents[1] / "page"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "connect-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing is loaded from elsewhere, and nothing written into the page is run."""

EMPTY = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Emovox</title>
<h1>Emovox listens here</h1>
<p>Send a recording: <code>curl --data-binary @recording.wav -H 'Content-Type: audio/wav' URL/v1/predict</code></p>
<ul><li><a href="/openapi.json">All that can be asked (OpenAPI)</a></li>
<li><a href="/v1/models">Which models answer</a></li></ul></html>
"""


class Page(StaticFiles):
    """Static files with headers that keep a page to itself."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with the headers."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


plain = APIRouter()


@plain.get("/", include_in_schema=False)
async def index() -> HTMLResponse:
    """What is here, where the package was built without the page."""
    return HTMLResponse(EMPTY, headers=HEADERS)
