"""Where a figure comes from: versions, commit, machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import os
import platform
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGES = ("emovox", "numpy", "scipy", "tensorflow", "keras", "soundfile", "soxr", "onnxruntime")

HERE = Path(__file__).resolve().parent
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def describe_software() -> dict[str, str]:
    """Versions that a figure depends on, and the commit where the code lies in a checkout."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    commit = _in_own_repository() and _git("describe", "--always", "--dirty", "--abbrev=12")
    return {**versions, "commit": commit} if commit else versions


def _in_own_repository() -> bool:
    """Whether this code lies in Emovox's checkout, and not within another project that uses it or holds a copy."""
    root = _git("rev-parse", "--show-toplevel")
    if not root or not _git("ls-files", "--error-unmatch", Path(__file__).name):
        return False
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        project = tomllib.loads((Path(root) / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
        return bool(project == "emovox" and Path(root).samefile(HERE.parents[1]))
    return False


def _git(*arguments: str) -> str:
    """What git says of the folder of this module; nothing where there is no git or no checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # of a hook, say
    try:
        said = subprocess.run(
            ["git", "-C", str(HERE), *arguments],
            capture_output=True, text=True, timeout=5, check=False, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def describe_machine() -> dict[str, Any]:
    """The machine, without naming it."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    return {"system": platform.system(), "processor": processor, "cores": available_cores(), "gibibytes": gibibytes()}


def gibibytes() -> float:
    """Memory that this process may use; 8 where it cannot be told."""
    if not hasattr(os, "sysconf"):
        return 8.0
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder in _control_groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            size = min([size, *_numbers(folder / name)])
    return round(size / 2**30, 1)


def available_cores() -> int:
    """Cores that this process may use; a container's share of a core counts as one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for folder in _control_groups("cpu"):
        limits = _numbers(folder / "cpu.max")  # "200000 100000", or "max 100000"
        if not limits:  # as cgroups of version 1 tell it; -1 is no limit
            limits = _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us")
        if len(limits) == 2 and min(limits) > 0:
            cores = min(cores, math.ceil(limits[0] / limits[1]))
    return max(1, cores)


def _control_groups(controller: str) -> Iterator[Path]:
    """The folders that may limit this process, of control groups of version 2 and 1 (``man 7 cgroups``).

    A group is limited by those above it too. Within a container the path that a process is told may not be there, and
    its own group is then the root.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in MEMBERSHIP.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            root = CGROUPS / controller if controllers else CGROUPS
            group = root / path.strip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(root))


def _numbers(path: Path) -> list[int]:
    """The numbers in a file; none where one of its words is none, or it is not there."""
    try:
        return [int(word) for word in path.read_text(encoding="utf-8").split()]
    except (OSError, ValueError):
        return []
