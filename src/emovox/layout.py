"""Where everything lies in a run folder; nothing else knows these names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The paths within one run folder.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """What was asked; written last when a folder is made, so its presence means a whole run folder."""
        return self.path / "recipe.toml"

    @property
    def provenance(self) -> Path:
        """The corpus, versions, machine, seconds a stage."""
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
        """A training's folder: its checkpoints, its weights, its outcome."""
        return self.path / "folds" / name

    def logs(self, name: str) -> Path:
        """A training's TensorBoard logs."""
        return self.path / "logs" / name

    @property
    def results(self) -> Path:
        """Every figure, for programs."""
        return self.path / "training_results.json"

    @property
    def comparison(self) -> Path:
        """One row a model, for spreadsheets."""
        return self.path / "model_comparison.csv"

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

    def figure(self, what: str, model: str) -> Path:
        """A figure of one model."""
        return self.path / "figures" / f"{what}_{model}.png"

    @property
    def artifacts(self) -> Path:
        """The folder of the files that answer."""
        return self.path / "artifacts"

    def artifact(self, model: str) -> Path:
        """The file that answers as one model."""
        return self.artifacts / f"{model}.onnx"

    def saved(self, stem: str) -> tuple[Path, Path]:
        """A model for Keras, in both of its formats."""
        return self.path / f"{stem}_final_model.h5", self.path / f"{stem}_final_model.keras"


FILES = (
    ("report.html", "all of this with figures and explanations, in one file"),
    ("final_comparison_all_models.png", "the models beside chance, people and published systems"),
    ("figures/", "a confusion matrix, and where there is one a training history, of each model"),
    ("training_results.json", "every figure, for programs"),
    ("model_comparison.csv", "one row a model, for spreadsheets"),
    ("predictions.npz", "what each model predicted for each test clip"),
    ("artifacts/", "the models ready to answer: waveform in, probabilities out (ONNX)"),
    ("*_final_model.keras", "the models for Keras, to train on (and .h5)"),
    ("recipe.toml", "every setting; the same recipe makes this run again"),
    ("provenance.json", "versions, machine, corpus digest, seconds a stage"),
    ("logs/", "training histories for TensorBoard"),
)
"""What a run folder may hold, and what it is for."""
