"""Work through many recordings at once, and give the answers in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_order(work: Callable[[Item], Answer], items: Iterable[Item], threads: int | None = None) -> Iterator[Answer]:
    """Yield ``work(item)`` for every item, in order; a few are under way at once, and no more are held.

    Args:
        work: Must be safe to call from many threads.
        items: Taken as they are needed; an endless one will do.
        threads: At once; by default as many as there are cores.

    Raises:
        Exception: What ``work`` raises, when its turn comes; what has not begun is then left.

    >>> list(in_order(lambda x: 2 * x, range(3)))
    [0, 2, 4]
    """
    threads = threads or os.cpu_count() or 1
    waiting: deque[Future[Answer]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
