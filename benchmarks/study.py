"""Run a study as a user would and keep its figures, its wall time, its peak memory and the most disk it took.

    python benchmarks/study.py NAME [--cache FOLDER] [--note WORDS] [--looked-at WORDS] -- ARGUMENTS OF emovox run

for example ``python benchmarks/study.py speakers6 -- --data ~/ravdess --protocol speakers6``. The result is
``training_results.json`` with the machine, the versions, the command and the measurements beside it, in
``benchmarks/results/NAME.json``. The wall time is that of the whole process, from an empty cache. The disk is what the
run folder takes while the study goes on, looked at every second. YAMNet's share is the time in which its statistics
were heard, with that of its trainings, wherever they stood beside others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import peak_memory, peak_size, row, without_paths, write

from emovox.recipe import Recipe, built_in, read_recipe
from emovox.study.stages import teacher_of

MINUTES = {"speakers1": {"least": 10, "aim": 4}, "speakers6": {"least": 45, "aim": 20}}
"""Of a whole study of the built-in recipe with one seed."""

MEMORY = {"least": 3, "aim": 2}
DISK = {"least": 1.0, "aim": 0.3}
SHARES = {"yamnet": {"least": 4, "aim": 1}}
"""Minutes of a kind, in a study with limits."""

SMALL, SMALL_UAR = 1_000_000, {"least": 66, "aim": 72}
"""Parameters of a small model, all counted, and what its UAR should be in per cent, under ``speakers6``."""


@dataclass(frozen=True)
class Costs:
    """What a study took, from an empty cache.

    Args:
        minutes: Of the whole process.
        gibibytes: Peak memory of all processes.
        gigabytes: The most that the run folder took.
        prepared: Model → seconds in which its input was computed.
    """

    minutes: float
    gibibytes: float
    gigabytes: float
    prepared: dict[str, float]


def measured(name: str, results: dict[str, Any], costs: Costs | None) -> list[dict[str, Any]]:
    """The rows of one study.

    Args:
        name: As rows call it.
        results: Its ``training_results.json``.
        costs: None where a cache was used again.
    """
    models, protocol, rows = results["models"], results["protocol"], []
    usual = set(models) == set(built_in("default").models) and results["seeds"] == 1
    if costs:
        rows += [
            row(f"`{name}`: wall time", costs.minutes, "min", **(MINUTES.get(protocol, {}) if usual else {})),
            row(f"`{name}`: peak memory of all processes", costs.gibibytes, "GiB", **MEMORY),
            row(f"`{name}`: most disk of the run folder", costs.gigabytes, "GB", **DISK),
        ]
    for model, figures in models.items() if costs else ():
        if figures["kind"] in SHARES:
            share = costs.prepared.get(model, 0.0) / 60 + figures["training_time_minutes"]
            limits = SHARES[figures["kind"]] if usual and protocol in MINUTES else {}
            rows.append(row(f"`{name}`: share of `{model}`, hearing and trainings", share, "min", **limits))
    small = [model for model, figures in models.items() if figures["parameters"] <= SMALL]
    if small and protocol == "speakers6":
        best = max(small, key=lambda model: models[model]["scores"]["uar"]["value"])
        what = f"`{name}`: UAR of the best model of at most {SMALL:,} parameters, all counted (`{best}`)"
        rows.append(row(what, 100 * models[best]["scores"]["uar"]["value"], "%", **SMALL_UAR))
    return rows


def teachers(recipe: Recipe, provenance: dict[str, Any]) -> dict[str, str]:
    """Model → the kind that taught it, where its weights were there."""
    found = {
        name: teacher_of(settings) for name, settings in recipe.models.items() if name in provenance.get("weights", {})
    }
    return {name: teacher.kind for name, teacher in found.items() if teacher}


def main() -> None:
    """Parse, run, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, help="the run folder (default: runs/benchmark-NAME)")
    parser.add_argument("--cache", type=Path, help="a cache to use again; what the study took is then not kept")
    parser.add_argument("--note", help="what sets the result apart, to stand beside its protocol")
    parser.add_argument("--looked-at", help="what of its test clips was seen while choices were made, if not the usual")
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    options, arguments = parser.parse_args(given[:cut]), given[cut + 1 :]
    out = options.out or Path("runs") / f"benchmark-{options.name}"
    command = [sys.executable, "-m", "emovox", "run", "--out", str(out), *arguments]
    if "--resume" in arguments or out.exists():
        parser.error(f"wall time wants a run from nothing; remove {out} and leave --resume out")
    with peak_memory() as memory, peak_size(out) as disk, tempfile.TemporaryDirectory() as empty:
        start, cache = time.perf_counter(), str(options.cache.resolve() if options.cache else empty)
        code = subprocess.run(command, check=False, env={**os.environ, "EMOVOX_CACHE": cache}).returncode
        minutes = (time.perf_counter() - start) / 60
    if code:
        sys.exit(code)
    results = json.loads((out / "training_results.json").read_text(encoding="utf-8"))
    provenance = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    costs = Costs(minutes, memory[0], disk[0], provenance["prepare_seconds"])
    notes = {"note": options.note, "looked_at": options.looked_at}
    write(
        options.name,
        {
            **results,
            **{key: words for key, words in notes.items() if words},
            "command": without_paths(["emovox", "run", *arguments]),
            "measured_with": {key: provenance["sessions"][-1][key] for key in ("software", "machine")},
            "seconds": provenance["seconds"],
            "prepare_seconds": costs.prepared,
            "teachers": teachers(read_recipe(out / "recipe.toml"), provenance),
            "measurements": measured(options.name, results, None if options.cache else costs),
        },
    )


if __name__ == "__main__":
    main()
