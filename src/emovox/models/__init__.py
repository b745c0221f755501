"""The kinds of model, by name: what builds each of them, and how large it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from emovox.errors import ModelError
from emovox.recipe import KINDS, ModelRecipe

if TYPE_CHECKING:
    import keras

    from emovox.models.network import Network

VARIANTS = ("default", "reference")


def build_network(
    recipe: ModelRecipe,
    shape: tuple[int | None, int],
    n_classes: int,
    seed: int,
    weights: Mapping[str, tuple[np.ndarray, ...]] | None = None,
) -> Network:
    """A fresh network of the recipe's kind; the same seed gives the same weights.

    Args:
        recipe: The kind, the variant and their settings.
        shape: (frames, mels) of the recipe's front end; frames may be None for a CNN or CNN-LSTM.
        n_classes: Emotions.
        seed: Decides the initial weights.
        weights: For YAMNet, from :func:`emovox.models.pretrained.read_weights`; None starts from random weights.

    Raises:
        ModelError: An unknown kind or variant.
    """
    if recipe.kind not in KINDS:
        raise ModelError(f"Unknown model {recipe.kind!r}; available: {', '.join(KINDS)}")
    if recipe.variant not in VARIANTS:
        raise ModelError(f"Unknown variant {recipe.variant!r}; available: {', '.join(VARIANTS)}")
    import keras

    keras.utils.set_random_seed(seed)
    if recipe.kind == "yamnet":
        from emovox.models.yamnet import build_classifier

        return build_classifier(recipe, shape, n_classes, weights, seed)
    from emovox.models.network import Network

    return Network(_builder(recipe.kind)(recipe, shape, n_classes))


def _builder(kind: str) -> Callable[[ModelRecipe, tuple[int | None, int], int], keras.Model]:
    if kind == "cnn":
        from emovox.models.cnn import build_cnn

        return build_cnn
    from emovox.models.cnn_lstm import build_cnn_lstm

    return build_cnn_lstm
