"""Everything that decides a training, in one frozen value that is read from and written to TOML."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emovox.errors import RecipeError

KINDS = ("cnn", "cnn_lstm", "yamnet")


@dataclass(frozen=True)
class Augmentation:
    """What is done to training clips, anew each epoch. Zero switches a step off.

    Args:
        mixup: Beta(a, a) parameter of mixup (Zhang et al., 2018).
        gain_db: Level drawn from ±this many decibels.
        noise: Standard deviation of Gaussian noise added to log-mel units, drawn from [0, this].
        crop_frames: Train on this many frames of each clip, taken anywhere within its speech; 0 takes all.
        time_shift: Fraction of the clip by which it may slide, silence following.
        tempo: Natural logarithm of the most that a clip may be sped up or slowed down.
        band_shift: Mel bands by which the spectrum may slide up or down, like a longer or shorter vocal tract.
        time_masks, time_mask_frames, band_masks, band_mask_bands: SpecAugment (Park et al., 2019): how many masks and
            the largest width of each.
    """

    mixup: float = 0.0
    crop_frames: int = 0
    gain_db: float = 0.0
    noise: float = 0.0
    time_shift: float = 0.0
    tempo: float = 0.0
    band_shift: int = 0
    time_masks: int = 0
    time_mask_frames: int = 0
    band_masks: int = 0
    band_mask_bands: int = 0


@dataclass(frozen=True)
class ModelRecipe:
    """One model's kind, input and training.

    Args:
        kind: The registry's name: cnn, cnn_lstm or yamnet.
        variant: ``reference`` (published parameter count) or ``default``.
        front_end: Name in ``features.FRONT_ENDS``.
        epochs: At most this many.
        batch_size: Clips a step.
        optimizer: ``adam`` or ``adamw``.
        learning_rate: The peak.
        weight_decay: For AdamW.
        schedule: ``constant``, ``cosine`` or ``onecycle``.
        patience: Epochs without a better validation loss before stopping; 0 never stops early.
        plateau: Epochs without a better validation loss before the rate is halved; 0 never.
        label_smoothing: Share of the target spread over all classes.
        class_weights: Weigh classes by inverse frequency.
        average: Decay per step of the exponential moving average of the weights; 0 uses the last weights.
        dropout: Rate before the classifier.
        members: Networks of this kind that learn apart, each from a seed of its own, and answer with the mean of their
            probabilities (Lakshminarayanan et al., 2017, arXiv:1612.01474).
        last_layer: YAMNet only: the transfer point, 1 to 14.
        frozen_layers: YAMNet only: layers up to this one stay as published and are computed once; the others, up to
            ``last_layer``, are fine-tuned.
        tap_layer: YAMNet only: beside the fine-tuned layers, the published ones run on up to this one, and each of them
            is heard too; 0 hears no more than ``frozen_layers``.
        versions: YAMNet only: how many times each clip passes the frozen layers, the first time as it is and then
            augmented.
        augment: See :class:`Augmentation`.
    """

    kind: str = "cnn"
    variant: str = "default"
    front_end: str = "default"
    epochs: int = 60
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    patience: int = 0
    plateau: int = 0
    label_smoothing: float = 0.0
    class_weights: bool = True
    average: float = 0.0
    dropout: float = 0.3
    members: int = 1
    last_layer: int = 14
    frozen_layers: int = 14
    tap_layer: int = 0
    versions: int = 1
    augment: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Recipe:
    """One study: a corpus, a protocol, and the models to train on every fold.

    Args:
        corpus: Corpus name.
        protocol: Name in ``splits.PROTOCOLS``.
        seeds: Trainings per model and fold, with seeds 0, 1, …
        models: Model name → its recipe; the name is what every table and file is called by.
    """

    corpus: str = "ravdess"
    protocol: str = "speakers1"
    seeds: int = 1
    models: dict[str, ModelRecipe] = field(default_factory=dict)

    def to_toml(self) -> str:
        """The recipe as TOML that :func:`recipe_from_toml` reads back to an equal value."""
        lines = [f"corpus = {_literal(self.corpus)}", f"protocol = {_literal(self.protocol)}", f"seeds = {self.seeds}"]
        for name, model in self.models.items():
            lines += ["", f"[models.{_key(name)}]"]
            plain = {k: v for k, v in vars(model).items() if k != "augment"}
            lines += [f"{key} = {_literal(value)}" for key, value in plain.items()]
            lines += ["", f"[models.{_key(name)}.augment]"]
            lines += [f"{key} = {_literal(value)}" for key, value in vars(model.augment).items()]
        return "\n".join(lines) + "\n"


def recipe_from_toml(text: str, source: str = "the recipe") -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: Not TOML, an unknown key, or a value of the wrong type; ``source`` names the file in the message.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source} is not TOML: {error}; every run's recipe.toml is an example") from None
    models = table.pop("models", {})
    if not isinstance(models, dict):
        raise RecipeError(f"{source}: models must be tables such as [models.cnn]")
    built = {}
    for name, settings in models.items():
        if not isinstance(settings, dict):
            raise RecipeError(f"{source}: models.{name} must be a table such as [models.{name}]")
        augment = _build(Augmentation, settings.pop("augment", {}), f"{source}: [models.{name}.augment]")
        built[name] = _build(ModelRecipe, {"augment": augment, **settings}, f"{source}: [models.{name}]")
        if built[name].kind not in KINDS:
            raise RecipeError(f"{source}: unknown model {built[name].kind!r}; available: {', '.join(KINDS)}")
    recipe: Recipe = _build(Recipe, {**table, "models": built}, source)
    return recipe


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        RecipeError: The file is missing or not a recipe.
    """
    try:
        return recipe_from_toml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RecipeError(f"Cannot read the recipe {path}: {reason}; give a TOML file such as a run's") from None


