"""Silence while others build and save, and everything as before once it ends."""

from __future__ import annotations

import logging
import os
import warnings

import pytest

from emovox.quiet import quiet


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


def test_no_file_descriptor_is_left_open() -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc")
    before = count()
    for _ in range(5):
        with quiet():
            pass
    assert count() == before
