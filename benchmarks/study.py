"""Run a study as a user would and keep its figures, its wall time and its peak memory.

    python benchmarks/study.py NAME [--aim-minutes M] [--least-minutes M] -- ARGUMENTS OF emovox run

for example ``python benchmarks/study.py speakers6 -- --data ~/ravdess --protocol speakers6``. The result is
``training_results.json`` with the machine, the versions, the command and the measurements beside it, in
``benchmarks/results/NAME.json``. An interrupted benchmark goes on when it is given ``--resume``; its seconds add up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
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
    with peak_memory() as peak:
        code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)
    results = json.loads((out / "training_results.json").read_text(encoding="utf-8"))
    provenance = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    minutes = sum(provenance["seconds"].values()) / 60
    kept = ["PATH" if "/" in word else word for word in arguments if word != "--resume"]
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
