"""Several runs beside each other in a document: where they differ, and whether the difference is luck."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import pairwise

from emovox.corpora.listing import Listing
from emovox.evaluation import ComparisonRow
from emovox.report.contents import flat
from emovox.report.document import Caution, Document, Paragraph, Section
from emovox.report.words import gained, measured
from emovox.runs import Run


def comparison(runs: Sequence[Run], rows: Sequence[ComparisonRow]) -> Document:
    """Models of all runs, a table for each set of test clips, and what differs between the recipes.

    Args:
        runs: Those compared.
        rows: What :func:`emovox.evaluation.compare` made of them.
    """
    starts = [k for k, row in enumerate(rows) if row.behind is None]
    tables = [_alike(rows[first:end]) for first, end in pairwise([*starts, len(rows)])]
    apart = Paragraph("Figures of different tables are on different test clips: do not compare them.")
    read = Paragraph(
        "Behind: points of UAR below the best row of the table, with a 95 % interval. p: sign-flip test over "
        "speakers (leaky: over clips), corrected for all pairs of the table after Holm. Highlighted: the best row, and "
        "every row that is not significantly different from it at 5 %."
    )
    scores = Section("Scores", (*tables, *([apart] if len(tables) > 1 else []), read))
    title = f"Runs compared: {', '.join(run.path.name for run in runs)}"
    return Document(title, (scores, Section("Recipes", (_recipes(runs),))), _cautions(runs))


def _cautions(runs: Sequence[Run]) -> tuple[Caution, ...]:
    said = (
        ("synthetic", [run.path.name for run in runs if run.synthetic],
         "no person spoke; these results say nothing about people."),
        ("leaky", [run.path.name for run in runs if run.leaky],
         "test speakers are in training too; expect worse results for others."),
    )  # fmt: skip
    return tuple(Caution(name, f"{', '.join(which)}: {sentence}") for name, which, sentence in said if which)


def _alike(rows: Sequence[ComparisonRow]) -> Listing:
    """The rows that were judged on the same clips."""
    header = ("run", "model", "protocol", "UAR, %", "accuracy, %", "behind, points", "p (Holm)", "parameters")
    gaps = [row.behind.uar if row.behind else None for row in rows]
    cells = tuple(
        (
            row.run, row.model, row.protocol + (" (leaky)" if row.leaky else ""), measured(row.uar),
            measured(row.accuracy), gained(gap) if gap else "best", f"{gap.p_holm:.2g}" if gap else "",
            f"{row.parameters:,}",
        )
        for row, gap in zip(rows, gaps, strict=True)
    )  # fmt: skip
    marks = tuple("best" if gap is None or gap.p_holm >= 0.05 else "" for gap in gaps)
    title = f"{rows[0].dataset}, the same {rows[0].clips:,} test clips. In brackets: 95 % intervals."
    return Listing(title, header, cells, marks)


def _recipes(runs: Sequence[Run]) -> Listing | Paragraph:
    """The settings that are not the same in all recipes."""
    told = [dict(flat(tomllib.loads(run.recipe.to_toml()))) for run in runs]
    keys = dict.fromkeys(key for settings in told for key in settings)
    rows = tuple(
        (key, *(settings.get(key, "–") for settings in told))
        for key in keys
        if len({settings.get(key) for settings in told}) > 1
    )
    if not rows:
        return Paragraph("All recipes are the same.")
    return Listing("What differs between the recipes.", ("setting", *(run.path.name for run in runs)), rows)
