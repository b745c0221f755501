"""Protocols make the folds they promise, and a fold that leaks cannot be made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emovox import corpora
from emovox.corpora.base import Clip, Corpus, CorpusSpec, Partition
from emovox.corpora.ravdess import LABELS, SPEC
from emovox.corpora.synthetic import takes
from emovox.errors import SplitError
from emovox.splits import PROTOCOLS, Fold, make_folds, untrained

(TWINS,) = SPEC.published_twice


def corpus(speakers: int = 24, emotions: tuple[str, ...] = LABELS, takes: int = 2, spec: CorpusSpec = SPEC) -> Corpus:
    """Clips that exist by name only."""
    clips = [
        Clip(f"{e}-{s:02d}-{t}", Path(f"/{e}-{s}-{t}.wav"), e, f"{s:02d}", sex="male" if s % 2 else "female")
        for s in range(1, speakers + 1)
        for e in emotions
        for t in range(takes)
    ]
    return Corpus(spec, tuple(clips), Path("/"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_deterministic_and_covers_each_clip_once(protocol: str) -> None:
    tiny = corpus()
    folds = make_folds(protocol, tiny)
    assert folds == make_folds(protocol, tiny)
    for fold in folds:
        assert len(fold.train) + len(fold.validation) + len(fold.test) == len(tiny.clips)
        assert fold.leaky is PROTOCOLS[protocol].leaky
    judged = [clip.id for fold in folds for clip in fold.test]
    assert len(set(judged)) == len(judged)
    if protocol not in ("speakers1", "holdout"):
        assert set(judged) == {clip.id for clip in tiny.clips}


@pytest.mark.parametrize(
    ("protocol", "partition"),
    [
        ("speakers6", "1 11 20 21, 4 10 12 14, 8 9 19 23, 3 5 7 24, 2 15 16 18, 6 13 17 22"),
        ("speakers5", "2 5 14 15 16, 3 6 7 13 18, 10 11 12 19 20, 8 17 21 23 24, 1 4 9 22"),
    ],
)
def test_published_partitions(protocol: str, partition: str) -> None:
    found = [sorted({int(clip.speaker) for clip in fold.test}) for fold in make_folds(protocol, corpus())]
    assert ", ".join(" ".join(map(str, group)) for group in found) == partition


def folds_digest(protocol: str, folded: Corpus) -> str:
    """Which clips went where."""
    folds = make_folds(protocol, folded)
    parts = [[[c.id for c in part] for part in (fold.train, fold.validation, fold.test)] for fold in folds]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


DIGESTS = {  # of 24 speakers with 60 clips each, before specs held the partitions
    "speakers1": "215f4accecdb",
    "speakers6": "d6bde0dc5749",
    "speakers5": "ee3353fadb97",
    "loso": "ab02ed29fa80",
    "holdout": "046206a5302b",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_folds_of_published_figures_stay_what_they_were(protocol: str) -> None:
    assert folds_digest(protocol, replace(corpus(), clips=takes())) == DIGESTS[protocol]


@pytest.mark.parametrize(("speakers", "validation"), [(6, 2), (24, 2), (42, 4), (91, 8)])
def test_validation_speakers_grow_with_the_corpus(speakers: int, validation: int) -> None:
    """In a corpus of 91 speakers two of them once chose every epoch: 20 of 910 clips."""
    clips = tuple(
        Clip(f"{e}-{s}", Path(f"/{e}-{s}.wav"), e, f"{s:02d}", sex=("male", "female")[s % 3 == 0])
        for s in range(speakers)
        for e in ("sad", "happy")
    )
    for fold in make_folds("speakers6", Corpus(CorpusSpec("big", ("sad", "happy")), clips, Path("/"))):
        drawn = {clip.speaker: clip.sex for clip in fold.validation}
        assert len(drawn) == validation
        assert list(drawn.values()).count("male") == validation // 2  # of either sex alike, as far as there are


def test_what_a_fold_cannot_learn_is_told() -> None:
    clips = corpus().clips
    assert untrained(clips, clips) == ()
    assert untrained([clip for clip in clips if clip.emotion != "angry"], clips) == ("angry",)


LAB = CorpusSpec(
    "lab",
    ("sad", "happy"),
    partitions=(Partition("speakers5", (("s1", "s3"), ("s2",), ("s4", "s5", "s6")), "those of the lab"),),
    published_twice=(("sad-s1-0", "sad-s1-1"),),
)


def test_another_corpus_brings_its_own_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tuple(
        Clip(f"{e}-{s}-{t}", Path(f"/{e}-{s}-{t}.wav"), e, s)
        for s in LAB.partitions[0].speakers
        for e in LAB.labels
        for t in range(4)
    )
    lab = Corpus(LAB, clips, Path("/"))
    judges = [sorted({clip.speaker for clip in fold.test}) for fold in make_folds("speakers5", lab)]
    assert judges == [list(group) for group in LAB.partitions[0].groups]
    dealt = [sorted({clip.speaker for clip in fold.test}) for fold in make_folds("speakers6", lab)]
    assert dealt == [[speaker] for speaker in lab.speakers]
    monkeypatch.setitem(corpora.SPECS, "lab", LAB)
    assert PROTOCOLS["speakers5"].said_of(judges, [[]] * 3) == "3 folds by speaker, those of the lab"
    assert PROTOCOLS["speakers6"].said_of(dealt, [[]] * 6) == PROTOCOLS["speakers6"].rule
    (fold,) = make_folds("holdout", lab)
    assert set(LAB.published_twice[0]) <= {clip.id for clip in fold.train}
    part = replace(lab, clips=tuple(clip for clip in clips if clip.speaker != "s6"))
    assert len(make_folds("speakers5", part)) == 5  # the published groups need everybody


def test_speakers1_judges_on_the_first_group_and_chooses_on_the_second() -> None:
    (fold,) = make_folds("speakers1", corpus())
    assert {int(c.speaker) for c in fold.test} == {1, 11, 20, 21}
    assert {int(c.speaker) for c in fold.validation} == {4, 10, 12, 14}


def test_validation_speakers_are_of_both_sexes() -> None:
    for fold in make_folds("speakers6", corpus()):
        assert {clip.sex for clip in fold.validation} == {"male", "female"}


@pytest.mark.parametrize(
    ("protocol", "speakers", "said"),
    [
        ("speakers1", 24, "one split by speaker: 4 test, 4 validation, the rest train"),
        ("speakers1", 7, "one split by speaker: 2 test, 1 validation, the rest train"),
        ("speakers6", 24, "6 folds by speaker, the partition of the EmoBox benchmark"),
        ("speakers6", 23, "6 folds by speaker, or as many as there are speakers"),
        ("speakers5", 24, "5 folds by speaker, those of Luna-Jiménez et al. (2021)"),
        ("loso", 24, "one speaker out at a time"),
        ("holdout", 24, "stratified 70/15/15 by clip; speakers shared, so leaky"),
    ],
)
def test_a_protocol_is_told_as_it_came_out(protocol: str, speakers: int, said: str) -> None:
    folds = make_folds(protocol, corpus(speakers))
    judges = [sorted({clip.speaker for clip in fold.test}) for fold in folds]
    choosers = [sorted({clip.speaker for clip in fold.validation}) for fold in folds]
    assert PROTOCOLS[protocol].said_of(judges, choosers) == said


def test_holdout_is_stratified() -> None:
    whole = corpus(takes=5)
    (fold,) = make_folds("holdout", whole)
    assert [len(part) for part in (fold.train, fold.validation, fold.test)] == [672, 144, 144]
    for part, share in ((fold.validation, 18), (fold.test, 18)):
        assert {label: sum(c.emotion == label for c in part) for label in LABELS} == dict.fromkeys(LABELS, share)


def test_holdout_keeps_a_recording_that_was_published_twice_together() -> None:
    base = corpus()
    twins = tuple(Clip(name, Path(f"/{name}.wav"), "happy", "07", sex="male") for name in TWINS)
    (fold,) = make_folds("holdout", replace(base, clips=base.clips + twins))
    assert set(TWINS) <= {clip.id for clip in fold.train}


def test_a_fold_that_shares_anything_cannot_be_made() -> None:
    a, b, c = (Clip(i, Path(f"/{i}.wav"), "sad", i) for i in "abc")
    Fold("good", (a,), (b,), (c,))
    with pytest.raises(SplitError, match="share the clip a"):
        Fold("bad", (a,), (b,), (a,), leaky=True)
    with pytest.raises(SplitError, match="share the file"):
        Fold("bad", (a,), (b,), (replace(c, path=a.path),), leaky=True)
    with pytest.raises(SplitError, match="share the speaker a"):
        Fold("bad", (a,), (b,), (replace(c, speaker="a"),))
    Fold("said to be leaky", (a,), (b,), (replace(c, speaker="a"),), leaky=True)
    with pytest.raises(SplitError, match="share the recording"):
        Fold("bad", (a,), (b,), (c,), leaky=True, twins=(("a", "c"),))
    with pytest.raises(SplitError, match="no test clips"):
        Fold("bad", (a,), (b,), ())


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 30), st.sampled_from(["speakers1", "speakers6", "speakers5", "loso"]))
def test_any_number_of_speakers_from_three_on_makes_folds(speakers: int, protocol: str) -> None:
    judged = [c.id for fold in make_folds(protocol, corpus(speakers, takes=1)) for c in fold.test]
    assert len(judged) == len(set(judged))


def test_what_cannot_be_split_is_refused_with_the_next_step() -> None:
    with pytest.raises(SplitError, match="available: speakers1"):
        make_folds("speaker", corpus())
    with pytest.raises(SplitError, match="one emotion only"):
        make_folds("speakers1", corpus(emotions=("sad",)))
    with pytest.raises(SplitError, match=r"1 speaker.*--protocol holdout"):
        make_folds("speakers1", corpus(speakers=1))
