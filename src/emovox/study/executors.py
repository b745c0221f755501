"""Who does the work: this process, or others that tell how far they are and never outlive it.

An executor takes a function that can be imported by name, and arguments that can travel; a pool of another kind (Ray, a
batch queue) needs no more than that.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Protocol, Self

from emovox.corpora.base import Progress
from emovox.errors import EmovoxError

_told: Any = None
"""In a worker process: the queue that leads to the parent's display."""


QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What a worker's libraries read when they are first imported, which is only where a task needs them."""

Message = tuple[str, int, int, dict[str, float]]
"""What a worker tells: a stage, steps done and in all, and what was measured at that step."""

TASKS_PER_PROCESS = 2
"""After so many a process is replaced: TensorFlow keeps some 40 MB of every graph that was built."""


class Executor(Protocol):
    """Takes tasks and gives their results."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have ``function`` called, which must be importable by name."""

    def results(self, tasks: Iterable[Future[Any]]) -> Iterator[Any]:
        """What the tasks return, each as soon as it is done.

        Raises:
            EmovoxError: What a task raised, or that its process died.
        """


class Serial:
    """Calls every task at once in this process."""

    def __init__(self, told: Progress) -> None:
        global _told
        _told = _Direct(told)

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call ``function`` and keep what came of it."""
        task: Future[Any] = Future()
        try:
            task.set_result(function(*args))
        except Exception as error:
            task.set_exception(error)
        return task

    def results(self, tasks: Iterable[Future[Any]]) -> Iterator[Any]:
        """What the tasks returned."""
        for task in tasks:
            yield task.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        global _told
        _told = None


class _Direct:
    """Stands for the queue where worker and parent are one process."""

    def __init__(self, told: Progress) -> None:
        self.told = told

    def put(self, message: Message) -> None:
        _hand_on(self.told, message)


class _Own(SpawnContext):
    """Starts fresh processes, and knows which ones it started."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *args: Any, **settings: Any) -> BaseProcess:  # type: ignore[override]
        """A process that is about to be started."""
        self.started.append(super().Process(*args, **settings))
        return self.started[-1]


class Processes:
    """Fresh Python processes, each replaced by another after a few tasks.

    Args:
        count: Processes at once.
        threads: Cores that each may use.
        tell: The parent's display; workers reach it with :func:`tell`.
        resume: The command that goes on where a process was killed.
    """

    def __init__(
        self, count: int, threads: int, tell: Progress, resume: str = "emovox run --resume --workers 1"
    ) -> None:
        self._context, self._resume = _Own(), resume
        self._queue: Any = self._context.Queue()
        self._tell, self._threads = tell, threads
        self._added: list[str] = []
        self._hands = ThreadPoolExecutor(count)  # one thread a process: it hands tasks over and waits
        self._mine = threading.local()
        self._tasks: list[Future[Any]] = []
        self._pools: list[ProcessPoolExecutor] = []
        self._stopping = False

    def __enter__(self) -> Self:
        wanted = {**QUIET, **dict.fromkeys(THREADS, str(self._threads))}  # processes inherit them
        self._added = [name for name in wanted if name not in os.environ]
        os.environ.update({name: wanted[name] for name in self._added})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # nobody waits for what is still being worked on
            self._stopping = True
            self._hands.shutdown(wait=False, cancel_futures=True)
            while not all(task.done() for task in self._tasks):
                for child in list(self._context.started):
                    if child.pid is not None:
                        child.terminate()
                time.sleep(0.02)
        self._hands.shutdown(wait=True)
        for pool in self._pools:
            pool.shutdown(wait=True)
        self._drain()
        self._queue.close()
        for name in self._added:
            os.environ.pop(name, None)

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
            mine.pool = ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=(self._queue,))
            mine.left = TASKS_PER_PROCESS
            self._pools.append(mine.pool)
        mine.left -= 1
        return mine.pool.submit(function, *args).result()

    def results(self, tasks: Iterable[Future[Any]]) -> Iterator[Any]:
        """What the tasks return, each as soon as it is done; meanwhile what the workers tell is handed on.

        Raises:
            EmovoxError: What a task raised, or that its process died.
        """
        pending = set(tasks)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            self._drain()
            for task in done:
                try:
                    yield task.result()
                except BrokenProcessPool:
                    raise EmovoxError(
                        "A training process was killed, most often because memory ran out. What is finished is kept; "
                        f"continue with '{self._resume}'"
                    ) from None
        self._drain()

    def _drain(self) -> None:
        """Hand on what the workers have told since the last call."""
        while True:
            try:
                message = self._queue.get_nowait()
            except (queue.Empty, OSError, ValueError):
                return
            _hand_on(self._tell, message)


def tell(stage: str, done: int, total: int, values: Mapping[str, float] | None = None) -> None:
    """In a worker: say how far a stage is, and what was measured at that step. Elsewhere: nothing."""
    if _told is not None:
        _told.put((stage, done, total, dict(values or {})))


def _hand_on(told: Progress, message: Message) -> None:
    """Tell a display how far a stage is; what was measured as well, if it has a method for that."""
    stage, done, total, values = message
    measured = getattr(told, "measured", None)
    if values and measured:
        measured(stage, values)
    told(stage, done, total)


def _begin(told: Any) -> None:
    """Set a worker up: Ctrl-C is the parent's to handle, and when the parent dies the worker does too."""
    global _told
    _told = told
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module=r"(keras|tensorflow|tf2onnx|numpy)\b")
    warnings.filterwarnings("ignore", message=".*shuffle=True.*")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # batches of several sizes are meant
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:
    """End this process when its parent has ended, however that came about."""
    parent.join()
    os._exit(1)
