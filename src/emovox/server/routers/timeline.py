"""``POST /v1/timeline``: the emotion over time in a recording."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from emovox.listening import Recognizer, Timeline
from emovox.server.body import BODY, NAME, check_size, recording_in
from emovox.server.problems import responses
from emovox.server.routers.predict import REFUSALS, Model
from emovox.server.schemas import TimelineAnswer
from emovox.server.service import Client, Shared

router = APIRouter()


@router.post("/v1/timeline", response_model=TimelineAnswer, openapi_extra=BODY, responses=responses(*REFUSALS))
async def timeline(request: Request, service: Shared, client: Client, model: Model = None) -> dict[str, Any]:
    """Predict the emotion over time: of each utterance, and four times a second within it."""
    name, recognizer = service.recognizer(model)
    with service.requests.one(client):
        recording = await recording_in(request, service.settings)
        heard = await service.pool.run(_hear, recognizer, recording, service.settings.timeline_seconds)
    service.metrics.heard.labels("/v1/timeline").inc(heard.duration_seconds)
    return {"model": name, **heard.as_dict()}


def _hear(recognizer: Recognizer, recording: bytes, seconds: float) -> Timeline:
    check_size(recording, seconds)
    return recognizer.timeline(recording, name=NAME)
