"""Worker processes: replaced after a few tasks, stopped with their owner, and their death is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import wait

import pytest

pytest.importorskip("tensorflow")

from emovox.errors import EmovoxError, RunError
from emovox.workers import TASKS_PER_PROCESS, Workers, tell


def work(number: int) -> tuple[int, int]:
    tell("work", number, 10)
    return number, os.getpid()


def refuse() -> None:
    raise RunError("no such run")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_is_replaced_after_a_few_tasks_and_all_is_told() -> None:
    told: list[int] = []
    with Workers(1, 1, lambda stage, done, total: told.append(done)) as pool:
        results = [pool.result(task) for task in [pool.submit(work, i) for i in range(TASKS_PER_PROCESS + 1)]]
    assert [number for number, _ in results] == list(range(TASKS_PER_PROCESS + 1)) == sorted(told)
    processes = [process for _, process in results]
    assert len(set(processes)) == 2 and processes[0] == processes[TASKS_PER_PROCESS - 1]


def test_errors_and_deaths_reach_the_owner_and_leave_no_process() -> None:
    started = time.monotonic()
    with pytest.raises(RunError, match="no such run"), Workers(2, 1, lambda *_: None) as pool:
        sleeper = pool.submit(time.sleep, 600)
        pool.result(pool.submit(refuse))
    assert sleeper.done() and time.monotonic() - started < 300
    assert multiprocessing.active_children() == []
    with pytest.raises(EmovoxError, match="--resume --workers 1"), Workers(1, 1, lambda *_: None) as pool:
        tasks = [pool.submit(die), pool.submit(work, 1)]
        wait(tasks)
        pool.result(tasks[0])
