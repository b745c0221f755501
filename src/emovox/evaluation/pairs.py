"""Is one model better than another on the same clips: paired tests that hold with few speakers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr, ndtri, stdtrit

from emovox.evaluation.intervals import jackknife_error, rows_of

EXACT_UNITS = 32
"""Up to so many speakers every sign pattern is counted, as sums of the patterns of either half."""

DRAWS = 19_999
"""Beyond that, so many are drawn."""

POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """How much one model scores above another on the same clips.

    Args:
        value, low, high: The difference and the bounds of its 95 % interval.
        p_value: Two-sided, of the sign-flip test: how often a difference at least as far from zero would come about if
            in each speaker's clips it were a matter of luck which of the two models gave which predictions.
        detectable: The smallest true difference that such a test would find in 80 % of such studies, at 5 %.
        p_holm: The p value after Holm (1979), over all pairs that were tested together.
    """

    value: float
    low: float
    high: float
    p_value: float
    detectable: float
    p_holm: float = 1.0


@dataclass(frozen=True)
class Pair:
    """Two models of a run, or of two runs, on the same clips.

    Args:
        one, other: Their names.
        uar, accuracy: By how much ``one`` scores above ``other``.
        better, worse: Units (speakers, or clips) in which ``one`` gets more, and less, than ``other``.
        mcnemar: p of the exact test of McNemar (1947) on the first seed, which takes clips as independent and so is
            too small where a speaker's clips are alike.
    """

    one: str
    other: str
    uar: Difference
    accuracy: Difference
    better: int
    worse: int
    mcnemar: float


def compare_pairs(
    truths: np.ndarray, predictions: Mapping[str, np.ndarray], speakers: Sequence[str] | np.ndarray | None
) -> tuple[Pair, ...]:
    """Every two of several models, the better by UAR first in each pair, with Holm's correction over all pairs.

    Args:
        truths: (N,) class indices.
        predictions: Name → (S, N) class indices; S may differ.
        speakers: (N,) who speaks in each clip; None takes clips as independent.
    """
    right = {name: np.atleast_2d(answers) == truths for name, answers in predictions.items()}  # (S, N)
    pairs = []
    for one, other in itertools.combinations(predictions, 2):
        gap = right[one].mean(axis=0) - right[other].mean(axis=0)  # (N,) in [-1, 1]
        uar = difference(truths, gap, speakers)
        if uar.value < -1e-9:
            one, other, gap, uar = other, one, -gap, difference(truths, -gap, speakers)
        accuracy = difference(np.zeros_like(truths), gap, speakers)
        each = contributions(truths, gap, speakers)
        first, second = right[one][0], right[other][0]
        pairs.append(
            Pair(
                one, other, uar, accuracy, int((each > 0).sum()), int((each < 0).sum()),
                mcnemar(int((first & ~second).sum()), int((second & ~first).sum())),
            )
        )  # fmt: skip
    held = [holm([getattr(pair, score).p_value for pair in pairs]) for score in ("uar", "accuracy")]
    return tuple(
        replace(pair, uar=replace(pair.uar, p_holm=a), accuracy=replace(pair.accuracy, p_holm=b))
        for pair, a, b in zip(pairs, *held, strict=True)
    )


def difference(truths: np.ndarray, gap: np.ndarray, speakers: Sequence[str] | np.ndarray | None) -> Difference:
    """How much higher one model's unweighted average recall is than another's; with one class, its accuracy.

    The interval is a t interval by the jackknife over speakers (see :class:`~emovox.evaluation.intervals.Sample`), and
    never narrower than that of independent clips after Agresti and Min (2005), Simple Improved Confidence Intervals for
    Comparing Matched Proportions, who add one clip on which the models differ.

    Args:
        truths: (N,) class indices.
        gap: (N,) how much oftener the first model was right about each clip, in [-1, 1].
        speakers: (N,) who speaks in each clip; None takes clips as independent.
    """
    each = contributions(truths, gap, speakers)
    weights = _weights(truths)
    of_clips = math.sqrt(((weights * gap) ** 2).sum() + (weights**2).mean())
    reach, detectable = of_clips * ndtri(0.975), of_clips * (ndtri(0.975) + ndtri(POWER))
    if speakers is not None and len(each) > 1:
        error, degrees = jackknife_error(_without_each(truths, gap, speakers)), len(each) - 1
        reach = max(reach, error * stdtrit(degrees, 0.975))
        detectable = max(detectable, error * (stdtrit(degrees, 0.975) + stdtrit(degrees, POWER)))
    value = float(each.sum())
    return Difference(value, max(-1.0, value - reach), min(1.0, value + reach), sign_flip(each), float(detectable))


def contributions(truths: np.ndarray, gap: np.ndarray, speakers: Sequence[str] | np.ndarray | None) -> np.ndarray:
    """What each speaker (or clip) adds to the difference in unweighted average recall: (G,), or (N,) for clips.

    c_g = 1/K sum_k (hits of one - hits of the other in g's clips of class k) / n_k; their sum is the difference.
    """
    of_clips = _weights(truths) * gap  # (N,)
    return of_clips if speakers is None else np.array([of_clips[rows].sum() for rows in rows_of(truths, speakers)])


def _weights(truths: np.ndarray) -> np.ndarray:
    """What a clip counts in unweighted average recall, 1 / (K n_k): (N,), summing to 1."""
    _, member, counts = np.unique(truths, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[member]))


def _without_each(truths: np.ndarray, gap: np.ndarray, speakers: Sequence[str] | np.ndarray) -> np.ndarray:
    """The difference without each speaker: (G,)."""
    _, member = np.unique(truths, return_inverse=True)
    classes = member.max() + 1
    parts = rows_of(truths, speakers)
    hits = np.array([np.bincount(member[rows], gap[rows], classes) for rows in parts])  # (G, K)
    clips = np.array([np.bincount(member[rows], minlength=classes) for rows in parts])  # (G, K)
    left = clips.sum(axis=0) - clips
    recalls = np.divide(hits.sum(axis=0) - hits, left, out=np.zeros(hits.shape), where=left > 0)
    return np.asarray(recalls.sum(axis=1) / (left > 0).sum(axis=1))


def sign_flip(contributions: np.ndarray, draws: int = DRAWS, seed: int = 0) -> float:
    """The two-sided p value of a sum whose terms might as well have had the other sign.

    Exact for up to :data:`EXACT_UNITS` terms, of all 2^G sign patterns; otherwise (b + 1) / (draws + 1), with b of the
    patterns drawn that reach as far, which holds the level too. Fisher (1935), The Design of Experiments, section 21;
    Phipson and Smyth (2010), Permutation p-values Should Never Be Zero.

    Args:
        contributions: (G,) terms; those of zero take no part.
        draws: Sign patterns drawn where they are too many to count.
        seed: Of the drawing.

    >>> sign_flip(np.array([0.1, 0.2, 0.1, 0.3]))  # four speakers of one mind: 2 of 16 patterns
    0.125
    """
    sizes, counts = np.unique(np.abs(contributions).round(12), return_counts=True)
    sizes, counts = sizes[sizes > 0], counts[sizes > 0]  # (U,)
    observed = abs(float(contributions.sum())) - 1e-9
    total = int(counts.sum())
    if total <= EXACT_UNITS:
        terms = np.repeat(sizes, counts)
        one, other = _signed_sums(terms[::2]), _signed_sums(terms[1::2])
        above = len(other) - np.searchsorted(other, observed - one)  # patterns and their mirrors are as many
        return min(1.0, 2 * float(above.sum()) / 2.0**total)
    plus = np.random.default_rng(seed).binomial(counts, 0.5, (draws, len(counts)))  # of each size, those with a plus
    reached = np.abs((2 * plus - counts) @ sizes) >= observed
    return float((reached.sum() + 1) / (draws + 1))


def _signed_sums(terms: np.ndarray) -> np.ndarray:
    """The sum of some terms under each pattern of their signs, sorted: (2^G,)."""
    sums = np.zeros(1)
    for term in terms:
        sums = np.concatenate([sums - term, sums + term])
    return np.sort(sums)


def smallest_p(units: int) -> float:
    """The smallest p value that a sign-flip test over so many units can give.

    >>> smallest_p(4), smallest_p(40)
    (0.125, 5e-05)
    """
    return max(2.0 ** (1 - units), 0.0 if units <= EXACT_UNITS else 1 / (DRAWS + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values that hold the level over all of them together: Holm (1979), A Simple Sequentially Rejective Procedure.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def mcnemar(one_alone: int, other_alone: int) -> float:
    """The exact two-sided p value of McNemar's test: a fair coin thrown for each clip that one model alone got right.

    >>> mcnemar(1, 9).__round__(4)
    0.0215
    """
    both = one_alone + other_alone
    return min(1.0, 2 * float(bdtr(min(one_alone, other_alone), both, 0.5))) if both else 1.0
