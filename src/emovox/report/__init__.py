"""What a person reads of a run: figures, a page of text, and a report in HTML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emovox.evaluation import Evaluation
from emovox.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_report"]


def write_report(run: Run, evaluation: Evaluation) -> Path:
    """Write the figures, ``training_summary.txt`` and ``report.html`` into the run folder.

    Args:
        run: An opened run.
        evaluation: What :func:`emovox.evaluation.evaluate` made of it.

    Returns:
        The path of ``report.html``, which holds the figures within itself.

    Raises:
        StorageError: The folder cannot be written.
    """
    from emovox.report import card, confidence, drawn, figures, groups, html, summary
    from emovox.report.words import model_title

    pictures: dict[str, Path | str] = {}

    def keep(name: str, draw: Callable[..., Figure], of: tuple[Any, ...], path: Path, title: str) -> None:
        """A file, and for the page a wide picture and one for a telephone."""
        wide = draw(*of)
        drawn.write(wide, path)
        pictures[name] = drawn.both(wide, draw(*of, narrow=True), title)

    keep("final", figures.final_comparison, (evaluation,), run.at.final_figure, "Final comparison of all models")
    drawn_once = {
        "reliability": (confidence.reliability_figure, "Confidence and accuracy of every model"),
        "doubt": (confidence.doubt_figure, "Wrong answers by share answered, and sets that hold the truth"),
    }
    if evaluation.best.breakdowns:
        drawn_once["groups"] = (groups.groups_figure, "Results by group and by speaker")
    for name, (draw_all, title) in drawn_once.items():
        keep(name, draw_all, (evaluation,), run.at.picture(name), title)
    clips = figures.clip_map(evaluation, evaluation.best)
    drawn.write(clips, run.at.picture("map"))
    pictures["map"] = drawn.svg(clips, "A map of the test clips")
    for name, model in evaluation.models.items():
        own = {"confusion": figures.confusion, **({"history": figures.history} if model.has_history else {})}
        for what, draw in own.items():
            title = f"{what.capitalize()} of {model_title(model)}"
            keep(f"{what}_{name}", draw, (evaluation, model), run.at.figure(what, name), title)
        if (diagram := run.at.diagram(name)).exists():
            pictures[f"architecture_{name}"] = diagram.read_text(encoding="utf-8")
    summary.write(run, evaluation)
    card.write_cards(run, evaluation)
    return html.write(run, evaluation, pictures)
