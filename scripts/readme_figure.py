"""Draw docs/images/speakers6.png from the run whose results lie in benchmarks/results/speakers6.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "speakers6.png"
RESULT = ROOT / "benchmarks" / "results" / "speakers6.json"


def scores(result: Mapping[str, Any]) -> str:
    """The UAR of every model, which the picture carries, so that a test can see whether it is up to date."""
    models = result["models"].items()
    return json.dumps({name: round(100 * model["scores"]["uar"]["value"], 2) for name, model in models})


def draw(run: Path) -> None:
    """Draw the picture of a run.

    Args:
        run: The folder that benchmarks/results/speakers6.json was measured in.
    """
    from emovox import Run, evaluate
    from emovox.evaluation import results
    from emovox.report.figures import final_comparison

    evaluation = evaluate(Run.open(run))
    drawn, measured = scores(results(evaluation)), scores(json.loads(RESULT.read_text(encoding="utf-8")))
    if drawn != measured:
        sys.exit(f"{run} has other figures ({drawn}) than {RESULT.name} ({measured}); name the run that it holds")
    final_comparison(evaluation).savefig(PICTURE, dpi=200, metadata={"Software": None, "Description": drawn})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python scripts/readme_figure.py RUN")
    draw(Path(sys.argv[1]))
    print(f"Wrote {PICTURE}")
