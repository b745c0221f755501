"""What a notebook shows: progress with live curves, sounds, texts, and tables."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from emovox import texts
from emovox.audio import SAMPLE_RATE_HZ
from emovox.corpora.base import Clip, waveform
from emovox.provenance import available_cores
from emovox.report.figures import curves
from emovox.report.words import plural

LEAST_SECONDS = 1.0
"""Between two drawings of a live display."""


def machine() -> str:
    """What will do the work, in a sentence."""
    import tensorflow as tf

    found = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    if found:
        return f"{len(found)} GPU(s) detected: {', '.join(found)}. The networks are trained there."
    return (
        f"No GPU detected; none is needed: {available_cores()} CPU cores will do. On two, the default study takes "
        "about 5 minutes."
    )


class Shown:
    """Something that a notebook shows.

    Args:
        html: What it shows.
        plain: What it is where there is no HTML.
    """

    def __init__(self, html: str, plain: str = "") -> None:
        self._html, self._plain = html, plain

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._plain


class Text:
    """A text of :mod:`emovox.texts`, with its mathematics.

    Args:
        names: One or several, in order.
    """

    def __init__(self, *names: str) -> None:
        read = "\n\n".join(texts.read(name) for name in names)
        self._markdown = re.sub(r"^(#+ )", r"#\1", read, flags=re.M)  # below the notebook's own headings

    def _repr_markdown_(self) -> str:
        return self._markdown


class References:
    """Every work that the texts cite, as a list."""

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {reference.markdown}" for reference in texts.references())


def sounds(clips: Sequence[Clip]) -> Shown:
    """A player for each clip, under its emotion; sounds are brought to one level."""
    parts = []
    for clip in clips:
        about = " · ".join(filter(None, (clip.emotion, clip.speaker, clip.intensity)))
        parts.append(f"<figure style='display:inline-block;margin:.4em'><figcaption>{escape(about)}</figcaption>"
                     f"<audio controls preload='none' src='{_wav(waveform(clip))}'></audio></figure>")  # fmt: skip
    return Shown("".join(parts), f"{len(clips)} sounds")


class LiveProgress:
    """Progress of a study in a notebook: a line for each stage, and the curves of the networks that learn.

    Example:
        run_study(recipe, corpus, out, progress=LiveProgress())
    """

    def __init__(self) -> None:
        from IPython.display import display

        self._begun, self._drawn = time.monotonic(), 0.0
        self._stages: dict[str, tuple[int, int]] = {}
        self._histories: dict[str, dict[str, dict[str, list[float]]]] = {}  # model -> training -> what -> epochs
        self._pictures: dict[str, Any] = {}
        self._sentences: list[str] = []
        self._lines = display(Shown(""), display_id=True)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` steps of ``stage`` are finished."""
        self._stages[stage] = (done, total)
        if done >= total or time.monotonic() - self._drawn > LEAST_SECONDS:
            self._draw()

    def measured(self, stage: str, values: Mapping[str, float]) -> None:
        """Keep what an epoch measured."""
        history = self._histories.setdefault(stage.split(" · ")[0], {}).setdefault(stage, {})
        for what, value in values.items():
            history.setdefault(what, []).append(value)

    def say(self, sentence: str) -> None:
        """Show a sentence above the stages."""
        self._sentences.append(sentence)
        self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        self._drawn = time.monotonic()
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences)
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(stage)}</td>"
            f"<td><progress value='{done}' max='{max(total, 1)}'></progress></td><td>{done:,} of {total:,}</td></tr>"
            for stage, (done, total) in self._stages.items()
        )
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        self._lines.update(Shown(f"{said}<table>{rows}</table><p>{minutes} min {seconds:02d} s so far</p>"))
        for model, trainings in self._histories.items():
            learning = plural(len(trainings), "training")
            drawn = curves(model, f"{learning}; members one after the other.", list(trainings.values()))
            if model in self._pictures:
                self._pictures[model].update(drawn)
            else:
                self._pictures[model] = display(drawn, display_id=True)


def _wav(samples: np.ndarray) -> str:
    """A sound as the address of itself, at one level."""
    import soundfile

    file = io.BytesIO()
    loudest = max(float(np.abs(samples).max()), 1e-6)
    soundfile.write(file, 0.7 / loudest * samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()
