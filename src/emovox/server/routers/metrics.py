"""``GET /metrics``: what the server has done, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from emovox.server.service import Shared

router = APIRouter()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: Shared) -> Response:
    """Counters of all workers."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
