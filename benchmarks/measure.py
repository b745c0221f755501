"""What every benchmark shares: a row, the result's file, and what is watched while something runs."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emovox.files import write_json
from emovox.provenance import describe_machine, describe_software

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is first imported

RESULTS = Path(__file__).resolve().parent / "results"


def row(what: str, value: float, unit: str, aim: float | None = None, least: float | None = None) -> dict[str, Any]:
    """One measurement, with what it should be at least and at best."""
    found: dict[str, Any] = {"what": what, "value": round(value, 4), "unit": unit}
    return found | ({"aim": aim} if aim is not None else {}) | ({"least": least} if least is not None else {})


def write(name: str, content: dict[str, Any]) -> Path:
    """Keep a result under ``benchmarks/results``, with the machine and the versions it was measured with.

    Where the result does not name its command, it is this process's, with paths left out.
    """
    path = RESULTS / f"{name}.json"
    command = {"command": without_paths(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])}
    write_json(path, {**command, **content, "machine": describe_machine(), "software": describe_software()})
    print(json.dumps(content.get("measurements", []), indent=1, ensure_ascii=False))
    print(f"Wrote {path}")
    return path


def without_paths(words: list[str]) -> str:
    """A command without the paths of the machine that it ran on.

    >>> without_paths(["python", "benchmarks/study.py", "loso", "--", "--data", "/mine/ravdess", "--out=/mine/run"])
    'python benchmarks/study.py loso -- --data PATH --out=PATH'
    """
    first, kept = 2, []
    for word in words[first:]:
        option, equals, value = word.rpartition("=")
        kept.append(f"{option}{equals}PATH" if "/" in value else word)
    return " ".join([*words[:first], *kept])


def say(sentence: str) -> None:
    """Progress, for whoever waits."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def peak_memory(every_seconds: float = 1.0) -> Iterator[list[float]]:
    """Watch all processes that this one starts; the list holds their peak in GiB (proportional set size; Linux).

    The measuring process itself is left out: a user does not have it.
    """

    def gibibytes() -> float:
        return sum(map(_proportional_bytes, _descendants(os.getpid()))) / 2**30

    with _peak(gibibytes, every_seconds) as peak:
        yield peak


@contextmanager
def peak_size(folder: Path, every_seconds: float = 1.0) -> Iterator[list[float]]:
    """Watch a folder; the list holds the most that its files took, in GB (1e9 bytes)."""
    with _peak(lambda: _bytes_below(folder) / 1e9, every_seconds) as peak:
        yield peak


@contextmanager
def _peak(measure: Callable[[], float], every_seconds: float) -> Iterator[list[float]]:
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every_seconds):
            peak[0] = max(peak[0], measure())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak[0] = max(peak[0], measure())


def _bytes_below(folder: Path) -> int:
    """What all files below a folder take; one that goes away meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


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
