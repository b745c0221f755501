"""Where everything lies in a run folder; nothing else knows these names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from emovox.errors import RunError

_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?"


def check_name(name: object) -> str:
    """Give back what may name a file in a run folder.

    Raises:
        RunError: It may not, since it would lead out of the folder or be changed by a file system.
    """
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise RunError(
            f"{str(name)[:120]!r} is not a valid folder name; use at most 100 letters, digits, dots, dashes and "
            "underscores, with a letter or digit first and no dot at the end"
        )
    return name


def _check_job(name: str) -> str:
    if not re.fullmatch(rf"{_NAME}/{_NAME}-seed\d+", name):
        raise RunError(f"{name!r} is not the name of a training; use FOLD/MODEL-seedN")
    return name


@dataclass(frozen=True)
class Layout:
    """The paths within one run folder; a name that would lead out of it is refused.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def lock(self) -> Path:
        """There while a process works in the folder."""
        return self.path / ".lock"

    @property
    def recipe(self) -> Path:
        """What was asked; written last when a folder is made, so its presence means a whole run folder."""
        return self.path / "recipe.toml"

    @property
    def provenance(self) -> Path:
        """The corpus, the weights, and of every session the command, versions, machine, seconds a stage."""
        return self.path / "provenance.json"

    @property
    def clips(self) -> Path:
        """What is known of every clip."""
        return self.path / "folds" / "clips.csv"

    @property
    def folds(self) -> Path:
        """Which clips are for training, validation and test in every fold."""
        return self.path / "folds" / "folds.json"

    def job(self, name: str) -> Path:
        """A training's folder, ``FOLD/MODEL-seedN``: its checkpoints, its weights, its outcome."""
        return self.path / "folds" / _check_job(name)

    def logs(self, name: str) -> Path:
        """A training's TensorBoard logs."""
        return self.path / "logs" / _check_job(name)

    @property
    def projector(self) -> Path:
        """Test clips as points, for TensorBoard's projector."""
        return self.path / "logs" / "projector"

    @property
    def results(self) -> Path:
        """Every figure, for programs."""
        return self.path / "training_results.json"

    @property
    def comparison(self) -> Path:
        """One row a model, for spreadsheets."""
        return self.path / "model_comparison.csv"

    @property
    def errors(self) -> Path:
        """Every test clip that a model names wrongly, for spreadsheets."""
        return self.path / "errors.csv"

    @property
    def predictions(self) -> Path:
        """What each model predicted for each test clip."""
        return self.path / "predictions.npz"

    @property
    def summary(self) -> Path:
        """The run told on a page."""
        return self.path / "training_summary.txt"

    @property
    def report(self) -> Path:
        """The run told whole."""
        return self.path / "report.html"

    @property
    def final_figure(self) -> Path:
        """The models beside chance, people and published systems."""
        return self.path / "final_comparison_all_models.png"

    def picture(self, name: str) -> Path:
        """A figure of all models."""
        return self.path / "figures" / f"{check_name(name)}.png"

    def figure(self, what: str, model: str) -> Path:
        """A figure of one model."""
        return self.path / "figures" / f"{check_name(what)}_{check_name(model)}.png"

    def sound(self, clip: str) -> Path:
        """What a clip sounds like, kept for the report."""
        return self.path / "sounds" / f"{hashlib.sha256(clip.encode()).hexdigest()[:16]}.ogg"

    def diagram(self, model: str) -> Path:
        """How a model is built, drawn."""
        return self.figure("architecture", model).with_suffix(".svg")

    def report_as(self, ending: str) -> Path:
        """The report in another form, such as ``.pdf``."""
        return self.report.with_suffix(ending)

    @property
    def artifacts(self) -> Path:
        """The folder of the files that answer."""
        return self.path / "artifacts"

    def artifact(self, model: str) -> Path:
        """The file that answers as one model."""
        return self.artifacts / f"{check_name(model)}.onnx"

    def final(self, model: str) -> Path:
        """The file that answers as one model which learnt from all clips."""
        return self.path / "final" / f"{check_name(model)}.onnx"

    @property
    def audit(self) -> Path:
        """How much each trick inflates, for programs."""
        return self.path / "audit.json"

    @property
    def robustness(self) -> Path:
        """What other recordings do to the figures, for programs."""
        return self.path / "robustness.json"

    @property
    def learning_curve(self) -> Path:
        """What more speakers would bring, for programs."""
        return self.path / "learning_curve.json"

    @property
    def adaptation(self) -> Path:
        """What a few clips without labels bring, for programs."""
        return self.path / "adaptation.json"

    @property
    def explanations(self) -> Path:
        """Which parts of the hardest clips each model attends to, for programs."""
        return self.path / "explanations.json"

    def trial(self, name: str) -> Path:
        """A run folder of its own: the same recipe on other folds, other labels or other inputs."""
        return self.path / "trials" / name

    def probe_figure(self, what: str) -> Path:
        """A figure of the audit, of other recordings, or of more speakers."""
        return self.path / "figures" / f"{what}.png"

    def saved(self, stem: str) -> tuple[Path, Path]:
        """A model for Keras, in both of its formats."""
        start = f"{check_name(stem)}_final_model"
        return self.path / f"{start}.h5", self.path / f"{start}.keras"


FILES = (
    ("report.html", "all of this with figures and explanations, in one file"),
    (
        "final_comparison_all_models.png",
        "the models compared with chance, people and published systems, where known",
    ),
    ("figures/", "confusion matrices, training histories, confidence, results by group"),
    ("training_results.json", "every number, for programs"),
    ("model_comparison.csv", "one row per model, for spreadsheets"),
    ("errors.csv", "every test clip that a model predicts wrongly, with its probabilities"),
    ("predictions.npz", "what each model predicted for each test clip"),
    ("report.pdf", "the same as PDF ('emovox report --pdf RUN')"),
    ("report.md", "the same as Markdown ('emovox report --format markdown RUN')"),
    ("report.txt", "the same as plain text ('emovox report --format text RUN')"),
    ("artifacts/", "the models ready to use: waveform in, probabilities out (ONNX), with a model card each"),
    ("final/", "a model trained on all clips, to deploy, with a model card ('emovox fit RUN')"),
    ("*_final_model.keras", "the models for Keras, to train further (and .h5)"),
    ("audit.json", "how much each trick would inflate the results ('emovox audit RUN')"),
    ("robustness.json", "results on altered recordings ('emovox evaluate --robustness RUN')"),
    ("learning_curve.json", "what more speakers would bring ('emovox evaluate --learning-curve RUN')"),
    ("adaptation.json", "what a few clips of a speaker without labels bring ('emovox evaluate --adapt 0,5,10,20 RUN')"),
    ("explanations.json", "which parts of the hardest clips each model attends to ('emovox evaluate --explain RUN')"),
    ("trials/", "trainings of the audit and of the learning curve, a run folder each; leaky on purpose"),
    ("sounds/", "clips where the best model is wrong and most confident; under the licence of the corpus"),
    ("recipe.toml", "every setting; the same recipe makes this run again"),
    ("provenance.json", "corpus digest; of every session: command, versions, machine, seconds"),
    ("logs/", "for TensorBoard: histories, confusion, spectrograms, settings with results, test clips as points"),
)
"""What a run folder may hold, and what it is for."""
