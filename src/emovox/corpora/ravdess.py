"""RAVDESS, speech, audio only: 24 actors say two sentences in eight emotions, 1,440 recordings in all.

The Ryerson Audio-Visual Database of Emotional Speech and Song was recorded in a studio in Toronto by 24 professional
actors, twelve men (odd numbers) and twelve women (even). Each says "Kids are talking by the door" and "Dogs are
sitting by the door" twice, at normal and strong intensity; neutral has no strong one, and so half as many clips (96)
as any other emotion (192). The published archive holds 48 kHz, 16-bit WAV files, five of them stereo, with about a
second of silence at either end.

A file's name is its label, seven codes of two digits: modality (03 audio only), channel (01 speech, 02 song), emotion
(01 neutral, 02 calm, 03 happy, 04 sad, 05 angry, 06 fearful, 07 disgust, 08 surprised), intensity (01 normal,
02 strong), statement (01 kids, 02 dogs), repetition, actor. ``03-01-05-02-01-02-12`` is actor 12, angry, strong.

``ravdess_index.csv`` beside this file tells, for each of the 1,440, its channels, frames and a digest of its samples,
so that WAV and FLAC alike can be held to what was published. ``scripts/ravdess_index.py`` made it.

Livingstone SR, Russo FA (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). PLoS ONE
13(5): e0196391. Licence: CC BY-NC-SA 4.0.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from emovox.archive import unpack
from emovox.audio import decode
from emovox.corpora.base import Clip, Corpus, CorpusSpec, Partition, Progress
from emovox.corpora.index import read_index, samples_digest
from emovox.corpora.scan import SUFFIXES, files_under, recordings_under
from emovox.corpora.words import plain, safe_name
from emovox.download import fetch, user_cache
from emovox.errors import AudioError, CorpusError

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
RECORD = "https://zenodo.org/records/1188976"
ARCHIVE = "Audio_Speech_Actors_01-24.zip"
ADDRESS = f"{RECORD}/files/{ARCHIVE}?download=1"
ARCHIVE_BYTES = 208_468_073
ARCHIVE_MD5 = "bc696df654c87fed845eb13823edef8a"

_AUDIO, _SPEECH = "03", "01"
_EMOTIONS = {f"{code:02d}": label for code, label in enumerate(LABELS, 1)}
_INTENSITIES = {"01": "normal", "02": "strong"}
_STATEMENTS = {"01": "kids", "02": "dogs"}
_REPETITIONS = {"01": "1", "02": "2"}


def read_name(path: Path) -> Clip:
    """The clip that a file's name says it is.

    >>> read_name(Path("Actor_12/03-01-05-02-01-02-12.wav")).emotion
    'angry'

    Raises:
        CorpusError: The name is not RAVDESS's, one of its codes does not exist, or it is not of spoken audio.
    """
    match = re.fullmatch(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)", path.stem)
    if not match:
        raise CorpusError(f"{path.name} has no RAVDESS name, such as 03-01-05-02-01-02-12.wav; rename it")
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    if modality != _AUDIO or channel != _SPEECH:
        raise CorpusError(f"{path.name} is from RAVDESS's songs or videos; give the speech audio, 03-01-…")
    codes: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("emotion", emotion, _EMOTIONS),
        ("intensity", intensity, {"01": "normal"} if emotion == "01" else _INTENSITIES),
        ("statement", statement, _STATEMENTS),
        ("repetition", repetition, _REPETITIONS),
    )
    for field, code, known in codes:
        if code not in known:
            raise CorpusError(f"{path.name} has the {field} {code}; there are {', '.join(known)}, so rename it")
    if actor == "00":
        raise CorpusError(f"{path.name} has the actor 00; actors count from 01, so rename it")
    return Clip(
        id=path.stem,
        path=path,
        emotion=_EMOTIONS[emotion],
        speaker=actor,
        intensity=_INTENSITIES[intensity],
        statement=_STATEMENTS[statement],
        repetition=_REPETITIONS[repetition],
        sex="male" if int(actor) % 2 else "female",
    )


def _partition(protocol: str, origin: str, *groups: tuple[int, ...]) -> Partition:
    """Groups of actors as their clips name them."""
    return Partition(protocol, tuple(tuple(f"{actor:02d}" for actor in group) for group in groups), origin)


SPEC = CorpusSpec(
    name="ravdess",
    title="RAVDESS",
    version="Zenodo record 1188976",
    licence="CC-BY-NC-SA-4.0",
    citation=(
        "Livingstone SR, Russo FA (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5): e0196391."
    ),
    language="North American English",
    acted=True,
    caution=(
        "The emotions are acted, by 24 professional actors who say two sentences in North American English, and named "
        "by their makers."
    ),
    labels=LABELS,
    sample_rate_hz=48000,
    speakers=tuple(f"{actor:02d}" for actor in range(1, 25)),
    clips_per_speaker=60,
    clips_per_emotion=tuple(96 if label == "neutral" else 192 for label in LABELS),
    partitions=(
        _partition(
            "speakers6", "the partition of the EmoBox benchmark",  # Ma et al., Interspeech 2024
            (1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22),
        ),
        _partition(
            "speakers5", "those of Luna-Jiménez et al. (2021)",
            (2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22),
        ),
    ),
    published_twice=(("03-01-03-01-02-01-07", "03-01-03-01-02-02-07"),),  # actor 7's two happy takes of "dogs" are one
    index="ravdess_index.csv",
    read_name=read_name,
    speaker_folder=r"Actor_(\d\d)",
)  # fmt: skip


def look_alike(name: str, **facts: Any) -> CorpusSpec:
    """The spec of other recordings with RAVDESS's labels and names, and so dealt into folds as it is."""
    return CorpusSpec(
        name, LABELS, partitions=SPEC.partitions, published_twice=SPEC.published_twice,
        read_name=read_name, speaker_folder=SPEC.speaker_folder, **facts,
    )  # fmt: skip


