"""Health, metrics, models and the page, and what happens when something fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from emovox.errors import ModelError
from emovox.listening import Recognizer
from emovox.server import Settings, create_app
from hostile.case import recording
from loudness import ABOUT, write_loudness_model

AS_WAV = {"Content-Type": "audio/wav"}


def counted(client: TestClient, name: str, **labels: str) -> float:
    """A sample of what Prometheus would read."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def test_requests_and_seconds_of_sound_are_counted_by_route(client: TestClient) -> None:
    asked = {"path": "/v1/predict", "status": "200"}
    before = counted(client, "emovox_request_seconds_count", **asked)
    heard = counted(client, "emovox_audio_seconds_total", path="/v1/predict")
    assert client.post("/v1/predict", content=recording("WAV", 2.0), headers=AS_WAV).status_code == 200
    for number in range(3):
        client.get(f"/nowhere/{number}")
    assert counted(client, "emovox_request_seconds_count", **asked) == before + 1
    assert counted(client, "emovox_audio_seconds_total", path="/v1/predict") == heard + 2
    assert counted(client, "emovox_request_seconds_count", path="other", status="404") >= 3
    assert counted(client, "emovox_open", what="requests") == 0
    assert counted(client, "process_resident_memory_bytes") > 1e6


def test_models_are_listed_the_default_first(artifact: Path, tmp_path: Path) -> None:
    other = write_loudness_model(tmp_path / "other.onnx", {**ABOUT, "licence": "CC0"})
    with TestClient(create_app(Settings((other, artifact)))) as client:
        first, second = client.get("/v1/models").json()["models"]
        assert (first["name"], first["licence"], second["name"]) == ("other", "CC0", "loud")
        answer = client.post("/v1/predict", content=recording("WAV"), headers=AS_WAV)
        assert answer.json()["model"] == "other"


def test_two_models_of_one_name_are_refused(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Two models are called loud"):
        Settings((artifact, tmp_path / "loud.onnx"))


def test_a_busy_server_is_not_ready_and_refuses(artifact: Path) -> None:
    app = create_app(Settings((artifact,), threads=1, waiting=0))
    with TestClient(app) as client, app.state.service.requests.one("somebody"):
        for refused in (client.get("/readyz"), client.post("/v1/predict", content=b"x", headers=AS_WAV)):
            assert refused.status_code == 503 and refused.json()["hint"] == "Try again in a second"
        assert client.get("/healthz").status_code == 200


def test_a_failure_is_a_problem_that_tells_nothing_of_the_inside(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise RuntimeError("/secret/place")

    monkeypatch.setattr(Recognizer, "predict", broken)
    app = create_app(Settings((artifact,)))
    with TestClient(app, raise_server_exceptions=False) as client:
        failed = client.post("/v1/predict", content=recording("WAV"), headers=AS_WAV)
        assert failed.status_code == failed.json()["status"] == 500 and "secret" not in failed.text
        assert not app.state.service.requests._taken


def test_the_page_is_given_with_its_model_and_loads_nothing_from_elsewhere(client: TestClient, artifact: Path) -> None:
    shown = client.get("/")
    assert "<title>Emovox</title>" in shown.text and shown.headers["content-type"].startswith("text/html")
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';") and "http" not in policy
    assert client.get("/page.json").json()["about"]["labels"] == list(Recognizer(artifact).labels)
    assert client.get("/model.onnx").content == artifact.read_bytes()
    assert client.get("/v1/models").status_code == 200
    assert client.get("/../server/run.py").json()["status"] == 404
