"""How far a command is: stages, bars and the time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from emovox.terminal.screen import count, duration, say

PLAIN_SECONDS = 60.0
"""Where there is no terminal, a stage says how far it is at most this often."""

SETTLED_SECONDS = 1.0
"""A stage that ends sooner gets no bar, so that short ones do not flicker."""

NARROW = 80
"""Columns below which the curve of the validation UAR is left out."""

SPARKS = "▁▂▃▄▅▆▇█"


class StageProgress:
    """Shows ``progress(stage, done, total)`` as bars in a terminal, and as plain lines elsewhere.

    A stage appears when it is first named. When it is done its bar makes way for one line with the time it took, so
    that a study of a hundred trainings never fills the screen with bars. Calls may come from several threads.

    Args:
        console: Where.
        stages: Of a whole command, in their order. They stand in a line above the bars, with the time that is gone and
            the time left of the trainings; ``"prepare · cnn"`` belongs to ``"prepare"``.

    Example:
        with StageProgress(console) as progress:
            load_corpus("ravdess", progress=progress)
    """

    def __init__(self, console: Console, stages: Sequence[str] = ()) -> None:
        self._console = console
        self._live = console.is_terminal
        self._stages = tuple(stages)
        self._start = time.monotonic()
        self._entered: dict[str, float] = {}
        self._counts: dict[str, str] = {}
        self._left = _Left()
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._scores: dict[str, list[float]] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self._bars = _Bars(
            self._head,
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            _Count(),
            TextColumn("{task.fields[curve]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
            transient=True,
            get_time=lambda: time.monotonic(),
            speed_estimate_period=3600,  # epochs are rare: over fewer seconds the estimate jumps, or is missing
        )

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
        ended = done >= total > 0
        with self._lock:
            self._enter(stage, done, total, now)
            self._left.step(stage, total - done, now)
            if stage not in self._begun:
                if ended and stage in self._ended:  # told once more
                    return
                if ended:  # told at its end alone, so that nobody knows when it began
                    self._ended.add(stage)
                    self._line(f"{stage}: {count(total, total)}")
                    return
                self._begun[stage] = now
                if self._live and stage not in self._stages:
                    self._tasks[stage] = self._bars.add_task(stage, total=total or None, curve=self._curve(stage))
            if ended:
                self._finish(stage, total, now)
            elif stage in self._tasks:
                self._bars.update(self._tasks[stage], completed=done, total=total or None, curve=self._curve(stage))
            elif not self._live and now - self._said.get(stage, self._begun[stage]) >= PLAIN_SECONDS:
                self._said[stage] = now
                self._line(f"{stage}: {count(done, total)}{self._now(stage)}{self._until(stage, done, total, now)}")

    def planned(self, steps: Mapping[str, int]) -> None:
        """Say which trainings are to come, and of how many steps each, so that the time left of all can be told."""
        self._left = _Left(steps)

    def measured(self, stage: str, values: Mapping[str, float]) -> None:
        """Say what was measured at the step that is told next; of a training its validation UAR is shown."""
        if "val_uar" in values:
            with self._lock:
                self._scores.setdefault(stage, []).append(values["val_uar"])

    def say(self, sentence: str) -> None:
        """Print a sentence above the bars."""
        say(self._console, sentence)

    def _enter(self, stage: str, done: int, total: int, now: float) -> None:
        """Note which stage of the command this is of."""
        whole, _, part = stage.partition(" · ")
        if whole in self._stages:
            self._entered.setdefault(whole, now)
            self._counts[whole] = "" if part else count(done, total)

    def _head(self) -> RenderableType | None:
        """Stages that are done, with their times, the one at work, those to come; and the time gone and left."""
        if not self._entered:
            return None
        now, begun = time.monotonic(), list(self._entered.items())
        parts = [
            (f"{name} {duration(after - start)}", "dim") for (name, start), (_, after) in itertools.pairwise(begun)
        ]
        at = begun[-1][0]
        parts.append((f"{at} {self._counts[at]}".rstrip(), "bold"))
        parts += [(name, "dim") for name in self._stages[self._stages.index(at) + 1 :]]
        line = Text(" → ", overflow="ellipsis", no_wrap=True).join(Text(*part) for part in parts)
        left = self._left.seconds(now)
        gone = f"{duration(now - self._start)} gone" + (f", about {duration(left)} left" if left else "")
        grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_column(no_wrap=True, justify="right")
        grid.add_row(line, gone)
        return grid

    def _curve(self, stage: str) -> str:
        """How a training's validation UAR went, and where it is."""
        if stage not in self._scores:
            return ""
        now = f"UAR {100 * self._scores[stage][-1]:.0f} %"
        wide = self._console.width >= NARROW and not self._console.options.ascii_only
        return f"{sparkline(self._scores[stage])} {now}" if wide else now

    def _now(self, stage: str) -> str:
        return f", validation UAR {100 * self._scores[stage][-1]:.0f} %" if stage in self._scores else ""

    def _until(self, stage: str, done: int, total: int, now: float) -> str:
        left = self._left.seconds(now) if stage in self._stages else None
        if left is None and done:
            left = (now - self._begun[stage]) * (total - done) / done
        return f", about {duration(left)} left" if left else ""

    def _finish(self, stage: str, total: int, now: float) -> None:
        if stage in self._tasks:
            self._bars.remove_task(self._tasks.pop(stage))
        seconds = now - self._begun.pop(stage)
        self._said.pop(stage, None)
        self._ended.add(stage)
        scores = self._scores.pop(stage, [])
        best = f", validation UAR up to {100 * max(scores):.0f} %" if scores else ""
        self._line(f"{stage}: {count(total, total)} in {duration(seconds)}{best}")

    def _line(self, text: str) -> None:
        self._console.print(Text(text, style="dim"), soft_wrap=True)


