"""A small server: the artifact made by hand that calls what is loud happy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from emovox.server import Settings, create_app
from loudness import ABOUT, write_loudness_model


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_loudness_model(tmp_path_factory.mktemp("server") / "loud.onnx", ABOUT)


@pytest.fixture(scope="session")
def client(artifact: Path) -> Iterator[TestClient]:
    """A caller of a server with the usual settings; an error that no handler tells is raised."""
    with TestClient(create_app(Settings((artifact,)))) as client:
        yield client
