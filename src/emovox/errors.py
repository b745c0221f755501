"""The errors that a person may meet.

Each message is one line that says what was wrong, what was expected, and what to do next. The command line prints the
message alone and ends with exit code 2; ``--debug`` shows the traceback.
"""

import os
import re
import shlex
from pathlib import Path


def typed(*words: str | Path) -> str:
    """A command as a person types it; a word that a shell would part or change is quoted.

    >>> typed("emovox", "run", "--resume", "--out", Path("runs/my run"))
    'emovox run --resume --out "runs/my run"'
    """
    return " ".join(_quoted(str(word)) for word in words)


def to_resume(run: str | Path, *options: str) -> str:
    """What to type to go on with a run.

    >>> to_resume("runs/mine", "--workers", "1")
    'emovox run --resume --workers 1 --out runs/mine'
    """
    return typed("emovox", "run", "--resume", *options, "--out", run)


def _quoted(word: str) -> str:
    windows = os.name == "nt"
    if re.fullmatch(r"[\w@%+=:,./-]+", word.replace("\\", "/") if windows else word):
        return word
    return shlex.quote(word) if re.search(r'["$`!\\]', word) and not windows else f'"{word}"'


class EmovoxError(Exception):
    """The root of every error that Emovox raises on purpose."""

    exit_code = 2


class AudioError(EmovoxError):
    """A recording cannot be read, or what it holds cannot be judged."""


class UnknownFormat(AudioError):
    """A file is in no format that is read here; ffmpeg may read it."""


class CorpusError(EmovoxError):
    """A corpus is missing, damaged, or not what its name says."""


class DownloadError(EmovoxError):
    """A file could not be fetched, or is not the file that was published."""


class SplitError(EmovoxError):
    """A protocol cannot be applied, or a fold would share what it must not."""


class RecipeError(EmovoxError):
    """A recipe holds an unknown key or an impossible value."""


class ModelError(EmovoxError):
    """A model is unknown, its weights are missing, or a file is not a model."""


class RunError(EmovoxError):
    """A run folder is missing or incomplete, or holds something else."""


class StorageError(EmovoxError):
    """A file cannot be written: the disk is full, or the folder is not ours."""


class ServerError(EmovoxError):
    """A server cannot start, cannot be reached, or refuses to answer."""
