"""``GET /v1/models``: which models answer, and what they tell of themselves."""

from __future__ import annotations

from fastapi import APIRouter

from emovox.server.schemas import Model, Models
from emovox.server.service import Shared

router = APIRouter()


@router.get("/v1/models")
async def models(service: Shared) -> Models:
    """List the models, the default first."""
    return Models(
        models=[
            Model(
                name=name, labels=recognizer.labels, sample_rate_hz=recognizer.sample_rate_hz,
                **{key: recognizer.metadata.get(key) for key in ("corpus", "licence", "protocol", "intended_use")},
            )
            for name, recognizer in service.recognizers.items()
        ]
    )  # fmt: skip
