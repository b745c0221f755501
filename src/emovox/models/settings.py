"""Settings that several kinds of model are made of; each field says which values can work."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal


@dataclass(frozen=True)
class Range:
    """Which numbers a setting may be: from ``least`` up to ``most``, without the ends where ``open``.

    >>> Range(0, 1, open="high").fits(1.0), Range(1).fits(1), Range(0, open="low").words
    (False, True, 'above 0')
    """

    least: float
    most: float = math.inf
    open: str = ""

    def fits(self, value: float) -> bool:
        """Whether ``value`` is a number within."""
        above = value > self.least if "low" in self.open else value >= self.least
        below = value < self.most if "high" in self.open or math.isinf(self.most) else value <= self.most
        return above and below

    @property
    def words(self) -> str:
        """As a message says it."""
        low = f"{'above' if 'low' in self.open else 'at least'} {self.least:g}"
        if math.isinf(self.most):
            return low
        return f"{low} and {'below' if 'high' in self.open else 'at most'} {self.most:,.10g}"


Count = Annotated[int, Range(1, 1_000_000)]
Natural = Annotated[int, Range(0, 1_000_000)]
Amount = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, open="low")]
Share = Annotated[float, Range(0, 1, open="high")]


@dataclass(frozen=True)
class Settings:
    """What a recipe may say of one model; every kind has settings of its own.

    Args:
        variant: Which of the kind's networks or ways of use.
    """

    kind: ClassVar[str]
    variant: str = "default"

    def check(self) -> None:
        """Refuse settings that do not fit each other.

        Raises:
            ValueError: Says which, in words that follow the model's name.
        """


@dataclass(frozen=True)
class Augmentation:
    """What is done to training clips, anew each epoch. Zero switches a step off.

    Args:
        mixup: Beta(a, a) parameter of mixup (Zhang et al., 2018).
        crop_frames: Train on this many frames of each clip, taken anywhere within its speech; 0 takes all.
        gain_db: Level drawn from ±this many decibels.
        noise: Standard deviation of Gaussian noise added to log-mel units, drawn from [0, this].
        time_shift: Fraction of the clip by which it may slide, silence following.
        tempo: Natural logarithm of the most that a clip may be sped up or slowed down.
        band_shift: Mel bands by which the spectrum may slide up or down, like a longer or shorter vocal tract.
        time_masks, time_mask_frames, band_masks, band_mask_bands: SpecAugment (Park et al., 2019): how many masks and
            the largest width of each.
    """

    mixup: Amount = 0.0
    crop_frames: Natural = 0
    gain_db: Amount = 0.0
    noise: Amount = 0.0
    time_shift: Share = 0.0
    tempo: Amount = 0.0
    band_shift: Natural = 0
    time_masks: Natural = 0
    time_mask_frames: Natural = 0
    band_masks: Natural = 0
    band_mask_bands: Natural = 0


@dataclass(frozen=True)
class Training:
    """How a network learns.

    Args:
        epochs: At most this many.
        batch_size: Clips a step.
        optimizer, learning_rate, weight_decay: The rate is the peak; the decay is AdamW's.
        schedule: Of the rate over a training.
        patience: Epochs without a better validation loss before stopping; 0 never stops early.
        plateau: Epochs without a better validation loss before a constant rate is halved; 0 never.
        label_smoothing: Share of the target spread over all classes.
        class_weights: Weigh classes by inverse frequency.
        ema: Decay per step of the exponential moving average of the weights; 0 uses the last weights.
        augment: See :class:`Augmentation`.
    """

    epochs: Count = 60
    batch_size: Count = 16
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: Positive = 5e-3
    weight_decay: Amount = 0.05
    schedule: Literal["constant", "cosine", "onecycle"] = "onecycle"
    patience: Natural = 0
    plateau: Natural = 0
    label_smoothing: Share = 0.0
    class_weights: bool = True
    ema: Share = 0.0
    augment: Augmentation = field(default_factory=Augmentation)

    def check(self) -> None:
        """Refuse settings that do not fit each other.

        Raises:
            ValueError: Says which.
        """
        if self.plateau and self.schedule != "constant":
            raise ValueError("plateau needs a constant rate; set schedule to constant")


@dataclass(frozen=True)
class Teacher:
    """Whose picture of each moment a network learns to give beside the emotion (distillation).

    An output that is dropped after training regresses what a layer of a published network hears every 20 ms
    (Romero et al., 2015, arXiv:1412.6550). It hears training clips alone; the emotion of no clip is taught by it.

    Args:
        kind: A kind that hears through a published network; empty for none.
        layer: Of that network.
        directions: How many principal directions of the layer are taught.
        weight: Of the mean squared error beside the cross-entropy.
    """

    kind: str = ""
    layer: Natural = 2
    directions: Count = 64
    weight: Amount = 2.0


@dataclass(frozen=True)
class Alterations:
    """How the further versions of a clip differ from it, before a published network hears them. Zero: not at all.

    Args:
        versions: How many beside the clip as it is.
        speed: Natural logarithm of the most that a clip may be sped up or slowed down, pitch and formants with it.
        tempo: The same for the tempo alone.
        noise_db: The loudest noise, as a signal-to-noise ratio; half of the versions have noise, down to 25 dB less.
        tilt_db: Decibels an octave by which the spectrum may lean to either side.
    """

    versions: Natural = 3
    speed: Amount = 0.12
    tempo: Amount = 0.12
    noise_db: Amount = 15.0
    tilt_db: Amount = 2.0
