"""Processes that work beside this one, tell how far they are, and never outlive it."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from emovox.corpora.base import Progress
from emovox.errors import EmovoxError

_told: Any = None
"""In a worker process: the queue that leads to the parent's display."""


_threads = 1
"""In a worker process: the cores that it may use."""


TASKS_PER_PROCESS = 2
"""After so many a process is replaced: TensorFlow keeps some 40 MB of every graph that was built."""


class Workers:
    """Fresh Python processes, each replaced by another after a few tasks.

    Args:
        count: Processes at once.
        threads: Cores that each may use.
        tell: The parent's display; workers reach it with :func:`tell`.
    """

    def __init__(self, count: int, threads: int, tell: Progress) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._queue: Any = self._context.Queue()
        self._tell, self._threads = tell, threads
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
        for name, value in quiet.items():
            os.environ.setdefault(name, value)
        self._hands = ThreadPoolExecutor(count)  # one thread a process: it hands tasks over and waits
        self._mine = threading.local()
        self._tasks: list[Future[Any]] = []
        self._pools: list[ProcessPoolExecutor] = []
        self._stopping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # nobody waits for what is still being worked on
            self._stopping = True
            self._hands.shutdown(wait=False, cancel_futures=True)
            while not all(task.done() for task in self._tasks):
                for child in multiprocessing.active_children():
                    child.terminate()
                time.sleep(0.02)
        self._hands.shutdown(wait=True)
        for pool in self._pools:
            pool.shutdown(wait=True)
        self.drain()
        self._queue.close()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have a worker call ``function``, which must be importable by name."""
        task = self._hands.submit(self._carry_out, function, args)
        self._tasks.append(task)
        return task

    def _carry_out(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """In a thread: have its process do one task."""
        mine = self._mine
        if getattr(mine, "left", 0) == 0:
            if self._stopping:
                raise CancelledError
            if hasattr(mine, "pool"):
                mine.pool.shutdown(wait=True)
            arguments = (self._queue, self._threads)
            mine.pool = ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=arguments)
            mine.left = TASKS_PER_PROCESS
            self._pools.append(mine.pool)
        mine.left -= 1
        return mine.pool.submit(function, *args).result()

    def result(self, task: Future[Any]) -> Any:
        """What a task returned.

        Raises:
            EmovoxError: What the task raised, or that its process died.
        """
        try:
            return task.result()
        except BrokenProcessPool:
            raise _died() from None

    def drain(self) -> None:
        """Hand on what the workers have told since the last call."""
        while True:
            try:
                stage, done, total = self._queue.get_nowait()
            except (queue.Empty, OSError, ValueError):
                return
            self._tell(stage, done, total)


def tell(stage: str, done: int, total: int) -> None:
    """In a worker: say how far a stage is. Elsewhere: nothing."""
    if _told is not None:
        _told.put((stage, done, total))


def threads() -> int:
    """In a worker: the cores that it may use. Elsewhere: one."""
    return _threads


def _died() -> EmovoxError:
    return EmovoxError(
        "A training process was killed, most often because memory ran out. What was trained is kept; "
        "go on with 'emovox run --resume --workers 1'"
    )


def _begin(told: Any, threads: int) -> None:
    """Set a worker up: Ctrl-C is the parent's to handle, and when the parent dies the worker does too."""
    global _told, _threads
    _told, _threads = told, threads
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module=r"(keras|tensorflow|tf2onnx|numpy)\b")
    warnings.filterwarnings("ignore", message=".*shuffle=True.*")
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    with _silenced():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    tf.get_logger().setLevel("ERROR")  # batches of several sizes are meant
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)


def _follow(parent: Any) -> None:
    """End this process when its parent has ended, however that came about."""
    parent.join()
    os._exit(1)


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep native code's greetings off standard error."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
