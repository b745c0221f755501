"""Write the figures of README.md, of the documentation and of its texts from benchmarks/results/*.json.

A result is what ``training_results.json`` holds, with ``software`` and ``machine`` added by the command that measured
it. A ``note`` says what sets it apart from the other results, ``looked_at`` what of its test clips was seen while
recipes were chosen, where that is not what is usual for its protocol, and ``teachers`` which model learnt from which
kind. A ``measurements`` list (``{"what", "value", "unit", "aim", "least"}``) gives rows of a second table, an
``ablations`` list (``{"about", "what", "uar", "cross_entropy", "seconds_a_fit", "explored", "how"}``) the tables of
what was tried. In a page they stand between two markers: the models under ``speakers6`` in README.md, their commands in
docs/how-to/reproduce.md, all of it in docs/figures.md. ``audit.json``, ``robustness.json``, ``learning_curve.json`` and
``adaptation.json`` fill docs/audit.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README, FIGURES, PROBES = ROOT / "README.md", ROOT / "docs" / "figures.md", ROOT / "docs" / "audit.md"
AGAIN = ROOT / "docs" / "how-to" / "reproduce.md"
TEXTS = ROOT / "src" / "emovox" / "texts" / "figures.json"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
PROTOCOLS = ("speakers1", "speakers6", "speakers5", "loso", "holdout")
TARGETS = {
    ("speakers6", "uar"): {
        "cnn": (63.5, 68), "cnn_lstm": (63.5, 68), "yamnet": (64, 70), "whisper": (76, 80), "ensemble": (77, 82),
    },
    ("loso", "uar"): {"whisper": (79, 84), "ensemble": (79, 84)},
    ("holdout", "accuracy"): {"ensemble": (88, 93)},
}  # fmt: skip
"""What this project asked of each kind before it measured: at least, and as an aim, in per cent."""

REFERENCE_TARGETS = {("holdout", "accuracy"): {"cnn": (65, 75), "cnn_lstm": (68, 78), "yamnet": (75, 85)}}
"""The same of the published sizes."""

REPLICAS = ("replica",)
"""Variants of which nothing was asked."""

STANDS_ON = {"yamnet": "AudioSet", "whisper": "680,000 h of speech from the web"}
"""What the published network of a kind was trained on."""

LOOKED_AT = {
    "speakers1": "in earlier versions; of `cnn`, `cnn_lstm` once in this one",
    "speakers6": "folds 2–6 in choosing; 1–3 of networks before their last change",
    "speakers5": "20 of 24 speakers, in other folds",
    "loso": "20 of 24 speakers, in other folds",
    "holdout": "20 of 24 speakers, in other splits",
}
"""What of RAVDESS's test clips was seen while recipes were chosen: README.md, "What was looked at"."""

TITLES = {"ravdess": "RAVDESS"}

HEADLINE = {"speakers6-best": "best", "speakers6": "default", "speakers6-reference": "reference"}
"""The results whose models stand in README.md, and their recipes."""

TOLD = ("speakers6.ensemble",)
"""The models whose errors the texts tell of."""

BESIDE = (
    ("people, on the same clips (Livingstone and Russo, 2018, recomputed)", "62.4", "62.4", ""),
    ("Whisper large v3, frozen, last layer (EmoBox)", "75.3", "75.9", "637"),
    ("WavLM large, frozen, last layer (EmoBox)", "72.0", "72.2", "316"),
    ("HuBERT large, frozen, last layer (EmoBox)", "70.0", "70.3", "316"),
)
"""Who else was measured on speakers6, or on all clips: name, UAR, accuracy, and the encoder's size as published."""

