"""``/v1/stream``: the emotion in live audio, over a WebSocket."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Literal

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError

from emovox.listening import Event, Measurement, Recognizer, Totals
from emovox.listening import UtteranceEnd as Ended
from emovox.listening import UtteranceStart as Started
from emovox.server import messages
from emovox.server.problems import Refusal
from emovox.server.routers.predict import Model
from emovox.server.service import Client, Service, Shared

router = APIRouter()

PROTOCOL = "emovox"
"""The subprotocol that the server accepts; the client may offer another that carries the key."""

MAX_FRAME_SECONDS = 1.0

Reason = Literal["requested", "idle", "too_long", "stopped", "busy", "failed"]

WHY: dict[Reason, str] = {
    "idle": "No message arrived for too long; send silence, or open another session",
    "too_long": "The session reached its longest duration; open another session",
    "stopped": "The server is being stopped; open another session in a moment",
    "busy": "The server is busy; open another session in a moment",
    "failed": "Internal error; report it with the server's log",
}
"""Sent when the server ends a session, before the last events and the totals."""


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, service: Shared, client: Client, model: Model = None) -> None:
    """Open a session."""
    name, recognizer = service.recognizer(model)
    with service.sockets.one(client):
        await socket.accept(PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
        try:
            await Session(socket, service, recognizer).hold(name)
        except WebSocketDisconnect:
            return


class Rejected(Exception):
    """A message that cannot be used; the session continues."""

    def __init__(self, code: Literal["bad_frame", "bad_message", "too_late"], message: str) -> None:
        super().__init__(message)
        self.error = messages.Error(code=code, message=message, retryable=False)


class Session:
    """The audio of one client, from the first message to the totals.

    The next message is read after the last one is processed, so a client that sends faster has to wait.

    Args:
        socket: An accepted WebSocket.
        service: Threads and limits.
        recognizer: The model.
    """

    def __init__(self, socket: WebSocket, service: Service, recognizer: Recognizer) -> None:
        self._socket, self._service, self._recognizer = socket, service, recognizer
        self._id = secrets.token_hex(8)
        self._rate_hz = messages.SAMPLE_RATE_HZ
        self._stream = recognizer.stream(self._rate_hz)
        self._frames = self._samples = self._rejected = 0

    async def hold(self, model: str) -> None:
        """Run the session until either side ends it.

        Args:
            model: The recognizer's name.
        """
        await self._send(messages.SessionCreated(session=self._id, model=model, labels=self._recognizer.labels))
        events: list[Event] = []
        try:
            reason = await self._listen()
            await self._explain(reason)
            events = await self._service.pool.run(self._stream.close)
        except Refusal:  # the thread may still be at work on the stream
            await self._explain(reason := "busy")
        except WebSocketDisconnect:
            raise
        except Exception:
            logging.getLogger(__name__).exception("A session failed")
            await self._explain(reason := "failed")
        await self._end(reason, events)

    async def _listen(self) -> Reason:
        """Process messages until there is a reason to end."""
        clock, settings = asyncio.get_running_loop().time, self._service.settings
        ends = clock() + settings.session_seconds
        while True:
            left = min(ends - clock(), settings.idle_seconds)
            if left <= 0 or self._samples > settings.session_seconds * self._rate_hz:
                return "too_long"
            try:
                message = await asyncio.wait_for(self._socket.receive(), left)
            except TimeoutError:
                return "too_long" if clock() >= ends else "idle"
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            try:
                if (frame := message.get("bytes")) is not None:
                    await self._hear(frame)
                elif reason := await self._obey(message.get("text") or ""):
                    return reason
            except Rejected as rejected:
                self._rejected += 1
                await self._send(rejected.error)

    async def _hear(self, frame: bytes) -> None:
        """Process a frame, and send the events up to its end."""
        most = int(2 * MAX_FRAME_SECONDS * self._rate_hz)
        if not frame or len(frame) % 2 or len(frame) > most:
            wrong = f"A frame of {len(frame)} bytes is not 1 to {most // 2} samples of 16 bits"
            raise Rejected("bad_frame", f"{wrong}; send {self._rate_hz // 10} at a time")
        samples = np.frombuffer(frame, "<i2").astype(np.float32) / 32768
        self._frames += 1
        self._samples += len(samples)
        for event in await self._service.pool.run(self._stream.push, samples):
            await self._send(told(event))
        self._service.metrics.heard.labels("/v1/stream").inc(len(samples) / self._rate_hz)

    async def _obey(self, text: str) -> Reason | None:
        """Carry out a text message; the reason, if it ends the session."""
        try:
            command = messages.COMMAND.validate_json(text)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]["msg"]
            raise Rejected("bad_message", f"{wrong}; send session.update, session.close, or a frame") from None
        if isinstance(command, messages.SessionClose):
            return "requested"
        if isinstance(command, messages.ServerStop):
            return "stopped"
        if self._frames:
            raise Rejected("too_late", "The session has begun; send session.update before the first frame")
        self._rate_hz = command.sample_rate_hz
        self._stream = self._recognizer.stream(self._rate_hz)
        await self._send(command)
        return None

    async def _explain(self, reason: Reason) -> None:
        if reason != "requested":
            await self._send(messages.Error(code=reason, message=WHY[reason], retryable=reason != "failed"))

    async def _end(self, reason: Reason, events: list[Event]) -> None:
        """Send the last events and the totals, and close the socket."""
        totals = Totals(self._samples / self._rate_hz, 0, 0, 0)
        for event in events:
            if isinstance(event, Totals):
                totals = event
            else:
                await self._send(told(event))
        await self._send(
            messages.SessionClosed(
                session=self._id, reason=reason, frames=self._frames, rejected=self._rejected,
                duration_ms=_ms(totals.duration_seconds), speech_ms=_ms(totals.speech_seconds),
                utterances=totals.utterances, measurements=totals.measurements,
            )
        )  # fmt: skip
        await self._socket.close(1012 if reason == "stopped" else 1000)

    async def _send(self, message: BaseModel) -> None:
        await self._socket.send_text(message.model_dump_json())


def told(event: Event) -> BaseModel:
    """An event as a message."""
    if isinstance(event, Started):
        return messages.UtteranceStart(start_ms=_ms(event.start_seconds))
    assert isinstance(event, Measurement | Ended)
    kind = messages.MeasurementResult if isinstance(event, Measurement) else messages.UtteranceEnd
    times = {"start_ms": _ms(event.start_seconds), "end_ms": _ms(event.end_seconds)}
    return kind.model_validate({**times, "prediction": event.prediction.as_dict()})


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
