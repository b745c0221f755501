"""Everything that decides a training, in one frozen value: read from TOML, checked and written here alone."""

from __future__ import annotations

import dataclasses
import importlib.resources
import json
import math
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from emovox.errors import ModelError, RecipeError, RunError, SplitError
from emovox.layout import check_name
from emovox.models import KINDS, Ensemble, Heard, kind_of
from emovox.models.settings import Augmentation, Count, Range, Settings
from emovox.splits import PROTOCOLS

BUILT_IN = ("default", "best", "reference", "replica", "synthetic")
"""Recipes that come with the package."""

VARIANTS = BUILT_IN[:4]
"""Built-in recipes that ``--variant`` chooses from."""

QUICK_EPOCHS = 3


@dataclass(frozen=True)
class Recipe:
    """One study: a corpus, a protocol, and the models to train on every fold.

    Args:
        corpus: Corpus name.
        protocol: Name in ``splits.PROTOCOLS``.
        seeds: Trainings per model and fold, with seeds 0, 1, …
        models: Model name → its settings; the name is what every table and file is called by.
    """

    corpus: str = "ravdess"
    protocol: str = "speakers1"
    seeds: Count = 1
    models: dict[str, Settings] = field(default_factory=dict)

    def to_toml(self) -> str:
        """The recipe as TOML that :func:`recipe_from_toml` reads back to an equal value."""
        lines = [
            f"{f.name} = {_literal(getattr(self, f.name))}" for f in dataclasses.fields(self) if f.name != "models"
        ]
        for name, settings in self.models.items():
            lines += _table(f"models.{_key(name)}", settings, {"kind": settings.kind})
        return "\n".join(lines) + "\n"


def recipe_from_toml(text: str, source: str = "the recipe") -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: Not TOML, an unknown key, or a value that cannot work; ``source`` names the file in the message.
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
        where = f"{source}: models.{_key(name)}"
        if not isinstance(settings, dict):
            raise RecipeError(f"{where} must be a table such as [models.{_key(name)}]")
        kind = settings.pop("kind", name)
        if not isinstance(kind, str) or kind not in KINDS:
            raise RecipeError(f"{where}: unknown kind {kind!r}; available: {', '.join(KINDS)}")
        built[name] = _build(KINDS[kind].settings, settings, where)
    recipe: Recipe = dataclasses.replace(_build(Recipe, table, source), models=built)
    check(recipe, source)
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
        raise RecipeError(
            f"Cannot read the recipe {path}: {reason}; give a TOML file such as recipe.toml of a run"
        ) from None


def built_in(name: str) -> Recipe:
    """A recipe that comes with the package: one of :data:`BUILT_IN`.

    Raises:
        RecipeError: There is none of that name.
    """
    if name not in BUILT_IN:
        raise RecipeError(f"There is no built-in recipe {name!r}; available: {', '.join(BUILT_IN)}")
    file = importlib.resources.files("emovox") / "recipes" / f"{name}.toml"
    return recipe_from_toml(file.read_text(encoding="utf-8"), f"the built-in recipe {name}")


