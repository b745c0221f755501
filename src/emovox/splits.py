"""Who is for training, who for validation and who for test: protocols that make folds.

A :class:`Fold` that shares a recording, or (outside ``holdout``) a speaker, between its parts cannot be made.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol as TypingProtocol

import numpy as np

from emovox.corpora import SPECS
from emovox.corpora.base import Clip, Corpus
from emovox.errors import SplitError

HOLDOUT_SEED = 42
VALIDATION_SHARE = 10
"""One in so many of the speakers who are left chooses; at least two, so that both sexes may."""


@dataclass(frozen=True)
class Fold:
    """Training, validation and test clips that share no recording and, unless ``leaky``, no speaker.

    Args:
        name: ``"fold1"``, and so on.
        train, validation, test: At least one clip each.
        leaky: Whether parts share speakers.
        twins: Pairs of clip ids that hold one recording.

    Raises:
        SplitError: A part is empty, or two parts share a clip or a speaker.
    """

    name: str
    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    test: tuple[Clip, ...]
    leaky: bool = False
    twins: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        for part, clips in parts.items():
            if not clips:
                raise SplitError(f"Fold {self.name} has no {part} clips; use a corpus with more clips or speakers")
        units: dict[str, Callable[[Clip], str]] = {
            "clip": lambda c: c.id,
            "file": lambda c: f"{os.path.realpath(c.path)}{c.span}",
        }
        first = {twin: clip_id for clip_id, twin in self.twins}
        units["recording"] = lambda c: first.get(c.id, c.id)
        if not self.leaky:
            units["speaker"] = lambda c: c.speaker
        names = list(parts)
        for unit, key in units.items():
            for i, a in enumerate(names):
                for b in names[i + 1 :]:
                    shared = {key(c) for c in parts[a]} & {key(c) for c in parts[b]}
                    if shared:
                        raise SplitError(f"Fold {self.name}: {a} and {b} share the {unit} {sorted(shared)[0]}")


@dataclass(frozen=True)
class Protocol:
    """A named rule that makes folds of a corpus, and how to speak of it.

    Args:
        name: What it is called by.
        rule: In words, for any corpus.
        make: Makes the folds.
        leaky: Whether parts share speakers.
    """

    name: str
    rule: str
    make: Callable[[Corpus], tuple[Fold, ...]]
    leaky: bool = False

    def said_of(self, tested: Sequence[Sequence[str]], validating: Sequence[Sequence[str]]) -> str:
        """The rule as it came out on one corpus.

        Args:
            tested: The test speakers of each fold.
            validating: The validation speakers of each fold.
        """
        if self.leaky:
            return self.rule
        if len(tested) == 1:
            return f"one split by speaker: {len(tested[0])} test, {len(validating[0])} validation, the rest train"
        for partition in (spec.partition(self.name) for spec in SPECS.values()):
            if partition and {frozenset(group) for group in partition.groups} == {frozenset(group) for group in tested}:
                return f"{len(tested)} folds by speaker, {partition.origin}"
        return self.rule


def make_folds(protocol: str, corpus: Corpus) -> tuple[Fold, ...]:
    """The folds of ``corpus`` under a named protocol, always the same.

    Raises:
        SplitError: The protocol is unknown, or the corpus has too few speakers for it.
    """
    if protocol not in PROTOCOLS:
        raise SplitError(f"Unknown protocol {protocol!r}; available: {', '.join(PROTOCOLS)}")
    where = corpus.source or corpus.root
    if len({clip.emotion for clip in corpus.clips}) < 2:
        raise SplitError(f"{where} has clips of one emotion only; give a corpus with at least two")
    if protocol != "holdout" and len(corpus.speakers) < 3:
        raise SplitError(
            f"{where} has {len(corpus.speakers)} speaker(s); {protocol} needs at least 3, so that training, "
            "validation and test use different people. Add speakers, or use --protocol holdout, which is leaky"
        )
    return PROTOCOLS[protocol].make(corpus)


class _Labelled(TypingProtocol):
    @property
    def emotion(self) -> str: ...


def untrained(train: Iterable[_Labelled], test: Iterable[_Labelled]) -> tuple[str, ...]:
    """The emotions that a fold tests and has no training clip of, sorted."""
    return tuple(sorted({clip.emotion for clip in test} - {clip.emotion for clip in train}))


def untrained_notice(fold: str, labels: Sequence[str]) -> str:
    """What must be said of a fold that tests emotions which it cannot learn.

    >>> untrained_notice("fold1", ["bored"])
    'In fold1 no training clip is bored, so no model can learn to predict it; add more speakers with it.'
    """
    return (
        f"In {fold} no training clip is {' or '.join(labels)}, so no model can learn to predict it; "
        "add more speakers with it."
    )


def _speaker_groups(corpus: Corpus, count: int) -> tuple[tuple[str, ...], ...]:
    """The groups published for so many folds where every speaker is here, else speakers dealt round."""
    published = corpus.spec.partition(f"speakers{count}")
    if published and published.speakers == set(corpus.speakers):
        return published.groups
    count = min(count, len(corpus.speakers))
    return tuple(corpus.speakers[start::count] for start in range(count))


def _draw_validation(corpus: Corpus, test: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """Validation speakers from those not in test: of either sex in turn, where the corpus knows it."""
    rest = [speaker for speaker in corpus.speakers if speaker not in test]
    sex = {clip.speaker: clip.sex or "" for clip in corpus.clips}
    order = [rest[i] for i in np.random.default_rng(seed).permutation(len(rest))]
    drawn: list[str] = []
    for _ in range(min(max(2, round(len(rest) / VALIDATION_SHARE)), len(rest) - 1)):
        left = [speaker for speaker in order if speaker not in drawn]
        of_sex = Counter(sex[speaker] for speaker in drawn)
        drawn.append(min(left, key=lambda speaker: of_sex[sex[speaker]]))  # a tie goes to the order drawn
    return tuple(sorted(drawn))


def _by_speaker(corpus: Corpus, name: str, test: tuple[str, ...], validation: tuple[str, ...]) -> Fold:
    clips = corpus.clips
    return Fold(
        name=name,
        train=tuple(c for c in clips if c.speaker not in test and c.speaker not in validation),
        validation=tuple(c for c in clips if c.speaker in validation),
        test=tuple(c for c in clips if c.speaker in test),
        twins=corpus.twins,
    )


def _rotating(corpus: Corpus, groups: Sequence[tuple[str, ...]]) -> tuple[Fold, ...]:
    return tuple(
        _by_speaker(corpus, f"fold{i + 1}", group, _draw_validation(corpus, group, seed=i))
        for i, group in enumerate(groups)
    )


def _speakers1(corpus: Corpus) -> tuple[Fold, ...]:
    groups = _speaker_groups(corpus, 6)
    return (_by_speaker(corpus, "fold1", groups[0], groups[1]),)


def _holdout(corpus: Corpus) -> tuple[Fold, ...]:
    """Stratified 70/15/15 by clip: each emotion's clips are shuffled and cut, largest remainders first.

    A recording that was published under two names goes to the training part, where its twin is too.
    """
    rng = np.random.default_rng(HOLDOUT_SEED)
    parts: dict[str, list[Clip]] = {"train": [], "validation": [], "test": []}
    total = {"validation": round(0.15 * len(corpus.clips)), "test": round(0.15 * len(corpus.clips))}
    by_emotion = {label: [c for c in corpus.clips if c.emotion == label] for label in corpus.labels}
    shuffled = {label: [clips[i] for i in rng.permutation(len(clips))] for label, clips in by_emotion.items() if clips}
    twins = corpus.twins
    for clips in shuffled.values():
        clips.sort(key=lambda clip: clip.id in sum(twins, ()))  # what is left when the others are dealt is trained on
    for part in ("test", "validation"):
        exact = {label: 0.15 * len(by_emotion[label]) for label in shuffled}
        counts = {label: int(share) for label, share in exact.items()}
        short = total[part] - sum(counts.values())
        for label in sorted(counts, key=lambda name: counts[name] - exact[name])[:short]:
            counts[label] += 1
        for label, count in counts.items():
            parts[part] += shuffled[label][:count]
            shuffled[label] = shuffled[label][count:]
    parts["train"] = [clip for clips in shuffled.values() for clip in clips]
    ordered = {part: tuple(sorted(clips, key=lambda c: c.id)) for part, clips in parts.items()}
    return (Fold("fold1", ordered["train"], ordered["validation"], ordered["test"], True, twins),)


PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol("speakers1", "one split by speaker: a sixth test, a sixth validation, the rest train", _speakers1),
        Protocol(
            "speakers6",
            "6 folds by speaker, or as many as there are speakers",
            lambda corpus: _rotating(corpus, _speaker_groups(corpus, 6)),
        ),
        Protocol(
            "speakers5",
            "5 folds by speaker, or as many as there are speakers",
            lambda corpus: _rotating(corpus, _speaker_groups(corpus, 5)),
        ),
        Protocol(
            "loso",
            "one speaker out at a time",
            lambda corpus: _rotating(corpus, [(speaker,) for speaker in corpus.speakers]),
        ),
        Protocol("holdout", "stratified 70/15/15 by clip; speakers shared, so leaky", _holdout, leaky=True),
    )
}
