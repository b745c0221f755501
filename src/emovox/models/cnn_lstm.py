"""Convolutional networks whose last word is a recurrent network's, reading the spectrogram from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from emovox.models.cnn import PUBLISHED_MOMENTUM
from emovox.models.kind import HEARD, Network, NetworkSettings

if TYPE_CHECKING:
    import keras

LSTM_UNITS = 64
BLOCKS = 1


@dataclass(frozen=True)
class CNNLSTMSettings(NetworkSettings):
    """Settings of a CNN-LSTM."""

    kind: ClassVar[str] = "cnn_lstm"


class CNNLSTM(Network):
    """Convolutions, then a long short-term memory.

    ``reference`` and ``replica`` are the published network: one unpadded 3x3 convolution with 64 filters, 2x2 pooling,
    and an LSTM of 128 units that reads 63 x 64 features a step. ``default`` has the convolutions of the default CNN
    with one block fewer; an LSTM reads their steps in both directions (Graves and Schmidhuber, 2005) and adds to each
    what it knows from before and after.
    """

    name = "cnn_lstm"
    title = "CNN-LSTM"
    theory = (
        "Convolutions find local patterns, and a long short-term memory (Hochreiter and Schmidhuber, 1997) then reads "
        "them moment by moment, carrying along what it has heard. Gates decide what to keep, to add and to let go, so "
        "that rising pitch need not look like falling pitch. It can know the course of an utterance, which an average "
        "cannot; it also has more ways to learn its training speakers by heart, and takes longer to train."
    )
    texts = ("convolution", "memory", "learning")
    settings = CNNLSTMSettings
    variants: ClassVar = {"default": 581_392, "reference": 2_156_616, "replica": 2_156_616}

    def build(self, settings: Any, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
        """(batch, frames, mels) → (batch, classes)."""
        import keras

        inputs = keras.Input(shape, name="log_mel")
        x = _bidirectional(inputs) if settings.variant == "default" else _published(inputs, settings)
        x = keras.layers.Dropout(settings.dropout)(x) if settings.variant == "default" else x
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x), name="cnn_lstm")


def _bidirectional(inputs: Any) -> Any:
    from keras import layers

    from emovox.models.blocks import pool_over_time, residual_steps

    x = residual_steps(inputs, BLOCKS)  # (frames / 4, 128)
    read = layers.Bidirectional(layers.LSTM(LSTM_UNITS, return_sequences=True))(x)  # (frames / 4, 2 units)
    return pool_over_time(layers.Add(name=HEARD)([x, read]))


def _published(inputs: Any, settings: CNNLSTMSettings) -> Any:
    from keras import layers

    from emovox.models.blocks import steps
    from emovox.models.layers import LastStep

    x = layers.Reshape((-1, inputs.shape[2], 1))(inputs)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    norm, pool = layers.BatchNormalization(momentum=PUBLISHED_MOMENTUM[settings.variant]), layers.MaxPooling2D()
    # Pooled last, every input of the LSTM is above zero on average, and each step of Adam shifts all gates together.
    x = norm(pool(x)) if settings.variant == "reference" else pool(norm(x))
    if settings.teacher.kind:  # works on every step; the answer is the last one's, as without it
        x = LastStep()(layers.LSTM(128, return_sequences=True, name=HEARD)(steps(x)))
    else:
        x = layers.LSTM(128)(steps(x))  # (63 x 64) at each of its steps
    for units in (128, 64):
        x = layers.Dropout(settings.dropout)(x)
        x = layers.Dense(units, activation="relu")(x)
    return x
