"""An interval holds what it promises, with two speakers as with many, and none is narrower than it should be."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from emovox.evaluation import metrics as m
from emovox.evaluation.intervals import Sample

BETWEEN = 0.12  # the standard deviation between speakers' recalls, and between the classes of one


def noisy(rng: np.random.Generator, speakers: int, rate: float, sd: float = BETWEEN) -> tuple[np.ndarray, ...]:
    """Truths, predictions and speakers, where each speaker has a rate of their own, and each of their classes."""
    truths = np.tile(np.arange(8), speakers * 4)
    groups = np.arange(speakers).repeat(32)
    own = rng.normal(0, sd, speakers)[:, None] + rng.normal(0, sd, (speakers, 8))
    rates = np.clip(rate + own, 0, 1)[groups, truths]
    wrong = (truths + rng.integers(1, 8, len(truths))) % 8
    return truths, np.where(rng.random(len(truths)) < rates, truths, wrong), groups


def test_of_alike_speakers_it_is_the_t_interval_over_their_own_scores() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(0), 24, 0.6)
    ours = Sample(truths, predictions, groups, 8).interval(m.uar)
    own = [sk.balanced_accuracy_score(truths[groups == g], predictions[groups == g]) for g in range(24)]
    low, high = stats.t.interval(0.95, 23, np.mean(own), stats.sem(own))
    assert ours.value == pytest.approx(sk.balanced_accuracy_score(truths, predictions))
    assert (ours.low, ours.high) == pytest.approx((low, high))


def test_of_unlike_speakers_it_is_the_jackknife_of_the_pooled_score() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(1), 9, 0.6)
    kept = np.random.default_rng(2).random(len(truths)) < np.linspace(0.2, 1, 9)[groups]
    truths, predictions, groups = truths[kept], predictions[kept], groups[kept]
    ours = Sample(truths, predictions, groups, 8).interval(m.f1_macro)
    left = [
        sk.f1_score(truths[groups != g], predictions[groups != g], average="macro", zero_division=0) for g in range(9)
    ]
    error = np.sqrt(8 / 9 * ((left - np.mean(left)) ** 2).sum())
    assert ours.high - ours.value == pytest.approx(stats.t.ppf(0.975, 8) * error)


@pytest.mark.parametrize("speakers", [2, 4, 8, 24])
def test_intervals_hold_what_they_promise(speakers: int) -> None:
    """By simulation, with a standard error of 0.006; the bootstrap before held 51, 89.5, 94.5 and 96.5 %."""
    rng = np.random.default_rng(100 + speakers)
    everyone = np.clip(0.65 + rng.normal(0, BETWEEN * np.sqrt(2), 1_000_000), 0, 1).mean()
    held = 0
    for _ in range(1500):
        interval = Sample(*noisy(rng, speakers, 0.65), 8).interval(m.uar)
        held += interval.low <= everyone <= interval.high
    assert held / 1500 >= 0.93


@pytest.mark.parametrize("speakers", [2, 4])
def test_speakers_all_alike_still_have_an_interval(speakers: int) -> None:
    """Everybody's clips are all right: nothing varies, and yet nobody knows that the next will be right."""
    truths, groups = np.tile(np.arange(8), speakers * 2), np.arange(speakers).repeat(16)
    for metric in (m.accuracy, m.uar, m.f1_macro, m.f1_weighted):
        interval = Sample(truths, truths, groups, 8).interval(metric)
        assert interval.value == interval.high == 1.0
        assert 0.85 < interval.low < 0.97


@pytest.mark.parametrize(("right", "clips"), [(0, 40), (3, 40), (40, 40), (150, 216), (1, 1)])
def test_of_independent_clips_it_is_that_of_agresti_and_coull(right: int, clips: int) -> None:
    truths = np.zeros(clips, dtype=int)
    interval = Sample(truths, (np.arange(clips) >= right).astype(int), None, 2).interval(m.accuracy)
    centre = (right + 2) / (clips + 4)
    reach = 1.96 * np.sqrt(centre * (1 - centre) / (clips + 4))
    assert (interval.low, interval.high) == pytest.approx((max(0, centre - reach), min(1, centre + reach)), abs=1e-4)
    wilson = stats.binomtest(right, clips).proportion_ci(method="wilson")  # which the paper's approximates
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=0.05)


def test_no_interval_leaves_nought_to_one() -> None:
    truths, groups = np.tile(np.arange(8), 4), np.arange(2).repeat(16)
    predictions = np.where(groups == 0, truths, (truths + 1) % 8)
    interval = Sample(truths, predictions, groups, 8).interval(m.uar)
    assert (interval.low, interval.high) == (0, 1)


def test_speakers_widen_an_interval_and_seeds_give_their_mean() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(3), 12, 0.6)
    by_speaker = Sample(truths, predictions, groups, 8).interval(m.accuracy)
    by_clip = Sample(truths, predictions, None, 8).interval(m.accuracy)
    assert by_speaker.value == by_clip.value
    assert by_speaker.high - by_speaker.low > by_clip.high - by_clip.low
    other = noisy(np.random.default_rng(4), 12, 0.6)[1]
    both = Sample(truths, np.stack([predictions, other]), groups, 8).interval(m.accuracy)
    assert both.value == pytest.approx(((truths == predictions).mean() + (truths == other).mean()) / 2)


def test_an_interval_does_not_depend_on_the_order_of_clips() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(5), 6, 0.6)
    order = np.random.default_rng(6).permutation(len(truths))
    first = Sample(truths, predictions, groups, 8).interval(m.uar)
    assert first == Sample(truths[order], predictions[order], groups[order], 8).interval(m.uar)


def test_a_class_that_one_speaker_alone_has_is_scored() -> None:
    truths, predictions, groups = noisy(np.random.default_rng(7), 6, 0.6)
    kept = (truths != 7) | (groups == 0)
    interval = Sample(truths[kept], predictions[kept], groups[kept], 8).interval(m.uar)
    assert 0 <= interval.low < interval.value < interval.high <= 1
    only = truths == 7
    recall = Sample(truths[kept & only], predictions[kept & only], groups[kept & only], 8).interval(m.accuracy)
    assert recall.low < recall.value < recall.high


def test_many_clips_cost_little_memory() -> None:
    """The bootstrap over 15,000 clips took 529 MiB."""
    rng = np.random.default_rng(8)
    truths = rng.integers(0, 8, 15_000)
    predictions = np.where(rng.random((3, 15_000)) < 0.6, truths, rng.integers(0, 8, (3, 15_000)))
    tracemalloc.start()
    interval = Sample(truths, predictions, None, 8).interval(m.uar)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert interval.high - interval.low < 0.02
    assert peak < 5 << 20


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no clips"):
        Sample(np.zeros(0, dtype=int), np.zeros(0, dtype=int), None, 2)
    with pytest.raises(ValueError, match="do not match"):
        Sample(np.array([0, 1]), np.array([0, 1]), ["a"], 2)
