"""What all routers share: models, threads, limits and metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from emovox.listening import Recognizer
from emovox.server.metrics import Metrics
from emovox.server.pool import Places, Pool
from emovox.server.problems import Refusal
from emovox.server.settings import Settings


class Service:
    """What all routers share.

    Args:
        settings: Models and limits.
        metrics: Where it is counted.

    Raises:
        ModelError: An artifact cannot be loaded.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.recognizers = {path.stem: Recognizer(path) for path in settings.artifacts}
        self.pool = Pool(settings.threads, settings.answer_seconds)
        self.metrics = metrics
        self.requests = self._places(settings.threads + settings.waiting, "requests")
        self.sockets = self._places(settings.sockets, "sockets")

    def _places(self, most: int, what: str) -> Places:
        return Places(most, self.settings.per_client, what, self.metrics.open.labels(what))

    def recognizer(self, model: str | None) -> tuple[str, Recognizer]:
        """A model and its name; the default where none is named.

        Raises:
            Refusal: 422, there is none of that name.
        """
        name = model or next(iter(self.recognizers))
        if name not in self.recognizers:
            raise Refusal(422, "There is no such model", f"Available: {', '.join(self.recognizers)}")
        return name, self.recognizers[name]


def service_of(connection: HTTPConnection) -> Service:
    """The service behind a connection."""
    service: Service = connection.app.state.service
    return service


def client_of(connection: HTTPConnection) -> str:
    """The address of the client."""
    return connection.client.host if connection.client else ""


Shared = Annotated[Service, Depends(service_of)]
Client = Annotated[str, Depends(client_of)]
