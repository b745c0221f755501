"""What a person reads of a run: figures, a page of text, and a report in HTML."""

from __future__ import annotations

from pathlib import Path

from emovox.evaluation import Evaluation
from emovox.runs import Run

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
    from emovox.report import confidence, drawn, figures, groups, html, summary

    pictures = {"final": drawn.write(figures.final_comparison(evaluation), run.at.final_figure)}
    drawn_once = {"reliability": confidence.reliability_figure, "doubt": confidence.doubt_figure}
    if evaluation.best.breakdowns:
        drawn_once["groups"] = groups.groups_figure
    for name, draw_all in drawn_once.items():
        pictures[name] = drawn.write(draw_all(evaluation), run.at.picture(name))
    for name, model in evaluation.models.items():
        own = {"confusion": figures.confusion, **({"history": figures.history} if model.has_history else {})}
        for what, draw in own.items():
            pictures[f"{what}_{name}"] = drawn.write(draw(evaluation, model), run.at.figure(what, name))
    summary.write(run, evaluation)
    return html.write(run, evaluation, pictures)