EMPTY = "Not measured yet. `python benchmarks/table.py` fills this in from `benchmarks/results/`."


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Markdown tables of every result, under its file's name."""
    studies = {name: result for name, result in results.items() if "best_model" in result}
    parts = []
    if studies:
        header = ("protocol", "model", "variant", "UAR, %", "accuracy, %", "seeds", "parameters", "training, min",
                  "trained on", "looked at", "source")  # fmt: skip
        rows = [row for name, result in sorted(studies.items(), key=_order) for row in _study_rows(name, result)]
        parts.append(_table(header, "lllrrrrrlll", rows))
        parts.append(
            "In brackets: 95 % intervals, over speakers (`holdout`: over clips). After ±: deviation over seeds. "
            "Parameters are counted in full, those of published networks among them. Minutes are of all trainings "
            "together, without what a published network took to hear the clips; an ensemble has none. Looked at: what "
            "of the test clips was seen while recipes were chosen."
        )
    measured = [
        (m["what"], f"{m['value']:.3g} {m['unit']}".rstrip(), _limit(m, "least"), _limit(m, "aim"), _source(name))
        for name, result in sorted(results.items())
        for m in result.get("measurements", ())
    ]
    if measured:
        parts.append(_table(("what", "measured", "at least", "aim", "source"), "lrrrl", measured))
    return "\n\n".join(parts) or EMPTY


