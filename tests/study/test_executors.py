"""Executors: this process or others; replaced after a few tasks, stopped with their owner, and their death is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from emovox.errors import EmovoxError, RunError
from emovox.study.executors import TASKS_PER_PROCESS, Processes, Serial, tell


def work(number: int) -> tuple[int, int]:
    tell("work", number, 10)
    return number, os.getpid()


def refuse() -> None:
    raise RunError("no such run")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ignore(*_: object) -> None:
    pass


def result(pool: Processes, function, *args):
    (found,) = pool.results([pool.submit(function, *args)])
    return found


def test_serial_works_here_and_tells() -> None:
    told: list[tuple[str, int, int]] = []
    with Serial(lambda *news: told.append(news)) as executor:
        found = list(executor.results([executor.submit(work, i) for i in range(3)]))
    assert found == [(i, os.getpid()) for i in range(3)]
    assert told == [("work", i, 10) for i in range(3)]
    tell("work", 9, 10)
    assert len(told) == 3  # nobody listens any more


def test_serial_keeps_an_error_until_it_is_asked_for_and_stops_at_once_for_ctrl_c() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with Serial(ignore) as executor:
        tasks = [executor.submit(refuse), executor.submit(work, 1)]
        with pytest.raises(RunError, match="no such run"):
            list(executor.results(tasks))
        assert tasks[1].result()[0] == 1
        with pytest.raises(KeyboardInterrupt):
            executor.submit(stop)


def test_a_process_is_replaced_after_a_few_tasks_and_all_is_told() -> None:
    told: list[int] = []
    with Processes(1, 1, lambda stage, done, total: told.append(done)) as pool:
        results = sorted(pool.results([pool.submit(work, i) for i in range(TASKS_PER_PROCESS + 1)]))
    assert [number for number, _ in results] == list(range(TASKS_PER_PROCESS + 1)) == sorted(told)
    processes = [process for _, process in results]
    assert len(set(processes)) == 2 and processes[0] == processes[TASKS_PER_PROCESS - 1]
    assert os.getpid() not in processes


def test_a_process_learns_how_many_threads_it_has_and_the_parent_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # what a person has set is left
    for threads in ("3", "2"):
        with Processes(1, int(threads), ignore) as pool:
            assert result(pool, os.getenv, "TF_NUM_INTRAOP_THREADS") == threads
            assert result(pool, os.getenv, "OMP_NUM_THREADS") == "7"
        assert "TF_NUM_INTRAOP_THREADS" not in os.environ and os.environ["OMP_NUM_THREADS"] == "7"


def test_errors_and_deaths_reach_the_owner_and_leave_no_process() -> None:
    started = time.monotonic()
    with pytest.raises(RunError, match="no such run"), Processes(2, 1, ignore) as pool:
        sleeper = pool.submit(time.sleep, 600)
        result(pool, refuse)
    assert sleeper.done() and time.monotonic() - started < 300
    assert multiprocessing.active_children() == []
    with pytest.raises(EmovoxError, match="continue with 'emovox go'"), Processes(1, 1, ignore, "emovox go") as pool:
        tasks = [pool.submit(die), pool.submit(work, 1)]
        wait(tasks)
        list(pool.results(tasks[:1]))


def test_a_pool_ends_none_but_its_own_children() -> None:
    child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    child.start()
    try:
        with pytest.raises(RunError), Processes(1, 1, ignore) as pool:
            pool.submit(time.sleep, 600)
            raise RunError("stopped")
        assert multiprocessing.active_children() == [child] and child.is_alive()
    finally:
        child.kill()
        child.join()


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, time
        from emovox.study.executors import Processes
        if __name__ == "__main__":
            with Processes(1, 1, lambda *a: None) as pool:
                print(*pool.results([pool.submit(os.getpid)]), flush=True)
                list(pool.results([pool.submit(time.sleep, 600)]))
        """
    )
    (tmp_path / "go.py").write_text(script)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "go.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(200):
        if not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


def test_neither_importing_an_executor_nor_a_job_loads_tensorflow() -> None:
    """A worker that only combines, and the parent of others, start in a fraction of a second."""
    code = "import emovox.study.jobs, sys; sys.exit(','.join({'tensorflow', 'keras', 'onnx'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
