"""The messages of a socket; every one has a ``type``. Sound comes as binary messages: mono, 16 bits, little-endian."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from emovox.server.schemas import Heard

SAMPLE_RATE_HZ = 16_000
"""Of a session that names no other."""

FRAME_SECONDS = 0.1
"""What a frame should last; it may last up to a second."""


class SessionUpdate(BaseModel):
    """From the client before its first frame: the sample rate. The server sends it back as confirmation."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["session.update"] = "session.update"
    sample_rate_hz: int = Field(default=SAMPLE_RATE_HZ, ge=4_000, le=192_000)


class SessionClose(BaseModel):
    """From the client: the audio has ended. The server sends the last results and the totals."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["session.close"] = "session.close"


class ServerStop(BaseModel):
    """From the server to itself: it is shutting down."""

    type: Literal["server.stop"] = "server.stop"


Command = SessionUpdate | SessionClose | ServerStop

COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


class SessionCreated(BaseModel):
    """The first message."""

    type: Literal["session.created"] = "session.created"
    session: str = Field(description="A random name.")
    model: str
    labels: tuple[str, ...]
    sample_rate_hz: int = SAMPLE_RATE_HZ
    encoding: Literal["s16le"] = "s16le"
    frame_ms: int = round(1000 * FRAME_SECONDS)


class UtteranceStart(BaseModel):
    """Speech starts."""

    type: Literal["utterance.start"] = "utterance.start"
    start_ms: int


class MeasurementResult(BaseModel):
    """A prediction for the last seconds of an utterance."""

    type: Literal["measurement.result"] = "measurement.result"
    start_ms: int
    end_ms: int
    prediction: Heard


class UtteranceEnd(BaseModel):
    """A prediction for a whole utterance."""

    type: Literal["utterance.end"] = "utterance.end"
    start_ms: int
    end_ms: int
    prediction: Heard


class Error(BaseModel):
    """A message was rejected, or the server ends the session; ``session.closed`` then follows."""

    type: Literal["error"] = "error"
    code: Literal["bad_frame", "bad_message", "too_late", "idle", "too_long", "stopped", "busy", "failed"]
    message: str = Field(description="What was wrong, and the next step.")
    retryable: bool = Field(description="Whether another session can continue where this one ends.")


class SessionClosed(BaseModel):
    """The last message."""

    type: Literal["session.closed"] = "session.closed"
    session: str
    reason: Literal["requested", "idle", "too_long", "stopped", "busy", "failed"]
    frames: int = Field(description="Accepted frames.")
    rejected: int = Field(description="Rejected messages.")
    duration_ms: int = Field(description="Duration of the frames.")
    speech_ms: int
    utterances: int
    measurements: int
