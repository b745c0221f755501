"""The kinds of model, by name: what builds each of them, and how large it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emovox.errors import ModelError
from emovox.recipe import KINDS, ModelRecipe

if TYPE_CHECKING:
    import keras

VARIANTS = ("default", "reference")

TITLES = {"cnn": "CNN", "cnn_lstm": "CNN-LSTM", "yamnet": "YAMNet"}


@dataclass(frozen=True, eq=False)
class Network:
    """A model in two parts: a body that stays as it is, where there is one, and the part that is trained.

    Args:
        trained: What training changes: (batch, …) → (batch, classes), ending in a softmax.
        body: Takes front-end features and gives ``trained`` its input; None where ``trained`` takes them itself.
    """

    trained: keras.Model
    body: keras.Model | None = None

    def joined(self) -> keras.Model:
        """One model from front-end features to probabilities, made of Keras' own layers."""
        if self.body is None:
            return self.trained
        from emovox.models.join import joined

        return joined(self.body, self.trained)


def build_network(
    recipe: ModelRecipe,
    shape: tuple[int, int],
    n_classes: int,
    seed: int,
    weights: Mapping[str, tuple[np.ndarray, ...]] | None = None,
) -> Network:
    """A fresh network of the recipe's kind; the same seed gives the same weights.

    Args:
        recipe: The kind, the variant and their settings.
        shape: (frames, mels) of the recipe's front end.
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

        return build_classifier(recipe, shape, n_classes, weights)
    return Network(_builder(recipe.kind)(recipe, shape, n_classes))


def _builder(kind: str) -> Callable[[ModelRecipe, tuple[int, int], int], keras.Model]:
    if kind == "cnn":
        from emovox.models.cnn import build_cnn

        return build_cnn
    from emovox.models.cnn_lstm import build_cnn_lstm

    return build_cnn_lstm
