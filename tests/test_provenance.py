"""Where a figure comes from: told in full where it can be, and without a word too many."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess

import pytest

from emovox import provenance
from emovox.provenance import available_cores, describe_machine, describe_software, gibibytes


def test_versions_are_those_that_are_installed() -> None:
    about = describe_software()
    assert about["python"] == platform.python_version()
    for name in ("emovox", "numpy", "onnxruntime"):
        assert about[name] == importlib.metadata.version(name)
    json.dumps(about)


def test_a_package_that_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    assert {"python", "numpy"} <= set(describe_software()) <= {"python", "numpy", "commit"}


def test_the_commit_is_that_of_this_checkout_and_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"ls-files": "provenance.py", "describe": "0123456789ab-dirty"}
    monkeypatch.setattr(provenance, "_git", lambda word, *_: said[word])
    assert describe_software()["commit"] == "0123456789ab-dirty"
    said["ls-files"] = ""  # installed into the folder of another project
    assert "commit" not in describe_software()


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 5)])
def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    assert "commit" not in describe_software()


def test_the_machine_is_told_but_not_named() -> None:
    about = describe_machine()
    assert set(about) == {"system", "processor", "cores", "gibibytes"}
    assert 1 <= about["cores"] == available_cores()
    assert 0 < about["gibibytes"] == gibibytes()
    assert not platform.node() or platform.node() not in json.dumps(about)
