"""What was found out about a run beyond its figures, in words and tables: audit, other recordings, more speakers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emovox.corpora.listing import Listing
from emovox.errors import RunError
from emovox.evaluation import Interval
from emovox.report import probe_figures
from emovox.report.document import Paragraph, Section
from emovox.report.drawn import in_both_widths
from emovox.report.words import gained, measured
from emovox.runs import Run

Found = Mapping[str, Any]
"""What ``audit.json`` and its like hold."""


def sections(run: Run) -> list[Section]:
    """A section for everything that was found out about a run, with its figure drawn.

    Raises:
        RunError: A file is damaged.
    """
    made = []
    for name, tell in WRITERS.items():
        path = getattr(run.at, name)
        if path.exists():
            with reading(path) as found:
                made.append(tell(found, run.at.probe_figure(name)))
    return made


@contextmanager
def reading(path: Path) -> Iterator[Found]:
    """What a file holds; whatever is made of it in the block says so where the file is damaged.

    Raises:
        RunError: It is.
    """
    try:
        yield json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RunError(f"{path} is damaged ({reason}); delete it, and make it again if you want it") from None


def audit_section(found: Found, picture: Path) -> Section:
    """How much each trick inflates, and what a figure made with it is worth."""
    rows, meanings = [], []
    for trick in found["tricks"]:
        for name, model in trick["models"].items():
            inflation = model.get("inflation")
            last = (
                gained(_interval(inflation), " ")
                if inflation
                else "at chance"
                if model["at_chance"]
                else "NOT at chance"
            )
            honest = _percent(found["honest"][name]["value"])
            rows.append((trick["title"], name, honest, _percent(model["uar"]["value"]), last))
        meanings.append(
            Paragraph(f"{trick['title'][0].upper()}{trick['title'][1:]}: {trick['meaning']}{_chance(trick)}")
        )
    intro = (
        "The same recipe, trained and evaluated again with mistakes that inflate results, on the same test clips. "
        f"{_unit(found)}."
    )
    reading = "Hollow: the run's own UAR. Filled: the UAR under the trick, with its 95 % interval. Dotted: chance."
    return Section(
        "Audit",
        (
            Paragraph(intro),
            Listing("How much each trick adds", ("trick", "model", "honest", "with it", "inflated by"), tuple(rows)),
            *meanings,
            in_both_widths(picture, probe_figures.audit, (found,), "Audit", reading),
        ),
        "audit",
    )


def adaptation_section(found: Found, picture: Path) -> Section:
    """What centring on a speaker's own clips brings, for several numbers of them."""
    titles = {"random": "clips of any emotion", "neutral": "neutral and calm clips only"}
    tables: list[Listing | Paragraph] = []
    for series in found["series"]:
        rows = [
            (
                name, f"{row['count']}", _percent(row["uar"]["value"]),
                gained(_interval(row["difference"]), " ") if row["count"] else "",
            )
            for name, models in series["models"].items()
            for row in models
        ]  # fmt: skip
        header = ("model", "clips", "UAR", "above none")
        tables.append(Listing(f"Centred on {titles[series['name']]}", header, tuple(rows)))
        fewest = min((row["speakers"] for models in series["models"].values() for row in models), default=0)
        if fewest < found["units"]:
            left_out = f"Speakers with too few {titles[series['name']]} are left out; at least {fewest} remain."
            tables.append(Paragraph(left_out))
    intro = (
        "A few recordings of a speaker, without labels, are used to shift the statistics of a published network to "
        "the mean of the corpus. They are drawn from the test speaker's clips and are not tested. These are not part "
        "of the headline results. {_unit(found)}, {found['draws']} draws each."
    )
    reading = "Filled: centred on clips of any emotion. Hollow: on neutral and calm ones only."
    drawn = in_both_widths(picture, probe_figures.adaptation, (found,), "Adaptation", reading)
    return Section("Adaptation without labels", (Paragraph(intro), *tables, drawn), "adaptation")


def _chance(trick: Found) -> str:
    """Where guessing lies, for shuffled labels; else nothing."""
    ranges = [model["guessing"] for model in trick["models"].values() if "guessing" in model]
    if not ranges:
        return ""
    low, high = min(r["low"] for r in ranges), max(r["high"] for r in ranges)
    return f" Chance gives {_percent(low)} to {_percent(high)} % in 999 of 1,000 cases."


def robustness_section(found: Found, picture: Path) -> Section:
    """What other recordings do to each model."""
    clean, *others = found["conditions"]
    header = ("test clips", "UAR", "difference", "calibration error")
    tables, worst = [], []
    for name in clean["models"]:
        rows = []
        for condition in found["conditions"]:
            scores = condition["models"][name]
            lost = "" if condition is clean else gained(_interval(scores["difference"]), " ")
            error = _percent(scores["calibration_error"])
            rows.append((condition["title"], _percent(scores["uar"]["value"]), lost, error))
        tables.append(Listing(name, header, tuple(rows)))
        least = min(others, key=lambda condition: condition["models"][name]["difference"]["value"])
        lost = gained(_interval(least["models"][name]["difference"]), " ")
        worst.append(Paragraph(f"{name} loses most with {least['title']}: {lost}."))
    intro = (
        "The same test clips, altered as recordings outside a studio are; the models were trained on none of this, "
        "except for the altered versions in their own recipes. {_unit(found)}; paired with the clips as recorded."
    )
    reading = (
        "UAR under each condition, with 95 % intervals. Dashed: the same model on clips as recorded. Dotted: chance."
    )
    drawn = in_both_widths(picture, probe_figures.robustness, (found,), "Other recordings", reading)
    return Section("Other recordings", (Paragraph(intro), *tables, *worst, drawn), "robustness")


def learning_curve_section(found: Found, picture: Path) -> Section:
    """What more speakers would bring to each model."""
    curves = {name: {size["speakers"]: size["uar"] for size in c["sizes"]} for name, c in found["curves"].items()}
    sizes = sorted({n for curve in curves.values() for n in curve})
    rows = tuple(
        (str(n), *(measured(_interval(curve[n])) if n in curve else "–" for curve in curves.values())) for n in sizes
    )
    doubled = [
        Paragraph(
            f"Twice as many speakers would bring {name} {gained(_interval(curve['doubling']), ' ')} points of UAR, if "
            "the trend of the last sizes continued."
        )
        for name, curve in found["curves"].items()
    ]
    intro = (
        f"The same models trained on fewer speakers, {found['draws']} random choices of them in every fold; the "
        "last size is that of the run. A head is fitted on validation speakers too, so they are counted. "
        f"{_unit(found)}."
    )
    reading = "UAR by the number of training speakers, on a logarithmic axis, with 95 % intervals."
    return Section(
        "More speakers",
        (
            Paragraph(intro),
            Listing("UAR by training speakers", ("speakers", *curves), rows),
            *doubled,
            in_both_widths(picture, probe_figures.learning_curve, (found,), "More speakers", reading),
        ),
        "learning_curve",
    )


def _unit(found: Found) -> str:
    return f"UAR, per cent; in brackets 95 % intervals over {found['units']:,} {found['unit']}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _interval(score: Found) -> Interval:
    return Interval(score["value"], score["low"], score["high"])


WRITERS = {
    "audit": audit_section,
    "robustness": robustness_section,
    "learning_curve": learning_curve_section,
    "adaptation": adaptation_section,
}
"""Under its name in the layout what writes each section, in the report's order."""
