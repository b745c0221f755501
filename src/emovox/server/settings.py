"""Settings of a server: models, access and limits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from emovox.audio import MAX_SECONDS
from emovox.errors import ModelError


@dataclass(frozen=True)
class Settings:
    """Models, access and limits of a server; the limits hold for each worker.

    Args:
        artifacts: The models, named after their files; the first is the default.
        api_key: The key that clients must send; None for no key.
        origins: Web pages of other hosts that may send requests, such as ``https://example.org``.
        threads: Recordings processed at the same time.
        waiting: Requests that can wait for a thread; more are refused with 503.
        per_client: Open requests, and sockets, of one address; more are refused with 429.
        sockets: Open sockets; more are refused with 503.
        body_bytes: The largest body of a request.
        seconds: The longest recording.
        timeline_seconds: The longest recording for a timeline.
        body_seconds: For sending a body.
        answer_seconds: For waiting for a thread, and for its result.
        idle_seconds: The longest pause between messages of a socket.
        session_seconds: The longest session of a socket, in time and in audio.

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
            raise ModelError("An API key has 16 to 200 letters, digits, '-', '_', '.' or '~'; choose another")
