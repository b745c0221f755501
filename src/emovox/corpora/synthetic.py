"""The embedded corpus: synthetic expressive speech that Emovox renders itself.

Twenty-four voices say two sentences of babble in the eight emotions of RAVDESS, named and proportioned like it, with
its silences and a few of its oddities. No person spoke: the corpus is for trying the whole path without a download,
and for tests. No figure from it says how well anything hears people.

``babble.py`` tells what is spoken and how an emotion changes it, ``vocal_tract.py`` makes it sound. Licence: CC0-1.0.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import tempfile
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from emovox.corpora import ravdess
from emovox.corpora.babble import render_clip
from emovox.corpora.base import Clip, Corpus, Progress
from emovox.corpora.scan import files_under
from emovox.corpora.vocal_tract import SAMPLE_RATE_HZ
from emovox.errors import CorpusError

__all__ = [
    "SPEC",
    "is_rendering",
    "load_rendering",
    "load_synthetic",
    "oddities",
    "render_clip",
    "render_corpus",
    "takes",
]

VERSION = "1"
"""Raise it with every change that is heard: cached renderings of another version are not used."""

SPEAKERS = 24

SPEC = ravdess.look_alike(
    "synthetic",
    title="synthetic speech",
    version=VERSION,
    licence="CC0-1.0",
    citation="Synthetic expressive speech, rendered by Emovox; no person spoke.",
    language="babble",
    acted=False,
    synthetic=True,
    caution="The emotions are rendered by rule; no person spoke.",
)

MARK = "Synthetic speech, rendered by Emovox"
"""How a rendering is recognised wherever it is loaded from: its README.txt begins so."""


def takes(speakers: int = SPEAKERS, repetitions: int = 2) -> tuple[Clip, ...]:
    """Every clip of a corpus in RAVDESS's proportions, its path relative to the corpus's folder.

    Neutral has no strong intensity, and so half as many clips as any other emotion.

    >>> len(takes())
    1440

    Raises:
        CorpusError: More or fewer speakers or repetitions are asked for than RAVDESS's names have room for.
    """
    if not 1 <= speakers <= 99 or repetitions not in (1, 2):
        raise CorpusError(f"{speakers} speakers × {repetitions} repetitions are not possible; use 1 to 99 and 1 or 2")
    codes = itertools.product(range(1, len(ravdess.LABELS) + 1), (1, 2), (1, 2), range(1, repetitions + 1))
    said = [f"03-01-{e:02d}-{i:02d}-{s:02d}-{r:02d}" for e, i, s, r in codes if (e, i) != (1, 2)]
    actors = [f"{actor:02d}" for actor in range(1, speakers + 1)]
    return tuple(ravdess.read_name(Path(f"Actor_{actor}/{one}-{actor}.wav")) for actor in actors for one in said)


ODDITIES = {1: "stereo", 2: "quiet", 3: "long"}
"""What one clip of each speaker has whose number leaves this remainder when divided by five, as RAVDESS has."""


def oddities(speakers: int = SPEAKERS, repetitions: int = 2, seed: int = 0) -> dict[str, str]:
    """The clips that are stereo, too quiet or long: clip id → which of the three."""
    odd = {}
    for speaker, own in itertools.groupby(takes(speakers, repetitions), key=lambda take: int(take.speaker)):
        if kind := ODDITIES.get(speaker % 5):
            ids = [take.id for take in own]
            odd[ids[np.random.default_rng([seed, speaker, 1]).integers(len(ids))]] = kind
    return odd


def render_corpus(
    folder: Path | str,
    seed: int = 0,
    speakers: int = SPEAKERS,
    progress: Progress | None = None,
    workers: int | None = None,
    repetitions: int = 2,
) -> Path:
    """Render a corpus as 16-bit WAV files, RAVDESS's names in RAVDESS's folders.

    The files are the same bytes for the same seed on one platform, however many threads render them. The folder
    appears only once it is whole: a rendering that is stopped leaves none, and one that is there is not touched.

    Args:
        folder: Where it shall be.
        seed: Of every draw.
        speakers: 1 to 99; odd ones male, even ones female.
        progress: Told after every clip, stage ``"rendering"``.
        workers: Threads; by default as many as the machine has cores, at most 4.
        repetitions: 1 or 2 of each sentence; 2 give RAVDESS's 60 clips a speaker.

    Returns:
        ``folder``.

    Raises:
        CorpusError: The folder cannot be written, or already holds something else; or see :func:`takes`.
    """
    folder = Path(folder)
    wanted = takes(speakers, repetitions)
    label = (
        f"{MARK}; no person spoke. CC0-1.0.\n"
        f"Version {VERSION}, seed {seed}, {speakers} speakers, {repetitions} repetitions.\n"
    )
    if _is_whole(folder, wanted, label):
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder} contains other files or a damaged rendering; remove it, or give another folder")
    odd = oddities(speakers, repetitions, seed)
    try:
        with _appearing(folder) as temporary:
            for speaker in range(1, speakers + 1):
                (temporary / f"Actor_{speaker:02d}").mkdir()
            pool = ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 4))
            try:
                work = [pool.submit(_render_file, temporary, take, odd.get(take.id), seed) for take in wanted]
                for done, one in enumerate(work, start=1):
                    one.result()
                    if progress:
                        progress("rendering", done, len(wanted))
            finally:
                pool.shutdown(cancel_futures=True)
            (temporary / "README.txt").write_text(label, encoding="utf-8")
    except OSError as error:
        if _is_whole(folder, wanted, label):  # another process was faster
            return folder
        raise CorpusError(
            f"{folder} cannot be written ({error.strerror or error}); free space there or give another folder"
        ) from error
    return folder


def load_synthetic(
    cache_folder: Path | str,
    seed: int = 0,
    speakers: int = SPEAKERS,
    progress: Progress | None = None,
    repetitions: int = 2,
) -> Corpus:
    """The synthetic corpus, rendered into ``cache_folder`` the first time it is asked for.

    Args:
        cache_folder: Each seed and size has a folder of its own in it.
        seed: Of every draw.
        speakers: 1 to 99.
        progress: Told after every clip that has to be rendered.
        repetitions: 1 or 2 of each sentence.

    Returns:
        Its clips, with ``synthetic`` true.

    Raises:
        CorpusError: The folder cannot be written.
    """
    name = f"synthetic-v{VERSION}-seed{seed}-{speakers}x{repetitions}"
    folder = render_corpus(Path(cache_folder) / name, seed, speakers, progress, repetitions=repetitions)
    clips = tuple(dataclasses.replace(take, path=folder / take.path) for take in takes(speakers, repetitions))
    return Corpus(
        dataclasses.replace(SPEC, version=f"{VERSION}, seed {seed}"),
        clips,
        folder,
        notes=(
            "This corpus is synthetic: Emovox rendered it, no person spoke. Results on it show that everything works, "
            "not how well anything hears people.",
        ),
    )


def is_rendering(folder: Path) -> bool:
    """Whether a rendering lies in ``folder``, at any depth."""
    readmes = (path for path in files_under(folder) if path.name == "README.txt")
    return any(MARK in path.read_text(encoding="utf-8", errors="replace") for path in readmes)


def load_rendering(folder: Path) -> Corpus:
    """The synthetic corpus, as it was rendered into ``folder`` earlier.

    Raises:
        CorpusError: The folder cannot be read.
    """
    corpus = ravdess.load_folder(folder, claimed=False)
    notes = ("This corpus is synthetic: Emovox rendered it, no person spoke.", *corpus.notes)
    return dataclasses.replace(corpus, spec=dataclasses.replace(SPEC, version="rendered earlier"), notes=notes)


def _is_whole(folder: Path, wanted: tuple[Clip, ...], label: str) -> bool:
    """Whether ``folder`` has a rendering of these takes under this label, none of them missing or empty."""
    readme = folder / "README.txt"
    if not readme.is_file() or readme.read_text(encoding="utf-8", errors="replace") != label:
        return False
    files = [folder / take.path for take in wanted]
    return all(file.is_file() and file.stat().st_size > 44 for file in files)  # 44 bytes: a header alone


def _render_file(folder: Path, take: Clip, oddity: str | None, seed: int) -> None:
    """Render one take and write it, with its oddity if it has one."""
    assert take.intensity and take.statement and take.repetition
    longer = oddity == "long"
    clip = render_clip(take.emotion, take.speaker, take.intensity, take.statement, take.repetition, seed, longer)
    if oddity == "quiet":
        clip = clip * (0.006 / float(np.abs(clip).max()))
    channels = np.stack([clip, 0.9 * clip], axis=1) if oddity == "stereo" else clip[:, None]  # (samples, channels)
    with (folder / take.path).open("wb") as file, wave.open(file, "wb") as writer:
        writer.setnchannels(channels.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(np.round(channels * 32767).astype("<i2").tobytes())


@contextlib.contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``, and give it that name once the block ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-"
    for stale in folder.parent.glob(f"{prefix}*"):  # left by a rendering that was killed
        if time.time() - stale.stat().st_mtime > 3600:
            shutil.rmtree(stale, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if folder.is_dir():
            folder.rmdir()  # only an empty one can be
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
