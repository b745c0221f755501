"""A user's own corpus: clips that a table or folders tell of, and the facts beside them, held to each other."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from emovox.corpora.base import UNVERSIONED, Clip, Corpus, CorpusSpec
from emovox.corpora.facts import FACTS, Facts
from emovox.corpora.words import alike, plain, safe_name
from emovox.errors import CorpusError


def own_corpus(
    clips: Sequence[Clip],
    facts: Facts,
    like: CorpusSpec,
    name: str,
    root: Path,
    source: Path | None = None,
    version: str = "",
    notes: Sequence[str] = (),
    taken: Sequence[str] = (),
) -> Corpus:
    """The corpus of a user's clips.

    Args:
        clips: At least one.
        facts: What else is told.
        like: The corpus whose labels stand first, in its order, others following by the alphabet; and whose published
            partitions hold where the recordings are its own.
        name: What to call it where the facts give no name.
        root: The folder the clips lie under.
        source: The table that they were read from, if they were.
        version: Where the facts give none.
        notes: What was found while reading.
        taken: Names of other corpora.

    Raises:
        CorpusError: There are fewer than two emotions, two labels or two speakers differ in case only, or the facts
            contradict the clips.
    """
    place, toml = source or root, facts.source or root / FACTS
    for clip in clips:
        if any("\ud800" <= letter <= "\udfff" for letter in clip.id):
            raise CorpusError(f"{root}: the name of {plain(clip.id)} is not UTF-8; rename the file")
    found = {clip.emotion for clip in clips}
    unknown = sorted(set(facts.label_map) - found)
    if unknown:
        raise CorpusError(f"{toml}: label_map has {unknown[0]!r}, but the labels are {_some(found)}; correct it")
    clips = [dataclasses.replace(c, emotion=facts.label_map.get(c.emotion, c.emotion)) for c in clips]
    found = {clip.emotion for clip in clips}
    same = alike(clip.emotion for clip in clips)
    if same:
        mended = ", ".join(f"{_quoted(label)} = {_quoted(same[0])}" for label in same[1:])
        raise CorpusError(
            f"{place} has the labels {', '.join(same)}, which differ only in case; if they are the same, write into "
            f"{toml}: label_map = {{ {mended} }}"
        )
    same = alike(clip.speaker for clip in clips)
    if same:
        raise CorpusError(
            f"{place} has the speakers {', '.join(same)}, which differ only in case, and one person must not be two; "
            "write them the same way"
        )
    if len(found) < 2:
        raise CorpusError(f"{place} has only one emotion, {found.pop()}; at least two are needed")
    spec = CorpusSpec(
        name=_name(facts, name, taken, toml),
        title=facts.title,
        version=facts.version or version or UNVERSIONED,
        licence=facts.licence or "not stated",
        citation=facts.citation,
        language=facts.language,
        acted=facts.acted,
        caution=facts.caution or _caution(facts),
        labels=_ordered(facts, found, like, toml),
        partitions=like.partitions if _are_of(clips, like) else (),
    )
    return Corpus(spec, tuple(clips), root, tuple(notes), source)


def refuse_same_id(clip: Clip, other: Clip, where: str) -> None:
    """Refuse a clip whose id another has already; ``where`` names the clip's file."""
    raise CorpusError(
        f"{where} has the same name as {other.path} apart from folder or suffix, so both would be the clip "
        f"{clip.id}; rename one of them"
    )


def _are_of(clips: Sequence[Clip], like: CorpusSpec) -> bool:
    """Whether the recordings are named as a known corpus names them, and said by whom it says."""
    try:
        return like.read_name is not None and all(like.read_name(c.path).speaker == c.speaker for c in clips)
    except CorpusError:
        return False


def _name(facts: Facts, name: str, taken: Sequence[str], toml: Path) -> str:
    if facts.name in taken:
        raise CorpusError(f"{toml}: {facts.name!r} is the name of a published corpus; choose another")
    return facts.name or safe_name(name, taken)


def _ordered(facts: Facts, found: set[str], like: CorpusSpec, toml: Path) -> tuple[str, ...]:
    if not facts.labels:
        return (*(label for label in like.labels if label in found), *sorted(found - set(like.labels)))
    if set(facts.labels) != found or len(set(facts.labels)) < len(facts.labels):
        raise CorpusError(f"{toml}: labels must contain each of {_some(found)} once, and nothing else; correct it")
    return facts.labels


def _caution(facts: Facts) -> str:
    """Whose emotions a model learns, as far as that was told."""
    manner = {True: "The emotions are acted", False: "The emotions are not acted", None: ""}[facts.acted]
    language = f"the language is {facts.language}" if facts.language else ""
    sentence = "; ".join(part for part in (manner, language) if part)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _some(labels: set[str], most: int = 12) -> str:
    return ", ".join(sorted(labels)[:most]) + (" …" if len(labels) > most else "")


def _quoted(label: str) -> str:
    return json.dumps(label, ensure_ascii=False)
