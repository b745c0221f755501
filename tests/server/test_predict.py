"""A recording that is posted is answered as by the recogniser, or refused in a problem body."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from httpx import Response

from emovox.listening import Prediction, Recognizer
from emovox.server import Settings, create_app
from emovox.server.schemas import Answer
from hostile.case import recording
from hostile.recordings import CONTENTS, truncated
from waveforms import tone

WAV = recording("WAV", 2.0)
AS_WAV = {"Content-Type": "audio/wav"}


def refused(response: Response, status: int) -> str:
    """The hint of a refusal, which must be a whole problem body."""
    problem = response.json()
    assert response.status_code == problem["status"] == status, problem
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "hint"} and problem["detail"] and problem["hint"]
    return str(problem["hint"])


def test_a_body_and_a_form_are_answered_as_by_the_recognizer(client: TestClient, artifact: Path) -> None:
    expected = {"model": "loud", **Recognizer(artifact).predict(WAV).as_dict()}
    assert client.post("/v1/predict", content=WAV, headers=AS_WAV).json() == expected
    assert client.post("/v1/predict?model=loud", files={"file": ("../../etc/passwd", WAV)}).json() == expected


def test_an_answer_tells_all_that_a_prediction_does() -> None:
    assert set(Answer.model_fields) == {"model", *Prediction(("calm", "happy"), np.float32([0.5, 0.5])).as_dict()}


@pytest.mark.parametrize("container", ["FLAC", "OGG", "MP3", "AIFF"])
def test_other_containers_are_heard(client: TestClient, container: str) -> None:
    heard = client.post("/v1/predict", content=recording(container, 2.0), headers={"Content-Type": "audio/any"})
    assert heard.json()["emotion"] in ("calm", "happy")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/json", "image/png", "multipart/mixed", "nonsense", "audio"]
)
def test_what_is_neither_sound_nor_a_form_is_refused(client: TestClient, media: str) -> None:
    assert "multipart/form-data" in refused(
        client.post("/v1/predict", content=WAV, headers={"Content-Type": media}), 415
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n\r\n--x--\r\n",
        b"--x\r\nContent-Disposition\0: form-data\r\n\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nno file\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data; name=other; filename=a\r\n\r\nRIFF\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data; filename=a\r\n\r\nRIFF\r\n--x--\r\n",
        2 * b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nRIFF\r\n" + b"--x--\r\n",
    ],
)
def test_a_broken_form_is_refused_and_not_logged(
    client: TestClient, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert "-F file=@recording.wav" in refused(client.post("/v1/predict", content=body, headers=form), 400)
    assert not [record for record in caplog.records if record.name != "httpx"]


def test_a_form_without_a_boundary_is_refused(client: TestClient) -> None:
    refused(client.post("/v1/predict", content=b"x", headers={"Content-Type": "multipart/form-data"}), 400)


def test_an_unknown_model_is_refused_with_those_that_there_are(client: TestClient) -> None:
    assert "loud" in refused(client.post("/v1/predict?model=../loud", content=WAV, headers=AS_WAV), 422)


def test_every_unusable_recording_is_refused_with_a_hint(client: TestClient, tmp_path: Path) -> None:
    from hostile.case import Place

    for case in [*CONTENTS, *truncated()]:
        place = Place(tmp_path / case.name.replace("/", " "), tmp_path)
        place.path.mkdir()
        case.make(place)
        (file,) = place.path.iterdir()
        if file.stat().st_size < 25_000_000:
            response = client.post("/v1/predict", content=file.read_bytes(), headers=AS_WAV)
            refused(response, 413 if "lasts" in response.json()["detail"] and "ms" not in response.text else 422)
            assert str(tmp_path) not in response.text


def small(artifact: Path, **limits: Any) -> TestClient:
    return TestClient(create_app(Settings((artifact,), **limits)))


def test_a_body_that_is_too_large_is_refused_though_its_length_is_not_told(artifact: Path) -> None:
    def pieces() -> Any:
        yield from [WAV] * 3

    with small(artifact, body_bytes=len(WAV)) as client:
        assert client.post("/v1/predict", content=WAV, headers=AS_WAV).status_code == 200
        assert "FLAC" in refused(client.post("/v1/predict", content=WAV + b"x", headers=AS_WAV), 413)
        refused(client.post("/v1/predict", content=pieces(), headers=AS_WAV), 413)
        refused(client.post("/v1/predict", files={"file": WAV}), 413)


def test_a_long_recording_is_refused_before_it_is_decoded(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recognizer, "predict", None)
    with small(artifact, seconds=1.5) as client:
        assert "1.5 s" in refused(client.post("/v1/predict", content=WAV, headers=AS_WAV), 413)


def test_a_small_file_that_would_fill_the_memory_is_refused(client: TestClient) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((6_000_000, 8), np.int16), 192_000, format="FLAC")
    assert len(file.getvalue()) < 200_000
    assert "one channel" in refused(client.post("/v1/predict", content=file.getvalue(), headers=AS_WAV), 413)


def test_a_header_that_promises_hours_is_refused(client: TestClient) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(1.0), 16000, format="FLAC")
    lying = bytearray(file.getvalue())
    lying[21] |= 0x0F  # the count of samples in FLAC's first block
    lying[22:26] = struct.pack(">I", 2**32 - 1)
    refused(client.post("/v1/predict", content=bytes(lying), headers=AS_WAV), 413)


def test_nothing_of_an_upload_reaches_the_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile._TemporaryFileWrapper", None)
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    large = recording("WAV", 59.0)
    assert len(large) > 1_800_000
    assert client.post("/v1/predict", files={"file": large}).status_code == 200
