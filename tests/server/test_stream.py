"""A socket tells what a stream tells; what cannot be used is refused, and the session goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import WebSocketDenialResponse

from emovox.listening import Recognizer, Totals
from emovox.server import Settings, create_app
from emovox.server.access import KEY_PROTOCOL
from emovox.server.routers.stream import told
from waveforms import babble, silence

RATE_HZ = 16000


def frames(sound: np.ndarray, size: int = RATE_HZ // 10) -> list[bytes]:
    """Little-endian numbers of 16 bits, a tenth of a second each."""
    whole = np.round(np.clip(sound, -1, 1) * 32767).astype("<i2")
    return [whole[at : at + size].tobytes() for at in range(0, len(whole), size)]


def said(socket: Any) -> Iterator[dict[str, Any]]:
    """Messages up to the last."""
    while True:
        message = socket.receive_json()
        yield message
        if message["type"] == "session.closed":
            return


SPEECH = np.concatenate([silence(1), babble(2.5), silence(1.5), babble(1.2, seed=3), silence(0.3)])


def test_a_session_tells_what_a_stream_tells(client: TestClient, artifact: Path) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        created = socket.receive_json()
        assert created["type"] == "session.created" and created["labels"] == ["calm", "happy", "angry"]
        assert (created["sample_rate_hz"], created["encoding"], created["frame_ms"]) == (16000, "s16le", 100)
        for frame in frames(SPEECH):
            socket.send_bytes(frame)
        socket.send_json({"type": "session.close"})
        *messages, closed = said(socket)
    stream = Recognizer(artifact).stream(RATE_HZ)
    sound = np.frombuffer(b"".join(frames(SPEECH)), "<i2").astype(np.float32) / 32768
    *events, totals = [*stream.push(sound), *stream.close()]
    assert messages == [told(event).model_dump(mode="json") for event in events] and len(messages) > 10
    assert isinstance(totals, Totals) and closed["session"] == created["session"]
    assert (closed["reason"], closed["frames"]) == ("requested", len(frames(SPEECH)))
    counts = (closed["utterances"], closed["measurements"], closed["duration_ms"])
    assert counts == (totals.utterances, totals.measurements, 1000 * len(SPEECH) // RATE_HZ)


def test_another_rate_is_named_in_the_session(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        socket.send_json({"type": "session.update", "sample_rate_hz": 48000})
        assert socket.receive_json() == {"type": "session.update", "sample_rate_hz": 48000}
        for frame in frames(np.repeat(babble(1.0), 3), 4800):
            socket.send_bytes(frame)
        socket.send_json({"type": "session.update", "sample_rate_hz": 16000})
        socket.send_json({"type": "session.close"})
        messages = list(said(socket))
    assert [m["code"] for m in messages if m["type"] == "error"] == ["too_late"]
    assert messages[-1]["duration_ms"] == 1000 and messages[-1]["utterances"] == 1


BAD = [
    b"", b"x", b"abc", bytes(2 * RATE_HZ + 2), "", "{}", "null", "[", '"', '{"type": 1}', '{"type": "session.create"}',
    '{"type": "session.update", "sample_rate_hz": "fast"}', '{"type": "session.update", "sample_rate_hz": 1}',
    '{"type": "session.update", "sample_rate_hz": 1e400}', '{"type": "session.update", "sample_rate_hz": NaN}',
    '{"type": "session.close", "now": true}', '{"type": "session.update", "model": "../x"}', "[" * 100_000,
]  # fmt: skip


def test_what_cannot_be_used_is_refused_and_the_session_goes_on(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        socket.receive_json()
        for bad in BAD:
            (socket.send_bytes if isinstance(bad, bytes) else socket.send_text)(bad)
            error = socket.receive_json()
            assert error["type"] == "error" and error["code"] == (
                "bad_frame" if isinstance(bad, bytes) else "bad_message"
            )
            assert not error["retryable"] and "; send " in error["message"]
        for frame in frames(SPEECH):
            socket.send_bytes(frame)
        socket.send_json({"type": "session.close"})
        *_, closed = said(socket)
    assert (closed["rejected"], closed["utterances"]) == (len(BAD), 2)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    sent=st.lists(
        st.one_of(
            st.binary(max_size=4000),
            st.text(max_size=200),
            st.sampled_from(BAD),
            st.sampled_from(frames(SPEECH)),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.text(max_size=9),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "x"]), inner),
                max_leaves=5,
            ).map(json.dumps),
        ),
        max_size=20,
    )
)
def test_whatever_is_sent_the_session_ends_with_its_totals(client: TestClient, sent: list[bytes | str]) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        assert socket.receive_json()["type"] == "session.created"
        for message in sent:
            (socket.send_bytes if isinstance(message, bytes) else socket.send_text)(message)
        socket.send_json({"type": "session.close"})
        *_, closed = said(socket)
    assert closed["reason"] == "requested" and closed["frames"] + closed["rejected"] == len(sent)


def test_a_silent_socket_and_one_that_goes_on_too_long_are_closed(artifact: Path) -> None:
    for limits, reason in (({"idle_seconds": 0.1}, "idle"), ({"session_seconds": 0.25}, "too_long")):
        with TestClient(create_app(Settings((artifact,), **limits))) as client:
            with client.websocket_connect("/v1/stream") as socket:
                socket.receive_json()
                error, closed = said(socket)
            assert (error["code"], error["retryable"], closed["reason"]) == (reason, True, reason)


def test_a_session_whose_model_fails_says_so(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("/secret/place")

    monkeypatch.setattr(Recognizer, "_answer", broken)
    with TestClient(create_app(Settings((artifact,)))) as client, client.websocket_connect("/v1/stream") as socket:
        for frame in frames(SPEECH):
            socket.send_bytes(frame)
        *_, error, closed = said(socket)
    assert (error["type"], error["code"], closed["reason"]) == ("error", "failed", "failed")
    assert "secret" not in str(error)


def test_a_socket_is_refused_in_a_problem_body(artifact: Path) -> None:
    key = "sesame-0123456789"
    app = create_app(Settings((artifact,), api_key=key, sockets=1))
    asked = {"Authorization": f"Bearer {key}"}
    cases = [
        (401, {}, "", []),
        (401, {}, "", ["emovox", f"{KEY_PROTOCOL}wrong"]),
        (403, {**asked, "Origin": "http://evil.example"}, "", []),
        (422, asked, "?model=other", []),
    ]
    with TestClient(app) as client:
        for status, headers, query, protocols in cases:
            with pytest.raises(WebSocketDenialResponse) as denied:
                client.websocket_connect(f"/v1/stream{query}", protocols, headers=headers).__enter__()
            assert denied.value.status_code == denied.value.json()["status"] == status
        protocols = ["emovox", KEY_PROTOCOL + key]
        with client.websocket_connect("/v1/stream", protocols) as socket:
            assert socket.accepted_subprotocol == "emovox"
            with pytest.raises(WebSocketDenialResponse) as denied:
                client.websocket_connect("/v1/stream", headers=asked).__enter__()
            assert denied.value.status_code == 503 and "sockets" in denied.value.json()["detail"]
