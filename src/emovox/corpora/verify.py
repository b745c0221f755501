"""Hold a corpus to what was published, and name every file that departs from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emovox.audio import check_waveform, decode, mix
from emovox.corpora import load_path
from emovox.corpora.base import Clip, Corpus, CorpusSpec, Progress
from emovox.corpora.index import Published, read_index, samples_digest
from emovox.corpora.listing import Listing
from emovox.corpora.sameness import same_sounds, sketch
from emovox.corpora.scan import recordings_under
from emovox.errors import AudioError, CorpusError

KINDS = {
    "missing": "published, but not here",
    "extra": "here, but not part of the corpus",
    "altered": "has the right name, but not the published sound",
    "unreadable": "cannot be decoded, or is silent",
    "duplicate": "has the same sound as another file",
    "mislabelled": "has a name or a folder that contradicts its sound or its name",
}
"""What can be wrong with a file."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        kind: One of :data:`KINDS`.
        file: Path from the corpus's root, or a clip id where there is no file.
        reason: What is the matter, in words.
    """

    kind: str
    file: str
    reason: str


@dataclass(frozen=True)
class Count:
    """How many there are, and how many there should be (None: any number will do)."""

    what: str
    found: int
    expected: int | None = None


@dataclass(frozen=True)
class Verification:
    """What was checked, and what was found.

    Args:
        corpus: The corpus's name.
        root: Where it lies.
        against_index: Whether the samples were held to the published ones.
        counts: Recordings, actors, recordings of each actor and of each emotion.
        findings: Everything that is wrong, by kind and then by file.
        notes: What is odd, but as published or harmless.
    """

    corpus: str
    root: Path
    against_index: bool
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and all(count.expected in (None, count.found) for count in self.counts)

    def of(self, kind: str) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if self.ok:
            held = " with the published samples" if self.against_index else ""
            return f"{self.corpus} in {self.root} is complete: {self.counts[0].found:,} recordings{held}."
        parts = [f"{len(self.of(kind)):,} {kind}" for kind in KINDS if self.of(kind)]
        return f"{self.corpus} in {self.root} has problems: {', '.join(parts) or 'the counts are wrong'}."

    def listings(self, most: int = 30) -> tuple[Listing, ...]:
        """Tables for people: the counts, and the findings if there are any, at most so many of each kind."""
        rows = [
            (count.what, f"{count.found:,}", "" if count.expected is None else f"{count.expected:,}")
            for count in self.counts
        ]
        tables = [Listing("Counts", ("what", "found", "expected"), tuple(rows))]
        if self.findings:
            found = []
            for kind in KINDS:
                of_kind = self.of(kind)
                found += [(finding.kind, finding.file, finding.reason) for finding in of_kind[:most]]
                if len(of_kind) > most:
                    found.append((kind, "…", f"{len(of_kind) - most:,} more"))
            tables.append(Listing("Findings", ("kind", "file", "problem"), tuple(found)))
        return tuple(tables)


@dataclass(frozen=True)
class _Heard:
    """One file as decoded; ``error`` tells why it could not be."""

    path: Path
    clip: Clip | None
    name_error: str = ""
    error: str = ""
    digest: str = ""
    seconds: float = 0.0
    form: tuple[int, int, int] = (0, 0, 0)  # sample rate, channels, frames
    sketch: np.ndarray | None = None


def verify(corpus: Corpus | Path | str, progress: Progress | None = None, workers: int = 2) -> Verification:
    """Decode every file of a corpus and check it.

    One whose spec names an index is held to it, name by name and sample by sample. Any other is searched for files
    that cannot be read, files with the same sound, and names that contradict their folders.

    Args:
        corpus: A loaded corpus, or the path of one; by its path alone, a folder counts as a published corpus only if
            it holds published samples.
        progress: Told ``("verify", files so far, files in all)``.
        workers: Threads.

    Raises:
        CorpusError: There is no corpus at the path.
    """
    if not isinstance(corpus, Corpus):
        corpus = load_path(Path(corpus), progress)
    spec = corpus.spec
    read_name = spec.read_name
    named = [_named(path, read_name) for path in recordings_under(corpus.root)] if read_name else []
    wanted = named or [(clip.path, clip, "") for clip in corpus.clips]
    heard = []
    with ThreadPoolExecutor(workers) as pool:
        for one in pool.map(lambda file: _hear(*file), wanted):
            heard.append(one)
            if progress:
                progress("verify", len(heard), len(wanted))

    notes = list(corpus.notes)
    findings = [Finding("unreadable", _short(corpus, one), one.error) for one in heard if one.error]
    expected = spec.published_twice if spec.index else ()
    if spec.index:
        findings += _against_index(corpus, heard, read_index(spec.index))
        present = {one.path.stem for one in heard}
        notes += [
            f"{first} and {second} have the same sound, and were published like this: one take under two names."
            for first, second in expected
            if {first, second} <= present
        ]
    elif spec.read_name:
        findings += [Finding("extra", _short(corpus, one), one.name_error) for one in heard if one.name_error]
        notes.append("Its samples were not compared with an index, because this corpus has none.")
    findings += _misplaced(corpus, heard) + _duplicates(corpus, heard, expected)
    order = list(KINDS)
    findings.sort(key=lambda finding: (order.index(finding.kind), finding.file))
    return Verification(
        corpus.name, corpus.root, bool(spec.index), _counts(corpus), tuple(findings), tuple(dict.fromkeys(notes))
    )


def _named(path: Path, read_name: Callable[[Path], Clip]) -> tuple[Path, Clip | None, str]:
    """A file, the clip that its name says it is, and what is wrong with the name."""
    try:
        return path, read_name(path), ""
    except CorpusError as error:
        return path, None, str(error)


def _hear(path: Path, clip: Clip | None, name_error: str) -> _Heard:
    """Decode one file, or the part of it that the clip is."""
    start, end = (clip.start, clip.end) if clip else (None, None)
    try:
        samples, info = decode(path, start=start, end=end)  # (frames, channels)
        mono = check_waveform(mix(samples), str(path), info.sample_rate_hz)
    except AudioError as error:
        return _Heard(path, clip, name_error, error=str(error))
    form = (info.sample_rate_hz, info.channels, info.frames)
    return _Heard(
        path, clip, name_error, "", samples_digest(samples), len(mono) / info.sample_rate_hz, form,
        sketch(mono, info.sample_rate_hz),
    )  # fmt: skip


def _against_index(corpus: Corpus, heard: list[_Heard], index: dict[str, Published]) -> list[Finding]:
    """Missing, extra, altered and mislabelled files of a corpus that has an index."""
    findings, rate = [], corpus.spec.sample_rate_hz
    published = {entry.digest: clip_id for clip_id, entry in index.items()}
    elsewhere: dict[str, str] = {}  # clip id → the wrongly named file that holds its sound
    for one in heard:
        file, clip_id = _short(corpus, one), one.clip.id if one.clip else ""
        entry = index.get(clip_id)
        if entry and (one.error or (one.digest == entry.digest and one.form[0] == rate)):
            continue
        held = published.get(one.digest)
        if held and held != clip_id and not (entry and one.digest == entry.digest):
            elsewhere[held] = file
            findings.append(Finding("mislabelled", file, f"has the sound published as {held}; rename it to that"))
        elif entry:
            findings.append(Finding("altered", file, _alteration(one, (rate, entry.channels, entry.frames))))
        elif not one.error:
            reason = one.name_error or f"{one.path.name} is not one of the {corpus.spec.clips:,} published; remove it"
            findings.append(Finding("extra", file, reason))
    names = {one.clip.id for one in heard if one.clip}
    for clip_id in index.keys() - names:
        where = f"its sound is in {elsewhere[clip_id]}" if clip_id in elsewhere else "download the corpus again"
        findings.append(Finding("missing", clip_id, f"no file has this name; {where}"))
    return findings


def _alteration(one: _Heard, published: tuple[int | None, int, int]) -> str:
    """How a file's form departs from the published one."""
    names = ("Hz", "channels", "frames")
    different = [f"{a} {name}, not {b}" for a, b, name in zip(one.form, published, names, strict=True) if a != b]
    return f"{', '.join(different) or 'its samples are not the published ones'}; download it again"


