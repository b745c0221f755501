"""What a person reads of a run: figures, and documents in HTML, Markdown, plain text and PDF."""

from __future__ import annotations

from pathlib import Path

from emovox.evaluation import Evaluation
from emovox.runs import Run

__all__ = ["write_report"]


def write_report(run: Run, evaluation: Evaluation, form: str = ".html") -> Path:
    """Write figures, ``training_summary.txt``, ``report.html`` and a card beside every artifact into the run folder.

    Args:
        run: An opened run.
        evaluation: What :func:`emovox.evaluation.evaluate` made of it.
        form: The ending of a further form of the report: ``.md``, ``.txt`` or ``.pdf``.

    Returns:
        The path of the report in that form; ``report.html`` holds its figures within itself.

    Raises:
        EmovoxError: There is no such form, or no browser that prints.
        StorageError: The folder cannot be written.
    """
    from emovox.report.card import card
    from emovox.report.contents import contents
    from emovox.report.document import write
    from emovox.report.summary import page

    report = contents(run, evaluation)
    learnt = f"the training part of {next(iter(evaluation.folds))}, seed 0"
    write(page(evaluation, run.path), run.at.summary)
    for name, model in evaluation.models.items():
        file = run.at.artifact(name)
        if file.exists():
            write(card(run, evaluation, model, file.name, learnt), file.with_suffix(".md"))
    write(report, run.at.report)
    return run.at.report if form == ".html" else write(report, run.at.report_as(form))