def is_named(path: Path) -> bool:
    """Whether a file has the name of a RAVDESS speech recording."""
    try:
        read_name(path)
    except CorpusError:
        return False
    return True


def load_folder(root: Path, claimed: bool = True, name: str = "") -> Corpus:
    """The corpus of every RAVDESS-named recording under a folder, at any depth.

    A recording that lies there more than once counts once: the copy nearest to ``root`` is taken. What has another
    name is left out, and both are said in the notes.

    Args:
        root: The folder.
        claimed: Whether whoever gave the folder says that it is RAVDESS. Otherwise it is called so only if its samples
            are the published ones, and else by ``name``.
        name: Of other recordings; by default the folder's.

    Raises:
        CorpusError: The folder is missing or unreadable, or no recording in it has a RAVDESS name.
    """
    files = files_under(root)
    chosen: dict[str, Clip] = {}
    copies: list[Path] = []
    foreign: list[Path] = []
    for path in sorted(files, key=lambda p: (len(p.parts), p)):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            clip = read_name(path)
        except CorpusError:
            foreign.append(path)
            continue
        if chosen.setdefault(clip.id, clip) is not clip:
            copies.append(path)
    if not chosen:
        found = f"contains {len(foreign)} recordings, but none has" if foreign else "contains no recording with"
        raise CorpusError(
            f"{root} {found} a RAVDESS name such as 03-01-05-02-01-02-12.wav; give another folder, or a CSV table with "
            "the columns path, emotion, speaker"
        )
    clips = tuple(chosen.values())
    notes = _notes(root, len(chosen), copies, foreign)
    published = _holds_published(clips)
    if not claimed and not published:
        return Corpus(look_alike(name or safe_name(root.resolve().name, (SPEC.name,))), clips, root, notes)
    if not published:
        notes += ('Some recordings differ from the published ones; "emovox data verify" lists them.',)
    if len(clips) != SPEC.clips:
        notes += (f'{len(clips):,} of the {SPEC.clips:,} recordings are here; "emovox data verify" lists the others.',)
    return Corpus(SPEC, clips, root, notes)


def find() -> Path | None:
    """Where RAVDESS lies when nobody names it: ``data/ravdess``, or the user cache; None where it is in neither."""
    for place in (Path("data/ravdess"), user_cache() / "ravdess"):
        if place.is_dir():
            if any(path.suffix.lower() in SUFFIXES for path in files_under(place)):
                return place
            if (place / ARCHIVE).is_file():
                return place / ARCHIVE
    return None


def get(folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Download the published archive and unpack it, unless that has been done.

    Args:
        folder: Where the recordings shall lie; by default ``ravdess`` in the user cache.
        progress: Told of the stages ``"download"`` (bytes) and ``"unpack"`` (files).

    Returns:
        The folder; it appears only once it is whole.

    Raises:
        DownloadError: The archive cannot be fetched, or is not the published one. ``UnreachableError`` where there is
            no network.
        CorpusError: The folder holds something else, or cannot be written.
    """
    folder = folder or user_cache() / "ravdess"
    if folder.exists():
        if recordings_under(folder):
            return folder
        if any(folder.iterdir()):
            raise CorpusError(f"{folder} contains other files than recordings; empty it, or give another folder")
        folder.rmdir()
    archive = fetch(
        ADDRESS,
        user_cache() / ARCHIVE,
        ARCHIVE_BYTES,
        md5=ARCHIVE_MD5,
        progress=progress,
    )
    unpack(archive, folder, SUFFIXES, progress=progress)
    archive.unlink(missing_ok=True)
    return folder


def _holds_published(clips: tuple[Clip, ...], looks: int = 4) -> bool:
    """Whether any of a few clips, spread over the corpus, has the published samples."""
    index = read_index(SPEC.index or "")
    for clip in clips[:: max(1, len(clips) // looks)][:looks]:
        try:
            samples, _ = decode(clip.path)
        except AudioError:
            continue
        if clip.id in index and samples_digest(samples) == index[clip.id].digest:
            return True
    return False


def _notes(root: Path, count: int, copies: list[Path], foreign: list[Path]) -> tuple[str, ...]:
    notes = []
    if copies:
        where = os.path.relpath(os.path.commonpath([path.parent for path in copies]), root)
        inside = "in it" if where == "." else f"in {where}"
        notes.append(
            f"{root} contains {len(copies):,} more copies of its {count:,} recordings ({inside}); each recording "
            "counts once."
        )
    if foreign:
        names = plain(", ".join(path.name for path in foreign[:3])) + (" …" if len(foreign) > 3 else "")
        notes.append(f"{len(foreign):,} recordings are left out, because they have no RAVDESS speech name: {names}.")
    return tuple(notes)
