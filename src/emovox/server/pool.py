"""Bound the work: a few threads, a limited number of open requests, and a refusal for the rest."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from prometheus_client import Gauge

from emovox.server.problems import Refusal

Result = TypeVar("Result")

SOON = {"Retry-After": "1"}


class Places:
    """A limit on what is open at the same time, in all and for each client address.

    Args:
        most: In all.
        per_client: For one address.
        what: What is counted: "requests" or "sockets".
        gauge: Shows how many are open.
    """

    def __init__(self, most: int, per_client: int, what: str, gauge: Gauge) -> None:
        self._most, self._per_client, self._what, self._gauge = most, per_client, what, gauge
        self._taken: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether the next is refused."""
        return self._taken.total() >= self._most

    @contextlib.contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Hold a place.

        Raises:
            Refusal: 503 when all are taken, 429 when the client has too many.
        """
        if self.full:
            raise Refusal(503, f"Too many {self._what} are open", "Try again in a second", SOON)
        if self._taken[client] >= self._per_client:
            hint = f"Wait until others are finished; at most {self._per_client} can be open at the same time"
            raise Refusal(429, f"Too many {self._what} from your address", hint, SOON)
        self._taken[client] += 1
        try:
            with self._gauge.track_inprogress():
                yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


class Pool:
    """Threads that process recordings.

    Args:
        threads: How many.
        seconds: How long a client waits for a result.
    """

    def __init__(self, threads: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(threads, "recognizer")
        self._seconds = seconds

    async def run(self, work: Callable[..., Result], *args: object) -> Result:
        """Run ``work(*args)`` in one of the threads.

        Raises:
            Refusal: 503 when it takes too long; work that has not started is then dropped.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        except TimeoutError:
            raise Refusal(503, "The answer took too long", "Try again in a second", SOON) from None

    def close(self) -> None:
        """Finish what has started."""
        self._threads.shutdown(cancel_futures=True)
