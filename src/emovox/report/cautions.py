"""What a reader must know before any figure: each warning has a name and a sentence, in the order of their weight."""

from __future__ import annotations

from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.report import theory
from emovox.report.document import Caution
from emovox.report.words import listed, model_title, percent, plural

WIDE = 0.15
"""An interval of the UAR that is wider than this says little."""

UNCALIBRATED = 0.1
"""An expected calibration error above this."""

OVERFIT = 0.25
"""A training accuracy that is so much above that of validation, in the epoch that was kept."""


def cautions(evaluation: Evaluation) -> list[Caution]:
    """Everything that limits what the figures of a run can say, the gravest first."""
    models = list(evaluation.models.values())
    said = []
    if evaluation.synthetic:
        said.append(Caution("synthetic", theory.SYNTHETIC))
    if evaluation.leaky:
        said.append(Caution("leaky: speakers shared", theory.PROTOCOLS[True]))
    if evaluation.missing:
        left = f"{listed(evaluation.missing)}: not all trainings are finished, so this page leaves them out."
        said.append(Caution("unfinished", left))
    said += [Caution("emotion without training clips", notice) for notice in evaluation.notices]
    if evaluation.few_speakers:
        few = plural(evaluation.few_speakers, "test speaker")
        said.append(Caution("few speakers", f"There are {few}: the results say little about other people."))
    wide = [f"{model_title(m)} ({percent(m.uar.high - m.uar.low, 0)})" for m in models if m.uar.high - m.uar.low > WIDE]
    if wide:
        said.append(Caution("wide interval", f"The interval of the UAR is wide for {listed(wide)}: do not rank by it."))
    for model in models:
        never = [label for k, label in enumerate(evaluation.labels) if not model.confusion[:, k].sum()]
        if never:
            said.append(Caution("class never predicted", f"{model_title(model)} never predicts {listed(never)}."))
    overfit = [model_title(model) for model in models if _gap(model) > OVERFIT]
    if overfit:
        sentence = f"{listed(overfit)}: much higher accuracy on training clips than on validation clips."
        said.append(Caution("overfit", sentence))
    unsure = [
        f"{model_title(model)} ({percent(model.calibration.error)})"
        for model in models
        if model.calibration.error > UNCALIBRATED
    ]
    if unsure:
        sentence = f"Do not trust the probabilities of {listed(unsure)}: confidence and accuracy differ too much."
        said.append(Caution("uncalibrated", sentence))
    return said


def _gap(model: ModelEvaluation) -> float:
    """Training accuracy above validation accuracy in the kept epochs, the mean over trainings; 0 without epochs."""
    gaps = [
        training.history["accuracy"][training.best_epoch - 1]
        - training.history["val_accuracy"][training.best_epoch - 1]
        for training in model.trainings
        if training.best_epoch and training.history.get("accuracy") and training.history.get("val_accuracy")
    ]
    return sum(gaps) / len(gaps) if gaps else 0.0
