"""The kinds of model, by name. A kind is one module of this package and one line here."""

from __future__ import annotations

from emovox.models.cnn import CNN
from emovox.models.cnn_lstm import CNNLSTM
from emovox.models.ensemble import Ensemble
from emovox.models.kind import Heard, Kind, Network
from emovox.models.settings import Settings
from emovox.models.whisper import Whisper
from emovox.models.yamnet import YAMNet

__all__ = ["KINDS", "Ensemble", "Heard", "Kind", "Network", "Settings", "kind_of"]

KINDS: dict[str, Kind] = {kind.name: kind for kind in (CNN(), CNNLSTM(), YAMNet(), Whisper(), Ensemble())}


def kind_of(settings: Settings) -> Kind:
    """The kind that settings are of."""
    return KINDS[settings.kind]
