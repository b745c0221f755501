"""Write the figures in README.md from benchmarks/results/*.json, between two markers.

A result is what ``training_results.json`` holds, with ``commit`` and ``machine`` added by the command that measured it.
A ``note`` says what sets it apart from the other results, such as an older recipe.
A file with a ``measurements`` list instead (``{"what", "value", "unit", "aim", "least"}``) gives rows of the second
table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
PROTOCOLS = ("speakers1", "speakers6", "speakers5", "loso", "holdout")
TARGETS = {
    ("holdout", "accuracy"): {"cnn": (65, 75), "cnn_lstm": (68, 78), "yamnet": (78, 85)},
    ("speakers6", "uar"): {"cnn": (57, 64), "cnn_lstm": (55, 64), "yamnet": (63, 68)},
}
"""What this project asked of itself before it measured: at least, and as an aim, in per cent."""

EMPTY = "Not measured yet. `python benchmarks/table.py` fills this in from `benchmarks/results/`."


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Markdown tables of every result, under its file's name."""
    studies = {name: result for name, result in results.items() if "models" in result}
    parts = []
    if studies:
        parts.append(_table(
            ("protocol", "model", "variant", "UAR, %", "accuracy, %", "seeds", "parameters", "training, min", "source"),
            "lllrrrrrl",
            [row for name, result in sorted(studies.items(), key=_order) for row in _study_rows(name, result)],
        ))  # fmt: skip
        parts.append(
            "In brackets: 95 % intervals, over speakers (`holdout`: over clips). After ±: deviation over seeds. "
            "Parameters and minutes of `yamnet` are those of its trained part; its frozen layers come on top."
        )
    measured = [
        (m["what"], f"{m['value']:.3g} {m['unit']}", _limit(m, "least"), _limit(m, "aim"), _source(name))
        for name, result in sorted(results.items())
        for m in result.get("measurements", ())
    ]
    if measured:
        parts.append(_table(("what", "measured", "at least", "aim", "source"), "lrrrl", measured))
    return "\n\n".join(parts) or EMPTY


def _order(item: tuple[str, dict[str, Any]]) -> tuple[int, str]:
    name, result = item
    protocol = result["protocol"]
    return (PROTOCOLS.index(protocol) if protocol in PROTOCOLS else len(PROTOCOLS), name)


def _study_rows(name: str, result: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    about = [
        result["protocol"],
        *(["leaky"] if result["leaky"] else []),
        *(["synthetic"] if result["synthetic"] else []),
        *([result["note"]] if "note" in result else []),
    ]
    for model, figures in sorted(result["models"].items(), key=lambda item: -item[1]["scores"]["uar"]["value"]):
        yield (
            f"`{about[0]}`" + (f" ({', '.join(about[1:])})" if about[1:] else ""),
            f"`{model}`",
            figures["variant"],
            _interval(figures["scores"]["uar"]) + _asked(result["protocol"], model, "uar"),
            _interval(figures["scores"]["accuracy"]) + _asked(result["protocol"], model, "accuracy"),
            str(result["seeds"]),
            f"{figures['parameters']:,}",
            f"{figures['training_time_minutes']:.1f}",
            _source(name),
        )


def _interval(score: dict[str, Any]) -> str:
    deviation = "" if score.get("deviation") is None else f" ± {100 * score['deviation']:.1f}"
    return f"{100 * score['value']:.1f}{deviation} [{100 * score['low']:.0f}–{100 * score['high']:.0f}]"


def _asked(protocol: str, model: str, score: str) -> str:
    """What was asked of the default variant: at least, and as an aim."""
    targets = TARGETS.get((protocol, score), {}).get(model)
    return f"<br>asked {targets[0]}, aim {targets[1]}" if targets else ""


def _limit(measurement: dict[str, Any], name: str) -> str:
    return f"{measurement[name]:g} {measurement['unit']}" if name in measurement else ""


def _source(name: str) -> str:
    return f"[{name}](benchmarks/results/{name}.json)"


def _table(header: tuple[str, ...], align: str, rows: Iterable[tuple[str, ...]]) -> str:
    rule = ["---:" if side == "r" else "---" for side in align]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def fill(page: str, text: str) -> str:
    """The page with ``text`` between the markers.

    Raises:
        ValueError: The markers are not there.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"README.md must hold {BEGIN} and {END} once each")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}"


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Every result under its file's name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


if __name__ == "__main__":
    page = README.read_text(encoding="utf-8")
    filled = fill(page, tables(read_results(RESULTS)))
    if "--check" in sys.argv[1:]:
        sys.exit("README.md is out of date; run python benchmarks/table.py" if filled != page else 0)
    README.write_text(filled, encoding="utf-8")
    print(f"Wrote {README}")
