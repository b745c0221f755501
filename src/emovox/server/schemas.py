"""The bodies of answers, each with an example."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _like(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": example})


HEARD: dict[str, Any] = {
    "emotion": "happy",
    "confidence": 0.62,
    "abstains": False,
    "set": ["happy", "surprised"],
    "unfamiliar": False,
    "novelty": 0.41,
    "speech_seconds": 1.9,
    "warnings": [],
    "probabilities": {"calm": 0.03, "happy": 0.62, "surprised": 0.35},
}


MODEL: dict[str, Any] = {
    "name": "box",
    "labels": ["calm", "happy", "surprised"],
    "sample_rate_hz": 16000,
    "corpus": "RAVDESS",
    "licence": "CC BY-NC-SA 4.0",
    "protocol": "speakers6",
    "intended_use": "Research",
}


class Heard(BaseModel):
    """What is heard, as ``Prediction.as_dict`` tells it."""

    model_config = _like(**HEARD)

    emotion: str = Field(description="The likeliest.")
    confidence: float = Field(ge=0, le=1, description="Its probability.")
    abstains: bool = Field(description="Whether the model had better not say.")
    set: list[str] = Field(description="Holds the true emotion as often as the model promises; empty if it does not.")
    unfamiliar: bool = Field(description="Whether it is unlike all that the model learnt from.")
    novelty: float | None = Field(description="How far it is from that; above 1 it is unfamiliar.")
    speech_seconds: float | None = Field(description="How much of it could be speech.")
    warnings: list[str] = Field(description="Why the answer should not be relied on.")
    probabilities: dict[str, float] = Field(description="Of every emotion; they sum to 1.")


class Answer(Heard):
    """What is heard in a recording, and which model says so."""

    model_config = _like(model="box", **HEARD)

    model: str = Field(description="Its name.")


MOMENT: dict[str, Any] = {"start_seconds": 0.4, "end_seconds": 2.15, "prediction": HEARD}


class Measured(BaseModel):
    """What is heard in the last seconds of an utterance that goes on."""

    type: Literal["measurement.result"]
    start_seconds: float
    end_seconds: float
    prediction: Heard


class Uttered(BaseModel):
    """What is heard in a whole utterance."""

    type: Literal["utterance.end"]
    start_seconds: float
    end_seconds: float
    prediction: Heard


class TimelineAnswer(BaseModel):
    """What is heard when in a recording, as ``Timeline.as_dict`` tells it, and which model says so."""

    model_config = _like(
        model="box", duration_seconds=2.6, labels=["calm", "happy", "surprised"],
        measurements=[{"type": "measurement.result", **MOMENT}], utterances=[{"type": "utterance.end", **MOMENT}],
    )  # fmt: skip

    model: str = Field(description="Its name.")
    duration_seconds: float
    labels: tuple[str, ...]
    measurements: list[Measured] = Field(description="Four a second while speech lasts.")
    utterances: list[Uttered]


class Model(BaseModel):
    """A model, as its artifact tells."""

    model_config = _like(**MODEL)

    name: str
    labels: tuple[str, ...] = Field(description="The emotions.")
    sample_rate_hz: int = Field(description="What it hears; all else is resampled.")
    corpus: str | None = Field(default=None, description="What it learnt from.")
    licence: str | None = None
    protocol: str | None = Field(default=None, description="How it was judged.")
    intended_use: str | None = None


class Models(BaseModel):
    """The models, the one that answers unless another is named first."""

    model_config = _like(models=[MODEL])

    models: list[Model]


class Health(BaseModel):
    """That all is well."""

    model_config = _like(status="ok")

    status: Literal["ok"]
