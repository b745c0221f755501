"""How large each kind of model is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emovox.features import front_end
from emovox.models import build_network
from emovox.recipe import ModelRecipe


@dataclass(frozen=True)
class Size:
    """A model's input and parameters.

    Args:
        kind, variant, front_end: As the recipe has them.
        shape: (frames, mels) of the input.
        trained: Parameters of the trained part of all members, moving averages of batch norm and YAMNet's taps among
            them.
        parameters: All parameters, a frozen body's too.
    """

    kind: str
    variant: str
    front_end: str
    shape: tuple[int, int]
    trained: int
    parameters: int


def sizes(recipes: Iterable[ModelRecipe], n_classes: int = 8) -> tuple[Size, ...]:
    """The size of each recipe's network.

    Raises:
        ModelError: An unknown kind or variant.
    """
    found = []
    for recipe in recipes:
        shape = front_end(recipe.front_end).shape
        network = build_network(recipe, shape, n_classes, seed=0)
        trained = recipe.members * int(network.trained.count_params())
        body = 0 if network.body is None else int(network.body.count_params())
        found.append(Size(recipe.kind, recipe.variant, recipe.front_end, shape, trained, trained + body))
    return tuple(found)
