"""What was found out about a run beyond its figures, in words and tables: audit, other recordings, more speakers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from emovox.corpora.listing import Listing
from emovox.errors import RunError
from emovox.report import probe_figures
from emovox.report.drawn import both, title_of, write
from emovox.runs import Run

Found = Mapping[str, Any]
"""What ``audit.json`` and its like hold."""


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Args:
        name: What files and links call it.
        title: Its heading.
        words: Paragraphs.
        tables: What was found.
        picture: The same drawn, as markup for a page.
        caption: How to read the picture.
    """

    name: str
    title: str
    words: tuple[str, ...]
    tables: tuple[Listing, ...]
    picture: str
    caption: str


def sections(run: Run) -> list[Section]:
    """A section for everything that was found out about a run, with its figure drawn.

    Raises:
        RunError: A file is damaged.
    """
    made = []
    for name, tell in WRITERS.items():
        path = getattr(run.at, name)
        if not path.exists():
            continue
        try:
            made.append(tell(json.loads(path.read_text(encoding="utf-8")), run.at.probe_figure(name)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise RunError(f"{path} is damaged ({reason}); delete it, and make it again if you want it") from None
    return made


def _drawn(draw: Callable[..., Figure], found: Found, path: Path) -> str:
    """Write a figure, and give it for the page."""
    wide = draw(found)
    write(wide, path)
    return both(wide, draw(found, narrow=True), title_of(wide))


def audit_section(found: Found, picture: Path) -> Section:
    """How much each trick inflates, and what a figure made with it is worth."""
    rows, words = [], []
    for trick in found["tricks"]:
        for name, model in trick["models"].items():
            honest, inflation = found["honest"][name], model.get("inflation")
            last = signed(inflation) if inflation else "at chance" if model["at_chance"] else "NOT at chance"
            rows.append((trick["title"], name, points(honest), points(model["uar"]), last))
        words.append(f"{trick['title'][0].upper()}{trick['title'][1:]}: {trick['meaning']}{_chance(trick)}")
    header = ("trick", "model", "honest", "with it", "inflated by")
    unit = f"{found['units']:,} {found['unit']}"
    return Section(
        name="audit",
        title="Audit",
        words=(
            "The same recipe, trained and judged again with mistakes that inflate figures, on the same test clips. "
            f"UAR, per cent; in brackets 95 % intervals over {unit}.",
            *words,
        ),
        tables=(Listing("What each trick is worth", header, tuple(rows)),),
        picture=_drawn(probe_figures.audit, found, picture),
        caption="Hollow: the run's own UAR. Filled: the UAR under the trick, with its 95 % interval. Dotted: chance.",
    )


def adaptation_section(found: Found, picture: Path) -> Section:
    """What centring on a speaker's own clips brings, for several numbers of them."""
    titles = {"random": "clips of any emotion", "neutral": "neutral and calm clips only"}
    tables, words = [], []
    for series in found["series"]:
        rows = [
            (name, f"{row['count']}", points(row["uar"]), signed(row["difference"]) if row["count"] else "")
            for name, models in series["models"].items()
            for row in models
        ]
        header = ("model", "clips", "UAR", "above none")
        tables.append(Listing(f"Centred on {titles[series['name']]}", header, tuple(rows)))
        fewest = min((row["speakers"] for models in series["models"].values() for row in models), default=0)
        if fewest < found["units"]:
            words.append(f"Speakers with too few {titles[series['name']]} are left out; at least {fewest} remain.")
    return Section(
        name="adaptation",
        title="Adaptation without labels",
        words=(
            "A few recordings of a speaker, whose emotions nobody told, shift what a published network hears to where "
            "the corpus lies. They are drawn from the test speaker's clips and are not tested. This stands beside the "
            "headline figures and is no part of them. UAR, per cent; in brackets 95 % intervals over "
            f"{found['units']:,} {found['unit']}, {found['draws']} draws each.",
            *words,
        ),
        tables=tuple(tables),
        picture=_drawn(probe_figures.adaptation, found, picture),
        caption="Filled: centred on clips of any emotion. Hollow: on neutral and calm ones only.",
    )


def _chance(trick: Found) -> str:
    """Where guessing lies, for shuffled labels; else nothing."""
    ranges = [model["guessing"] for model in trick["models"].values() if "guessing" in model]
    if not ranges:
        return ""
    low, high = min(r["low"] for r in ranges), max(r["high"] for r in ranges)
    return f" Guessing gives {100 * low:.1f} to {100 * high:.1f} % in 999 of 1,000 cases."


def robustness_section(found: Found, picture: Path) -> Section:
    """What other recordings do to each model."""
    clean, *others = found["conditions"]
    tables, worst = [], []
    for name, model in clean["models"].items():
        rows = [(clean["title"], points(model["uar"]), "", points({"value": model["calibration_error"]}))]
        for condition in others:
            scores = condition["models"][name]
            error = points({"value": scores["calibration_error"]})
            rows.append((condition["title"], points(scores["uar"]), signed(scores["difference"]), error))
        tables.append(Listing(name, ("test clips", "UAR", "difference", "calibration error"), tuple(rows)))
        least = min(others, key=lambda condition: condition["models"][name]["difference"]["value"])
        worst.append(f"{name} loses most with {least['title']}: {signed(least['models'][name]['difference'])}.")
    unit = f"{found['units']:,} {found['unit']}"
    return Section(
        name="robustness",
        title="Other recordings",
        words=(
            "The same test clips, altered as recordings outside a studio are; the models were trained on none of this "
            f"but what their own recipes alter. UAR, per cent; in brackets 95 % intervals over {unit}; paired with the "
            "clips as recorded.",
            *worst,
        ),
        tables=tuple(tables),
        picture=_drawn(probe_figures.robustness, found, picture),
        caption="UAR under each condition, with 95 % intervals. Dashed: the same model on clips as recorded. Dotted: "
        "chance.",
    )


def learning_curve_section(found: Found, picture: Path) -> Section:
    """What more speakers would bring to each model."""
    curves = {name: {size["speakers"]: size["uar"] for size in c["sizes"]} for name, c in found["curves"].items()}
    sizes = sorted({n for curve in curves.values() for n in curve})
    rows = [(str(n), *(bracketed(curve[n]) if n in curve else "–" for curve in curves.values())) for n in sizes]
    words = [
        f"Twice as many speakers would bring {name} {signed(curve['doubling'])} points of UAR, if it went on as over "
        "the last sizes." for name, curve in found["curves"].items()
    ]  # fmt: skip
    return Section(
        name="learning_curve",
        title="More speakers",
        words=(
            f"The same models trained on fewer speakers, {found['draws']} random choices of them in every fold; the "
            "last size is that of the run. A head learns from validation speakers too, so they count among its own. "
            f"UAR, per cent; in brackets 95 % intervals over {found['units']:,} {found['unit']}.",
            *words,
        ),
        tables=(Listing("UAR by training speakers", ("speakers", *curves), tuple(rows)),),
        picture=_drawn(probe_figures.learning_curve, found, picture),
        caption="UAR by the number of training speakers, on a logarithmic axis, with 95 % intervals.",
    )


def points(score: Found) -> str:
    """A score in per cent.

    >>> points({"value": 0.5})
    '50.0'
    """
    return f"{100 * score['value']:.1f}"


def bracketed(score: Found) -> str:
    """A score in per cent with its interval.

    >>> bracketed({"value": 0.5, "low": 0.444, "high": 0.561})
    '50.0 [44.4, 56.1]'
    """
    return f"{points(score)} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"


def signed(score: Found) -> str:
    """A difference in points with its interval.

    >>> signed({"value": 0.05, "low": -0.014, "high": 0.061})
    '+5.0 [−1.4, +6.1]'
    """
    value, low, high = (f"{100 * score[key]:+.1f}".replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


WRITERS = {
    "audit": audit_section,
    "robustness": robustness_section,
    "learning_curve": learning_curve_section,
    "adaptation": adaptation_section,
}
"""Under its name in the layout what writes each section, in the report's order."""
