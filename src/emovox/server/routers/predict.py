"""``POST /v1/predict``: the emotion in a recording."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from emovox.listening import Prediction, Recognizer
from emovox.server.body import BODY, NAME, check_size, recording_in
from emovox.server.problems import responses
from emovox.server.schemas import Answer
from emovox.server.service import Client, Shared

router = APIRouter()

Model = Annotated[str | None, Query(description="One of GET /v1/models; without it, the first.", max_length=200)]


REFUSALS = (400, 408, 413, 415, 422, 429, 503)


@router.post("/v1/predict", response_model=Answer, openapi_extra=BODY, responses=responses(*REFUSALS))
async def predict(request: Request, service: Shared, client: Client, model: Model = None) -> dict[str, Any]:
    """Predict the emotion in a recording."""
    name, recognizer = service.recognizer(model)
    with service.requests.one(client):
        recording = await recording_in(request, service.settings)
        heard, seconds = await service.pool.run(_hear, recognizer, recording, service.settings.seconds)
    service.metrics.heard.labels("/v1/predict").inc(seconds)
    return {"model": name, **heard.as_dict()}


def _hear(recognizer: Recognizer, recording: bytes, seconds: float) -> tuple[Prediction, float]:
    lasts = check_size(recording, seconds)
    return recognizer.predict(recording, name=NAME), lasts
