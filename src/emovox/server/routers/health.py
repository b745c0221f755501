"""Whether the server lives, and whether it takes another request."""

from __future__ import annotations

from fastapi import APIRouter

from emovox.server.problems import Refusal, responses
from emovox.server.schemas import Health
from emovox.server.service import Shared

router = APIRouter()


@router.get("/healthz")
async def healthz() -> Health:
    """Succeeds while the process runs."""
    return Health(status="ok")


@router.get("/readyz", responses=responses(503))
async def readyz(service: Shared) -> Health:
    """Succeeds when the server accepts another request."""
    if service.requests.full:
        raise Refusal(503, "The server is busy", "Try again in a second")
    return Health(status="ok")
