"""A model in two parts: a body that stays as it is, where there is one, and the part that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import KerasTensor


@dataclass(frozen=True, eq=False)
class Network:
    """What a builder gives.

    Args:
        trained: What training changes: (batch, …) → (batch, classes), ending in a softmax.
        body: Takes front-end features and gives ``trained`` its input; None where ``trained`` takes them itself.
        members: Whose mean ``trained`` answers with; none where it is a single network.
    """

    trained: keras.Model
    body: keras.Model | None = None
    members: tuple[keras.Model, ...] = ()

    def joined(self) -> keras.Model:
        """One model from front-end features to probabilities, made of Keras' own layers."""
        if self.body is None:
            return self.trained
        # Members side by side, since an .h5 cannot hold what is nested twice.
        answer = _mean(self.members, self.body.output) if self.members else self.trained(self.body.output)
        model = keras.Model(self.body.input, answer, name=self.trained.name)
        model.trainable = False
        return model


def average(members: Sequence[Network]) -> Network:
    """One network that answers with the mean of its members' probabilities.

    Args:
        members: Of one shape, on equal bodies; the first one's body is kept.
    """
    first = members[0]
    if len(members) == 1:
        return first
    for number, member in enumerate(members, start=1):
        member.trained.name = f"{member.trained.name}_member{number}"
    models = tuple(member.trained for member in members)
    inputs = keras.Input(first.trained.input_shape[1:], name="shared_input")
    name = first.trained.name.removesuffix("_member1")
    return Network(keras.Model(inputs, _mean(models, inputs), name=name), first.body, models)


def _mean(models: Sequence[keras.Model], x: KerasTensor) -> KerasTensor:
    return keras.layers.Average(name="mean")([model(x) for model in models])
