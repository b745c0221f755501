"""Read a recording from a request's body, and no more than is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from emovox.audio import probe
from emovox.server.problems import Refusal
from emovox.server.settings import Settings

NAME = "The recording"
"""What messages call an upload; its own file name is never used."""

FORM = "multipart/form-data"
FIELD = "file"
RAW = ("application/octet-stream", "application/ogg")

MAX_SAMPLES = 30_000_000
"""A recording may decode to so many numbers (120 MB): 60 s of stereo at 192 kHz. A kilobyte of FLAC can hold more."""

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A recording as WAV, FLAC, OGG, MP3 or AIFF: the body itself, or the field `file` of a form.",
        "content": {
            RAW[0]: {"schema": {"type": "string", "format": "binary"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
"""For OpenAPI."""


async def recording_in(request: Request, settings: Settings) -> bytes:
    """The recording in a request.

    Raises:
        Refusal: 400 for a malformed form or one without the field, 408 when the body arrives too slowly, 413 when it is
            too large, 415 when it is neither audio nor a form.
    """
    media = request.headers.get("content-type", RAW[0]).partition(";")[0].strip().lower()
    if media != FORM and media not in RAW and not media.startswith("audio/"):
        hint = f"Send the recording itself as {RAW[0]} or audio/…, or as the field {FIELD!r} of a {FORM}"
        raise Refusal(415, "The body is neither audio nor a form", hint)
    try:
        async with asyncio.timeout(settings.body_seconds):
            if media == FORM:
                return await _field(request, settings.body_bytes)
            return b"".join([chunk async for chunk in _limited(request, settings.body_bytes)])
    except TimeoutError:
        raise Refusal(408, "The body arrived too slowly", "Send a shorter or a compressed recording") from None


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body in chunks, up to the limit."""
    refusal = Refusal(
        413, f"The body is larger than {most / 1e6:g} MB", "Send one utterance, as FLAC or OGG, or at 16 kHz"
    )
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise refusal
    came = 0
    async for chunk in request.stream():
        came += len(chunk)
        if came > most:
            raise refusal
        yield chunk


async def _field(request: Request, most: int) -> bytes:
    """The file of a form. It stays in memory, and its name is ignored."""
    parser = MultiPartParser(request.headers, _limited(request, most), max_files=1, max_fields=8)
    parser.spool_max_size = most + 1
    hint = f"Send one recording as the field {FIELD!r}, as in: curl -F {FIELD}=@recording.wav"
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:  # ValueError: bytes in a name that are not text
        raise Refusal(400, f"The form is malformed: {error}", hint) from None
    file = form.get(FIELD)
    if not isinstance(file, UploadFile):
        raise Refusal(400, f"The form has no file {FIELD!r}", hint)
    return await file.read()


def check_size(recording: bytes, seconds: float) -> float:
    """Refuse a recording that would take too long, or too much memory, before it is decoded.

    Args:
        recording: As it came.
        seconds: The longest.

    Returns:
        How long it is, in seconds, as its header says; 0 where it does not.

    Raises:
        AudioError: It cannot be read.
        Refusal: 413 where it is too long.
    """
    info = probe(recording, NAME)
    if info.seconds > seconds:
        hint = f"Cut it into utterances of at most {seconds:g} s"
        raise Refusal(413, f"{NAME} lasts {info.seconds:.0f} s", hint)
    frames = info.frames or seconds * info.sample_rate_hz
    if frames * info.channels > MAX_SAMPLES:
        hint = f"Send it with one channel at 16 kHz; it may hold {MAX_SAMPLES // 1_000_000} million samples"
        raise Refusal(413, f"{NAME} holds {frames * info.channels / 1e6:.0f} million samples", hint)
    return info.seconds