def plan(
    protocol: str | None = None,
    models: tuple[str, ...] | None = None,
    variant: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seeds: int | None = None,
    quick: bool = False,
    recipe: Path | None = None,
    corpus: str | None = None,
    no_augment: bool = False,
) -> Recipe:
    """The recipe that the given wishes amount to: a recipe file or the built-in one, then each wish over it.

    Args:
        protocol, models, variant, epochs, batch_size, seeds: None leaves what the recipe says.
        quick: A few epochs only, to see that all works.
        recipe: A TOML file; None takes the built-in one, of which the synthetic corpus has a shorter one of its own.
        corpus: The name of the corpus that is there; None leaves what the recipe says.
        no_augment: Models learn from the clips as they are, and not from altered ones too.

    Raises:
        RecipeError: The file is not a recipe, or one of its settings cannot work.
        ModelError: A model is not in the recipe, or a variant is unknown.
        SplitError: The protocol is unknown.
    """
    if variant not in (None, *VARIANTS):
        raise ModelError(f"Unknown variant {variant!r}; available: {', '.join(VARIANTS)}")
    if recipe is not None and variant is not None:
        raise RecipeError(f"--variant chooses a built-in recipe, and {recipe} is another; give one of the two")
    short = corpus == "synthetic" and variant in (None, VARIANTS[0])
    planned = read_recipe(recipe) if recipe else built_in("synthetic" if short else variant or VARIANTS[0])
    if not planned.models:
        raise RecipeError(f"{recipe} names no models; add one, such as [models.{next(iter(KINDS))}]")
    chosen = tuple(planned.models) if models is None else models
    for name in chosen:
        if name not in planned.models:
            raise ModelError(f"Unknown model {name!r}; available: {', '.join(planned.models)}")
    if not chosen:
        raise ModelError(f"No model is named; available: {', '.join(planned.models)}")
    training: dict[str, Any] = {"epochs": epochs or (QUICK_EPOCHS if quick else None), "batch_size": batch_size}
    training = {name: value for name, value in training.items() if value is not None}
    if no_augment:
        training["augment"] = Augmentation()
    wished = dataclasses.replace(
        planned,
        corpus=corpus or planned.corpus,
        protocol=protocol or planned.protocol,
        seeds=planned.seeds if seeds is None else seeds,
        models={name: _trained(planned.models[name], training, no_augment) for name in chosen},
    )
    check(wished)
    return wished


def without(recipe: Recipe, names: typing.Collection[str]) -> Recipe:
    """The recipe without some of its models, and without an ensemble that has then fewer than two members."""
    models: dict[str, Settings] = {}
    for name, settings in recipe.models.items():
        if name in names:
            continue
        if isinstance(kind_of(settings), Ensemble):
            if len(set(members_of(recipe, name)) - set(names)) < 2:
                continue
            named: tuple[str, ...] = settings.members  # type: ignore[attr-defined]
            kept = tuple(member for member in named if member not in names)
            settings = dataclasses.replace(settings, members=kept)  # type: ignore[call-arg]
        models[name] = settings
    return dataclasses.replace(recipe, models=models)


def members_of(recipe: Recipe, name: str) -> tuple[str, ...]:
    """The models that the model ``name`` combines; none where it is not an ensemble."""
    settings = recipe.models[name]
    if not isinstance(kind_of(settings), Ensemble):
        return ()
    return getattr(settings, "members", ()) or _single(recipe)


def _single(recipe: Recipe) -> tuple[str, ...]:
    """The models that are no ensembles."""
    return tuple(name for name, settings in recipe.models.items() if not isinstance(kind_of(settings), Ensemble))


def check(recipe: Recipe, source: str = "the recipe") -> None:
    """Refuse what would only fail after minutes of work.

    Raises:
        RecipeError: A number out of its range, or settings that do not fit each other; the message names them.
        SplitError: The protocol is unknown.
    """
    _check_values(recipe, source)
    if recipe.protocol not in PROTOCOLS:
        raise SplitError(f"Unknown protocol {recipe.protocol!r}; available: {', '.join(PROTOCOLS)}")
    if len({str(name).casefold() for name in recipe.models}) < len(recipe.models):
        raise RecipeError(f"{source}: two model names differ only in case; rename one")
    for name, settings in recipe.models.items():
        where = f"{source}: models.{_key(name)}"
        try:
            check_name(name)
        except RunError as error:
            raise RecipeError(f"{source}: the model {error}") from None
        kind = kind_of(settings)
        if not isinstance(settings.variant, str) or settings.variant not in kind.variants:
            known = ", ".join(kind.variants)
            raise RecipeError(f"{where}: unknown variant {settings.variant!r} of {kind.name}; available: {known}")
        _check_values(settings, where)
        teacher = getattr(settings, "teacher", None)
        if teacher and teacher.kind:
            hears = KINDS.get(teacher.kind)
            if not isinstance(hears, Heard):
                known = ", ".join(name for name, other in KINDS.items() if isinstance(other, Heard))
                raise RecipeError(f"{where}.teacher: {teacher.kind!r} cannot be a teacher; available: {known}")
            try:
                hears.check_steps(teacher.layer)
            except ValueError as error:
                raise RecipeError(f"{where}.teacher: {error}") from None
        members = members_of(recipe, name)
        fits = len(members) == len(set(members)) > 1 and set(members) <= set(_single(recipe))
        if isinstance(kind, Ensemble) and not fits:
            raise RecipeError(f"{where}: an ensemble needs at least two other models of the recipe, each named once")


