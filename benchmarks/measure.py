"""What every benchmark shares: the machine, the commit, the peak memory of a process and all its children."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emovox.files import write_json
from emovox.study import describe_machine, describe_software

RESULTS = Path(__file__).resolve().parent / "results"


def row(what: str, value: float, unit: str, aim: float | None = None, least: float | None = None) -> dict[str, Any]:
    """One measurement, with what it should be at least and at best."""
    found: dict[str, Any] = {"what": what, "value": round(value, 4), "unit": unit}
    return found | ({"aim": aim} if aim is not None else {}) | ({"least": least} if least is not None else {})


def write(name: str, content: dict[str, Any]) -> Path:
    """Keep a result under ``benchmarks/results``, with the machine and the versions it was measured with."""
    path = RESULTS / f"{name}.json"
    write_json(path, {**content, "machine": describe_machine(), "software": describe_software()})
    print(json.dumps(content.get("measurements", []), indent=1))
    print(f"Wrote {path}")
    return path


@contextmanager
def peak_memory(every_seconds: float = 1.0) -> Iterator[list[float]]:
    """Watch all processes that this one starts; the list holds their peak in GiB (proportional set size; Linux).

    The measuring process itself is left out: a user does not have it.
    """
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every_seconds):
            peak[0] = max(peak[0], sum(map(_proportional_bytes, _descendants(os.getpid()))) / 2**30)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _descendants(root: int) -> list[int]:
    """Every process that a process has started, and those that they have."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    family = [root]
    for process in family:
        family += [child for child, parent in parents.items() if parent == process]
    return family[1:]


def _proportional_bytes(process: int) -> int:
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
