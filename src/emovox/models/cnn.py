"""Convolutional networks on a log-mel spectrogram, which they read as a picture with one channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from emovox.models.kind import HEARD, Network, NetworkSettings

if TYPE_CHECKING:
    import keras

BLOCKS = 2
PUBLISHED_FILTERS = (32, 64, 128)
PUBLISHED_MOMENTUM = {"reference": 0.9, "replica": 0.99}
"""Of batch norm. The published network has Keras' default, 0.99, with which it stays at chance: docs/replica.md."""


@dataclass(frozen=True)
class CNNSettings(NetworkSettings):
    """Settings of a CNN."""

    kind: ClassVar[str] = "cnn"

    def check(self) -> None:
        """Refuse settings that do not fit each other."""
        super().check()
        if self.teacher.kind and self.variant != "default":
            raise ValueError("only the default variant can have a teacher")


class CNN(Network):
    """Convolutions, then the mean over the whole picture.

    ``reference`` and ``replica`` are the published network: three 3x3 convolutions with batch norm, pooling, and a
    softmax on the global average. ``default`` is a small residual network (He et al., 2016, arXiv:1512.03385).
    """

    name = "cnn"
    title = "CNN"
    theory = (
        "A convolutional network reads the log-mel spectrogram, time by frequency, as a picture. A small filter slides "
        "over it and answers to one local pattern, such as a rising harmonic or a burst; the next layer looks for "
        "patterns of those patterns. The same weights serve everywhere, so there are few of them to learn. Averaging "
        "each feature over the whole picture makes the answer independent of where in the clip something was said, at "
        "the price of forgetting the order of events."
    )
    texts = ("convolution", "learning")
    settings = CNNSettings
    variants: ClassVar = {"default": 582_416, "reference": 94_600, "replica": 94_600}

    def build(self, settings: Any, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
        """(batch, frames, mels) → (batch, classes)."""
        import keras

        inputs = keras.Input(shape, name="log_mel")
        x = (_residual if settings.variant == "default" else _published)(inputs, settings.variant)
        x = keras.layers.Dropout(settings.dropout)(x)
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x), name="cnn")


def _residual(inputs: Any, _: str) -> Any:
    from keras import layers

    from emovox.models.blocks import pool_over_time, residual_steps

    x = residual_steps(inputs, BLOCKS)  # (frames / 4, 128)
    return pool_over_time(layers.Identity(name=HEARD)(x))


def _published(inputs: Any, variant: str) -> Any:
    from keras import layers

    x = layers.Reshape((-1, inputs.shape[2], 1))(inputs)
    for filters in PUBLISHED_FILTERS:
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization(momentum=PUBLISHED_MOMENTUM[variant])(x)
        x = layers.MaxPooling2D()(x)
    return layers.GlobalAveragePooling2D()(x)
