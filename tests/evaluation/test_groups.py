"""Groups are scored on what they share, and a gap is as sure as its speakers make it."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from emovox.evaluation.groups import break_down

LABELS = ("a", "b", "c", "d")


def clips(rng: np.random.Generator, speakers: int, gap: float = 0.0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Truths, predictions and speakers; those of even number are understood better by ``gap``."""
    truths = np.tile(np.arange(4).repeat(6), speakers)
    said = np.arange(speakers).repeat(24)
    rates = (0.6 + rng.normal(0, 0.1, speakers) + gap / 2 * np.where(np.arange(speakers) % 2, -1, 1))[said]
    predictions = np.where(rng.random(len(truths)) < rates, truths, (truths + rng.integers(1, 4, len(truths))) % 4)
    return truths, predictions[None], [f"s{k:02d}" for k in said]


def sexes(speakers: list[str]) -> list[str | None]:
    return ["male" if int(name[1:]) % 2 else "female" for name in speakers]


def test_a_gap_between_other_speakers_is_that_of_welch() -> None:
    truths, predictions, speakers = clips(np.random.default_rng(0), 14, 0.2)
    sex = sexes(speakers)
    by_sex, by_speaker = break_down({"sex": sex}, truths, predictions, speakers, True, LABELS)
    own = {g.name: g.uar.value for g in by_speaker.groups}
    halves = [[score for name, score in own.items() if int(name[1:]) % 2 == odd] for odd in (0, 1)]
    theirs = stats.ttest_ind(*halves, equal_var=False).confidence_interval()
    assert (by_sex.highest, by_sex.lowest) == ("female", "male")
    assert by_sex.gap is not None
    assert (by_sex.gap.low, by_sex.gap.high) == pytest.approx((theirs.low, theirs.high))
    assert [(g.name, g.clips, g.speakers) for g in by_sex.groups] == [("female", 168, 7), ("male", 168, 7)]
    assert by_speaker.gap is None
    assert by_speaker.deviation == pytest.approx(np.std(list(own.values()), ddof=1))


def test_a_gap_within_speakers_is_paired() -> None:
    truths, predictions, speakers = clips(np.random.default_rng(1), 10)
    loud = ["strong" if k % 2 else "normal" for k in range(len(truths))]
    right = predictions[0] == truths
    by_loudness, _ = break_down({"intensity": loud}, truths, predictions, speakers, True, LABELS)
    own = [
        [right[(np.array(speakers) == s) & (np.array(loud) == which)].mean() for s in sorted(set(speakers))]
        for which in (by_loudness.highest, by_loudness.lowest)
    ]
    theirs = stats.ttest_rel(*own).confidence_interval()
    assert by_loudness.gap is not None
    assert by_loudness.gap.value == pytest.approx(np.mean(own[0]) - np.mean(own[1]))
    assert by_loudness.gap.high - by_loudness.gap.low >= (theirs.high - theirs.low) * 0.999


def test_without_a_gap_none_is_found_oftener_than_promised() -> None:
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(300):
        truths, predictions, speakers = clips(rng, 12)
        gap = break_down({"sex": sexes(speakers)}, truths, predictions, speakers, True, LABELS)[0].gap
        assert gap is not None
        found += gap.low > 0
    assert found / 300 <= 0.07


def test_groups_are_scored_on_the_emotions_that_all_have() -> None:
    truths, predictions, speakers = clips(np.random.default_rng(3), 6)
    loud = ["normal" if truth == 0 or k % 2 else "strong" for k, truth in enumerate(truths)]  # nobody is loudly "a"
    (part, _) = break_down({"intensity": loud}, truths, predictions, speakers, True, LABELS)
    assert part.labels == ("b", "c", "d")
    rows = (np.array(loud) == "strong") & (truths > 0)
    strong = next(group for group in part.groups if group.name == "strong")
    recalls = sk.recall_score(truths[rows], predictions[0][rows], labels=[1, 2, 3], average=None)
    assert strong.uar.value == pytest.approx(recalls.mean())


def test_what_does_not_part_the_clips_is_left_out() -> None:
    truths, predictions, speakers = clips(np.random.default_rng(4), 6)
    n = len(truths)
    values = {"sex": [None] * n, "intensity": ["normal"] * n, "statement": [str(k % 50) for k in range(n)]}
    (only,) = break_down(values, truths, predictions, speakers, True, LABELS)
    assert only.attribute == "speaker"
    one = slice(0, 24)
    assert break_down({}, truths[one], predictions[:, one], speakers[one], False, LABELS) == ()


def test_one_speaker_of_a_sex_tells_nothing_of_the_sex() -> None:
    truths, predictions, speakers = clips(np.random.default_rng(5), 4)
    alone = ["female" if name == "s00" else "male" for name in speakers]
    part = break_down({"sex": alone}, truths, predictions, speakers, True, LABELS)[0]
    assert part.gap is None


def test_of_several_groups_the_gap_holds_for_every_pair() -> None:
    truths, predictions, speakers = clips(np.random.default_rng(6), 9)
    said = [("x", "y", "z")[k % 3] for k in range(len(truths))]
    two = [value if value != "z" else None for value in said]
    three = break_down({"statement": said}, truths, predictions, speakers, True, LABELS)[0]
    assert len(three.groups) == 3
    assert three.gap is not None
    pair = break_down({"statement": two}, truths, predictions, speakers, True, LABELS)[0]
    assert pair.gap is not None
    assert sum(group.clips for group in pair.groups) == two.count("x") + two.count("y")
    if {three.highest, three.lowest} == {"x", "y"}:
        assert three.gap.high - three.gap.low > pair.gap.high - pair.gap.low
