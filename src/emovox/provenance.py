"""Where a figure comes from: versions, commit, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("emovox", "numpy", "scipy", "tensorflow", "keras", "soundfile", "soxr", "onnxruntime")


def describe_software() -> dict[str, str]:
    """Versions that a figure depends on, and the commit where the code lies in a checkout."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if _git("ls-files", "--error-unmatch", Path(__file__).name):  # else Emovox lies in a folder of another project
        versions["commit"] = _git("describe", "--always", "--dirty", "--abbrev=12")
    return versions


def _git(*arguments: str) -> str:
    """What git says of the folder of this module; nothing where there is no git or no checkout."""
    try:
        said = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True, text=True, timeout=5, check=False,
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
    """Memory of the machine; 8 where it cannot be told."""
    if not hasattr(os, "sysconf"):
        return 8.0
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
