"""YAMNet, written with standard Keras layers and fully convolutional over time, and a head on its middle layers.

YAMNet (Plakal and Ellis, TensorFlow Model Garden, research/audioset/yamnet, 2019) is a MobileNet v1 (Howard et al.,
2017, arXiv:1704.04861) on log-mel patches of 0.96 s, trained on the 521 classes of AudioSet. Its body takes any number
of frames: the layers slide over a whole clip at once, and only the pooling at the end decides what a clip becomes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from emovox.features import FrontEnd, LogMel
from emovox.models import yamnet_weights
from emovox.models.kind import Heard, HeardSettings, Progress
from emovox.models.yamnet_table import BATCH_NORM_EPSILON, BODY, N_AUDIOSET_CLASSES, N_MELS, Convolution, convolutions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

RANDOM_SEED = 0
"""Of a body without published weights: all trainings of a run stand on one."""


@dataclass(frozen=True)
class YAMNetSettings(HeardSettings):
    """Settings of a head on YAMNet.

    Args:
        layers: Which of the 14 are heard; of each, the mean over bands.
        front_end: The published one, on the speech of the whole clip rather than on 0.96 s patches.
    """

    kind: ClassVar[str] = "yamnet"
    layers: tuple[int, ...] = (5, 6, 7, 8)
    front_end: LogMel = field(
        default_factory=lambda: LogMel(
            hop_seconds=0.010, n_mels=N_MELS, fmin_hz=125.0, fmax_hz=7500.0, n_frames=0, most_frames=500
        )
    )

    def check(self) -> None:
        """Refuse settings that do not fit each other."""
        super().check()
        if not self.layers or self.layers != tuple(sorted({*self.layers} & {*range(1, len(BODY) + 1)})):
            raise ValueError(f"layers must be numbers from 1 to {len(BODY)}, in rising order")
        if self.front_end.n_mels != N_MELS:
            raise ValueError(f"YAMNet reads {N_MELS} mels; set front_end.n_mels to that")


class YAMNet(Heard):
    """A head on what YAMNet's middle layers hear."""

    name = "yamnet"
    title = "YAMNet"
    file_stem = "yamnet_classifier"
    theory = (
        "Transfer learning: YAMNet (Plakal and Ellis; MobileNet v1, Howard et al., 2017) learnt to name 521 kinds of "
        "sound from the two million recordings of AudioSet. Its early and middle layers had to learn what voices, "
        "breath and effort sound like, and that knowledge is taken over here: the published network runs over a clip "
        "once, and what is learnt anew is how the means and deviations of its channels speak of emotion. Middle layers "
        "are used since the last one keeps what names a sound (“speech”) and drops how it is spoken."
    )
    texts = ("transfer", "head")
    settings = YAMNetSettings
    variants: ClassVar = {"default": 586_703, "reference": 535_240, "replica": 3_481_800}
    notice = "Holds weights of YAMNet, The TensorFlow Authors, Apache-2.0."
    source = yamnet_weights.HELP

    def find_weights(self, settings: Any, option: Path | None, progress: Progress | None = None) -> Path:
        """See :func:`emovox.models.yamnet_weights.find_weights`."""
        return yamnet_weights.find_weights(option, progress)

    def read_weights(self, settings: Any, path: Path) -> Mapping[str, Any]:
        """See :func:`emovox.models.yamnet_weights.read_weights`."""
        return yamnet_weights.read_weights(path)

    def front_end(self, settings: Any) -> FrontEnd:
        """YAMNet's log-mel."""
        return settings.front_end  # type: ignore[no-any-return]

    def encoder(self, settings: Any, weights: Mapping[str, Any] | None) -> keras.Model:
        """(batch, frames, 64) → (batch, statistics)."""
        import keras

        from emovox.models.blocks import mean_over_bands
        from emovox.models.layers import statistics

        if weights is None:
            keras.utils.set_random_seed(RANDOM_SEED)
        body = build_body(last_layer=max(settings.layers))
        if weights is None:
            _settle_batch_norms(body)
        else:
            yamnet_weights.load_into(body, weights)
        heard = []
        for layer in settings.layers:
            x = body.get_layer(f"{convolutions(layer)[-1].name}_relu").output  # (batch, steps, bands, channels)
            heard.append(mean_over_bands(x, f"layer{layer}"))
        return keras.Model(body.input, statistics(heard, settings.statistics), name="yamnet")

    def steps(self, settings: Any, weights: Mapping[str, Any], layer: int) -> keras.Model:
        """(batch, frames, 64) → (batch, steps, channels), the mean over bands."""
        import keras

        from emovox.models.blocks import mean_over_bands

        body = build_body(last_layer=layer)
        yamnet_weights.load_into(body, weights)
        return keras.Model(body.input, mean_over_bands(body.output), name="yamnet_steps")

    def published_parameters(self, settings: Any) -> int:
        """Each convolution's kernel, and three numbers a channel of its batch norm."""
        return sum(math.prod(c.kernel_shape) + 3 * c.channels for c in convolutions(max(settings.layers)))


def build_body(last_layer: int = len(BODY)) -> keras.Model:
    """YAMNet's layers up to ``last_layer``, with fresh weights. Batch norm has no scale, as published.

    Args:
        last_layer: 1 to 14.

    Returns:
        (batch, frames, 64) log-mel features → (batch, ⌈frames / t⌉, ⌈64 / t⌉, channels), with t the product of the
        strides up to ``last_layer`` (2, 4, 8 or 16 from layers 1, 3, 5 and 7; 32 from layer 13).

    Raises:
        ValueError: No such layer.
    """
    import keras

    inputs = keras.Input((None, N_MELS), name="log_mel")
    x = keras.layers.Reshape((-1, N_MELS, 1), name="channel")(inputs)
    for c in convolutions(last_layer):
        x = _convolved(x, c)
    return keras.Model(inputs, x, name="yamnet_body")


def build_yamnet() -> keras.Model:
    """The whole published network with fresh weights.

    Returns:
        (batch, frames, 64) → the embedding (batch, 1024), which is the mean of layer 14 over time and bands, and the
        scores (batch, 521), a sigmoid for each AudioSet class.
    """
    import keras

    body = build_body()
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(body.output)
    scores = keras.layers.Dense(N_AUDIOSET_CLASSES, activation="sigmoid", name=yamnet_weights.CLASSIFIER)(embedding)
    return keras.Model(body.input, [embedding, scores], name="yamnet")


def _settle_batch_norms(body: keras.Model) -> None:
    """Give random weights the statistics of their own activations, or nothing would be left of a sound at the end."""
    import keras

    norms = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    body(keras.random.normal((4, 128, N_MELS), mean=-4.0, stddev=2.0, seed=0), training=True)


def _convolved(x: KerasTensor, c: Convolution) -> KerasTensor:
    """One convolution, its batch norm, its ReLU."""
    from keras import layers

    same = {"strides": c.stride, "padding": "same", "use_bias": False, "name": c.name}
    if c.depthwise:
        x = layers.DepthwiseConv2D(c.kernel_shape[:2], **same)(x)
    else:
        x = layers.Conv2D(c.channels, c.kernel_shape[:2], **same)(x)
    x = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, scale=False, name=f"{c.name}_bn")(x)
    return layers.ReLU(name=f"{c.name}_relu")(x)
