"""Do the work of many callers in a few threads, and refuse what would have to wait too long."""

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
    """So many callers are let in at once, and so many of one address.

    Args:
        most: At once.
        per_client: Of one address.
        what: What takes a place: "requests" or "sockets".
        gauge: Shows how many are in.
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
        """Hold a place for a caller.

        Raises:
            Refusal: 503 where all are taken, 429 where the caller has too many.
        """
        if self.full:
            raise Refusal(503, f"Too many {self._what} are open at once", "Try again in a second", SOON)
        if self._taken[client] >= self._per_client:
            hint = f"Wait for the others; {self._per_client} may be open at once"
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
    """A few threads that hear recordings.

    Args:
        threads: At once.
        seconds: How long a caller waits.
    """

    def __init__(self, threads: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(threads, "hearing")
        self._seconds = seconds

    async def run(self, work: Callable[..., Result], *args: object) -> Result:
        """What ``work(*args)`` gives, in one of the threads.

        Raises:
            Refusal: 503 where that took too long; what had not begun is then left.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        except TimeoutError:
            raise Refusal(503, "The answer took too long", "Try again in a second", SOON) from None

    def close(self) -> None:
        """Finish what has begun."""
        self._threads.shutdown(cancel_futures=True)
