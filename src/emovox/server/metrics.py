"""Counters and times, in the Prometheus format."""

from __future__ import annotations

import os
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Names in the environment the folder where several workers keep their counters; read when Prometheus is imported."""


class Metrics:
    """The counters of a server; those of several workers are added up."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Histogram(
            "emovox_request_seconds", "Seconds from a request to the end of its response", ("path", "status"),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.heard = Counter("emovox_audio_seconds", "Seconds of audio processed", ("path",), registry=registry)
        self.open = Gauge(
            "emovox_open", "Open requests and sockets", ("what",),
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class Timed:
    """Middleware that counts and times every request by its route and status.

    Args:
        app: What answers.
        metrics: Where it is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.perf_counter(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            path = getattr(scope.get("route"), "path", "other")  # as few as there are routes
            self.metrics.requests.labels(path, str(status)).observe(time.perf_counter() - began)
