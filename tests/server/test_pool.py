"""What is too much is refused at once, and what was given up frees its place."""

from __future__ import annotations

import asyncio
import threading

import pytest
from prometheus_client import Gauge

from emovox.server.pool import Places, Pool
from emovox.server.problems import Refusal


def test_places_are_refused_and_freed() -> None:
    gauge = Gauge("open", "Open", registry=None)
    places = Places(3, 2, "requests", gauge)
    with places.one("a"), places.one("a"):
        with pytest.raises(Refusal) as caught, places.one("a"):
            pass
        assert caught.value.status == 429
        with places.one("b"):
            with pytest.raises(Refusal) as caught, places.one("c"):
                pass
            assert caught.value.status == 503 and caught.value.headers["Retry-After"] and places.full
            assert gauge._value.get() == 3
    assert not places.full and gauge._value.get() == 0


def test_work_that_takes_too_long_is_refused_and_what_waits_behind_it_never_begins() -> None:
    done = threading.Event()
    began = []

    async def ask() -> list[int]:
        pool = Pool(1, 0.05)
        works = [pool.run(done.wait), pool.run(began.append, 1)]
        answers = await asyncio.gather(*works, return_exceptions=True)
        done.set()
        assert await pool.run(lambda: "free again") == "free again"
        pool.close()
        return [answer.status for answer in answers if isinstance(answer, Refusal)]

    assert asyncio.run(ask()) == [503, 503] and not began
