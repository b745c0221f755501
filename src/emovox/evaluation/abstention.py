"""When a model had better not say: the confidence from which on its answers are right often enough."""

from __future__ import annotations

import numpy as np

TARGET = 0.9
"""How many of the answers are to be right."""

FEWEST = 20
"""Answers that must bear a threshold out; of fewer, all may be right by luck."""


def answer_threshold(confidence: np.ndarray, right: np.ndarray, target: float = TARGET) -> float | None:
    """The least confidence from which on a share ``target`` of the answers is right.

    Args:
        confidence: (N,) the likeliest emotion's calibrated probability, of clips that neither taught nor chose the
            model.
        right: (N,) whether that emotion is the true one.
        target: In (0, 1].

    Returns:
        The threshold; 0 where all answers together are right often enough, None where no threshold makes them so.

    >>> answer_threshold(np.arange(101) / 100, np.arange(101) > 50, 0.8)
    0.39
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)  # of the k surest
    last_of_ties = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)  # equals answer together
    enough = np.flatnonzero((accuracy >= target) & last_of_ties & (np.arange(len(order)) >= FEWEST - 1))
    if not len(enough):
        return None
    return 0.0 if enough[-1] == len(order) - 1 else float(sorted_confidence[enough[-1]])


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many answers are wrong if only the surest share answers, for every share.

    Geifman and El-Yaniv (2017), Selective Classification for Deep Neural Networks. Clips of one confidence answer
    together: within such a tie the risk is shared out evenly.

    Returns:
        Shares that answer, (N,), rising to 1, and their shares of wrong answers, (N,).
    """
    sizes, member, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(member, ~right, len(sizes)) / counts  # of each tie, the surest first
    each = np.repeat(wrong, counts)
    answered = np.arange(1, len(each) + 1)
    return answered / len(each), np.cumsum(each) / answered


def area_under_risk_coverage(confidence: np.ndarray, right: np.ndarray) -> float:
    """The mean of the risk over all shares, AURC in [0, 1].

    0 is perfect; a confidence that knows nothing gives the model's own error rate. Geifman, Uziel and El-Yaniv (2019),
    Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers.

    >>> area_under_risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    0.0625
    """
    return float(risk_coverage(confidence, right)[1].mean())
