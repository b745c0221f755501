"""YAMNet's layers as a table: what each convolution is called, how large it is and how far it steps."""

from __future__ import annotations

from dataclasses import dataclass

N_MELS = 64
EMBEDDING_SIZE = 1024
N_AUDIOSET_CLASSES = 521
BATCH_NORM_EPSILON = 1e-4


@dataclass(frozen=True)
class Stage:
    """One layer of the body: a depthwise 3x3 and a pointwise convolution, or the one full 3x3 convolution at the start.

    Args:
        stride: Step of the 3x3 convolution, over frames and mel bands alike.
        filters: Channels that leave the layer.
        separable: False for the first layer only.
    """

    stride: int
    filters: int
    separable: bool = True


BODY = (
    Stage(2, 32, separable=False),
    Stage(1, 64),
    Stage(2, 128),
    Stage(1, 128),
    Stage(2, 256),
    Stage(1, 256),
    Stage(2, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(1, 512),
    Stage(2, 1024),
    Stage(1, 1024),
)


@dataclass(frozen=True)
class Convolution:
    """One convolution of the body, and with it the batch norm and the ReLU that follow.

    Args:
        name: The Keras layer's name; ``{name}_bn`` and ``{name}_relu`` follow it.
        published: The name in the published code, which Keras 3 refuses for its slashes.
        kernel_shape: As Keras stores it: (3, 3, in, out), depthwise (3, 3, in, 1), pointwise (1, 1, in, out).
        stride: Step over frames and bands.
        depthwise: Whether each channel is filtered alone.
    """

    name: str
    published: str
    kernel_shape: tuple[int, int, int, int]
    stride: int = 1
    depthwise: bool = False

    @property
    def channels(self) -> int:
        """Channels that leave the convolution."""
        return self.kernel_shape[2] if self.depthwise else self.kernel_shape[3]


def convolutions(last_layer: int = len(BODY)) -> tuple[Convolution, ...]:
    """The body's convolutions up to ``last_layer``, in the order in which sound passes them and files store them.

    >>> [c.name for c in convolutions(2)]
    ['layer1_conv', 'layer2_depthwise', 'layer2_pointwise']
    """
    if not 1 <= last_layer <= len(BODY):
        raise ValueError(f"last_layer must be from 1 to {len(BODY)}, got {last_layer}")
    found = []
    channels = 1
    for i, stage in enumerate(BODY[:last_layer], start=1):
        layer, published = f"layer{i}", f"layer{i}/"
        if stage.separable:
            found += [
                Convolution(
                    f"{layer}_depthwise", published + "depthwise_conv", (3, 3, channels, 1), stage.stride, True
                ),
                Convolution(f"{layer}_pointwise", published + "pointwise_conv", (1, 1, channels, stage.filters)),
            ]
        else:
            found += [Convolution(f"{layer}_conv", published + "conv", (3, 3, channels, stage.filters), stage.stride)]
        channels = stage.filters
    return tuple(found)
