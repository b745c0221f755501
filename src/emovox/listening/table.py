"""Write predictions to a CSV file row by row, so that a stopped job goes on where it ended."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from emovox.errors import StorageError
from emovox.files import writing
from emovox.listening.prediction import Prediction

COLUMNS = ("file", "model", "emotion", "confidence", "abstains", "unfamiliar", "speech_seconds", "set")


class PredictionTable:
    """A CSV file of predictions, one recording a row; every row is on the disk before the next is asked for.

    Args:
        path: The file; it is made where it is missing, and continued where it holds the same model's rows.
        model: What to call the model, in the column ``model``.
        labels: The emotions, each a column with its probability.

    Raises:
        StorageError: It cannot be read or written, holds other columns, or holds the answers of another model.
    """

    def __init__(self, path: Path | str, model: str, labels: Sequence[str]) -> None:
        self.path, self._model = Path(path), model
        header = [*COLUMNS, *labels]
        with writing(self.path):
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]  # a row that was cut is written anew
            text = whole.decode("utf-8", "surrogateescape")
            head, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [header]
            if head != header or any(len(row) != len(header) for row in rows) or (content and not whole):
                raise StorageError(f"{self.path} has other columns than these predictions; choose another file")
            others = {row[1] for row in rows} - {model}
            if others:
                raise StorageError(
                    f"{self.path} contains the predictions of {min(others)}; choose another file for {model}"
                )
            self.done = frozenset(row[0] for row in rows)
            self._file = self.path.open("ab")
            self._file.truncate(len(whole))
            if not whole:
                self._write(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, file: str, heard: Prediction) -> None:
        """Write one row.

        Raises:
            StorageError: The disk is full, or the file has gone.
        """
        speech = "" if heard.speech_seconds is None else f"{heard.speech_seconds:.2f}"
        flags = [str(flag).lower() for flag in (heard.abstains, heard.unfamiliar)]
        shares = [f"{p:.6f}" for p in heard.probabilities]
        told = [heard.emotion, f"{heard.confidence:.6f}", *flags, speech, " ".join(heard.set)]
        with writing(self.path):
            self._write([file, self._model, *told, *shares])

    def _write(self, row: Sequence[str]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=os.linesep).writerow(row)
        self._file.write(text.getvalue().encode("utf-8", "surrogateescape"))
        self._file.flush()
