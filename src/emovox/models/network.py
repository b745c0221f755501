"""A model in two parts: a body that stays as it is, where there is one, and the part that is trained."""

from __future__ import annotations

from dataclasses import dataclass

import keras


@dataclass(frozen=True, eq=False)
class Network:
    """What a builder gives.

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
        model = keras.Model(self.body.input, self.trained(self.body.output), name=self.trained.name)
        model.trainable = False
        return model
