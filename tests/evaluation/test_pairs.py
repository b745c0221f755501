"""Paired tests keep their level with few speakers, find what is there, and agree with other programs."""

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from emovox.evaluation.pairs import compare_pairs, contributions, difference, holm, mcnemar, sign_flip, smallest_p


def two_models(
    rng: np.random.Generator, speakers: int, better: float = 0.0, between: float = 0.08
) -> tuple[np.ndarray, ...]:
    """Truths, whether each of two models is right, and speakers, each of whom suits one of the models more."""
    truths = np.tile(np.arange(8), speakers * 4)
    groups = np.arange(speakers).repeat(32)
    clip = rng.random(len(truths))  # what is hard for one is hard for the other
    own = np.clip(0.65 + rng.normal(0, 0.1, speakers), 0, 1)
    suits = better / 2 + rng.normal(0, between / 2, speakers)
    one, other = (clip + rng.normal(0, 0.15, len(truths)) < (own + sign * suits)[groups] for sign in (1, -1))
    return truths, one, other, groups


@pytest.mark.parametrize(("speakers", "times"), [(4, 200), (8, 500), (24, 500)])
def test_without_a_difference_the_test_finds_one_no_oftener_than_it_says(speakers: int, times: int) -> None:
    """By simulation; the bootstrap before gave p < .05 in 17, 11 and 8 % of cases."""
    rng = np.random.default_rng(speakers)
    found = held = 0
    for _ in range(times):
        truths, one, other, groups = two_models(rng, speakers)
        gap = one.astype(float) - other
        found += sign_flip(contributions(truths, gap, groups)) < 0.05
        between = difference(truths, gap, groups)
        held += between.low <= 0 <= between.high
    assert found / times <= 0.06
    assert held / times >= 0.93
    if speakers == 4:
        assert found == 0  # 2 of 16 patterns at least


def test_a_difference_as_large_as_the_detectable_one_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(1)
    detectable = np.mean(
        [
            difference(t, one * 1.0 - other, g).detectable
            for t, one, other, g in (two_models(rng, 24) for _ in range(50))
        ]
    )
    found = 0
    for _ in range(200):
        truths, one, other, groups = two_models(rng, 24, float(detectable))
        found += sign_flip(contributions(truths, one * 1.0 - other, groups)) < 0.05
    assert 0.7 <= found / 200 <= 0.9


def test_the_contributions_add_up_to_the_difference_in_recall() -> None:
    truths, one, other, groups = two_models(np.random.default_rng(2), 7)
    kept = np.random.default_rng(3).random(len(truths)) < 0.7
    truths, one, other, groups = truths[kept], one[kept], other[kept], groups[kept]
    uars = [sk.balanced_accuracy_score(truths, np.where(right, truths, 8 + truths)) for right in (one, other)]
    each = contributions(truths, one * 1.0 - other, groups)
    assert each.shape == (7,)
    assert each.sum() == pytest.approx(uars[0] - uars[1])
    accuracy = difference(np.zeros_like(truths), one * 1.0 - other, groups)
    assert accuracy.value == pytest.approx(one.mean() - other.mean())


def test_of_alike_speakers_the_interval_is_that_of_the_paired_t_test() -> None:
    truths, one, other, groups = two_models(np.random.default_rng(4), 12, 0.1)
    ours = difference(truths, one * 1.0 - other, groups)
    own = [[right[groups == g].mean() for g in range(12)] for right in (one, other)]
    theirs = stats.ttest_rel(*own).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("terms", [(0.1, 0.3, -0.2, 0.05), (0.1, 0.1, 0.1, -0.1, 0.0), (0.0, 0.0)])
def test_few_terms_are_counted_out(terms: tuple[float, ...]) -> None:
    sums = [abs(np.dot(signs, terms)) for signs in itertools.product((1, -1), repeat=len(terms))]
    assert sign_flip(np.array(terms)) == pytest.approx(np.mean(np.array(sums) >= abs(sum(terms)) - 1e-9))


def test_many_terms_are_counted_as_scipy_would_draw_them() -> None:
    each = np.random.default_rng(5).normal(0.02, 0.05, 24)
    ours = sign_flip(each)
    theirs = stats.permutation_test((each,), np.sum, permutation_type="samples", n_resamples=20_000, random_state=1)
    assert ours == pytest.approx(theirs.pvalue, abs=0.01)
    assert sign_flip(each) == ours == sign_flip(each[::-1])
    assert sign_flip(np.full(24, 0.1)) == pytest.approx(smallest_p(24)) == pytest.approx(2.0**-23)


def test_more_terms_than_can_be_counted_are_drawn() -> None:
    each = np.random.default_rng(5).normal(0.02, 0.05, 32)
    counted, drawn = sign_flip(each), sign_flip(np.concatenate([each, [1e-9]]))
    assert counted == pytest.approx(drawn, abs=0.005)
    assert sign_flip(np.full(60, 0.1)) == pytest.approx(smallest_p(60))


def test_holm_and_mcnemar_are_what_their_definitions_say() -> None:
    assert holm([0.001, 0.2, 0.03, 0.03, 0.9]) == pytest.approx([0.005, 0.4, 0.12, 0.12, 0.9])
    assert holm([]) == []
    for one, other in ((3, 11), (0, 4), (20, 20)):
        assert mcnemar(one, other) == pytest.approx(stats.binomtest(one, one + other).pvalue)
    assert mcnemar(0, 0) == 1.0


def test_every_two_models_are_paired_the_better_first() -> None:
    rng = np.random.default_rng(6)
    truths, one, other, groups = two_models(rng, 12, 0.2)
    answers = {
        "worse": np.where(other, truths, 0 * truths + (truths + 1) % 8),
        "better": np.where(one, truths, (truths + 1) % 8),
        "same": np.where(one, truths, (truths + 1) % 8),
    }
    pairs = {(pair.one, pair.other): pair for pair in compare_pairs(truths, answers, groups)}
    assert set(pairs) == {("better", "worse"), ("same", "worse"), ("better", "same")}
    alike = pairs["better", "same"]
    assert (alike.uar.value, alike.uar.p_value, alike.uar.p_holm, alike.mcnemar) == (0, 1, 1, 1)
    assert alike.uar.low < 0 < alike.uar.high  # alike on these clips is not proved alike
    told = pairs["better", "worse"]
    assert told.uar.value > 0
    assert told.uar.p_value < 0.01
    assert told.uar.p_holm == pytest.approx(3 * told.uar.p_value)
    assert told.better > told.worse
    assert told.mcnemar < told.uar.p_value


def test_many_clips_without_speakers_cost_little_memory() -> None:
    rng = np.random.default_rng(7)
    truths = rng.integers(0, 8, 15_000)
    gap = rng.integers(-3, 4, 15_000) / 3
    tracemalloc.start()
    between = difference(truths, gap, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert between.low < between.value < between.high
    assert peak < 20 << 20
