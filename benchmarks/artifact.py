"""What the precision of an artifact's weights costs and saves: size, time, and how well it still answers.

    python benchmarks/artifact.py RUN --data PATH_TO_RAVDESS --whisper-weights FILE_OR_FOLDER [--model whisper]

RUN is a finished run with such a model. That of its first fold, seed 0, is written in each precision, and every
recording of that fold's test part goes through each file as it would through ``emovox predict``. Time is the median of
many calls, on one thread, warm, the precisions in turn; the clip is three seconds of speech without a pause at its
ends, of which nothing is trimmed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import row, say, write

from emovox.audio import SAMPLE_RATE_HZ, read_audio
from emovox.corpora import Corpus, load_corpus
from emovox.evaluation.metrics import confusion, uar
from emovox.export import write_artifact
from emovox.features import FrontEnd
from emovox.listening import Recognizer
from emovox.models import Heard, kind_of
from emovox.runs import Job, Run
from emovox.study.jobs import rebuild

PRECISIONS = ("float32", "float16", "int8")
SECONDS = 3.0
LIMITS = {"least": 60, "aim": 20}
"""Milliseconds of one clip."""


def artifacts(run: Run, job: Job, weights: Path | None, folder: Path) -> tuple[dict[str, Path], FrontEnd]:
    """A trained job's artifact in each precision, and the front end in it."""
    trained = rebuild(run, job, weights)
    about = {"labels": list(run.labels), "model": job.model, "corpus": run.provenance["corpus"]["name"]}
    temperature = run.read_result(job).temperature
    written = {}
    for precision in PRECISIONS:
        say(f"Writing {precision}")
        path = folder / f"{precision}.onnx"
        written[precision] = write_artifact(
            trained.network, trained.front, temperature, about, path, precision, trained.head
        )
    return written, trained.front


def unbroken(recordings: list[Path], trim_db: float = 20.0) -> np.ndarray:
    """Three seconds of speech: recordings cut to where they are loud, end to end."""
    parts = []
    for recording in recordings:
        waveform = read_audio(recording, SAMPLE_RATE_HZ)
        loud = np.flatnonzero(np.abs(waveform) >= np.abs(waveform).max() * 10 ** (-trim_db / 20))
        parts.append(waveform[loud[0] : loud[-1] + 1] / np.abs(waveform).max())
        if sum(map(len, parts)) >= SECONDS * SAMPLE_RATE_HZ:
            break
    clip: np.ndarray = np.concatenate(parts)[: int(SECONDS * SAMPLE_RATE_HZ)].astype(np.float32)
    return clip


def milliseconds(recognizers: dict[str, Recognizer], waveform: np.ndarray, calls: int) -> dict[str, float]:
    """The median of each, taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in recognizers}
    for call in range(calls + 5):
        for name, recognizer in recognizers.items():
            start = time.perf_counter()
            recognizer.predict(waveform, 16000)
            if call >= 5:
                taken[name].append(1000 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in taken.items()}


def answers(recognizer: Recognizer, corpus: Corpus, ids: tuple[str, ...]) -> np.ndarray:
    """(clips, emotions): what it answers to the recordings."""
    paths = {clip.id: clip.path for clip in corpus.clips}
    return np.stack([recognizer.predict(paths[clip]).probabilities for clip in ids])


def main() -> None:
    """Write, time and judge each precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, help="where the run's recordings lie now")
    parser.add_argument("--model", default="whisper")
    parser.add_argument("--whisper-weights", type=Path)
    parser.add_argument("--yamnet-weights", type=Path)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    run = Run.open(options.run)
    if options.model not in run.recipe.models:
        parser.error(f"{options.run} has no model {options.model}; it has {', '.join(run.recipe.models)}")
    job = Job(next(iter(run.folds)), options.model, 0)
    settings = run.recipe.models[options.model]
    kind = kind_of(settings)
    weights = None
    if isinstance(kind, Heard):
        weights = kind.find_weights(settings, getattr(options, f"{kind.name}_weights"))
    corpus = load_corpus(run.provenance["corpus"]["name"], data=options.data)
    test = run.folds[job.fold].test
    truths = np.array([run.labels.index(run.clips[clip].emotion) for clip in test])
    measurements, uars, given = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        files, front = artifacts(run, job, weights, Path(folder))
        recognizers = {precision: Recognizer(file, threads=1) for precision, file in files.items()}
        paths = {clip.id: clip.path for clip in corpus.clips}
        speech = unbroken([paths[clip] for clip in test])
        usual = read_audio(paths[test[0]], SAMPLE_RATE_HZ)
        usual_seconds = len(usual) / SAMPLE_RATE_HZ
        frames = [front(clip).features.shape[1] for clip in (speech, usual)]
        say(f"Timing; {frames[0]} frames of unbroken speech, {frames[1]} of a recording")
        unpaused = milliseconds(recognizers, speech, options.calls)
        recorded = milliseconds(recognizers, usual, options.calls)
        for precision, recognizer in recognizers.items():
            say(f"{precision} hears {len(test)} recordings")
            given[precision] = answers(recognizer, corpus, test)
            matrix = confusion(truths, given[precision].argmax(axis=1), len(run.labels))
            uars[precision] = 100 * float(uar(matrix))
        for precision, file in files.items():
            whose = f"artifact of {options.model}, {precision}"
            limits = LIMITS if precision == PRECISIONS[0] else {}
            apart = float(np.abs(given[precision] - given[PRECISIONS[0]]).max())
            measurements += [
                row(f"{whose}: size", file.stat().st_size / 1e6, "MB"),
                row(f"{whose}: 3 s of unbroken speech, one thread, warm", unpaused[precision], "ms", **limits),
                row(f"{whose}: a recording of {usual_seconds:.1f} s, likewise", recorded[precision], "ms"),
            ]
            if precision == PRECISIONS[0]:
                measurements.append(row(f"{whose}: UAR of {len(test)} test clips", uars[precision], "%"))
            else:
                lost = uars[PRECISIONS[0]] - uars[precision]
                measurements += [
                    row(f"{whose}: loss of UAR against {PRECISIONS[0]}", lost, "points"),
                    row(f"{whose}: largest difference of a probability from {PRECISIONS[0]}", apart, ""),
                ]
    about = {"protocol": run.recipe.protocol, "fold": job.fold, "seed": job.seed, "test_clips": len(test)}
    write("artifact", {"measured": about, "measurements": measurements})


if __name__ == "__main__":
    main()
