"""What a run asks of a corpus before it does any work: clips that can be heard, and no sound under two names of people.

Folds keep speakers apart by their names. A sound that stands under two of them would be trained on and tested.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from emovox.audio import check_rate, check_waveform, decode, mix
from emovox.corpora.base import Clip, Corpus, Progress
from emovox.corpora.sameness import same_sounds, sketch
from emovox.corpora.words import plain, some
from emovox.errors import AudioError, CorpusError, typed
from emovox.files import write_json

NAMED = 20
"""So many unreadable recordings are named; more would fill the screen."""

CERTAIN = 0.98
"""From this correlation on two recordings are one beyond doubt; from ``SAME`` to here somebody should look."""

OVERLAP = 0.5
"""Parts of one file that share so much of the shorter are one recording."""


def guarded(corpus: Corpus, cache: Path, workers: int = 2, progress: Progress | None = None) -> Corpus:
    """A corpus whose every clip was decoded, with the recordings that it holds twice in ``twins``.

    Args:
        corpus: What a run is to use.
        cache: The folder that remembers what was checked.
        workers: Threads.
        progress: Told ``("check", clips so far, clips in all)``.

    Returns:
        The corpus, with notes on what was found.

    Raises:
        CorpusError: Clips cannot be read (all are named), or one sound stands under two speakers or two emotions.
        StorageError: The cache cannot be written.
    """
    path = cache / f"{corpus.digest[:16]}-{_code()}.json"
    clips = {clip.id: clip for clip in corpus.clips}
    try:
        pairs = [(clips[a], clips[b], float(alike)) for a, b, alike in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError):  # not there, or damaged
        found = list(_same(corpus, workers, progress))
        write_json(path, found)
        pairs = [(clips[a], clips[b], alike) for a, b, alike in found]
    for what in ("speaker", "emotion"):
        apart = [(a, b, alike) for a, b, alike in pairs if getattr(a, what) != getattr(b, what)]
        sure = [(a, b) for a, b, alike in apart if alike >= CERTAIN]
        if sure:
            raise CorpusError(_contradiction(corpus, sure, what))
        notes = [
            f"{some(len(apart), 'recording')} may have the sound of another {what}, such as "
            f"{_file(corpus, apart[0][0])} and {_file(corpus, apart[0][1])}. For all of them: {_verify(corpus)}"
        ] if apart else []  # fmt: skip
        corpus = dataclasses.replace(corpus, notes=(*corpus.notes, *notes))
    known = {frozenset(pair) for pair in corpus.spec.published_twice}
    twins = [(a, b) for a, b, alike in pairs if alike >= CERTAIN and frozenset((a.id, b.id)) not in known]
    if not twins:
        return corpus
    a, b = twins[0]
    note = (
        f"Copies of another recording: {len(twins):,}, such as {_file(corpus, a)} and {_file(corpus, b)}. "
        f"They stay in one part of each fold. For all of them: {_verify(corpus)}"
    )
    return dataclasses.replace(corpus, same=tuple((a.id, b.id) for a, b in twins), notes=(*corpus.notes, note))


@dataclasses.dataclass(frozen=True)
class _Heard:
    """A clip as decoded; ``error`` tells why it could not be."""

    error: str = ""
    digest: bytes = b""
    seconds: float = 0.0
    sketch: np.ndarray | None = None


def _same(corpus: Corpus, workers: int, progress: Progress | None) -> Iterator[tuple[str, str, float]]:
    """Ids of a clip and of a later one with its sound, and their correlation."""
    heard = []
    with ThreadPoolExecutor(workers) as pool:
        for one in pool.map(_hear, corpus.clips):
            heard.append(one)
            if progress:
                progress("check", len(heard), len(corpus.clips))
    broken = [(clip, one.error) for clip, one in zip(corpus.clips, heard, strict=True) if one.error]
    if broken:
        raise CorpusError(_unreadable(corpus, broken))
    ids = [clip.id for clip in corpus.clips]
    first: dict[bytes, int] = {}
    exact = {j: first[one.digest] for j, one in enumerate(heard) if first.setdefault(one.digest, j) != j}
    sketches = np.stack([one.sketch for one in heard if one.sketch is not None])
    seconds = np.array([one.seconds for one in heard])
    for i, j, alike in same_sounds(sketches, seconds):
        if j not in exact:
            yield ids[i], ids[j], round(alike, 4)
    yield from ((ids[i], ids[j], 1.0) for j, i in exact.items())
    yield from ((a.id, b.id, 1.0) for a, b in _overlapping(corpus.clips))


def _hear(clip: Clip) -> _Heard:
    try:
        samples, info = decode(clip.path, start=clip.start, end=clip.end)  # (frames, channels)
        check_rate(info.sample_rate_hz, str(clip.path))
        mono = check_waveform(mix(samples), str(clip.path), info.sample_rate_hz)
    except AudioError as error:
        return _Heard(error=str(error))
    digest = hashlib.blake2b(np.ascontiguousarray(samples).tobytes(), digest_size=16).digest()
    return _Heard("", digest, len(mono) / info.sample_rate_hz, sketch(mono, info.sample_rate_hz))


def _overlapping(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Clip]]:
    """Parts of one file of which one lies mostly in the other; each with the first such before it."""
    parts = sorted((os.path.realpath(c.path), c.start or 0.0, c.id, c) for c in clips)
    for _, group in itertools.groupby(parts, key=lambda part: part[0]):
        before: list[tuple[float, float, Clip]] = []
        for _, start, _, clip in group:
            end = math.inf if clip.end is None else clip.end
            before = [part for part in before if part[1] > start]
            twin = next((o for s, e, o in before if min(e, end) - start >= OVERLAP * min(e - s, end - start)), None)
            if twin:
                yield twin, clip
            else:
                before.append((start, end, clip))


def _verify(corpus: Corpus) -> str:
    """What to type to see all that is wrong."""
    return typed("emovox", "data", "verify", corpus.source or corpus.root)


def _unreadable(corpus: Corpus, broken: list[tuple[Clip, str]]) -> str:
    more = [_file(corpus, clip) for clip, _ in broken[1:NAMED]] + (["…"] if len(broken) > NAMED else [])
    others = f"; also {', '.join(more)}" if more else ""
    return (
        f"{len(broken):,} of {some(len(corpus.clips), 'recording')} cannot be used: {plain(broken[0][1])}{others}. "
        f"For all of them: {_verify(corpus)}"
    )


def _contradiction(corpus: Corpus, pairs: list[tuple[Clip, Clip]], what: str) -> str:
    a, b = pairs[0]
    more = f" (and {len(pairs) - 1:,} more)" if len(pairs) > 1 else ""
    return (
        f"{_file(corpus, a)} and {_file(corpus, b)} have the same sound, but the {what}s {getattr(a, what)} and "
        f"{getattr(b, what)}{more}; keep one of them. For all of them: {_verify(corpus)}"
    )


def _file(corpus: Corpus, clip: Clip) -> str:
    path = clip.path.relative_to(corpus.root) if clip.path.is_relative_to(corpus.root) else clip.path
    return plain(f"{path}@{clip.span}" if clip.span else str(path))


def _code() -> str:
    """A digest of the code that decides what is found."""
    here = Path(__file__).parent
    files = [here / "guard.py", here / "sameness.py", *sorted((here.parent / "audio").glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
