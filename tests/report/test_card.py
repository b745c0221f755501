"""A model card stays whole whatever a corpus calls its emotions."""

import dataclasses

from emovox.evaluation import Evaluation
from emovox.report.card import card
from emovox.report.document import render
from emovox.runs import Run


def test_a_bar_or_a_tag_in_a_label_breaks_no_table(honest: tuple[Run, Evaluation]) -> None:
    run, evaluation = honest
    model = evaluation.models["cnn"]
    classes = {f"{label}|<b>": score for label, score in model.classes.items()}
    written = render(card(run, evaluation, dataclasses.replace(model, classes=classes), "a.onnx", "all"), ".md")
    assert "| happy\\|&lt;b> |" in written
