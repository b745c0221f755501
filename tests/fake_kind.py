"""A kind of model that stands on a published network of a few numbers, so that a study of it takes a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emovox.errors import DownloadError, ModelError
from emovox.features import LogMel
from emovox.models.kind import Heard, HeardSettings, Statistic
from emovox.models.settings import Alterations

HELP = "get ear.npy and give it with --ear-weights PATH"


@dataclass(frozen=True)
class EarSettings(HeardSettings):
    """Hears a spectrogram of a few bands, and each clip once."""

    kind: ClassVar[str] = "ear"
    layers: tuple[int, ...] = (1,)
    statistics: tuple[Statistic, ...] = ("mean", "deviation")
    front_end: LogMel = field(default_factory=lambda: LogMel(n_mels=8, n_frames=0, peak=0.0))
    alter: Alterations = field(default_factory=lambda: Alterations(versions=0))


class Ear(Heard):
    """Its published network is one dense layer; its weights cannot be had unless they are named."""

    name = "ear"
    title = "Ear"
    theory = "It hears."
    settings = EarSettings
    variants: ClassVar = {"default": 100}
    notice = "Holds weights of Ear, nobody, CC0."
    source = "nowhere"

    def find_weights(self, settings: Any, option: Path | None, progress: Any = None) -> Path:
        if option is None:
            raise DownloadError(f"Cannot get the weights of Ear: nobody listens. Or {HELP}")
        if not option.is_file():
            raise ModelError(f"There are no weights of Ear at {option}; {HELP}")
        return option

    def read_weights(self, settings: Any, path: Path) -> Mapping[str, Any]:
        try:
            return {"kernel": np.load(path, allow_pickle=False)}
        except (ValueError, EOFError, OSError):
            raise ModelError(f"{path} is damaged; {HELP}") from None

    def front_end(self, settings: Any) -> LogMel:
        return settings.front_end

    def encoder(self, settings: Any, weights: Mapping[str, Any] | None) -> Any:
        import keras

        from emovox.models.layers import statistics

        keras.utils.set_random_seed(0)
        inputs = keras.Input((None, settings.front_end.n_mels))
        dense = keras.layers.Dense(12, activation="relu", use_bias=False)
        heard = dense(inputs)
        if weights is not None:
            dense.set_weights([weights["kernel"]])
        return keras.Model(inputs, statistics([heard], settings.statistics), name="ear")

    def steps(self, settings: Any, weights: Mapping[str, Any], layer: int) -> Any:
        import keras

        inputs = keras.Input((None, settings.front_end.n_mels))
        dense = keras.layers.Dense(12, activation="relu", use_bias=False)
        heard = dense(inputs)
        dense.set_weights([weights["kernel"]])
        return keras.Model(inputs, heard[:, ::2], name="ear_steps")  # a step for two frames

    def published_parameters(self, settings: Any) -> int:
        return settings.front_end.n_mels * 12
