"""A linear head on what Whisper's encoder hears in its middle layers.

Whisper (Radford et al., 2022, arXiv:2212.04356) was trained to write down and translate 680,000 hours of speech from
the web. Its encoder is :mod:`emovox.models.whisper_encoder`; this module makes a kind of model of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from emovox.features import FrontEnd, WhisperMel
from emovox.models import whisper_encoder, whisper_weights
from emovox.models.kind import N_CLASSES, Heard, HeardSettings, Progress

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class WhisperSettings(HeardSettings):
    """Settings of a head on Whisper's encoder; ``variant`` is its size.

    Args:
        layers: Which are heard: 0 is the convolutional stem, then the Transformer layers from 1 on. None names the
            middle half of them.
        front_end: The published one, on the clip's speech alone.
    """

    kind: ClassVar[str] = "whisper"
    variant: str = "tiny.en"
    layers: tuple[int, ...] = ()
    front_end: WhisperMel = field(default_factory=WhisperMel)

    def check(self) -> None:
        """Refuse settings that do not fit each other."""
        super().check()
        most = whisper_encoder.SIZES[self.variant].layers
        if self.layers != tuple(sorted({*self.layers} & {*range(most + 1)})):
            raise ValueError(f"layers of {self.variant} must be numbers from 0 to {most}, in rising order")

    @property
    def heard(self) -> tuple[int, ...]:
        """The layers that are heard."""
        return self.layers or middle_layers(self.variant)


def middle_layers(size: str) -> tuple[int, ...]:
    """The middle half of a size's Transformer layers.

    >>> middle_layers("tiny"), middle_layers("base")
    ((1, 2, 3), (1, 2, 3, 4))
    """
    count = whisper_encoder.SIZES[size].layers
    return tuple(range(count // 4, 3 * count // 4 + 1))


class Whisper(Heard):
    """A head on what Whisper's encoder hears."""

    name = "whisper"
    title = "Whisper"
    theory = (
        "Whisper (Radford et al., 2022) learnt to write down speech from 680,000 hours of it. Its encoder is a "
        "Transformer (Vaswani et al., 2017): after two convolutions, each layer lets every moment of the sound look at "
        "every other and take from it what helps (attention), and then works on each moment alone. To write words down "
        "it has to follow pitch, stress and tempo through hundreds of voices and rooms, and in its middle layers these "
        "are still there; the last layer has turned to words. The published encoder runs over a clip once; of its "
        "middle layers the mean and the deviation over time are kept, and a linear classifier learns which of them "
        "speak of emotion. That recordings of this corpus, without emotion labels, were among what Whisper "
        "heard from the web cannot be excluded."
    )
    texts = ("transfer", "attention", "head")
    settings = WhisperSettings
    variants: ClassVar = {
        size: whisper_encoder.parameters(size, middle_layers(size))
        + N_CLASSES * (len(HeardSettings.statistics) * len(middle_layers(size)) * published.width + 1)
        for size, published in whisper_encoder.SIZES.items()
    }
    notice = "Holds weights of Whisper, OpenAI, MIT licence."
    source = "openai/whisper on the Hugging Face hub"

    def find_weights(self, settings: Any, option: Path | None, progress: Progress | None = None) -> Path:
        """See :func:`emovox.models.whisper_weights.find_whisper`."""
        return whisper_weights.find_whisper(settings.variant, option, progress)

    def read_weights(self, settings: Any, path: Path) -> Mapping[str, Any]:
        """See :func:`emovox.models.whisper_weights.read_whisper`."""
        return whisper_weights.read_whisper(path, settings.variant)

    def front_end(self, settings: Any) -> FrontEnd:
        """Whisper's log-mel."""
        return settings.front_end  # type: ignore[no-any-return]

    def encoder(self, settings: Any, weights: Mapping[str, Any] | None) -> keras.Model:
        """(batch, frames, 80) → (batch, statistics)."""
        import keras

        from emovox.models.layers import statistics

        if weights is None:
            keras.utils.set_random_seed(0)
        encoder = whisper_encoder.build_encoder(settings.variant, settings.heard)
        if weights is not None:
            whisper_weights.load_into_encoder(encoder, weights)
        return keras.Model(encoder.input, statistics(list(encoder.outputs), settings.statistics), name="whisper")

    def steps(self, settings: Any, weights: Mapping[str, Any], layer: int) -> keras.Model:
        """(batch, frames, 80) → (batch, frames / 2, width)."""
        encoder = whisper_encoder.build_encoder(settings.variant, (layer,))
        whisper_weights.load_into_encoder(encoder, weights)
        return encoder

    def published_parameters(self, settings: Any) -> int:
        """See :func:`emovox.models.whisper_encoder.parameters`."""
        return whisper_encoder.parameters(settings.variant, settings.heard)
