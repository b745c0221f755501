"""Where a figure comes from: told in full where it can be, and without a word too many."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

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


def checkout(root: Path, project: str) -> Path:
    """A repository with one commit of this module where Emovox has it, and the folder of that module."""
    package = root / "src" / "emovox"
    package.mkdir(parents=True)
    shutil.copy(provenance.__file__, package)
    (root / "pyproject.toml").write_text(f'[project]\nname = "{project}"\n')
    for words in ("init -q", "add .", "-c user.name=a -c user.email=a@b.c commit -qm first"):
        subprocess.run(["git", "-C", str(root), *words.split()], check=True, capture_output=True)
    return package


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_the_commit_is_that_of_emovox_and_of_no_other_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = checkout(tmp_path / "own", "emovox")
    monkeypatch.setattr(provenance, "HERE", own)
    commit = describe_software()["commit"]
    assert re.fullmatch("[0-9a-f]{12}", commit)
    other = checkout(tmp_path / "other", "thesis")  # which holds a copy of Emovox
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))  # as in a hook
    assert describe_software()["commit"] == commit
    monkeypatch.setattr(provenance, "HERE", other)
    assert "commit" not in describe_software()
    vendored = tmp_path / "own" / "third" / "src" / "emovox"
    shutil.copytree(own, vendored)
    for tracked in (False, True):
        monkeypatch.setattr(provenance, "HERE", vendored)
        assert "commit" not in describe_software(), tracked
        environment = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
        subprocess.run(["git", "-C", str(vendored), "add", "."], check=True, capture_output=True, env=environment)
    monkeypatch.setattr(provenance, "HERE", own)
    assert describe_software()["commit"] == f"{commit}-dirty"


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


def group(root: Path, **files: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of control groups without any, on a machine of 8 cores and 16 GiB."""
    monkeypatch.setattr(provenance, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(provenance, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**22}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    return tmp_path


def test_without_control_groups_all_may_be_used(machine: Path) -> None:
    assert (available_cores(), gibibytes()) == (8, 16.0)
    (machine / "membership").write_text("0::/user.slice\nnonsense\n")
    assert (available_cores(), gibibytes()) == (8, 16.0)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
    ],
)
def test_a_container_of_version_2_limits_cores_and_memory(machine: Path, quota: str, cores: int) -> None:
    (machine / "membership").write_text("0::/\n")
    group(machine / "cgroup", cpu__max=f"{quota}\n", memory__max="4294967296\n")
    assert (available_cores(), gibibytes()) == (cores, 4.0)


def test_a_group_is_limited_by_those_above_it(machine: Path) -> None:
    (machine / "membership").write_text("0::/a/b\n")
    group(machine / "cgroup" / "a", cpu__max="300000 100000", memory__max="2147483648")
    group(machine / "cgroup" / "a" / "b", cpu__max="max 100000", memory__max="max")
    assert (available_cores(), gibibytes()) == (3, 2.0)


def test_groups_of_version_1_limit_too_and_lie_at_the_root_within_a_container(machine: Path) -> None:
    (machine / "membership").write_text("9:memory:/docker/0a1b\n4:cpu,cpuacct:/docker/0a1b\n1:name=systemd:/x\n0::/x\n")
    group(machine / "cgroup" / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    group(machine / "cgroup" / "memory", memory__limit_in_bytes="9223372036854771712")
    assert (available_cores(), gibibytes()) == (8, 16.0)
    group(machine / "cgroup" / "cpu", cpu__cfs_quota_us="50000")
    group(machine / "cgroup" / "memory" / "docker" / "0a1b", memory__limit_in_bytes="1073741824")
    assert (available_cores(), gibibytes()) == (1, 1.0)


def test_cores_that_a_process_is_bound_to_count(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    (machine / "membership").write_text("0::/\n")
    group(machine / "cgroup", cpu__max="400000 100000")
    assert available_cores() == 1
