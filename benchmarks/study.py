"""Run a study as a user would and keep its figures, its wall time and its peak memory.

    python benchmarks/study.py NAME [--aim-minutes M] [--least-minutes M] -- ARGUMENTS OF emovox run

for example ``python benchmarks/study.py speakers6 -- --data ~/ravdess --protocol speakers6``. The result is
``training_results.json`` with the machine, the versions, the command and the measurements beside it, in
``benchmarks/results/NAME.json``. The wall time is that of the whole process, from an empty cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import peak_memory, row, write


def main() -> None:
    """Parse, run, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--aim-minutes", type=float)
    parser.add_argument("--least-minutes", type=float)
    parser.add_argument("--out", type=Path, help="the run folder (default: runs/benchmark-NAME)")
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    options, arguments = parser.parse_args(given[:cut]), given[cut + 1 :]
    out = options.out or Path("runs") / f"benchmark-{options.name}"
    command = [sys.executable, "-m", "emovox", "run", "--out", str(out), *arguments]
    if "--resume" in arguments or out.exists():
        parser.error(f"wall time wants a run from nothing; remove {out} and leave --resume out")
    with peak_memory() as peak, tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        code = subprocess.run(command, check=False, env={**os.environ, "EMOVOX_CACHE": cache}).returncode
        minutes = (time.perf_counter() - start) / 60
    if code:
        sys.exit(code)
    results = json.loads((out / "training_results.json").read_text(encoding="utf-8"))
    provenance = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    kept = ["PATH" if "/" in word else word for word in arguments]
    measurements = [
        row(f"`{options.name}`: wall time", minutes, "min", options.aim_minutes, options.least_minutes),
        row(f"`{options.name}`: peak memory of all processes", peak[0], "GiB", 2, 4),
    ]
    write(
        options.name,
        {
            **results,
            "command": " ".join(["emovox run", *kept]),
            "measured_with": {key: provenance[key] for key in ("software", "machine")},
            "seconds": provenance["seconds"],
            "measurements": measurements,
        },
    )


if __name__ == "__main__":
    main()
