"""Temperature is recovered where it is known, and never changes an answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from emovox.evaluation.calibration import COLDEST, HOTTEST, PRIOR_DEVIATION, apply_temperature, fit_temperature
from emovox.evaluation.metrics import calibration_error, cross_entropy


def drawn(rng: np.random.Generator, n: int, classes: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and truths that follow them exactly."""
    probabilities = rng.dirichlet(np.full(classes, 0.4), n)
    truths = (rng.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return probabilities, truths


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_known_temperature_is_found(temperature: float) -> None:
    honest, truths = drawn(np.random.default_rng(0), 20_000)
    distorted = apply_temperature(honest, 1 / temperature)
    assert fit_temperature(distorted, truths) == pytest.approx(temperature, rel=0.05)


def test_calibration_mends_overconfidence() -> None:
    honest, truths = drawn(np.random.default_rng(1), 4000)
    boasting = apply_temperature(honest, 0.4)
    mended = apply_temperature(boasting, fit_temperature(boasting, truths))
    assert calibration_error(truths, mended) < calibration_error(truths, boasting) / 3
    assert cross_entropy(truths, mended) < cross_entropy(truths, boasting)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 200), st.sampled_from([0.8, 1.0]))
def test_no_other_temperature_is_likelier(seed: int, n: int, usual: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(4), n)
    truths = rng.integers(0, 4, n)

    def unlikely(t: float) -> float:
        loss = n * cross_entropy(truths, apply_temperature(probabilities, t))
        return loss + np.log(t / usual) ** 2 / (2 * PRIOR_DEVIATION**2)

    ours = fit_temperature(probabilities, truths, usual)
    theirs = minimize_scalar(unlikely, bounds=(COLDEST, HOTTEST), method="bounded")
    assert COLDEST <= ours <= HOTTEST
    assert unlikely(ours) <= theirs.fun + 1e-5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_answers_stay_and_rows_sum_to_one(seed: int, temperature: float) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(8), 20)
    calibrated = apply_temperature(probabilities, temperature)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    by_power = probabilities ** (1 / temperature)
    np.testing.assert_allclose(calibrated, by_power / by_power.sum(axis=1, keepdims=True), atol=1e-6)


def test_extremes_stay_finite_and_in_bounds() -> None:
    sure = np.eye(3)[[0, 1, 2, 0]]
    assert COLDEST <= fit_temperature(sure, np.array([0, 1, 2, 0])) <= 1
    assert 1 <= fit_temperature(sure, np.array([1, 2, 0, 1])) <= HOTTEST
    assert np.isfinite(apply_temperature(sure, 0.25)).all()


def test_two_speakers_alone_do_not_decide() -> None:
    """Where each speaker suits a model more or less, a temperature of two of them alone does worse on the next ones."""
    rng = np.random.default_rng(2)

    def clips(speakers: int) -> tuple[np.ndarray, np.ndarray]:
        own = [drawn(rng, 60) for _ in range(speakers)]
        boasting = [apply_temperature(probabilities, np.exp(rng.normal(0, 0.3))) for probabilities, _ in own]
        return np.concatenate(boasting), np.concatenate([truths for _, truths in own])

    losses = []
    for _ in range(100):
        two, (probabilities, truths) = clips(2), clips(4)
        alone = minimize_scalar(
            lambda t, two=two: cross_entropy(two[1], apply_temperature(two[0], t)),
            bounds=(COLDEST, HOTTEST),
            method="bounded",
        ).x
        each = alone, fit_temperature(*two)
        losses.append([cross_entropy(truths, apply_temperature(probabilities, t)) for t in each])
    alone, ours = np.mean(losses, axis=0)
    assert ours < alone - 0.005


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        apply_temperature(np.array([0.5, 0.5]), 0.0)
    with pytest.raises(ValueError, match="no validation clips"):
        fit_temperature(np.zeros((0, 8)), np.zeros(0, dtype=int))
