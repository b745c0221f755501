"""Several runs beside each other on one page of HTML: where they differ, and whether the difference is luck."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from emovox.evaluation import ComparisonRow
from emovox.report.html import document, flat
from emovox.report.parts import table, with_interval
from emovox.report.words import deviation, interval, points
from emovox.runs import Run


def page(runs: Sequence[Run], rows: Sequence[ComparisonRow]) -> str:
    """The page: models of all runs, a table for each set of test clips, and what differs between the recipes.

    Args:
        runs: Those compared.
        rows: What :func:`emovox.evaluation.compare` made of them.
    """
    title = f"Runs compared: {', '.join(run.path.name for run in runs)}"
    return document(
        title, [f"<main>\n<h1>{escape(title)}</h1>", *_warnings(runs), *_scores(rows), *_recipes(runs), "</main>"]
    )


def _warnings(runs: Sequence[Run]) -> Iterator[str]:
    for name, which, sentence in (
        (
            "synthetic",
            [run for run in runs if run.synthetic],
            "no person spoke; these figures say nothing about people.",
        ),
        ("leaky", [run for run in runs if run.leaky], "test speakers were heard in training; expect less from others."),
    ):
        if which:
            names = escape(", ".join(run.path.name for run in which))
            yield f'<div class="warning"><strong>{name}</strong>. {names}: {sentence}</div>'


def _scores(rows: Sequence[ComparisonRow]) -> Iterator[str]:
    yield "<h2>Scores</h2>"
    starts = [k for k, row in enumerate(rows) if row.behind is None]
    for first, end in pairwise([*starts, len(rows)]):
        yield _alike(rows[first:end])
    if len(starts) > 1:
        yield "<p>Figures of different tables are on different test clips: do not rank one against the other.</p>"
    yield (
        "<p>Behind: points of UAR below the best row of the table, with a 95 % interval. p: sign-flip test over "
        "speakers (leaky: over clips), corrected for all pairs of the table after Holm. Highlighted: the best row, and "
        "every row that is not told apart from it at 5 %.</p>"
    )


def _alike(rows: Sequence[ComparisonRow]) -> str:
    """The rows that were judged on the same clips."""
    header = ("run", "model", "protocol", "UAR, %", "accuracy, %", "behind, points", "p (Holm)", "parameters")
    made = []
    for row in rows:
        gap = row.behind.uar if row.behind else None
        scores = (
            with_interval(f"{100 * score.value:.1f}{deviation(score)}", interval(score))
            for score in (row.uar, row.accuracy)
        )
        cells = (
            escape(row.run), escape(row.model), escape(row.protocol) + (" (leaky)" if row.leaky else ""), *scores,
            with_interval(f"{100 * gap.value:.1f}", points(gap)) if gap else "best",
            f"{gap.p_holm:.2g}" if gap else "", f"{row.parameters:,}",
        )  # fmt: skip
        made.append(("best" if gap is None or gap.p_holm >= 0.05 else "", cells))
    caption = f"{escape(rows[0].dataset)}, the same {rows[0].clips:,} test clips. In brackets: 95 % intervals."
    return table(header, made, caption)


def _recipes(runs: Sequence[Run]) -> Iterator[str]:
    """The settings that are not the same in all recipes."""
    told = [dict(flat(tomllib.loads(run.recipe.to_toml()))) for run in runs]
    keys = dict.fromkeys(key for settings in told for key in settings)
    different = [key for key in keys if len({settings.get(key) for settings in told}) > 1]
    yield "<h2>Recipes</h2>"
    if not different:
        yield "<p>All recipes are the same.</p>"
        return
    rows = [("", (escape(key), *(escape(settings.get(key, "–")) for settings in told))) for key in different]
    yield table(("setting", *(run.path.name for run in runs)), rows, "What differs between the recipes.")
