"""The errors that a person may meet.

Each message is one line that says what was wrong, what was expected, and what to do next. The command line prints the
message alone and ends with exit code 2; ``--debug`` shows the traceback.
"""


class EmovoxError(Exception):
    """The root of every error that Emovox raises on purpose."""

    exit_code = 2


class AudioError(EmovoxError):
    """A recording cannot be read, or what it holds cannot be judged."""


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
