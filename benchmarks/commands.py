"""Time the two commands of a newcomer after installation, and the rendering of the synthetic corpus.

    python benchmarks/commands.py

``make run`` works on the synthetic corpus, from an empty cache and into a folder that is then removed, so the figure
holds wherever there is no recording and no network. The result is ``benchmarks/results/commands.json``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import peak_memory, row, write

from emovox.corpora.synthetic import load_synthetic

ROOT = Path(__file__).resolve().parents[1]


def seconds(command: list[str], cache: str) -> float:
    """The wall time of a whole process."""
    start = time.perf_counter()
    code = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "EMOVOX_CACHE": cache}).returncode
    if code:
        sys.exit(code)
    return time.perf_counter() - start


def main() -> None:
    """Install, then time each command."""
    measurements = []
    with tempfile.TemporaryDirectory() as scratch:
        seconds(["make", "setup-dev"], scratch)
        start = time.perf_counter()
        load_synthetic(Path(scratch) / "rendered")
        measurements.append(
            row("rendering the synthetic corpus, 1,440 clips", time.perf_counter() - start, "s", least=60)
        )
        with peak_memory() as peak:
            run = seconds(["make", "run", f"ARGS=--data synthetic --out {scratch}/run"], f"{scratch}/cache")
        measurements.append(row("`make run` on the synthetic corpus: wall time", run / 60, "min", least=5))
        measurements.append(
            row("`make run` on the synthetic corpus: peak memory of all processes", peak[0], "GiB", 2, 4)
        )
        tests = seconds(["make", "test"], scratch)
        measurements.append(row("`make test`: wall time", tests / 60, "min", 4, 10))
    write("commands", {"measurements": measurements})


if __name__ == "__main__":
    main()
