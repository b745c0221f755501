"""Which clips a model is wrong about, and how sure it was: the errors that are worth listening to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emovox.corpora.listing import Listing
from emovox.evaluation.verdict import Evaluation


@dataclass(frozen=True)
class Hard:
    """A clip that is named wrongly.

    Args:
        clip, speaker: Which.
        true, predicted: Emotions.
        confidence: Probability of the predicted one, the mean over seeds.
        given: Probability of the true one, likewise.
        others_right: How many of the run's other models name it rightly.
    """

    clip: str
    speaker: str
    true: str
    predicted: str
    confidence: float
    given: float
    others_right: int


@dataclass(frozen=True)
class Hardest:
    """The wrong answers that a model was most sure of.

    Args:
        model: Whose.
        clips: The surest first.
        others: How many other models there are.
    """

    model: str
    clips: tuple[Hard, ...]
    others: int

    @property
    def ids(self) -> tuple[str, ...]:
        """The clips' ids."""
        return tuple(hard.clip for hard in self.clips)

    def listing(self) -> Listing:
        """A table for people."""
        header = ("clip", "speaker", "true", "predicted", "with", "true one given", "other models right")
        rows = (
            (h.clip, h.speaker, h.true, h.predicted, f"{h.confidence:.0%}", f"{h.given:.0%}",
             f"{h.others_right} of {self.others}")
            for h in self.clips
        )  # fmt: skip
        return Listing(f"Wrong answers that {self.model} was most sure of", header, tuple(rows))


def hardest(evaluation: Evaluation, model: str | None = None, count: int = 10) -> Hardest:
    """The wrong answers that a model was most sure of.

    Args:
        evaluation: Of a run.
        model: Whose errors; None takes the best model, chosen on validation clips.
        count: At most so many.

    Raises:
        KeyError: There is no such model.
    """
    judged = evaluation.models[model or evaluation.best.name]
    means = {name: each.probabilities.mean(axis=0) for name, each in evaluation.models.items()}  # (clips, emotions)
    mean, truths, clips = means[judged.name], evaluation.truths, np.arange(len(evaluation.truths))
    answers = mean.argmax(axis=1)
    order = np.argsort(-mean[clips, answers], kind="stable")
    wrong = [int(i) for i in order if answers[i] != truths[i]][:count]
    others = [other for name, other in means.items() if name != judged.name]
    return Hardest(
        judged.name,
        tuple(
            Hard(
                clip=evaluation.clip_ids[i],
                speaker=evaluation.speakers[i],
                true=evaluation.labels[truths[i]],
                predicted=evaluation.labels[answers[i]],
                confidence=float(mean[i, answers[i]]),
                given=float(mean[i, truths[i]]),
                others_right=sum(int(other[i].argmax() == truths[i]) for other in others),
            )
            for i in wrong
        ),
        len(others),
    )
