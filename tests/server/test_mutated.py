"""Recordings with altered bytes are answered or refused, never a failure, and cost no memory that stays."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from hostile.case import recording
from server.running import running

WHOLE = [recording(name, 0.5) for name in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST")]
QUICK = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

AS_WAV = {"Content-Type": "audio/wav"}
HANDLED = {200, 413, 422}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A recording with a few bytes altered, most of them in its head, or cut, or with a part of another in it."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.one_of(st.integers(0, 120), st.integers(0, len(content) - 1)))
        content[at : at + 1] = draw(
            st.one_of(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80"]), st.binary(max_size=4))
        )
    if draw(st.booleans()):
        content = content[: draw(st.integers(1, len(content)))]
    return bytes(content)


@QUICK
@given(content=mutated())
def test_a_recording_with_altered_bytes_is_answered_or_refused(client: TestClient, content: bytes) -> None:
    for path in ("/v1/predict", "/v1/timeline"):
        assert client.post(path, content=content, headers=AS_WAV).status_code in HANDLED


@QUICK
@given(
    body=st.binary(max_size=300),
    boundary=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=80),
)
def test_a_form_of_anything_is_refused(client: TestClient, body: bytes, boundary: str) -> None:
    media = f"multipart/form-data; boundary={boundary}".encode("latin-1")
    framed = b"--" + boundary.encode("latin-1") + b"\r\n" + body
    for content in (body, framed, framed + b"\r\n--" + boundary.encode("latin-1") + b"--\r\n"):
        assert client.post("/v1/predict", content=content, headers={"Content-Type": media}).status_code in (400, 422)


def test_a_server_holds_no_more_after_many_requests(artifact: Path) -> None:
    good, rng = recording("WAV", 1.0), np.random.default_rng(0)

    def resident(asked: httpx.Client) -> float:
        families = text_string_to_metric_families(asked.get("/metrics").text)
        return next(f.samples[0].value for f in families if f.name == "process_resident_memory_bytes")

    with running(artifact) as server, httpx.Client(base_url=server.url) as asked:
        before = 0.0
        for number in range(1500):
            content = good if number % 2 else bytes(rng.permutation(np.frombuffer(WHOLE[number % 10], np.uint8)))
            assert asked.post("/v1/predict", content=content, headers=AS_WAV).status_code in HANDLED
            if number == 300:
                before = resident(asked)
        assert resident(asked) < 1.05 * before
