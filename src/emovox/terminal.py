"""What a person sees in a terminal: progress with time left, and tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from emovox.recognizer import Prediction

BYTES_FROM = 1_000_000
"""A stage with a larger total counts bytes; nothing else in a study comes near."""

PLAIN_SECONDS = 10.0
"""Where there is no terminal, a stage says how far it is at most this often."""


class StageProgress:
    """Shows ``progress(stage, done, total)`` as bars in a terminal, and as plain lines elsewhere.

    A stage appears when it is first named. When it is done its bar makes way for one line with the time it took, so
    that a study of a hundred trainings never fills the screen with bars. Calls may come from several threads.

    Example:
        with StageProgress(console) as progress:
            load_corpus("ravdess", progress=progress)
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            _Count(),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` steps of ``stage`` are finished."""
        now = time.monotonic()
        with self._lock:
            if stage not in self._begun:
                self._begun[stage] = now
                if self._live:
                    self._tasks[stage] = self._bars.add_task(stage, total=total or None)
            if done >= total > 0:
                self._finish(stage, total, now)
            elif self._live:
                self._bars.update(self._tasks[stage], completed=done, total=total or None)
            elif now - self._said.get(stage, self._begun[stage]) >= PLAIN_SECONDS:
                self._said[stage] = now
                left = (now - self._begun[stage]) * (total - done) / done if done else None
                self._line(f"{stage}: {count(done, total)}" + (f", about {duration(left)} left" if left else ""))

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        self._console.print(Text(sentence), soft_wrap=True)

    def _finish(self, stage: str, total: int, now: float) -> None:
        if self._live:
            self._bars.remove_task(self._tasks.pop(stage))
        seconds = now - self._begun.pop(stage)
        self._said.pop(stage, None)
        self._line(f"{stage}: {count(total, total)} in {duration(seconds)}")

    def _line(self, text: str) -> None:
        self._console.print(Text(text, style="dim"), soft_wrap=True)


class _Count(ProgressColumn):
    """``12/60``, or ``12.3/208.5 MB`` where bytes are counted."""

    def render(self, task: Task) -> Text:
        return Text(count(int(task.completed), int(task.total or 0)), justify="right")


def count(done: int, total: int) -> str:
    """How far a stage is.

    >>> count(12, 60), count(208_468_073, 208_468_073)
    ('12/60', '208.5/208.5 MB')
    """
    if total >= BYTES_FROM:
        return f"{done / 1e6:.1f}/{total / 1e6:.1f} MB"
    return f"{done}/{total}" if total else f"{done}"


def duration(seconds: float) -> str:
    """A span of time for people.

    >>> duration(0.4), duration(8.21), duration(75), duration(3720)
    ('0.4 s', '8 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 3:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def describe_artifact(path: Path, metadata: Mapping[str, Any]) -> Text:
    """One line on what answers: which file, trained on what, under which licence."""
    text = Text.assemble("Answered by ", (str(path), "bold"))
    corpus = metadata.get("corpus")
    if corpus:
        text.append(f", trained on {corpus}")
    if metadata.get("synthetic"):
        text.append(" (synthetic: no use for real voices)", style="yellow")
    if metadata.get("licence"):
        text.append(f", licence {metadata['licence']}")
    return text


def prediction_line(file: Path, heard: Prediction) -> Text:
    """``recording.wav  angry 81 %   then fearful 9 %, happy 6 %``."""
    first, *others = heard.ranked()
    text = Text.assemble((str(file), "bold"), "  ")
    if heard.abstains:
        text.append(f"not sure (at most {first[0]} {first[1]:.0%})", style="yellow")
    else:
        text.append(f"{first[0]} {first[1]:.0%}", style="green")
    text.append("   then " + ", ".join(f"{emotion} {p:.0%}" for emotion, p in others[:2]), style="dim")
    return text
