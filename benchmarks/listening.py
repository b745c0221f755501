"""What it costs to listen: time of an artifact's answers, on one thread, warm.

    python benchmarks/listening.py ARTIFACT RECORDING...

The recordings are cut to where they are loud and joined, so that there is no pause in which nothing is heard. Time is
the median of many.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import row, write

from emovox.audio import SAMPLE_RATE_HZ, read_audio
from emovox.listening import Measurement, Recognizer, StreamSettings

BELOW_LOUDEST_DB = 20.0


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


def main() -> None:
    """Measure, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+", help="at least ten seconds of speech together")
    options = parser.parse_args()
    recognizer, speech = Recognizer(options.artifact, threads=1), unbroken(options.recordings)
    write("listening", {"measurements": stream_update(recognizer, speech)})


if __name__ == "__main__":
    main()