AT_LEAST_ONE = ("seeds", "epochs", "batch_size", "members", "frozen_layers", "last_layer", "versions")
BELOW_ONE = ("dropout", "label_smoothing", "average", "time_shift")


def check_ranges(recipe: Recipe) -> None:
    """Refuse numbers that no training can work with.

    Raises:
        RecipeError: One is out of its range; the message names it.
    """
    _check_table(recipe, "the recipe")
    for name, model in recipe.models.items():
        _check_table(model, f"models.{name}")
        _check_table(model.augment, f"models.{name}.augment")


def _check_table(table: Any, where: str) -> None:
    for key, value in vars(table).items():
        if not isinstance(value, int | float):
            continue
        if key in AT_LEAST_ONE:
            fits, wanted = value >= 1, "at least 1"
        elif key in BELOW_ONE:
            fits, wanted = 0 <= value < 1, "at least 0 and below 1"
        elif key == "learning_rate":
            fits, wanted = 0 < value < math.inf, "above 0"
        else:
            fits, wanted = 0 <= value < math.inf, "at least 0"
        if not fits:
            raise RecipeError(f"{where}: {key} must be {wanted}, got {value}")


def _build(kind: type[Any], settings: dict[str, Any], where: str) -> Any:
    """A dataclass from a table, refusing unknown keys and wrong types."""
    hints = typing.get_type_hints(kind)
    for key, value in settings.items():
        if key not in hints:
            known = ", ".join(f.name for f in dataclasses.fields(kind))
            raise RecipeError(f"{where}: unknown key {key!r}; known keys: {known}")
        expected = hints[key]
        if expected is float and isinstance(value, int) and not isinstance(value, bool):
            settings = {**settings, key: float(value)}
        elif isinstance(expected, type) and (
            not isinstance(value, expected) or isinstance(value, bool) != (expected is bool)
        ):
            raise RecipeError(f"{where}: {key} must be {expected.__name__}, got {value!r}")
    return kind(**settings)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _literal(name)


def _literal(value: str | bool | int | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # JSON's strings are TOML's, but for the one control character that JSON lets through
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
