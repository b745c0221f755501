"""What the server says of itself (OpenAPI) is what it does, whatever is asked."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from emovox.server import Settings, create_app

# Bytes that a schema allows are seldom a recording, so the check of acceptance is left out.
QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def test_every_answer_is_one_that_is_documented(artifact: Path) -> None:
    key = "sesame-0123456789"
    with TestClient(create_app(Settings((artifact,), api_key=key))) as client:
        ask_anything(client, {"Authorization": f"Bearer {key}"})


def ask_anything(client: TestClient, headers: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.label for operation in operations} >= {"POST /v1/predict", "GET /v1/models", "GET /metrics"}
    for operation in operations:
        modes = list(GenerationMode) if operation.body else [GenerationMode.POSITIVE]  # a bare GET cannot be wrong
        for mode in modes:

            @QUICK
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: schemathesis.Case) -> None:
                case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

            check()


def test_every_operation_has_an_example_of_its_answer_and_refusals_have_one(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for media, content in response["content"].items():
                    if media != "text/plain":
                        schema = content["schema"]
                        name = schema.get("$ref", "").rpartition("/")[2]
                        schema = described["components"]["schemas"].get(name, schema)
                        assert schema.get("example"), (path, status)
