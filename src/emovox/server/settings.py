"""What a server is told before it starts: its models, who may ask, and how much at once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from emovox.audio import MAX_SECONDS
from emovox.errors import ModelError


@dataclass(frozen=True)
class Settings:
    """What a server is told before it starts. Its limits are those of one worker.

    Args:
        artifacts: The models that answer, the first unless another is asked for; each is called by its file's name.
        api_key: What a caller must know; None where anybody may ask.
        origins: Web pages of other hosts that may ask, as ``https://example.org``; the server's own may.
        threads: Recordings that are heard at once.
        waiting: Requests that may wait for them; more are refused with 503.
        per_client: Requests, and sockets, that one address may have open; more are refused with 429.
        sockets: Open sockets; more are refused with 503.
        body_bytes: A request's longest body.
        seconds: The longest recording.
        timeline_seconds: The longest of which a timeline is told.
        body_seconds: How long a caller may take to send a body.
        answer_seconds: How long a caller waits for an answer.
        idle_seconds: How long a socket may stay silent.
        session_seconds: How long a session may last, and how much sound it may send.

    Raises:
        ModelError: There is no artifact, two have one name, or the key is too easily guessed.
    """

    artifacts: tuple[Path, ...]
    api_key: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    threads: int = os.cpu_count() or 1
    waiting: int = 16
    per_client: int = 16
    sockets: int = 32
    body_bytes: int = 25_000_000
    seconds: float = MAX_SECONDS
    timeline_seconds: float = 300.0
    body_seconds: float = 30.0
    answer_seconds: float = 30.0
    idle_seconds: float = 30.0
    session_seconds: float = 3600.0

    def __post_init__(self) -> None:
        names = [path.stem for path in self.artifacts]
        if not names:
            raise ModelError("No model to answer with; give --run runs/NAME, or --model FILE.onnx")
        if twice := {name for name in names if names.count(name) > 1}:
            raise ModelError(f"Two models are called {', '.join(sorted(twice))}; rename one of the files")
        if self.api_key is not None and not re.fullmatch(r"[\w.~-]{16,200}", self.api_key, re.ASCII):
            raise ModelError("An API key has 16 to 200 letters, digits, '-', '_', '.' or '~'; choose such a one")
