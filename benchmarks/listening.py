"""What it costs to listen: time of answers, of the command, of a stream, and the size of what is installed.

    python benchmarks/listening.py PATH_TO_RAVDESS [--beside ARTIFACT]... [--install]

Answers are those of the model that the package brings, and of the artifacts beside it, on one thread, warm. Recordings
are cut to where they are loud and joined, so that there is no pause in which nothing is heard; times are medians. The
command is timed as a whole process, and on all clips at 48 kHz. ``--install`` installs the package for inference alone
into a new environment, which takes a minute, to see its size.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
from measure import row, write

from emovox.audio import SAMPLE_RATE_HZ, read_audio
from emovox.corpora.scan import recordings_under
from emovox.listening import Measurement, Recognizer, StreamSettings

ROOT = Path(__file__).resolve().parents[1]
BELOW_LOUDEST_DB = 20.0
SPEECH_CLIPS = 8
CALLS = 200
PROCESSES = 9


def unbroken(recordings: list[Path]) -> np.ndarray:
    """Speech without pauses at its ends: the recordings from where they are first loud to where they are last."""
    parts = []
    for recording in recordings:
        waveform = read_audio(recording, SAMPLE_RATE_HZ)
        waveform = 0.5 * waveform / np.abs(waveform).max()
        loud = np.flatnonzero(np.abs(waveform) >= 0.5 * 10 ** (-BELOW_LOUDEST_DB / 20))
        parts.append(waveform[loud[0] : loud[-1] + 1])
    return np.concatenate(parts)


def stream_update(recognizer: Recognizer, speech: np.ndarray) -> list[dict[str, Any]]:
    """A stream's push of 0.25 s of sound at 48 kHz that gives a measurement of the last 3 s."""
    settings = StreamSettings()
    factor, hop = 3, round(settings.hop_seconds * 3 * SAMPLE_RATE_HZ)
    sound = np.repeat(speech, factor)  # its spectrum is of no matter here
    taken = []
    for _ in range(5):
        stream = recognizer.stream(factor * SAMPLE_RATE_HZ, settings)
        for start in range(0, len(sound), hop):
            begun = time.perf_counter()
            events = stream.push(sound[start : start + hop])
            seconds = time.perf_counter() - begun
            heard = [event for event in events if isinstance(event, Measurement)]
            if len(events) == len(heard) == 1 and heard[0].end_seconds - heard[0].start_seconds >= 3.0:
                taken.append(1000 * seconds)
    what = f"stream of {recognizer.path.stem}: one update, 0.25 s of sound, median of {len(taken)}"
    return [
        row(what, float(np.median(taken)), "ms", aim=15, least=60),
        row(f"the same, 95th percentile of {len(taken)}", float(np.percentile(taken, 95)), "ms"),
    ]


def one_clip(recognizer: Recognizer, speech: np.ndarray, aim: float, least: float) -> list[dict[str, Any]]:
    """An answer for three seconds of speech."""
    clip, taken = speech[: 3 * SAMPLE_RATE_HZ], []
    for _ in range(CALLS):
        begun = time.perf_counter()
        recognizer.predict(clip, SAMPLE_RATE_HZ)
        taken.append(1000 * (time.perf_counter() - begun))
    name = recognizer.path.stem
    return [row(f"{name}: one clip of 3 s, one thread, median of {CALLS}", float(np.median(taken)), "ms", aim, least)]


def command(recordings: list[Path]) -> list[dict[str, Any]]:
    """``emovox predict`` as a whole process: one clip, then all of them into a table."""

    def seconds(*words: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "emovox", "predict", *words], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begun

    one = float(np.median([seconds(str(recordings[0])) for _ in range(PROCESSES)]))
    with tempfile.TemporaryDirectory() as folder:
        every = seconds(*map(str, recordings), "--csv", os.path.join(folder, "answers.csv"))
    return [
        row(f"emovox predict CLIP, whole process, median of {PROCESSES}", one, "s", aim=0.6, least=1.5),
        row(f"emovox predict of {len(recordings):,} clips at 48 kHz, --csv", every, "s", aim=25, least=90),
    ]


def installed() -> list[dict[str, Any]]:
    """The package for inference and all that it needs, in an environment of its own, without pip itself."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = os.path.join(folder, "bin", "python")
        before = _size(Path(folder))
        constraints = str(ROOT / "constraints.txt")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-c", constraints, str(ROOT)], check=True)
        return [row("package for inference, installed with dependencies", _size(Path(folder)) - before, "MB", 200, 350)]


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """Measure, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of RAVDESS")
    parser.add_argument("--beside", type=Path, action="append", default=[], help="an artifact, such as a CNN's")
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args()
    recordings = recordings_under(options.data)
    box, speech = Recognizer.load(), unbroken(recordings[:SPEECH_CLIPS])
    measurements = [*one_clip(box, speech, 20, 60), *stream_update(box, speech)]
    for artifact in options.beside:
        measurements += one_clip(Recognizer(artifact), speech, 4, 12)
    measurements += command(recordings)
    if options.install:
        measurements += installed()
    write("listening", {"measurements": measurements})


if __name__ == "__main__":
    main()
