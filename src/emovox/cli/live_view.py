"""What ``emovox listen`` shows in a terminal while it listens."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emovox.terminal import bar, moment, utterance_line, visible

if TYPE_CHECKING:
    from emovox.listening import Event, Measurement, UtteranceEnd

REFRESHES = 8
"""A second."""

LOWEST_DB = -60.0
LAST = 5
WIDTH = 30


class LiveView:
    """The level, the emotion now with every probability, and the last utterances.

    Args:
        source: What is listened to.
        labels: The emotions.
        rate_hz: Of the samples.
    """

    def __init__(self, source: str, labels: Sequence[str], rate_hz: int) -> None:
        self._source, self._labels, self._rate = source, labels, rate_hz
        self._samples, self._level_db, self._speaking = 0, LOWEST_DB, False
        self._now: Measurement | None = None
        self._last: deque[UtteranceEnd] = deque(maxlen=LAST)

    def hear(self, samples: np.ndarray) -> None:
        """Move the level to that of the newest samples."""
        self._samples += len(samples)
        if len(samples):
            self._level_db = 10 * float(np.log10(np.mean(samples**2) + 1e-12))

    def tell(self, event: Event) -> None:
        """Show what an event says."""
        from emovox.listening import Measurement, UtteranceEnd, UtteranceStart

        if isinstance(event, UtteranceStart):
            self._speaking, self._now = True, None
        elif isinstance(event, Measurement):
            self._now = event
        elif isinstance(event, UtteranceEnd):
            self._speaking = False
            self._last.append(event)

    def __rich__(self) -> RenderableType:
        """All of it, as it is now."""
        time = moment(self._samples / self._rate)
        title = Text.assemble((visible(self._source), "bold"), f"  {time}  ", ("Ctrl-C ends", "dim"))
        meter = bar(1 - self._level_db / LOWEST_DB, WIDTH)
        level = Text.assemble("level  ", (meter, "green"), f" {max(LOWEST_DB, self._level_db):.0f} dB")
        heard = self._now.prediction if self._now else None
        unsure = heard is not None and (heard.abstains or heard.unfamiliar)
        style = "dim" if not self._speaking else "yellow" if unsure else "bold green"
        said = Text("listening …" if self._speaking else "waiting for speech", style="dim")
        if heard is not None:
            said = Text(visible(f"not sure (at most {heard.emotion})" if unsure else heard.emotion), style=style)
        shares = Table.grid(padding=(0, 2))
        for label, p in zip(self._labels, heard.probabilities if heard else [0.0] * len(self._labels), strict=True):
            own = style if heard is not None and label == heard.emotion else ""
            shares.add_row(Text(visible(label), style=own), Text(bar(float(p), WIDTH), style=own), f"{p:4.0%}")
        return Group(title, level, Text(), said, shares, Text(), *map(utterance_line, self._last))