def _misplaced(corpus: Corpus, heard: list[_Heard]) -> list[Finding]:
    """Files in the folder of another speaker than their name says."""
    findings = []
    for one in heard if corpus.spec.speaker_folder else ():
        match = re.fullmatch(corpus.spec.speaker_folder or "", one.path.parent.name)
        if match and one.clip and match[1] != one.clip.speaker:
            reason = f"is in {match[0]}, but its name says {_who(corpus.spec)} {one.clip.speaker}; move or rename it"
            findings.append(Finding("mislabelled", _short(corpus, one), reason))
    return findings


def _duplicates(corpus: Corpus, heard: list[_Heard], expected: Iterable[tuple[str, str]]) -> list[Finding]:
    """Files of different names with the same sound; ``expected`` pairs of names are passed over."""
    able = [one for one in heard if one.sketch is not None]
    if not able:
        return []
    sketches = np.stack([one.sketch for one in able if one.sketch is not None])  # (files, 512)
    passed = {frozenset(pair) for pair in expected}
    findings = []
    for i, j, _ in same_sounds(sketches, np.array([one.seconds for one in able])):
        a, b = able[i], able[j]
        names = (a.path.stem, b.path.stem) if corpus.spec.read_name else (_short(corpus, a), _short(corpus, b))
        if names[0] == names[1] or frozenset(names) in passed:
            continue
        labels = [
            f"{field} {getattr(a.clip, field)} there and {getattr(b.clip, field)} here"
            for field in ("emotion", "speaker")
            if a.clip and b.clip and getattr(a.clip, field) != getattr(b.clip, field)
        ]
        contradiction = f", though labelled {' and '.join(labels)}" if labels else ""
        reason = f"has the same sound as {_short(corpus, a)}{contradiction}; keep one of them"
        findings.append(Finding("duplicate", _short(corpus, b), reason))
    return findings


