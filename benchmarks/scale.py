"""What a large corpus takes: 20,000 clips of three seconds, verified, described, looked at before a run, and prepared.

    python benchmarks/scale.py

The clips are made of a few dozen rendered utterances: each is a part of one and a part of another, at a speed, at a
level and in noise of its own, so that no two hold one sound. They lie in a temporary folder (2 GB, and 1.3 GB of
features), a folder for each emotion and in it one for each speaker. A fresh process does the four steps with as many
threads as there are cores; another does the same for a quarter of the clips. Times are of the processor, since other
work on the machine would bend those of a clock.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from measure import row, say, write

from emovox.audio import SAMPLE_RATE_HZ
from emovox.corpora import load_path, synthetic
from emovox.corpora.describe import describe
from emovox.corpora.guard import guarded
from emovox.corpora.verify import verify
from emovox.features import extract
from emovox.provenance import available_cores
from emovox.recipe import built_in

CLIPS = 20_000
SECONDS = 3
SPEAKERS = 200
UTTERANCES = 48
STEPS = ("verify", "describe", "check", "prepare")


def utterances() -> list[tuple[str, np.ndarray]]:
    """An emotion and six seconds of it, a few dozen times."""
    takes = [take for take in synthetic.takes(6, 1) if take.statement == "kids" and take.intensity == "normal"]
    samples = 2 * SECONDS * SAMPLE_RATE_HZ
    rendered = []
    for take in takes[:UTTERANCES]:
        assert take.intensity and take.statement and take.repetition
        clip = synthetic.render_clip(take.emotion, take.speaker, take.intensity, take.statement, take.repetition, 0)
        rendered.append((take.emotion, np.resize(clip, samples).astype(np.float32)))
    return rendered


def render(folder: Path, clips: int) -> None:
    """Write so many clips, no two of one sound."""
    known = utterances()

    def one(number: int) -> None:
        rng = np.random.default_rng(number)
        emotion, first = known[number % len(known)]
        _, second = known[rng.integers(len(known))]
        half = len(first) // 2
        sound = np.concatenate([np.roll(one, rng.integers(half))[:half] for one in (first, second)])
        rate = SAMPLE_RATE_HZ * rng.uniform(0.9, 1.1)
        start = rng.integers(half // 2)
        sound = soxr.resample(sound[start:], rate, SAMPLE_RATE_HZ, quality="LQ")[: SECONDS * SAMPLE_RATE_HZ]
        sound *= 10 ** rng.uniform(-1, 0)
        sound += rng.normal(0, 10 ** rng.uniform(-4, -3), len(sound)).astype(np.float32)
        path = folder / emotion / f"s{number // len(known) % SPEAKERS:03d}" / f"{number:05d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.clip(sound, -1, 1), SAMPLE_RATE_HZ)

    with ThreadPoolExecutor(available_cores()) as pool:
        for done, _ in enumerate(pool.map(one, range(clips)), 1):
            if done % 2_000 == 0:
                say(f"rendered {done} of {clips}")


def taken(folder: Path, cache: Path, clips: int) -> dict[str, Any]:
    """Seconds of the processor and of the clock for each step, and the peak of memory in GiB; in a fresh process."""
    corpus, cores = load_path(folder), available_cores()
    assert len(corpus.clips) == clips
    settings: Any = built_in("default").models["cnn"]
    work = {
        "verify": lambda: verify(corpus, workers=cores).ok,
        "describe": lambda: describe(corpus, workers=cores),
        "check": lambda: guarded(corpus, cache, cores),
        "prepare": lambda: extract(settings.front_end, corpus, cache, cores),
    }
    found: dict[str, Any] = {}
    for step, do in work.items():
        processor, clock = time.process_time(), time.perf_counter()
        result = do()
        found[step] = (time.process_time() - processor, time.perf_counter() - clock)
        say(f"{clips} clips, {step}: {found[step][0]:.1f} s of the processor, {found[step][1]:.1f} s of the clock")
        assert result, "the clips are not what they should be"
    found["gibibytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return found


def in_a_fresh_process(*args: Any) -> dict[str, Any]:
    """What :func:`taken` finds there."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(taken, *args).result()


def main() -> None:
    """Measure a quarter of the clips, and then all."""
    found = []
    for clips in (CLIPS // 4, CLIPS):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "corpus"
            render(folder, clips)
            found.append(in_a_fresh_process(folder, Path(temporary) / "cache", clips))
    quarter, whole = found
    total = [sum(one[step][0] for step in STEPS) for one in found]
    of, linear = f"{CLIPS:,} clips of {SECONDS} s", {"least": 5, "aim": 4}
    measurements = [row(f"{of}: {step}, processor", whole[step][0], "s") for step in STEPS]
    measurements += [
        row(f"{of}: {step}, processor ÷ that of a quarter", whole[step][0] / quarter[step][0], "x") for step in STEPS
    ]
    measurements += [
        row(f"{of}: all four, processor ÷ that of a quarter", total[1] / total[0], "x", **linear),
        row(f"{of}: all four, clock", sum(whole[step][1] for step in STEPS) / 60, "min"),
        row(f"{of}: all four, peak memory of the process", whole["gibibytes"], "GiB", least=3, aim=1),
        row(f"{CLIPS // 4:,} clips of {SECONDS} s: the same", quarter["gibibytes"], "GiB"),
    ]
    write("scale", {"measurements": measurements})


if __name__ == "__main__":
    main()
