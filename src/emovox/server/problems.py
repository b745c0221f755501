"""Every error as a problem body (RFC 9457) that tells what was wrong and the next step."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from emovox.errors import AudioError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "The recording is empty",
                "hint": "Record or download it again",
            }
        }
    )

    type: str = Field(default="about:blank", description="No more than the status says.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong.")
    hint: str = Field(description="What to do.")


class Refusal(Exception):
    """A request that is refused.

    Args:
        status: Of HTTP.
        detail: What was wrong.
        hint: What to do.
        headers: To send beside it.
    """

    def __init__(self, status: int, detail: str, hint: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{detail}; {hint}")
        self.status, self.detail, self.hint, self.headers = status, detail, hint, headers or {}

    def response(self) -> JSONResponse:
        """The refusal as it is sent."""
        title = HTTPStatus(self.status).phrase
        body = Problem(title=title, status=self.status, detail=self.detail, hint=self.hint)
        return JSONResponse(body.model_dump(), self.status, self.headers, MEDIA_TYPE)


def refused(error: AudioError) -> Refusal:
    """The refusal of a recording, in the words of the error: what was wrong, a semicolon, what to do."""
    detail, _, hint = str(error).partition("; ")
    return Refusal(422, detail, hint[:1].upper() + hint[1:])


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, for OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
        for status in statuses
    }


HINTS = {
    404: "GET /openapi.json lists all paths",
    405: "Use a method listed in the Allow header",
}


def tell_problems(app: FastAPI) -> None:
    """Have every error of an application answered with a problem body."""

    @app.exception_handler(Refusal)
    async def refusal(request: Request, error: Refusal) -> Response:
        return error.response()

    @app.exception_handler(AudioError)
    async def unusable(request: Request, error: AudioError) -> Response:
        return refused(error).response()

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        hint = HINTS.get(error.status_code, "See GET /openapi.json")
        return Refusal(error.status_code, str(error.detail), hint, dict(error.headers or {})).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        return Refusal(422, f"{name}: {first['msg']}", "See GET /openapi.json").response()

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Refusal(400, "The body ended early", "Send all of it").response()

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return Refusal(500, "Internal error", "Report it with the server's log").response()
