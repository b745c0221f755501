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
    "corpus": "my-corpus",
    "licence": "CC BY-NC-SA 4.0",
    "protocol": "speakers6",
    "intended_use": "Research",
}


class Heard(BaseModel):
    """A prediction, as ``Prediction.as_dict`` gives it."""

    model_config = _like(**HEARD)

    emotion: str = Field(description="The likeliest.")
    confidence: float = Field(ge=0, le=1, description="Its probability.")
    abstains: bool = Field(description="Whether the model is too unsure to answer.")
    set: list[str] = Field(description="Prediction set: contains the true emotion as often as the model promises.")
    unfamiliar: bool = Field(description="Whether it is unlike the training data.")
    novelty: float | None = Field(description="Distance from the training data; unfamiliar above 1.")
    speech_seconds: float | None = Field(description="Seconds loud enough to be speech.")
    warnings: list[str] = Field(description="Reasons not to rely on the answer.")
    probabilities: dict[str, float] = Field(description="Of each emotion; they sum to 1.")


class Answer(Heard):
    """A prediction for a recording, with the name of the model."""

    model_config = _like(model="box", **HEARD)

    model: str = Field(description="Name of the model.")


MOMENT: dict[str, Any] = {"start_seconds": 0.4, "end_seconds": 2.15, "prediction": HEARD}


class Measured(BaseModel):
    """A prediction for the last seconds of an utterance."""

    type: Literal["measurement.result"]
    start_seconds: float
    end_seconds: float
    prediction: Heard


class Uttered(BaseModel):
    """A prediction for a whole utterance."""

    type: Literal["utterance.end"]
    start_seconds: float
    end_seconds: float
    prediction: Heard


class TimelineAnswer(BaseModel):
    """Emotion over time, as ``Timeline.as_dict`` gives it, with the name of the model."""

    model_config = _like(
        model="box", duration_seconds=2.6, labels=["calm", "happy", "surprised"],
        measurements=[{"type": "measurement.result", **MOMENT}], utterances=[{"type": "utterance.end", **MOMENT}],
    )  # fmt: skip

    model: str = Field(description="Name of the model.")
    duration_seconds: float
    labels: tuple[str, ...]
    measurements: list[Measured] = Field(description="Four a second while speech lasts.")
    utterances: list[Uttered]


class Model(BaseModel):
    """A model, described by the metadata of its artifact."""

    model_config = _like(**MODEL)

    name: str
    labels: tuple[str, ...] = Field(description="The emotions.")
    sample_rate_hz: int = Field(description="Its input rate; recordings are resampled.")
    corpus: str | None = Field(default=None, description="Training corpus.")
    licence: str | None = None
    protocol: str | None = Field(default=None, description="Evaluation protocol.")
    intended_use: str | None = None


class Models(BaseModel):
    """The models, the default first."""

    model_config = _like(models=[MODEL])

    models: list[Model]


class Health(BaseModel):
    """The server works."""

    model_config = _like(status="ok")

    status: Literal["ok"]