def _check_values(table: Any, where: str) -> None:
    """Check a dataclass field by field, whether it was read from TOML or made in Python."""
    hints = typing.get_type_hints(type(table), include_extras=True)
    for f in dataclasses.fields(table):
        value = getattr(table, f.name)
        if dataclasses.is_dataclass(value):
            _check_values(value, f"{where}.{f.name}")
        elif f.name != "models":
            _check_value(value, hints[f.name], f"{where}: {f.name}")
    if hasattr(table, "check"):
        try:
            table.check()
        except ValueError as error:
            raise RecipeError(f"{where}: {error}") from None


def _check_value(value: Any, hint: Any, where: str) -> None:
    """Refuse a value of another type than ``hint``, or outside the range that it carries."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        _check_value(value, arguments[0], where)
        for limits in arguments[1:]:
            if isinstance(limits, Range) and not limits.fits(value):
                raise RecipeError(f"{where} must be {limits.words}, got {value}")
    elif origin is Literal:
        if value not in arguments or isinstance(value, bool):
            raise RecipeError(f"{where} must be one of {', '.join(map(str, arguments))}, got {value!r}")
    elif origin is tuple:
        if not isinstance(value, tuple):
            raise RecipeError(f"{where} must be a list, got {value!r}")
        for item in value:
            _check_value(item, arguments[0], where)
    elif isinstance(hint, type) and (not isinstance(value, hint) or isinstance(value, bool) != (hint is bool)):
        raise RecipeError(f"{where} must be {hint.__name__}, got {value!r}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise RecipeError(f"{where} must be a finite number, got {value}")


def _build(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    """A dataclass from a table, refusing unknown keys; a table within it becomes the dataclass of that field."""
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    default = kind()
    for key, value in table.items():
        if key not in hints or key not in {f.name for f in dataclasses.fields(kind)}:
            known = ", ".join(f.name for f in dataclasses.fields(kind))
            raise RecipeError(f"{where}: unknown key {key!r}; known keys: {known}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise RecipeError(f"{where}: {key} must be a table")
            # What a kind's own front end or training says holds where the table is silent.
            given = vars(_build(type(getattr(default, key)), value, f"{where}.{key}"))
            named = {name: given[name] for name in value}
            values[key] = dataclasses.replace(getattr(default, key), **named)
        elif isinstance(value, list):
            whole = float in typing.get_args(hints[key])
            values[key] = tuple(float(item) if whole and type(item) is int else item for item in value)
        elif hints[key] is float and type(value) is int:
            values[key] = float(value)
        else:
            values[key] = value
    return kind(**values)


def _trained(settings: Settings, training: dict[str, Any], no_augment: bool) -> Settings:
    """The settings with changes to how a network learns, where one does, and without altered clips if so wished."""
    changed: dict[str, Any] = {}
    if training and hasattr(settings, "training"):
        changed["training"] = dataclasses.replace(settings.training, **training)
    if no_augment and hasattr(settings, "alter"):
        changed["alter"] = dataclasses.replace(settings.alter, versions=0)
    return dataclasses.replace(settings, **changed)


def _table(name: str, settings: Any, first: dict[str, Any] = types.MappingProxyType({})) -> list[str]:  # type: ignore[assignment]
    """A dataclass as a TOML table and tables within it."""
    values = {**first, **{f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}}
    plain = {key: value for key, value in values.items() if not dataclasses.is_dataclass(value)}
    lines = ["", f"[{name}]", *(f"{key} = {_literal(value)}" for key, value in plain.items())]
    for key, value in values.items():
        if key not in plain:
            lines += _table(f"{name}.{key}", value)
    return lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _literal(name)


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # JSON's strings are TOML's, but for the one control character that JSON lets through
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
