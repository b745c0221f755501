"""A timeline over HTTP is the recogniser's."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from emovox.listening import Recognizer
from emovox.server import Settings, create_app
from hostile.case import recording

WAV = recording("WAV", 8.0)
AS_WAV = {"Content-Type": "audio/wav"}


def test_a_timeline_is_told_as_by_the_recognizer(client: TestClient, artifact: Path) -> None:
    expected = Recognizer(artifact).timeline(WAV).as_dict()
    assert len(expected["measurements"]) > 5 and expected["utterances"]
    told = client.post("/v1/timeline", content=WAV, headers=AS_WAV)
    assert told.json() == {"model": "loud", **expected}


def test_a_longer_recording_has_a_timeline_than_an_answer(artifact: Path) -> None:
    with TestClient(create_app(Settings((artifact,), seconds=5.0, timeline_seconds=10.0))) as client:
        statuses = [
            client.post(f"/v1/{path}", content=WAV, headers=AS_WAV).status_code for path in ("predict", "timeline")
        ]
        assert statuses == [413, 200]
        assert client.post("/v1/timeline", content=recording("WAV", 11.0), headers=AS_WAV).status_code == 413


@pytest.mark.parametrize("content", [b"", b"words", WAV[:1000]])
def test_what_is_no_recording_has_none(client: TestClient, content: bytes) -> None:
    refused = client.post("/v1/timeline", content=content, headers=AS_WAV)
    assert refused.status_code == 422 and refused.json()["hint"]
