"""Who may ask: whoever knows the key, and no web page of another host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from emovox.errors import ModelError
from emovox.server import Settings, create_app
from emovox.server.access import secrets

KEY = "sesame-0123456789"


@pytest.fixture(scope="module")
def guarded(artifact: Path) -> Iterator[TestClient]:
    settings = Settings((artifact,), api_key=KEY, origins=("https://friend.example",))
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer \xe9"])
@pytest.mark.parametrize("path", ["/v1/models", "/metrics"])
def test_without_the_key_nothing_is_told(guarded: TestClient, sent: str, path: str) -> None:
    refused = guarded.get(path, headers={"Authorization": sent.encode("latin-1")})
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
    assert "Authorization" in refused.json()["hint"] and KEY not in refused.text


def test_with_the_key_all_is_told(guarded: TestClient) -> None:
    assert guarded.get("/v1/models", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_keys_are_compared_in_constant_time(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(secrets, "compare_digest", lambda *pair: compared.append(pair) or False)
    guarded.get("/v1/models", headers={"Authorization": "Bearer guess"})
    assert compared == [(b"guess", KEY.encode())]


def test_health_needs_no_key(guarded: TestClient) -> None:
    assert guarded.get("/healthz").json() == guarded.get("/readyz").json() == {"status": "ok"}


ORIGINS = {
    "http://127.0.0.1:8000": 200,
    "https://friend.example": 200,
    "http://127.0.0.1:9999": 403,
    "http://evil.example": 403,
    "null": 403,
    "http://[": 403,
    "http://friend.example": 403,
}


@pytest.mark.parametrize(("origin", "status"), ORIGINS.items())
def test_only_its_own_pages_and_friends_may_ask(guarded: TestClient, origin: str, status: int) -> None:
    answer = guarded.get("/v1/models", headers={"Authorization": f"Bearer {KEY}", "Origin": origin})
    assert answer.status_code == status


def test_a_name_that_somebody_led_here_is_no_page_of_ours(guarded: TestClient) -> None:
    rebound = {"Host": "evil.example", "Origin": "http://evil.example", "Authorization": f"Bearer {KEY}"}
    assert guarded.get("/v1/models", headers=rebound).status_code == 403


def test_only_configured_pages_are_told_that_they_may(guarded: TestClient, client: TestClient) -> None:
    asks = {"Origin": "https://friend.example", "Access-Control-Request-Method": "POST"}
    allowed = guarded.options("/v1/predict", headers=asks)
    assert allowed.headers["access-control-allow-origin"] == "https://friend.example"
    assert "access-control-allow-origin" not in client.options("/v1/predict", headers=asks).headers


@pytest.mark.parametrize("key", ["", "short", "with a space in it", "ü" * 20])
def test_a_weak_key_is_refused(key: str) -> None:
    with pytest.raises(ModelError, match="16 to 200 letters"):
        Settings((Path("a.onnx"),), api_key=key)


def test_a_key_is_not_shown() -> None:
    assert KEY not in repr(Settings((Path("a.onnx"),), api_key=KEY))
