"""What a kind of model declares; the families: trained from scratch, heard through a published network, combined.

A kind is one module of this package and one line in the registry. Nothing outside the package knows a kind by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np

from emovox.features import FrontEnd, LogMel
from emovox.models.settings import (
    Alterations,
    Count,
    Natural,
    Positive,
    Range,
    Settings,
    Share,
    Teacher,
    Training,
)

if TYPE_CHECKING:
    import keras

Progress = Callable[[str, int, int], None]
Statistic = Literal["mean", "deviation"]

HEARD = "heard"
"""Name of the layer whose steps a teacher works on."""

N_CLASSES = 15
"""What a linear head tells apart on RAVDESS: seven emotions at two intensities each, and neutral at one."""


class Kind(ABC):
    """A sort of model.

    Attributes:
        name: What recipes call it by.
        title: As papers write it.
        theory: A paragraph for people who do not know it.
        texts: Names of the texts in :mod:`emovox.texts` that explain it; without any, the report has the paragraph.
        file_stem: What its saved models are called, where that is not its name.
        settings: The dataclass of what a recipe may say of it.
        variants: What ``settings.variant`` may be, each with all of its parameters, moving averages of batch norm and
            published weights among them, for RAVDESS and the settings of the built-in recipe; 0 where it has none of
            its own. A test counts.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    theory: ClassVar[str]
    texts: ClassVar[tuple[str, ...]] = ()
    file_stem: ClassVar[str] = ""
    settings: ClassVar[type[Settings]]
    variants: ClassVar[Mapping[str, int]]


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """Of a network that is trained from scratch.

    Args:
        dropout: Rate before the classifier.
        members: Networks that learn apart, each from a seed of its own, and answer with the mean of their
            probabilities (Lakshminarayanan et al., 2017, arXiv:1612.01474).
        front_end: What it reads.
        training: How it learns.
        teacher: What it learns beside the emotion.
    """

    dropout: Share = 0.3
    members: Count = 1
    teacher: Teacher = field(default_factory=Teacher)
    front_end: LogMel = field(default_factory=LogMel)
    training: Training = field(default_factory=Training)

    def check(self) -> None:
        """Refuse settings that do not fit each other."""
        frames, _ = self.front_end.shape
        if frames is None:
            raise ValueError("front_end.n_frames must be at least 1: clips are trained on in batches")
        if self.training.augment.crop_frames > frames:
            raise ValueError(f"crop_frames must be at most the {frames} frames of its front end")
        if self.training.augment.gain_db and self.front_end.scaling != "none":
            raise ValueError("gain_db needs clips that keep their level; set it to 0, or front_end.scaling to none")


