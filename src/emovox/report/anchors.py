"""Published figures on known corpora, to stand a run's own beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emovox.corpora import spec_of
from emovox.evaluation import Evaluation


@dataclass(frozen=True)
class Anchor:
    """A figure that others measured.

    Args:
        name: Who or what answered.
        uar, accuracy: In [0, 1]; None where it was not reported.
        protocol: The protocol it was measured under; None for people, who were not trained on the corpus.
        source: For a footnote.
        recalls: Emotion → how often it was named; emotions that were not told apart have the same.
        groups: (attribute, value) → the accuracy on its clips.
    """

    name: str
    uar: float | None
    accuracy: float | None
    protocol: str | None
    source: str
    recalls: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[tuple[str, str], float] = field(default_factory=dict)


_EMOBOX = "EmoBox, Ma et al., Interspeech 2024, table 4: frozen encoder, last layer"

PEOPLE = {
    "ravdess": Anchor(
        "people", None, 0.624, None,
        "Livingstone and Russo, 2018: ratings of the audio-only speech clips, recomputed; neutral and calm together",
        recalls={"happy": 0.366, "sad": 0.479, "angry": 0.746, "neutral": 0.817, "calm": 0.817},
        groups={("intensity", "normal"): 0.580, ("intensity", "strong"): 0.674},
    ),
}  # fmt: skip
"""Corpus name → how often listeners named the intended emotion of its recordings."""

SYSTEMS = {
    "ravdess": (
        Anchor("Whisper-large-v3", 0.753, 0.759, "speakers6", _EMOBOX),
        Anchor("WavLM-large", 0.720, 0.722, "speakers6", _EMOBOX),
        Anchor("HuBERT-large", 0.700, 0.703, "speakers6", _EMOBOX),
        Anchor("wav2vec 2.0 base", 0.543, 0.554, "speakers6", _EMOBOX),
    ),
}
"""Corpus name → systems of three hundred to sixteen hundred million parameters, but for the last (95 million)."""


def people(evaluation: Evaluation) -> Anchor | None:
    """The figure for people, where the recordings are those that people judged."""
    return PEOPLE.get(_whole_corpus(evaluation))


def systems(evaluation: Evaluation) -> tuple[Anchor, ...]:
    """Systems measured on the same clips under the same protocol."""
    anchors = SYSTEMS.get(_whole_corpus(evaluation), ())
    return tuple(anchor for anchor in anchors if anchor.protocol == evaluation.protocol)


def _whole_corpus(evaluation: Evaluation) -> str:
    """The corpus's name if all of it is there; figures for a part of it would stand beside those for another set."""
    spec = spec_of(evaluation.corpus["name"])
    whole = spec and not evaluation.synthetic and evaluation.total_clips == spec.clips
    return spec.name if spec and whole else ""
