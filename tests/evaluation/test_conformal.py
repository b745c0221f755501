"""A set holds the truth as often as it promises, of speakers like those it was calibrated on."""

import itertools

import numpy as np
import pytest

from emovox.evaluation.conformal import prediction_sets, set_threshold


def answers(rng: np.random.Generator, speakers: int, clips: int = 40) -> tuple[np.ndarray, ...]:
    """Probabilities, truths and speakers, of whom each is easy or hard."""
    said = np.arange(speakers).repeat(clips)
    truths = rng.integers(0, 8, len(said))
    logits = rng.normal(0, 1, (len(said), 8))
    logits[np.arange(len(said)), truths] += 2 + rng.normal(0, 0.6, speakers)[said]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), truths, said


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_new_speakers_are_covered_as_promised(coverage: float) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(60):
        probabilities, truths, said = answers(rng, 20)
        threshold = set_threshold(probabilities[np.arange(len(truths)), truths], said, coverage)
        new, new_truths, _ = answers(rng, 4)
        covered.append(prediction_sets(new, threshold)[np.arange(len(new_truths)), new_truths].mean())
    assert np.mean(covered) == pytest.approx(coverage, abs=0.02)


def test_a_speaker_of_many_clips_weighs_no_more_than_another() -> None:
    given = np.concatenate([np.full(1000, 0.9), np.linspace(0.1, 0.5, 11)])
    said = np.repeat(["talks", "hardly"], [1000, 11])
    assert set_threshold(given, said, 0.49) == 0.9
    assert 0.1 <= set_threshold(given, said, 0.9) < 0.2
    assert set_threshold(given, np.full(len(given), "all"), 0.9) == 0.9


def test_a_set_is_never_empty_and_grows_as_the_threshold_falls() -> None:
    probabilities = answers(np.random.default_rng(1), 3)[0]
    sizes = [prediction_sets(probabilities, threshold).sum(axis=1) for threshold in (1.1, 0.5, 0.1, 0.0)]
    assert (sizes[0] == 1).all()
    assert (sizes[3] == 8).all()
    assert all((fewer <= more).all() for fewer, more in itertools.pairwise(sizes))


def test_few_clips_ask_for_more_than_the_share() -> None:
    """Nine clips cannot promise 95 %, so the threshold falls to the least of them."""
    given = np.arange(1, 10) / 10
    assert set_threshold(given, ["a"] * 9, 0.95) == pytest.approx(0.1)
    assert set_threshold(given, ["a"] * 9, 0.7) == pytest.approx(0.3)  # ceil(10 · 0.7) = 7 of 9
    with pytest.raises(ValueError, match="no clips"):
        set_threshold(np.zeros(0), [], 0.9)