class Network(Kind):
    """A kind that is trained from scratch on what its front end gives."""

    @abstractmethod
    def build(self, settings: Any, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
        """A fresh network: (batch, frames, bands) → (batch, classes), ending in a softmax.

        A layer called :data:`HEARD` gives (batch, steps, features) for a teacher to work on.

        Args:
            settings: Of this kind.
            shape: (frames, bands); frames are None for any number.
            n_classes: Emotions.
        """


@dataclass(frozen=True)
class HeardSettings(Settings):
    """Of a head on what a published network hears.

    Args:
        statistics: Over time, of each layer that is heard.
        hidden_units: Of the head; 0 makes it linear, and fits it in closed form.
        shrinkages: Of a linear head, to choose from by speaker: see :mod:`emovox.training.head`.
        centring: How many clips the belief counts for that a speaker's statistics lie where the corpus's do, when
            clips without labels say otherwise; see :meth:`emovox.listening.Recognizer.adapted`.
        mood: Which share of how such a clip departs, as far as clips of its likeliest emotions do, is taken for the
            emotion's and not for the speaker's: 0 serves where clips are of all emotions alike, 1 where of one.
        input_dropout, dropout, training: How a head with hidden units learns; rates before its first and second layer.
        alter: The altered versions of each clip that it is trained on.
    """

    statistics: tuple[Statistic, ...] = ("mean", "deviation")
    hidden_units: Natural = 0
    shrinkages: tuple[Positive, ...] = (0.3, 1.0, 3.0, 10.0)
    centring: Positive = 5.0
    mood: Annotated[float, Range(0, 1)] = 0.5
    input_dropout: Share = 0.0
    dropout: Share = 0.3
    training: Training = field(default_factory=Training)
    alter: Alterations = field(default_factory=Alterations)

    def check(self) -> None:
        """Refuse settings that do not fit each other."""
        if not self.statistics or not self.shrinkages:
            raise ValueError("statistics and shrinkages must each have at least one value")
        if len(set(self.statistics)) < len(self.statistics):
            raise ValueError("statistics must each be given once")


class Heard(Kind):
    """A kind that runs a published network over each clip once, and trains a head on statistics of its layers.

    Attributes:
        notice: What its authors ask to be said of files that contain their weights.
        source: Where the published file lies, in words that tell a person how to get it.
    """

    notice: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def find_weights(self, settings: Any, option: Path | None, progress: Progress | None = None) -> Path:
        """The published file: the one named, else the user cache's, else downloaded into it.

        Raises:
            DownloadError, ModelError: It cannot be had; the message says how to get it.
        """

    @abstractmethod
    def read_weights(self, settings: Any, path: Path) -> Mapping[str, Any]:
        """The published file's tensors, checked.

        Raises:
            ModelError: The file is damaged, or of another network.
        """

    @abstractmethod
    def front_end(self, settings: Any) -> FrontEnd:
        """What the published network reads."""

    @abstractmethod
    def encoder(self, settings: Any, weights: Mapping[str, Any] | None) -> keras.Model:
        """(batch, frames, bands) → (batch, statistics), for any number of frames; without weights a random start."""

    @abstractmethod
    def steps(self, settings: Any, weights: Mapping[str, Any], layer: int) -> keras.Model:
        """(batch, frames, bands) → (batch, steps, features) of one layer."""

    def check_steps(self, layer: int) -> None:
        """Refuse a layer that cannot teach.

        Raises:
            ValueError: The published network has no such layer.
        """
        replace(self.settings(), layers=(layer,)).check()  # type: ignore[call-arg]

    @abstractmethod
    def published_parameters(self, settings: Any) -> int:
        """Parameters of the published network as far as it is heard, by arithmetic."""


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A softmax on a linear map of statistics, or of what a hidden layer makes of them.

    Args:
        layers: (kernel, bias) of each dense layer, float32; all but the last are followed by a ReLU.
        merge: (classes, emotions), 0 or 1: classes whose probabilities are added up; None where classes are emotions.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    merge: np.ndarray | None = None

    @property
    def parameters(self) -> int:
        """How many numbers it learnt."""
        return sum(kernel.size + bias.size for kernel, bias in self.layers)

    @property
    def outputs(self) -> int:
        """How many emotions it tells apart."""
        return int((self.layers[-1][0] if self.merge is None else self.merge).shape[1])

    def __call__(self, statistics: np.ndarray) -> np.ndarray:
        """(clips, statistics) → (clips, emotions), probabilities, float32."""
        probabilities = self.classes(statistics)
        merged = probabilities if self.merge is None else probabilities @ self.merge
        return np.asarray(merged, dtype=np.float32)

    def classes(self, statistics: np.ndarray) -> np.ndarray:
        """(clips, statistics) → (clips, classes), probabilities, before those of one emotion are added up."""
        x = statistics.astype(np.float64)
        for i, (kernel, bias) in enumerate(self.layers):
            x = x @ kernel + bias
            if i < len(self.layers) - 1:
                x = np.maximum(x, 0)
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def arrays(self) -> dict[str, np.ndarray]:
        """What :meth:`of` makes the head of again."""
        stored = {f"{i}/{part}": a for i, layer in enumerate(self.layers) for part, a in zip("kb", layer, strict=True)}
        return stored if self.merge is None else {**stored, "merge": self.merge}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> LinearHead:
        """The head that was kept."""
        count = sum(name.endswith("/k") for name in arrays)
        return cls(tuple((arrays[f"{i}/k"], arrays[f"{i}/b"]) for i in range(count)), arrays.get("merge"))


@dataclass(frozen=True, eq=False)
class Head:
    """What answers from the statistics that a published network gives.

    Args:
        linear: From statistics to probabilities.
        centre: (statistics,), their mean over training clips, from which a speaker's own mean departs.
        spread: (statistics,), how far a statistic may lie from the centre: where the root of the mean square of all,
            each as a share of its spread, is above 1, a clip is unlike those of training.
        moods: (classes, statistics), which part of a departure from the centre is taken for each class's own.
        centring: See :class:`HeardSettings`.
    """

    linear: LinearHead
    centre: np.ndarray
    spread: np.ndarray
    moods: np.ndarray
    centring: float

    def departures(self, statistics: np.ndarray) -> np.ndarray:
        """How clips depart from the centre, without what is taken for their emotion's: (clips, statistics) likewise."""
        return np.asarray(statistics - self.centre - self.linear.classes(statistics) @ self.moods)
