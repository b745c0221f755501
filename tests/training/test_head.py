"""The head in closed form: against scikit-learn and the bare equations, and what its inner folds must not hear."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from emovox.training import head
from emovox.training.head import Scale, _fits, domain, fit_head, inner_folds, softmax

EMOTIONS, SPEAKERS, STATISTICS = 3, 6, 10


def made_up(
    classes: int = EMOTIONS, each: int = 4, versions: int = 1, size: int = STATISTICS, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(versions, clips, statistics), classes and speakers: every speaker has ``each`` clips of every class."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(classes), each), SPEAKERS)
    groups = np.repeat(np.arange(SPEAKERS), classes * each)
    means, voices = rng.normal(0, 1, (classes, size)), rng.normal(0, 1, (SPEAKERS, size))
    x = means[labels] + voices[groups] + rng.normal(0, 1, (versions, len(labels), size))
    return (5 + x * rng.uniform(0.1, 10, size)).astype(np.float32), labels, groups


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_equals_scikit_learns_shrunk_discriminant_analysis(share: float) -> None:
    """Theirs shrinks to (1 - s) Σ + s tr(Σ)/d I, ours to Σ + α I, so all logits differ by the factor 1 - s."""
    x, labels, _ = made_up()
    x = Scale.of(x, most=None)(x)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=share, priors=np.full(EMOTIONS, 1 / EMOTIONS))
    theirs.fit(x[0].astype(np.float64), labels)
    within = x[0] - np.stack([x[0, labels == k].mean(axis=0) for k in labels])
    alpha = share / (1 - share) * (within.astype(np.float64) ** 2).mean()
    ((kernel, bias),) = _fits(x, labels, np.arange(EMOTIONS), [alpha])
    np.testing.assert_allclose(kernel.T / (1 - share), theirs.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias / (1 - share) - np.log(EMOTIONS), theirs.intercept_, rtol=1e-4, atol=1e-5)


def by_the_equations(x: np.ndarray, classes: np.ndarray, emotions: np.ndarray, alpha: float) -> tuple:
    """Kernel and bias in the full space of standardised statistics, (versions · clips, statistics)."""
    there = np.unique(classes)
    means = np.stack([x[classes == k].mean(axis=0) for k in there])
    covariance = sum(
        np.outer(row - means[there == k][0], row - means[there == k][0]) for row, k in zip(x, classes, strict=True)
    )
    inverse = np.linalg.inv(covariance / len(x) + alpha * np.eye(x.shape[1]))
    prior = np.array([1 / (emotions[there] == emotions[k]).sum() for k in there])
    return inverse @ means.T, -0.5 * np.einsum("ki,ij,kj->k", means, inverse, means) + np.log(prior)


@pytest.mark.parametrize("size", [STATISTICS, 120])  # fewer statistics than clips, and more
def test_a_head_equals_the_bare_equations_in_full_space(size: int) -> None:
    x, classes, speakers = made_up(classes=5, size=size)
    emotions = np.array([0, 1, 1, 2, 2])  # two of the emotions at two intensities
    fit = fit_head(x, classes, emotions, speakers, [1.0])
    z = (x[0].astype(np.float64) - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    kernel, bias = by_the_equations(z, classes, emotions, 1.0)
    logits = fit.sharpness * (z @ kernel + bias)
    expected = softmax(logits) @ np.eye(3)[emotions]
    np.testing.assert_allclose(fit.head(x[0]), expected, atol=1e-4)


def test_altered_versions_are_clips_of_their_own() -> None:
    x, classes, speakers = made_up(versions=3)
    fit = fit_head(x, classes, np.arange(EMOTIONS), speakers, [1.0])
    z = (x.astype(np.float64) - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    kernel, bias = by_the_equations(z.reshape(-1, STATISTICS), np.tile(classes, 3), np.arange(EMOTIONS), 1.0)
    np.testing.assert_allclose(fit.head(x[0]), softmax(fit.sharpness * (z[0] @ kernel + bias)), atol=1e-4)


def test_few_directions_are_the_ones_in_which_clips_differ_most(monkeypatch: pytest.MonkeyPatch) -> None:
    x, classes, speakers = made_up(size=40)
    z = (x[0] - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    _, _, vectors = np.linalg.svd(z, full_matrices=False)
    scale = Scale.of(x, most=7)
    assert scale.directions is not None and scale.directions.shape == (40, 7)
    np.testing.assert_allclose(np.abs(vectors[:7] @ scale.directions[:, ::-1]), np.eye(7), atol=1e-3)
    monkeypatch.setattr(head, "DIRECTIONS", 7)
    assert fit_head(x, classes, np.arange(EMOTIONS), speakers, [1.0]).head.layers[0][0].shape == (40, EMOTIONS)


def test_scaled_statistics_have_zero_mean_and_unit_deviation_and_a_constant_says_nothing() -> None:
    x, _, _ = made_up(versions=2)
    x[:, :, 3] = 7.25
    z = Scale.of(x, most=None)(x)
    np.testing.assert_allclose(z.mean(axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(np.delete(z.std(axis=(0, 1)), 3), 1, atol=1e-4)
    np.testing.assert_array_equal(z[:, :, 3], 0)


@pytest.mark.parametrize("most", [None, 5, 512])
def test_a_layer_on_scaled_statistics_is_one_on_statistics_as_they_are(most: int | None) -> None:
    x, _, _ = made_up()
    scale = Scale.of(x, most)
    z = scale(x)
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(z.shape[2], 4)), rng.normal(size=4)
    plain_kernel, plain_bias = scale.unscaled(kernel, bias)
    np.testing.assert_allclose(x @ plain_kernel + plain_bias, z @ kernel + bias, atol=1e-3)
    assert plain_kernel.dtype == plain_bias.dtype == np.float32


@pytest.mark.parametrize("count", [2, 5, 20])
def test_inner_folds_keep_groups_apart_and_hold_every_clip_once(count: int) -> None:
    groups = np.random.default_rng(0).permutation(np.repeat([f"speaker {i}" for i in range(count)], 7))
    folds = inner_folds(groups)
    assert len(folds) == min(5, count)
    np.testing.assert_array_equal(np.sum(folds, axis=0), 1)
    for inside in folds:
        assert not set(groups[inside]) & set(groups[~inside])
    sizes = [len(set(groups[inside])) for inside in folds]
    assert max(sizes) - min(sizes) <= 1
    for ours, again in zip(folds, inner_folds(groups), strict=True):
        np.testing.assert_array_equal(ours, again)


def test_a_clips_held_out_probabilities_do_not_hang_on_its_own_groups_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything that is chosen held still, another truth for one group changes all answers but its own."""
    monkeypatch.setattr(head, "SHARPNESSES", np.array([0.5]))
    x, classes, speakers = made_up()
    before = fit_head(x, classes, np.arange(EMOTIONS), speakers, [1.0])
    (inside,) = (fold for fold in inner_folds(speakers) if fold[speakers == 2].all())
    wrong = np.where(inside, (classes + 1) % EMOTIONS, classes)
    after = fit_head(x, wrong, np.arange(EMOTIONS), speakers, [1.0])
    np.testing.assert_array_equal(after.held_out[inside], before.held_out[inside])
    assert not np.allclose(after.held_out[~inside], before.held_out[~inside], atol=1e-3)
    assert not np.allclose(after.head(x[0]), before.head(x[0]), atol=1e-3)


