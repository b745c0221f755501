"""An interval holds what it promises, and a paired test sees what two models share."""

import numpy as np
import pytest
from sklearn import metrics as sk

from emovox.evaluation import metrics as m
from emovox.evaluation.intervals import Bootstrap


def noisy(rng: np.random.Generator, speakers: int, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truths, predictions and speakers, where each speaker has a rate of their own."""
    truths = np.tile(np.arange(8), speakers * 4)
    groups = np.arange(speakers).repeat(32)
    rates = np.clip(rate + rng.normal(0, 0.15, speakers), 0, 1)[groups]
    wrong = rng.integers(0, 8, len(truths))
    return truths, np.where(rng.random(len(truths)) < rates, truths, wrong), groups


def test_an_interval_is_that_of_a_bootstrap_written_as_a_loop() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(0), 24, 0.6)
    ours = Bootstrap(truths, predictions, groups, 8, n=4000).interval(m.uar)
    rng = np.random.default_rng(99)
    scores = []
    own = [np.flatnonzero(groups == g) for g in range(24)]
    for _ in range(4000):
        rows = np.concatenate([own[g] for g in rng.integers(0, 24, 24)])
        right = predictions[rows] == truths[rows]
        scores.append(np.mean([right[truths[rows] == k].mean() for k in range(8)]))
    tail = 100 * 0.01731  # Phi(-sqrt(24/23) t(0.975, 23)), from a table
    assert ours.value == pytest.approx(sk.balanced_accuracy_score(truths, predictions))
    assert ours.low == pytest.approx(np.percentile(scores, tail), abs=0.006)
    assert ours.high == pytest.approx(np.percentile(scores, 100 - tail), abs=0.006)


@pytest.mark.parametrize(("speakers", "at_least"), [(4, 0.8), (24, 0.9)])
def test_intervals_hold_what_they_promise(speakers: int, at_least: float) -> None:
    rng = np.random.default_rng(speakers)
    everyone = np.mean([m.uar(m.confusion(*noisy(rng, 200, 0.5)[:2], 8)) for _ in range(5)])
    held = 0
    for _ in range(60):
        truths, predictions, groups = noisy(rng, speakers, 0.5)
        interval = Bootstrap(truths, predictions, groups, 8, n=400).interval(m.uar)
        held += interval.low <= everyone <= interval.high
    assert held / 60 >= at_least


def test_speakers_widen_an_interval_and_seeds_give_their_mean() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(3), 12, 0.6)
    by_speaker = Bootstrap(truths, predictions, groups, 8).interval(m.accuracy)
    by_clip = Bootstrap(truths, predictions, None, 8).interval(m.accuracy)
    assert by_speaker.value == by_clip.value
    assert by_speaker.high - by_speaker.low > by_clip.high - by_clip.low
    other = noisy(np.random.default_rng(4), 12, 0.6)[1]
    both = Bootstrap(truths, np.stack([predictions, other]), groups, 8).interval(m.accuracy)
    assert both.value == pytest.approx(((truths == predictions).mean() + (truths == other).mean()) / 2)


def test_an_interval_does_not_depend_on_the_order_of_clips_nor_on_the_day() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(5), 6, 0.6)
    order = np.random.default_rng(6).permutation(len(truths))
    first = Bootstrap(truths, predictions, groups, 8, seed=7).interval(m.uar)
    assert first == Bootstrap(truths[order], predictions[order], groups[order], 8, seed=7).interval(m.uar)
    assert first != Bootstrap(truths, predictions, groups, 8, seed=8).interval(m.uar)


def test_one_group_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two groups"):
        Bootstrap(np.array([0, 1]), np.array([0, 1]), ["a", "a"], 2).interval(m.uar)


def test_a_paired_difference_is_narrower_than_the_models_own_intervals() -> None:
    rng = np.random.default_rng(8)
    truths, better, groups = noisy(rng, 24, 0.7)
    worse = np.where(rng.random(len(truths)) < 0.1, (truths + 1) % 8, better)
    one, two = Bootstrap(truths, better, groups, 8), Bootstrap(truths, worse, groups, 8)
    gap, own = one.difference(two, m.uar), one.interval(m.uar)
    assert 0 < gap.low < gap.value < gap.high
    assert gap.high - gap.low < own.high - own.low
    assert gap.p_value < 0.01
    turned = two.difference(one, m.uar)
    assert turned.value == pytest.approx(-gap.value)
    assert turned.low == pytest.approx(-gap.high)


def test_the_same_model_twice_is_no_difference() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(9), 8, 0.6)
    one, again = (Bootstrap(truths, predictions, groups, 8) for _ in range(2))
    gap = one.difference(again, m.uar)
    assert (gap.value, gap.low, gap.high, gap.p_value) == (0, 0, 0, 1)
