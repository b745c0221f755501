"""The weights of an ensemble against a general optimiser's, and what they must do at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from emovox.errors import RecipeError
from emovox.models.ensemble import combined, mixture_weights
from emovox.recipe import built_in, members_of, recipe_from_toml, without

CLIPS, CLASSES = 80, 4


def model(skill: float, seed: int, clips: int = CLIPS) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) probabilities of a model that finds a share of the truths, and the truths, which are always the same."""
    truths = np.random.default_rng(99).integers(0, CLASSES, clips)
    rng = np.random.default_rng(seed)
    answers = np.where(rng.random(clips) < skill, truths, rng.integers(0, CLASSES, clips))
    logits = rng.normal(0, 0.5, (clips, CLASSES)) + 2 * np.eye(CLASSES)[answers]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), truths


def several(*skills: float, clips: int = CLIPS) -> tuple[np.ndarray, np.ndarray]:
    models = [model(skill, seed, clips) for seed, skill in enumerate(skills)]
    return np.stack([probabilities for probabilities, _ in models]), models[0][1]


def objective(weights: np.ndarray, probabilities: np.ndarray, truths: np.ndarray, prior: float) -> float:
    given = probabilities[:, np.arange(len(truths)), truths]
    return float(np.log(weights @ given).sum() + prior / len(weights) * np.log(np.maximum(weights, 1e-300)).sum())


@pytest.mark.parametrize("prior", [0.5, 10.0, 100.0])
@pytest.mark.parametrize("skills", [(0.9, 0.5), (0.6, 0.6, 0.6), (0.8, 0.3, 0.7, 0.1)])
def test_equals_a_constrained_optimisers_weights(skills: tuple[float, ...], prior: float) -> None:
    probabilities, truths = several(*skills)
    found = minimize(
        lambda w: -objective(w, probabilities, truths, prior),
        np.full(len(skills), 1 / len(skills)),
        bounds=[(1e-9, 1)] * len(skills),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert found.success
    ours = mixture_weights(probabilities, truths, prior)
    np.testing.assert_allclose(ours, found.x, atol=5e-3)
    assert objective(ours, probabilities, truths, prior) >= -found.fun - 1e-3


@settings(max_examples=30, deadline=None)
@given(skills=st.lists(st.floats(0, 1), min_size=2, max_size=5), prior=st.floats(0.01, 50), clips=st.integers(1, 60))
def test_weights_are_positive_and_sum_to_one_and_no_step_away_is_better(skills, prior, clips) -> None:
    probabilities, truths = several(*skills, clips=clips)
    weights = mixture_weights(probabilities, truths, prior)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1)
    best = objective(weights, probabilities, truths, prior)
    for corner in np.eye(len(skills)):
        step = 0.99 * weights + 0.01 * corner
        assert objective(step, probabilities, truths, prior) <= best + 1e-2


def test_equal_models_weigh_the_same() -> None:
    one, truths = model(0.7, 0)
    np.testing.assert_allclose(mixture_weights(np.stack([one] * 3), truths, 10.0), 1 / 3)


def test_the_prior_pulls_to_equal_weights() -> None:
    probabilities, truths = several(0.95, 0.3)
    firsts = [mixture_weights(probabilities, truths, prior)[0] for prior in (0.0, 1.0, 10.0, 100.0, 1e6)]
    assert firsts == sorted(firsts, reverse=True)
    assert firsts[0] > 0.9 and firsts[-1] == pytest.approx(0.5, abs=1e-3)


def test_a_useless_member_gets_little() -> None:
    probabilities, truths = several(0.9, 0.85)
    useless = np.full((CLIPS, CLASSES), 1 / CLASSES)
    weights = mixture_weights(np.stack([*probabilities, useless]), truths, 3.0)
    assert weights[2] < 0.1 and weights[:2].min() > 0.2


def test_a_member_that_is_surely_wrong_costs_no_infinity() -> None:
    good, truths = model(0.9, 0)
    wrong = np.eye(CLASSES)[(truths + 1) % CLASSES]
    weights = mixture_weights(np.stack([good, wrong]), truths, 1.0)
    assert np.isfinite(weights).all() and weights[0] > 0.98


def test_combined_is_the_weighted_mean() -> None:
    probabilities, _ = several(0.9, 0.5)
    mean = combined(probabilities, np.array([0.25, 0.75]))
    np.testing.assert_allclose(mean, 0.25 * probabilities[0] + 0.75 * probabilities[1])
    np.testing.assert_allclose(mean.sum(axis=1), 1)


def test_its_members_are_all_others_or_those_named() -> None:
    recipe = built_in("default")
    assert members_of(recipe, "ensemble") == tuple(name for name in recipe.models if name != "ensemble")
    assert members_of(recipe, "cnn") == ()
    some = recipe_from_toml(
        '[models.cnn]\n[models.yamnet]\n[models.whisper]\n[models.ensemble]\nmembers = ["cnn", "whisper"]'
    )
    assert members_of(some, "ensemble") == ("cnn", "whisper")


@pytest.mark.parametrize("members", ['["cnn"]', '["cnn", "lost"]', '["cnn", "ensemble"]'])
def test_members_that_cannot_be_are_refused(members: str) -> None:
    with pytest.raises(RecipeError, match=r"models\.ensemble.*two other models"):
        recipe_from_toml(f"[models.cnn]\n[models.yamnet]\n[models.ensemble]\nmembers = {members}")


def test_an_ensemble_of_one_goes_with_the_rest() -> None:
    recipe = built_in("default")
    left = without(recipe, [name for name in recipe.models if name not in ("cnn", "ensemble")])
    assert list(left.models) == ["cnn"]
    assert "ensemble" in without(recipe, ["whisper"]).models
