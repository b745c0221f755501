"""A threshold gives answers that are right often enough, and curves are those of a loop."""

import numpy as np
import pytest

from emovox.evaluation.abstention import answer_threshold, area_under_risk_coverage, risk_coverage


def sure(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that tell the truth about themselves."""
    confidence = rng.uniform(0.3, 1, n)
    return confidence, rng.random(n) < confidence


def test_the_answers_left_are_right_often_enough() -> None:
    rng = np.random.default_rng(0)
    threshold = answer_threshold(*sure(rng, 2000), target=0.9)
    assert threshold is not None
    confidence, right = sure(rng, 20_000)
    assert right[confidence >= threshold].mean() == pytest.approx(0.9, abs=0.02)
    assert threshold == pytest.approx(0.8, abs=0.05)  # of which the mean confidence above is 0.9


def test_extremes_have_their_own_answers() -> None:
    confidence = np.linspace(0.2, 0.9, 50)
    assert answer_threshold(confidence, np.ones(50, bool)) == 0.0
    assert answer_threshold(confidence, np.zeros(50, bool)) is None
    assert answer_threshold(confidence, confidence > 0.7) is None  # right, but too few to be sure of it
    assert answer_threshold(np.full(50, 0.5), np.arange(50) < 25) is None  # equals answer together, or not at all


def test_the_curve_is_that_of_a_loop() -> None:
    confidence, right = sure(np.random.default_rng(1), 40)
    shares, risks = risk_coverage(confidence, right)
    order = np.argsort(-confidence)
    for k in range(1, 41):
        assert shares[k - 1] == pytest.approx(k / 40)
        assert risks[k - 1] == pytest.approx(1 - right[order[:k]].mean())
    assert area_under_risk_coverage(confidence, right) == pytest.approx(risks.mean())


def test_a_confidence_that_knows_nothing_has_the_models_own_error_rate() -> None:
    right = np.random.default_rng(2).random(100) < 0.7
    assert area_under_risk_coverage(np.full(100, 0.5), right) == pytest.approx(1 - right.mean())
    assert area_under_risk_coverage(right.astype(float), right) < 0.06
