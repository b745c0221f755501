"""How one model does on groups of clips: by sex, intensity, statement and speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emovox.evaluation import metrics
from emovox.evaluation.intervals import Interval, Sample

ATTRIBUTES = ("sex", "intensity", "statement")
"""What groups clips, besides their speaker."""

MOST_GROUPS = 12
"""With more values an attribute says little of any of them, and is left out."""


@dataclass(frozen=True)
class Group:
    """How a model does on the clips that have one value of an attribute.

    Args:
        name: The value.
        clips, speakers: How many.
        uar, accuracy: With 95 % intervals.
    """

    name: str
    clips: int
    speakers: int
    uar: Interval
    accuracy: Interval


@dataclass(frozen=True)
class Breakdown:
    """A model's scores by one attribute.

    Args:
        attribute: ``"speaker"``, or one of :data:`ATTRIBUTES`.
        labels: The emotions that are scored: those that every group has clips of, or of speakers that any has.
        groups: In the order of their names.
        highest, lowest: The groups of the highest and of the lowest UAR.
        gap: By how much the UAR of the one exceeds that of the other. Of three groups or more the interval holds for
            every pair of them together (Bonferroni), since the two were seen to differ most. None for speakers, some of
            whom will always be the easiest, and where one group is one speaker.
        deviation: The sample standard deviation of the groups' UAR.
    """

    attribute: str
    labels: tuple[str, ...]
    groups: tuple[Group, ...]
    highest: str
    lowest: str
    gap: Interval | None
    deviation: float


def break_down(
    values: Mapping[str, Sequence[str | None]],
    truths: np.ndarray,
    predictions: np.ndarray,
    speakers: Sequence[str],
    by_speaker: bool,
    labels: Sequence[str],
) -> tuple[Breakdown, ...]:
    """A model's scores by each attribute that parts the clips, and by speaker.

    Groups are scored on the emotions that all of them have, so that one without a hard emotion has no advantage; a
    speaker is scored on their own.

    Args:
        values: Attribute → (N,) what each clip has; clips of which it is not known are left out.
        truths: (N,) class indices.
        predictions: (S, N) class indices.
        speakers: (N,) who speaks in each clip.
        by_speaker: Whether speakers are what is independent; else clips are.
        labels: The emotions.
    """
    said = np.asarray(speakers)
    found = []
    for attribute, of_clips in {**values, "speaker": speakers}.items():
        own = np.array([value or "" for value in of_clips])
        names = sorted(set(own.tolist()) - {""})
        if len(names) < 2 or (len(names) > MOST_GROUPS and attribute != "speaker"):
            continue
        of_group = [set(truths[own == name].tolist()) for name in names]
        shared = sorted(set.union(*of_group) if attribute == "speaker" else set.intersection(*of_group))
        if len(shared) < 2:
            continue
        samples, groups = [], []
        for name in names:
            rows = np.flatnonzero((own == name) & np.isin(truths, shared))
            sample = Sample(truths[rows], predictions[:, rows], said[rows] if by_speaker else None, len(labels))
            samples.append(sample)
            scores = (sample.interval(metric) for metric in (metrics.uar, metrics.accuracy))
            groups.append(Group(name, len(rows), len(set(said[rows].tolist())), *scores))
        uars = [group.uar.value for group in groups]
        low, *_, high = np.argsort(uars, kind="stable").tolist()
        pairs = len(names) * (len(names) - 1) / 2
        gap = samples[high].above(samples[low], metrics.uar, 1 - 0.05 / pairs)
        found.append(
            Breakdown(
                attribute, tuple(labels[k] for k in shared), tuple(groups), names[high], names[low],
                None if attribute == "speaker" else gap, float(np.std(uars, ddof=1)),
            )
        )  # fmt: skip
    return tuple(found)