def _counts(corpus: Corpus) -> tuple[Count, ...]:
    """How much there is of everything; speakers are told one by one only where they depart from the rule."""
    spec, who = corpus.spec, _who(corpus.spec)
    emotions = Counter(clip.emotion for clip in corpus.clips)
    speakers = Counter(clip.speaker for clip in corpus.clips)
    expected = dict(zip(spec.labels, spec.clips_per_emotion, strict=False))
    each = spec.clips_per_speaker
    odd = {speaker: speakers[speaker] for speaker in spec.speakers if speakers[speaker] != each}
    one_by_one = [Count(f"{who}s with {each} recordings", len(spec.speakers) - len(odd), len(spec.speakers))]
    one_by_one += [Count(f"of {who} {speaker}", found, each) for speaker, found in odd.items()]
    return (
        Count("recordings", len(corpus.clips), spec.clips),
        Count(f"{who}s", len(speakers), len(spec.speakers) or None),
        *(one_by_one if each else ()),
        *(Count(f"of {label}", emotions[label], expected.get(label)) for label in spec.labels),
    )


def _who(spec: CorpusSpec) -> str:
    return "actor" if spec.acted else "speaker"


def _short(corpus: Corpus, one: _Heard) -> str:
    """A file's path from the corpus's root, and which part of it."""
    path = one.path.relative_to(corpus.root) if one.path.is_relative_to(corpus.root) else one.path
    return f"{path}@{one.clip.span}" if one.clip and one.clip.span else str(path)
