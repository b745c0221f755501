"""Silence while others build and save, and everything as before once it ends."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from emovox.quiet import only_python_speaks, quiet

ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}


def speak(where: str) -> None:
    print(f"print {where}")
    os.write(2, f"native {where}\n".encode())
    warnings.warn(f"warning {where}", stacklevel=1)
    logging.getLogger("other").error("log %s", where)


def test_nothing_is_said_within_and_all_of_it_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with quiet():
            speak("within")
        speak("after")
    said = capfd.readouterr()
    assert "within" not in said.out + said.err
    assert "print after" in said.out and "native after" in said.err
    assert [str(warning.message) for warning in warned] == ["warning after"]


def test_errors_rise_and_leave_nothing_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), quiet():
        raise ValueError("wrong")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
    assert logging.root.manager.disable == logging.NOTSET


def test_silence_within_silence_ends_with_the_outer_one(caplog: pytest.LogCaptureFixture) -> None:
    with quiet():
        with quiet():
            pass
        logging.getLogger("other").error("between")
    logging.getLogger("other").error("after")
    assert caplog.messages == ["after"]


def test_only_python_speaks_in_any_thread() -> None:
    """In a process of its own, whose error stream is what a person's is."""
    code = """
import os, sys, threading
from emovox.quiet import only_python_speaks
with only_python_speaks():
    os.write(2, b"native within\\n")
    for number in range(3):
        thread = threading.Thread(target=lambda: print("python", file=sys.stderr))
        thread.start()
        thread.join()
os.write(2, b"native after\\n")
print("and python", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, 3 * "python\n" + "native after\nand python\n")


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_a_closed_error_stream_is_no_error() -> None:
    code = "from emovox.quiet import only_python_speaks as o\nwith o(): print(1)"
    done = subprocess.run(f"{sys.executable} -c '{code}' 2>&-", env=ENV, shell=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"1\n")


@pytest.mark.parametrize("silence", [quiet, only_python_speaks])
def test_no_file_descriptor_is_left_open(silence: Callable[[], AbstractContextManager[None]]) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc")
    before = count()
    for _ in range(5):
        with silence():
            pass
    assert count() == before
