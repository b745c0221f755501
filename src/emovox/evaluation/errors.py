"""Which test clips are named wrongly, which emotions are confused, and in whose voices."""

from __future__ import annotations

from collections import Counter
from typing import Any

from emovox.corpora.listing import Listing
from emovox.evaluation.verdict import Evaluation


def errors(evaluation: Evaluation, model: str | None = None) -> list[dict[str, Any]]:
    """Every test clip that a model names wrongly.

    Args:
        evaluation: Of a run.
        model: Whose errors; None takes the best model, chosen on validation clips.

    Returns:
        For each: ``model``, ``clip``, ``speaker``, ``true``, ``predicted`` and, of each emotion in the order of the
        evaluation's labels, ``probability_EMOTION``, the mean over seeds; the clips in the evaluation's order.

    Raises:
        KeyError: There is no such model.
    """
    judged = evaluation.models[model or evaluation.best.name]
    mean = judged.probabilities.mean(axis=0)  # (clips, emotions)
    labels, answers = evaluation.labels, mean.argmax(axis=1)
    return [
        {
            "model": judged.name,
            "clip": evaluation.clip_ids[i],
            "speaker": evaluation.speakers[i],
            "true": labels[truth],
            "predicted": labels[answers[i]],
            **{f"probability_{label}": float(p) for label, p in zip(labels, mean[i], strict=True)},
        }
        for i, truth in enumerate(evaluation.truths)
        if answers[i] != truth
    ]


def confused_emotions(evaluation: Evaluation, model: str | None = None) -> Listing:
    """Which emotions a model takes for which, the most frequent confusion first; arguments as of :func:`errors`."""
    wrong = errors(evaluation, model)
    clips = Counter(evaluation.labels[truth] for truth in evaluation.truths)
    pairs = Counter((error["true"], error["predicted"]) for error in wrong)
    rows = (
        (true, predicted, f"{count}", f"{count / clips[true]:.0%}") for (true, predicted), count in pairs.most_common()
    )
    name = model or evaluation.best.name
    return Listing(f"Emotions that {name} confuses", ("true", "predicted", "clips", "of the true one"), tuple(rows))


def speakers_errors(evaluation: Evaluation, model: str | None = None) -> Listing:
    """In whose voices a model errs, the most often first; arguments as of :func:`errors`."""
    wrong = errors(evaluation, model)
    clips, counts = Counter(evaluation.speakers), Counter(error["speaker"] for error in wrong)
    rows = []
    for speaker in sorted(clips, key=lambda speaker: -counts[speaker] / clips[speaker]):
        own = Counter(f"{e['true']} as {e['predicted']}" for e in wrong if e["speaker"] == speaker)
        often = ", ".join(f"{what} ({count})" for what, count in own.most_common(2))
        rows.append((speaker, f"{clips[speaker]}", f"{own.total()}", f"{own.total() / clips[speaker]:.0%}", often))
    name = model or evaluation.best.name
    return Listing(f"Errors of {name} by speaker", ("speaker", "clips", "wrong", "share", "most often"), tuple(rows))