def test_held_out_probabilities_are_those_of_a_fit_on_the_other_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "SHARPNESSES", np.array([1.0]))
    x, classes, speakers = made_up()
    fit = fit_head(x, classes, np.arange(EMOTIONS), speakers, [2.0])
    z = (x[0].astype(np.float64) - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    for inside in inner_folds(speakers):
        kernel, bias = by_the_equations(z[~inside], classes[~inside], np.arange(EMOTIONS), 2.0)
        np.testing.assert_allclose(fit.held_out[inside], softmax(z[inside] @ kernel + bias), atol=1e-4)


def test_where_nothing_can_be_learnt_held_out_clips_are_at_chance_though_the_head_knows_its_own_by_heart() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 240, 200)).astype(np.float32)
    classes, speakers = rng.integers(0, 4, 240), np.repeat(np.arange(12), 20)
    fit = fit_head(x, classes, np.arange(4), speakers, [0.01])
    assert (fit.head(x[0]).argmax(axis=1) == classes).mean() > 0.9
    assert (fit.held_out.argmax(axis=1) == classes).mean() < 0.4


def test_shrinkage_and_sharpness_are_those_with_the_least_loss_held_out() -> None:
    x, classes, speakers = made_up(size=100)
    shrinkages = (0.01, 1.0, 100.0)
    fit = fit_head(x, classes, np.arange(EMOTIONS), speakers, shrinkages)
    clips = np.arange(len(classes))

    def loss(probabilities: np.ndarray) -> float:
        return float(-np.log(probabilities[clips, classes]).mean())

    alone = [fit_head(x, classes, np.arange(EMOTIONS), speakers, [s]) for s in shrinkages]
    assert loss(fit.held_out) == pytest.approx(min(loss(a.held_out) for a in alone), abs=1e-5)
    assert fit.shrinkage == shrinkages[int(np.argmin([loss(a.held_out) for a in alone]))]
    assert fit.sharpness in head.SHARPNESSES


def test_a_class_that_only_one_group_has_is_survived() -> None:
    x, classes, speakers = made_up(classes=4)
    emotions = np.array([0, 1, 2, 2])
    kept = (classes != 3) | (speakers == 0)  # one speaker alone knows the strong form of the last emotion
    fit = fit_head(x[:, kept], classes[kept], emotions, speakers[kept], (0.3, 1.0))
    for probabilities in (fit.held_out, fit.head(x[0])):
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    only = np.array([0, 1, 2, 3])
    alone = fit_head(x[:, kept], classes[kept], only, speakers[kept], (0.3, 1.0))
    inside = speakers[kept] == 0
    assert (alone.held_out[inside, 3] == 0).all()  # no fit that did not hear this speaker knows the class
    assert (alone.held_out[~inside, 3] > 0).any()


def test_emotions_count_alike_however_many_clips_they_have() -> None:
    """Statistics that are of no use leave the prior, which does not go by the number of clips."""
    rng = np.random.default_rng(0)
    classes = np.array([0] * 10 + [1] * 40 + [2] * 30)
    x = rng.normal(size=(1, 80, 4)).astype(np.float32)
    fit = fit_head(x, classes, np.arange(3), np.arange(80) % 8, [1e6])
    np.testing.assert_allclose(fit.head(x[0]), 1 / 3, atol=1e-3)


def test_a_domain_holds_ninety_nine_of_a_hundred_clips_of_a_speaker_that_was_not_heard() -> None:
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(60), 40)
    x = rng.normal(size=(60, 1, 50)).repeat(40, axis=1).reshape(-1, 50) + rng.normal(size=(2400, 50))
    x[:, 7] = 3.0  # a statistic that never changes tells nothing
    centre, spread = domain(x[:1200], speakers[:1200])
    distance = np.sqrt((((x - centre) / spread) ** 2).mean(axis=1))
    assert (distance[1200:] > 1).mean() == pytest.approx(0.01, abs=0.015)
    assert np.sqrt((((4 * x[1200:] - centre) / spread) ** 2).mean(axis=1)).min() > 1
    assert np.isinf(spread[7])