class _Left:
    """The time left of several trainings, from the steps of all that were told so far.

    Args:
        steps: Stage → how many it has.
    """

    def __init__(self, steps: Mapping[str, int] | None = None) -> None:
        self._steps = dict(steps or {})
        self._first: float | None = None
        self._told, self._end = 0, 0.0

    def step(self, stage: str, left: int, now: float) -> None:
        """Take note that a stage has so many steps left; the clock starts at the first of them."""
        if left >= self._steps.get(stage, 0):
            return
        self._steps[stage] = left
        if self._first is None:
            self._first = now
            return
        self._told += 1
        self._end = now + (now - self._first) / self._told * sum(self._steps.values())

    def seconds(self, now: float) -> float | None:
        """How long it will take; None where that is not known or nothing is left."""
        return max(1.0, self._end - now) if self._told and any(self._steps.values()) else None


def sparkline(shares: Sequence[float], width: int = 12) -> str:
    """A row of bars for numbers from 0 to 1, each the highest of its part of them.

    >>> sparkline([0.0, 0.2, 0.5, 0.9, 1.0])
    '▁▂▅██'
    >>> len(sparkline([0.1] * 100))
    12
    """
    width = min(width, len(shares))
    ends = [k * len(shares) // width for k in range(width + 1)]
    highest = [max(shares[first:end]) for first, end in itertools.pairwise(ends)]
    return "".join(SPARKS[max(0, min(len(SPARKS) - 1, int(share * len(SPARKS))))] for share in highest)


class _Bars(Progress):
    """Bars of the stages that last, below a head, never more of them than the terminal has lines."""

    def __init__(self, head: Callable[[], RenderableType | None], *columns: ProgressColumn, **how: Any) -> None:
        self._head = head
        super().__init__(*columns, **how)

    def get_renderables(self) -> Iterator[RenderableType]:
        """The head, and the oldest stages, which hold the newer ones."""
        if head := self._head():
            yield head
        lasting = [task for task in self.tasks if (task.elapsed or 0.0) >= SETTLED_SECONDS]
        room = max(1, self.console.height - 2 - (head is not None)) if lasting else 0
        yield self.make_tasks_table(lasting[:room])


class _Count(ProgressColumn):
    """``12/60``, or ``12.3/208.5 MB`` where bytes are counted."""

    def render(self, task: Task) -> Text:
        return Text(count(int(task.completed), int(task.total or 0)), justify="right")
