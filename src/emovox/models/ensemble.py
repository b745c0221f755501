"""The kinds of a run combined: the weighted mean of their calibrated probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from emovox.models.kind import Kind
from emovox.models.settings import Amount, Settings

STEPS = 200
SMALLEST = 1e-7


@dataclass(frozen=True)
class EnsembleSettings(Settings):
    """Settings of the ensemble.

    Args:
        members: Names of models in the same recipe; none means all others.
        prior: How many validation clips the belief in equal weights counts for.
    """

    kind: ClassVar[str] = "ensemble"
    members: tuple[str, ...] = ()
    prior: Amount = 10.0


class Ensemble(Kind):
    """The weighted mean of other models of a run; it has no training of its own."""

    name = "ensemble"
    title = "Ensemble"
    theory = (
        "Models that err on different clips are better together than alone. The ensemble's probabilities are a "
        "weighted mean of those of the other models. For each fold the weights are those under which the validation "
        "speakers' emotions are likeliest, with a belief in equal weights that counts for a few clips, since those "
        "speakers are few. Where one model alone is as good, the weights say so."
    )
    texts = ("ensembles",)
    settings = EnsembleSettings
    variants: ClassVar = {"default": 0}


def mixture_weights(probabilities: np.ndarray, truths: np.ndarray, prior: float) -> np.ndarray:
    """The weights of a mean of models under which some clips' emotions are likeliest.

    Maximises Σ_n ln Σ_m w_m p_m(y_n) + (prior / M) Σ_m ln w_m, which is concave in w, by the EM algorithm of a mixture
    (Dempster, Laird and Rubin, 1977).

    Args:
        probabilities: (M, N, C) of M models, for clips that none of them was trained on.
        truths: (N,) class indices.
        prior: Clips that the belief in equal weights counts for.

    Returns:
        (M,), positive where ``prior`` is, summing to 1.

    >>> sure, unsure = np.tile([[0.9, 0.1]], (20, 1)), np.tile([[0.5, 0.5]], (20, 1))
    >>> mixture_weights(np.stack([sure, unsure]), np.zeros(20, int), prior=2).round(1).tolist()
    [0.9, 0.1]
    """
    models, clips, _ = probabilities.shape
    given = np.maximum(probabilities[:, np.arange(clips), truths], SMALLEST)  # (M, N)
    weights = np.full(models, 1 / models)
    for _ in range(STEPS):
        shares = weights[:, None] * given
        shares /= shares.sum(axis=0)
        weights = (shares.sum(axis=1) + prior / models) / (clips + prior)
    return np.asarray(weights)


def combined(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean over models: (M, N, C) and (M,) → (N, C)."""
    return np.asarray(np.einsum("mnc,m->nc", probabilities, weights))
