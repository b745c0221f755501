"""Every score against scikit-learn, and against the bare equation written out a second time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from emovox.evaluation import metrics as m

CLASSES = 4


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 60))
    index = st.integers(0, CLASSES - 1)
    return np.array(draw(st.lists(index, min_size=n, max_size=n))), np.array(
        draw(st.lists(index, min_size=n, max_size=n))
    )


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    truths, _ = draw(answers())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return truths, rng.dirichlet(np.full(CLASSES, draw(st.sampled_from([0.1, 1.0, 10.0]))), len(truths))


def counted(truths: np.ndarray, predictions: np.ndarray, k: int) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of a class, by looking at one clip after the other."""
    tp = fp = fn = 0
    for truth, answer in zip(truths, predictions, strict=True):
        tp += truth == k and answer == k
        fp += truth != k and answer == k
        fn += truth == k and answer != k
    return tp, fp, fn


@settings(max_examples=25, deadline=None)
@given(answers())
def test_scores_equal_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    truths, predictions = data
    matrix = m.confusion(truths, predictions, CLASSES)
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(truths, predictions, labels=range(CLASSES)))
    assert m.accuracy(matrix) == pytest.approx(sk.accuracy_score(truths, predictions))
    assert m.f1_macro(matrix) == pytest.approx(sk.f1_score(truths, predictions, average="macro", zero_division=0))
    assert m.f1_weighted(matrix) == pytest.approx(sk.f1_score(truths, predictions, average="weighted", zero_division=0))
    present = np.unique(truths)
    expected = sk.recall_score(truths, predictions, labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(m.recall(matrix)[present], expected)
    assert m.uar(matrix) == pytest.approx(expected.mean())
    either = np.union1d(truths, predictions)
    for ours, theirs in ((m.precision, sk.precision_score), (m.f1, sk.f1_score)):
        scores = theirs(truths, predictions, labels=range(CLASSES), average=None, zero_division=0)
        np.testing.assert_allclose(ours(matrix)[either], scores[either])
        assert np.isnan(np.delete(ours(matrix), either)).all()


@settings(max_examples=40, deadline=None)
@given(answers())
def test_scores_equal_the_bare_equations(data: tuple[np.ndarray, np.ndarray]) -> None:
    truths, predictions = data
    matrix = m.confusion(truths, predictions, CLASSES)
    recalls, f1s, weighted = [], [], 0.0
    for k in range(CLASSES):
        tp, fp, fn = counted(truths, predictions, k)
        if tp + fn:
            recalls.append(tp / (tp + fn))
            assert m.recall(matrix)[k] == pytest.approx(recalls[-1])
        if tp + fp + fn:
            f1s.append(2 * tp / (2 * tp + fp + fn))
            weighted += f1s[-1] * (tp + fn) / len(truths)
        if tp + fp:
            assert m.precision(matrix)[k] == pytest.approx(tp / (tp + fp))
    assert m.accuracy(matrix) == pytest.approx(
        sum(a == b for a, b in zip(truths, predictions, strict=True)) / len(truths)
    )
    assert m.uar(matrix) == pytest.approx(sum(recalls) / len(recalls))
    assert m.f1_macro(matrix) == pytest.approx(sum(f1s) / len(f1s))
    assert m.f1_weighted(matrix) == pytest.approx(weighted)


@settings(max_examples=50, deadline=None)
@given(judged())
def test_loss_and_calibration_equal_the_bare_equations(data: tuple[np.ndarray, np.ndarray]) -> None:
    truths, probabilities = data
    losses = [-math.log(max(row[t], m.SMALLEST_PROBABILITY)) for t, row in zip(truths, probabilities, strict=True)]
    assert m.cross_entropy(truths, probabilities) == pytest.approx(sum(losses) / len(losses))
    if probabilities.min() > 1e-6:
        expected = sk.log_loss(truths, probabilities / probabilities.sum(axis=1, keepdims=True), labels=range(CLASSES))
        assert m.cross_entropy(truths, probabilities) == pytest.approx(expected)
    error = 0.0
    for b in range(15):
        inside = [i for i, row in enumerate(probabilities) if b / 15 < max(row) <= (b + 1) / 15]
        if inside:
            right = sum(int(np.argmax(probabilities[i])) == truths[i] for i in inside) / len(inside)
            error += len(inside) / len(truths) * abs(right - sum(max(probabilities[i]) for i in inside) / len(inside))
    assert m.calibration_error(truths, probabilities) == pytest.approx(error, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(judged())
def test_the_brier_score_is_the_bare_equation(data: tuple[np.ndarray, np.ndarray]) -> None:
    truths, probabilities = data
    assert m.brier(truths, probabilities) == pytest.approx(
        ((probabilities - np.eye(CLASSES)[truths]) ** 2).sum(1).mean()
    )


def test_equal_bins_hold_equally_many_clips() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(8), 100)
    truths = rng.integers(0, 8, 100)
    confidence, accuracy, clips = m.reliability(truths, probabilities, 7)
    assert clips.tolist() == [15, 15, 14, 14, 14, 14, 14]
    assert (np.diff(confidence) > 0).all()
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truths
    order = np.argsort(top)
    assert (confidence[0], accuracy[0]) == pytest.approx((top[order[:15]].mean(), right[order[:15]].mean()))
    gaps = [abs(right[part].mean() - top[part].mean()) * len(part) for part in np.array_split(order, 7)]
    assert m.adaptive_calibration_error(truths, probabilities, 7) == pytest.approx(sum(gaps) / 100)
    assert m.adaptive_calibration_error(truths[:3], probabilities[:3]) > 0  # fewer clips than bins


def test_perfect_and_chance_scores() -> None:
    truths = np.arange(8).repeat(10)
    sure = np.eye(8)[truths]
    assert m.cross_entropy(truths, sure) == pytest.approx(0)
    assert m.calibration_error(truths, sure) == pytest.approx(0)
    assert m.adaptive_calibration_error(truths, sure) == pytest.approx(0)
    assert m.brier(truths, sure) == pytest.approx(0)
    assert m.brier(truths, np.full((80, 8), 1 / 8)) == pytest.approx(7 / 8)
    assert m.cross_entropy(truths, np.full((80, 8), 1 / 8)) == pytest.approx(math.log(8))
    constant = m.confusion(truths, np.zeros(80, dtype=int), 8)
    assert m.uar(constant) == pytest.approx(1 / 8)
    assert m.calibration_error(np.zeros(10, dtype=int), np.eye(2)[np.ones(10, dtype=int)]) == pytest.approx(1)


def test_scores_of_many_matrices_are_the_scores_of_each() -> None:
    rng = np.random.default_rng(1)
    truths, predictions = rng.integers(0, 8, 90), rng.integers(0, 8, (3, 2, 90))
    matrices = m.confusion(truths, predictions, 8)
    assert matrices.shape == (3, 2, 8, 8)
    for metric in (m.accuracy, m.uar, m.f1_macro, m.f1_weighted, m.recall, m.precision, m.f1):
        expected = [[metric(m.confusion(truths, row, 8)) for row in rows] for rows in predictions]
        np.testing.assert_allclose(metric(matrices), expected)


@pytest.mark.parametrize(("truths", "predictions"), [([0, 1], [0]), ([0, 3], [0, 0]), ([0, 0], [0, -1])])
def test_what_cannot_be_counted_is_refused(truths: list[int], predictions: list[int]) -> None:
    with pytest.raises(ValueError):
        m.confusion(np.array(truths), np.array(predictions), 3)