def headline(results: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of the models under ``speakers6``, the best first, beside people and published encoders."""
    rows = [
        (figures["scores"]["uar"]["value"], (f"`{model}`, recipe `{recipe}`", _interval(figures["scores"]["uar"]),
         _interval(figures["scores"]["accuracy"]), f"{figures['parameters'] / 1e6:.1f}"))
        for name, recipe in HEADLINE.items() if name in results
        for model, figures in results[name]["models"].items()
    ]  # fmt: skip
    rows += [(float(uar) / 100, (f"*{who}*", uar, accuracy, size)) for who, uar, accuracy, size in BESIDE]
    if len(rows) == len(BESIDE):
        return EMPTY
    header = ("model", "UAR, %", "accuracy, %", "million parameters")
    return _table(header, "lrrr", [row for _, row in sorted(rows, key=lambda row: -row[0])])


def commands(results: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of what makes every result again."""
    rows = [
        (_source(name), f"`{result['command']}`", f"`{result.get('software', {}).get('commit', '')[:12]}`")
        for name, result in results.items()
        if "command" in result
    ]
    return _table(("source", "command", "measured at commit"), "lll", rows) if rows else EMPTY


def again(results: dict[str, dict[str, Any]]) -> str:
    """A Markdown table of the measured figures of README.md, and of the command that makes each again."""
    rows = [
        (f"`{model}`, recipe `{recipe}`", _interval(figures["scores"]["uar"]), f"`{results[name]['command']}`",
         f"{sum(results[name]['seconds'].values()) / 60:.0f}" if "seconds" in results[name] else "")
        for name, recipe in HEADLINE.items() if name in results
        for model, figures in results[name]["models"].items()
    ]  # fmt: skip
    return _table(("model", "UAR, %", "command", "minutes"), "lrlr", rows) if rows else EMPTY


def named(results: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Figures by the names that texts have for them: ``speakers6.whisper.uar`` and the like, with intervals."""
    models = {
        f"{name.replace('-', '_')}.{model}": figures
        for name, result in results.items()
        for model, figures in result.get("models", {}).items()
        if "scores" in figures
    }
    found = {}
    for name, figures in models.items():
        found |= {f"{name}.{score}": f"{_interval(figures['scores'][score])} %" for score in ("uar", "accuracy")}
        if name in TOLD:
            found |= {f"{name}.{label}": f"{100 * score['recall']:.0f}" for label, score in figures["classes"].items()}
            for part in figures["by"].values():
                if part["attribute"] != "speaker":
                    found |= {f"{name}.{g['name']}": f"{_interval(g['uar'])} %" for g in part["groups"]}
            speakers = sorted(figures["by"]["speaker"]["groups"], key=lambda group: group["uar"]["value"])
            found |= {
                f"{name}.{which}_speaker": f"{_percent(speakers[k]['uar'])} %"
                for k, which in ((0, "hardest"), (-1, "easiest"))
            }
            found[f"{name}.calibration_error"] = f"{100 * figures['calibration_error']:.1f} %"
            found[f"{name}.coverage"] = f"{_percent(figures['conformal']['coverage'])} %"
            found[f"{name}.answered"] = f"{100 * figures['abstention']['answered']:.0f} %"
            found[f"{name}.right"] = f"{100 * figures['abstention']['accuracy']:.0f} %"
    for name, result in results.items():
        found |= {f"{name}.{_slug(m['what'])}": f"{m['value']:.3g} {m['unit']}" for m in result.get("measurements", ())}
        for row in result.get("ablations", ()):
            of_row = dict(zip(("uar", "loss"), _judged(row), strict=True))
            found |= {f"tried.{_slug(row['about'])}.{_slug(row['what'])}.{key}": of_row[key] for key in of_row}
        for row in result.get("levels", ()):
            at = f"level.{row['head']}.{_slug(row['level'])}"
            found |= {f"{at}.{_slug(level)}": f"{100 * score:.1f}" for level, score in row["uar"].items()}
    return found | _probed(results)


def _probed(results: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The same of what was found out about a run beyond its figures."""
    found = {}
    for trick in results.get("audit", {}).get("tricks", ()):
        of_trick = {name: each for name, each in trick["models"].items() if "inflation" in each}
        found |= {f"audit.{_slug(trick['name'])}.{name}": _points(each["inflation"]) for name, each in of_trick.items()}
    for condition in results.get("robustness", {}).get("conditions", ()):
        for name, each in condition["models"].items():
            at = f"robustness.{_slug(condition['name'])}.{name}"
            found |= {
                f"{at}.uar": f"{_percent(each['uar'])} %",
                f"{at}.gap": f"{100 * each['calibration_error']:.0f} %",
            }
            found |= {f"{at}.lost": _points(each["difference"])} if each["difference"] else {}
    for name, curve in results.get("learning_curve", {}).get("curves", {}).items():
        found[f"learning_curve.{name}.doubling"] = _points(curve["doubling"])
    for series in results.get("adaptation", {}).get("series", ()):
        for name, rows in series["models"].items():
            found |= {f"adaptation.{series['name']}.{name}.{row['count']}": f"{_percent(row['uar'])} %" for row in rows}
    return found


def asked() -> set[str]:
    """The names of figures that texts and pages have."""
    pages = [*TEXTS.parent.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return {name for page in pages for name in re.findall(r"\{\{ ([\w.]+) \}\}", page.read_text(encoding="utf-8"))}


def _slug(words: str) -> str:
    """What the name of a figure may hold."""
    return re.sub(r"\W+", "_", words).strip("_")


def _points(score: dict[str, float]) -> str:
    return f"{abs(100 * score['value']):.1f}"


def _order(item: tuple[str, dict[str, Any]]) -> tuple[int, str]:
    name, result = item
    protocol = result["protocol"]
    return (PROTOCOLS.index(protocol) if protocol in PROTOCOLS else len(PROTOCOLS), name)


def _study_rows(name: str, result: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    protocol, corpus = result["protocol"], TITLES.get(result["dataset"], result["dataset"])
    looked_at = result.get("looked_at") or (LOOKED_AT.get(protocol, "") if result["dataset"] in TITLES else "")
    about = [
        protocol,
        *(["leaky"] if result["leaky"] else []),
        *(["synthetic"] if result["synthetic"] else []),
        *([result["note"]] if "note" in result else []),
    ]
    for model, figures in sorted(result["models"].items(), key=lambda item: -item[1]["scores"]["uar"]["value"]):
        yield (
            f"`{about[0]}`" + (f" ({', '.join(about[1:])})" if about[1:] else ""),
            f"`{model}`",
            figures["variant"],
            *(_interval(figures["scores"][score]) + _asked(protocol, figures, score) for score in ("uar", "accuracy")),
            str(result["seeds"]),
            f"{figures['parameters']:,}",
            f"{figures['training_time_minutes']:.1f}" if figures["kind"] != "ensemble" else "",
            _trained_on(model, result, corpus),
            looked_at,
            _source(name),
        )


def _trained_on(model: str, result: dict[str, Any], corpus: str) -> str:
    """The corpus, and before it what the networks that a model stands on or learnt from were trained on.

    An ensemble stands on those of all others.
    """
    kinds = {name: figures["kind"] for name, figures in result["models"].items()}
    models = kinds if kinds[model] == "ensemble" else {model: kinds[model]}
    stands_on = [data for kind, data in STANDS_ON.items() if kind in models.values()]
    taught_by = {result.get("teachers", {}).get(name) for name in models} - {None, *models.values()}
    return "; ".join([*stands_on, corpus, *(f"taught by `{kind}`" for kind in sorted(taught_by))])


def _interval(score: dict[str, Any]) -> str:
    deviation = "" if score.get("deviation") is None else f" ± {100 * score['deviation']:.1f}"
    return f"{100 * score['value']:.1f}{deviation} [{100 * score['low']:.0f}–{100 * score['high']:.0f}]"


def _asked(protocol: str, figures: dict[str, Any], score: str) -> str:
    """What was asked of a kind: at least, and as an aim."""
    if figures["variant"] in REPLICAS:
        return ""
    asked = REFERENCE_TARGETS if figures["variant"] == "reference" else TARGETS
    targets = asked.get((protocol, score), {}).get(figures["kind"])
    return f"<br>asked {targets[0]:g}, aim {targets[1]:g}" if targets else ""


def ablations(results: dict[str, dict[str, Any]]) -> str:
    """Markdown of what was tried: a table of what the command measures, and one of what was explored once."""
    tried = [row for result in results.values() for row in result.get("ablations", ())]
    made = [row for row in tried if not row.get("explored")]
    once = [row for row in tried if row.get("explored")]
    parts = []
    if made:
        parts.append(_table(
            ("about", "tried", "UAR, %", "cross-entropy, nats", "a fit, s"), "llrrr",
            [(r["about"], r["what"], *_judged(r), f"{r['seconds_a_fit']:.1f}") for r in made],
        ))  # fmt: skip
    if once:
        parts.append("Explored once, in code that was not kept:")
        parts.append(_table(
            ("about", "tried", "UAR, %", "cross-entropy, nats", "how"), "llrrl",
            [(r["about"], r["what"], *_judged(r), "" if before and r["how"] == before["how"] else r["how"])
             for before, r in zip([None, *once], once, strict=False)],
        ))  # fmt: skip
    return "\n\n".join(parts) or EMPTY


def probes(results: dict[str, dict[str, Any]]) -> str:
    """Markdown of what was found out about a run beyond its figures, as far as it was measured."""
    parts = []
    if audit := results.get("audit"):
        rows = [
            (trick["title"], f"`{name}`", _percent(audit["honest"][name]), _percent(found["uar"]), _worth(found))
            for trick in audit["tricks"]
            for name, found in trick["models"].items()
        ]
        parts.append(_table(("trick", "model", "honest", "with it", "inflated by"), "llrrr", rows))
    if robustness := results.get("robustness"):
        names = list(robustness["conditions"][0]["models"])
        rows = [(c["title"], *(_altered(c["models"][n]) for n in names)) for c in robustness["conditions"]]
        parts.append(_table(("test clips", *(f"`{name}`" for name in names)), "l" + "r" * len(names), rows))
    if curve := results.get("learning_curve"):
        curves = {name: {s["speakers"]: s["uar"] for s in c["sizes"]} for name, c in curve["curves"].items()}
        sizes = sorted({n for of_model in curves.values() for n in of_model})
        rows = [
            (f"`{name}`", *(_percent(of_model[n]) if n in of_model else "" for n in sizes),
             _moved(curve["curves"][name]["doubling"]))
            for name, of_model in curves.items()
        ]  # fmt: skip
        header = ("training speakers", *map(str, sizes), "twice as many")
        parts.append(_table(header, "l" + "r" * (len(sizes) + 1), rows))
    if adaptation := results.get("adaptation"):
        for series in adaptation["series"]:
            counts = sorted({row["count"] for rows in series["models"].values() for row in rows})
            rows = [
                (f"`{name}`", *(_centred(next(row for row in found if row["count"] == n)) for n in counts))
                for name, found in series["models"].items()
            ]
            among = "any emotion" if series["name"] == "random" else "neutral and calm only"
            header = (f"clips of {among}", *map(str, counts))
            parts.append(_table(header, "l" + "r" * len(counts), rows))
    return "\n\n".join(parts) or EMPTY


def _centred(found: dict[str, Any]) -> str:
    """UAR after so many clips, and how far above none."""
    above = f"<br>{_moved(found['difference'])}" if found["count"] else ""
    return f"{_percent(found['uar'])}{above}"


def _worth(found: dict[str, Any]) -> str:
    """By how much a trick inflates; whether shuffled labels are at chance."""
    if "inflation" in found:
        return _moved(found["inflation"])
    return "at chance" if found["at_chance"] else "not at chance"


def _altered(found: dict[str, Any]) -> str:
    """UAR under a condition, the difference, and the calibration error."""
    moved = f" ({_moved(found['difference'], bounds=False)})" if found["difference"] else ""
    return f"{_percent(found['uar'])}{moved}, {100 * found['calibration_error']:.0f}"


def _percent(score: dict[str, float]) -> str:
    return f"{100 * score['value']:.1f}"


def _moved(score: dict[str, float], bounds: bool = True) -> str:
    value, low, high = (f"{100 * score[key]:+.1f}".replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if bounds else value


def _judged(tried: dict[str, Any]) -> tuple[str, str]:
    uar, loss = tried.get("uar"), tried.get("cross_entropy")
    return ("" if uar is None else f"{100 * uar:.1f}", "" if loss is None else f"{loss:.3f}")


def _limit(measurement: dict[str, Any], name: str) -> str:
    return f"{measurement[name]:g} {measurement['unit']}" if name in measurement else ""


def _source(name: str) -> str:
    return f"`{name}`"


def _table(header: tuple[str, ...], align: str, rows: Iterable[tuple[str, ...]]) -> str:
    rule = ["---:" if side == "r" else "---" for side in align]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def fill(page: str, text: str) -> str:
    """The page with ``text`` between the markers.

    Raises:
        ValueError: The markers are not there.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page must hold {BEGIN} and {END} once each")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}"


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Every result under its file's name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def pages() -> dict[Path, str]:
    """Every page with its figures as they should be."""
    results = read_results(RESULTS)
    every = (tables(results), "## What was tried", ablations(results), "## The commands", commands(results))
    filled = {README: headline(results), FIGURES: "\n\n".join(every), PROBES: probes(results)}
    filled[AGAIN] = again(results)
    pages = {path: fill(path.read_text(encoding="utf-8"), text) for path, text in filled.items()}
    wanted, every_name = asked(), named(results)
    kept = {name: words for name, words in every_name.items() if name in wanted}
    return {**pages, TEXTS: json.dumps(kept, indent=2, ensure_ascii=False) + "\n"}


if __name__ == "__main__":
    for path, page in pages().items():
        if "--check" in sys.argv[1:]:
            if page != path.read_text(encoding="utf-8"):
                sys.exit(f"{path.name} is out of date; run python benchmarks/table.py")
        else:
            path.write_text(page, encoding="utf-8")
            print(f"Wrote {path}")
