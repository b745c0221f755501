"""Bring your own corpus: a folder for each emotion, and in it one for each speaker.

``anger/anna/01.wav`` is anger, said by Anna. Where speakers have no folders, or folders mean something else, the
``pattern`` of a ``corpus.toml`` tells what is what (:mod:`emovox.corpora.facts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.corpora.facts import FACTS, Facts
from emovox.corpora.own import own_corpus, refuse_same_id
from emovox.corpora.scan import SUFFIXES, files_under
from emovox.corpora.words import SPEAKER_LETTERS, plain, some, tidy
from emovox.errors import CorpusError

OTHER_SOUND = (".m4a", ".aac", ".wma", ".amr", ".opus", ".mp4", ".webm", ".3gp")
"""What holds sound, but cannot be read here."""


def load_classes(root: Path, facts: Facts, like: CorpusSpec, name: str, taken: Sequence[str] = ()) -> Corpus:
    """The corpus of a folder whose folders are the labels.

    Args:
        root: The folder.
        facts, like, name, taken: As for :func:`own_corpus`.

    Raises:
        CorpusError: There are no recordings, or one tells no emotion or no speaker; or as :func:`own_corpus`.
    """
    files = files_under(root)
    recordings = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not recordings:
        raise CorpusError(f"{root} contains no recordings ({', '.join(SUFFIXES)}); {_layouts(like)}")
    told = [_told(root, path, facts) for path in recordings]
    if not any("emotion" in one for one in told):
        raise CorpusError(f"{root} contains recordings ({len(recordings):,}), but not their emotions; {_layouts(like)}")
    notes = [] if facts.pattern else [_reading(told)]
    left = [path for path, one in zip(recordings, told, strict=True) if "emotion" not in one]
    if left:
        notes.append(
            f"Left out, because not in the folder of an emotion: {some(len(left), 'recording')}, {_names(left)}."
        )
    other = [path for path in files if path.suffix.lower() in OTHER_SOUND]
    if other:
        kinds = ", ".join(sorted({path.suffix.lower() for path in other}))
        notes.append(
            f"Left out, because {kinds} cannot be read: {some(len(other), 'file')}, {_names(other)}; convert them to "
            ".wav or .flac."
        )
    silent = [path for path, one in zip(recordings, told, strict=True) if "emotion" in one and "speaker" not in one]
    if silent:
        raise CorpusError(_no_speaker(root, silent))
    clips: dict[str, Clip] = {}
    for path, one in zip(recordings, told, strict=True):
        if "emotion" in one:
            clip = _clip(root, path, one)
            if clips.setdefault(clip.id, clip) is not clip:
                refuse_same_id(clip, clips[clip.id], plain(str(path)))
    return own_corpus(list(clips.values()), facts, like, name, root, notes=notes, taken=taken)


def _layouts(like: CorpusSpec) -> str:
    return (
        "give a folder for each emotion and in it one for each speaker (anger/anna/01.wav), a CSV table with the "
        f"columns path, emotion, speaker, or recordings with a {like.title} name"
    )


def _reading(told: Sequence[dict[str, str]], most: int = 8) -> str:
    """How the folders were understood, since nobody but their owner can tell which way round they are."""
    names = [sorted({one[what] for one in told if what in one}) for what in ("emotion", "speaker")]
    emotions, speakers = (plain(", ".join(each[:most])) + (" …" if len(each) > most else "") for each in names)
    return (
        f"Folders are read as emotions ({emotions}), and those in them as speakers ({speakers}). If that is the wrong "
        f"way round, write into {FACTS}: pattern = '^(?P<speaker>[^/]+)/(?P<emotion>[^/]+)/'"
    )


def _told(root: Path, path: Path, facts: Facts) -> dict[str, str]:
    """What a recording's folders and the pattern tell of it."""
    parts = path.relative_to(root).parts
    told = dict(zip(("emotion", "speaker"), parts[:-1], strict=False))
    if facts.pattern:
        place = path.relative_to(root).with_suffix("").as_posix()
        match = facts.pattern.search(place)
        if not match:
            raise CorpusError(f"{plain(place)} does not match the pattern in {facts.source}; correct the pattern")
        told.update({name: value for name, value in match.groupdict().items() if value})
    return told


def _clip(root: Path, path: Path, told: dict[str, str]) -> Clip:
    where = plain(str(path))
    kept = {name: tidy(value, name, where, SPEAKER_LETTERS) for name, value in told.items() if name != "emotion"}
    return Clip(
        path.relative_to(root).with_suffix("").as_posix(), path, tidy(told["emotion"], "emotion", where),
        kept["speaker"], kept.get("intensity"), kept.get("statement"), kept.get("repetition"), kept.get("sex"),
    )  # fmt: skip


def _no_speaker(root: Path, silent: list[Path]) -> str:
    path = silent[0].relative_to(root)
    mended = Path(path.parts[0], "SPEAKER", path.name)
    return (
        f"{root} does not say who speaks in {some(len(silent), 'recording')}, such as {plain(str(path))}; give each "
        f"speaker a folder ({plain(str(mended))}), a CSV table with the columns path, emotion, speaker, or in "
        f"{root / FACTS} a pattern of the names, such as pattern = '(?P<speaker>[^/_]+)_[^/]*$'"
    )


def _names(paths: Sequence[Path], most: int = 3) -> str:
    return plain(", ".join(path.name for path in paths[:most])) + (" …" if len(paths) > most else "")
