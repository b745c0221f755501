"""What was heard in one recording, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

LITTLE_SPEECH_SECONDS = 0.5
"""Less speech than this is a word or two, which no model here has learnt to judge."""


@dataclass(frozen=True)
class Prediction:
    """What was heard in one recording.

    Args:
        labels: The emotions, in the artifact's order.
        probabilities: (classes,), float32, in [0, 1], summing to 1.
        set: The emotions among which the true one is to be as often as the artifact's ``conformal`` promises, in the
            artifact's order; empty where it promises nothing.
        abstains: True where the likeliest emotion is less probable than the artifact's ``abstain_below``.
        novelty: How far the recording lies from those that the model learnt from: above 1 is farther than 99 of 100
            recordings of voices that it had not heard. None where the artifact cannot tell.
        speech_seconds: How much of it could be speech, where that was measured.

    >>> heard = Prediction(("calm", "angry"), np.float32([0.25, 0.75]))
    >>> heard.emotion, heard.confidence, heard.abstains
    ('angry', 0.75, False)
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    abstains: bool = False
    set: tuple[str, ...] = ()
    novelty: float | None = None
    speech_seconds: float | None = None

    @property
    def emotion(self) -> str:
        """The likeliest emotion."""
        return self.labels[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The likeliest emotion's probability, in [0, 1]."""
        return float(np.max(self.probabilities))

    @property
    def unfamiliar(self) -> bool:
        """Whether the recording is so unlike those that the model learnt from that no answer should be trusted."""
        return self.novelty is not None and not self.novelty <= 1

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why this answer should not be relied on, each in a few words."""
        short = self.speech_seconds is not None and self.speech_seconds < LITTLE_SPEECH_SECONDS
        notes = [f"{self.speech_seconds:.1f} s of speech: unreliable"] if short else []
        return (*notes, *(["unlike the training clips"] if self.unfamiliar else []))

    def ranked(self) -> list[tuple[str, float]]:
        """Every emotion and its probability, the likeliest first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.labels[i], float(self.probabilities[i])) for i in order]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(label)}</td><td><progress value='{share:.4f}' max='1'></progress>"
            f"</td><td>{100 * share:.1f} %</td></tr>"
            for label, share in self.ranked()
        )
        notes = ["<b>Not sure</b>: the confidence is below the model's threshold."] if self.abstains else []
        notes += ["This recording is unlike the training clips."] if self.unfamiliar else []
        notes += [f"The true emotion should be among: {escape(', '.join(self.set))}."] if self.set else []
        return f"<table>{rows}</table>" + "".join(f"<p>{note}</p>" for note in notes)

    def as_dict(self) -> dict[str, Any]:
        """The prediction as plain values, ready for JSON."""
        return {
            "emotion": self.emotion,
            "confidence": self.confidence,
            "abstains": self.abstains,
            "set": list(self.set),
            "unfamiliar": self.unfamiliar,
            "novelty": self.novelty,
            "speech_seconds": self.speech_seconds,
            "warnings": list(self.warnings),
            "probabilities": {label: float(p) for label, p in zip(self.labels, self.probabilities, strict=True)},
        }
