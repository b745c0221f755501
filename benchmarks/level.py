"""What a recording's level does to a head, and what bringing every clip to one peak saves.

    python benchmarks/level.py PATH_TO_RAVDESS --yamnet-weights FILE --whisper-weights FILE

The speakers and groups are those of ``benchmarks/ablations.py``. Heads learn from clips at the level that they were
recorded at, or brought to one peak; test clips are made quieter or louder before the front end, without clipping.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from ablations import Task, by_analysis
from measure import say, write

from emovox.corpora import load_corpus
from emovox.corpora.base import Clip, waveform
from emovox.download import user_cache
from emovox.evaluation.metrics import confusion, uar
from emovox.models import KINDS, Heard
from emovox.provenance import available_cores
from emovox.training.hearing import export_encoder, hear, listen, open_encoder, statistics_of

DECIBELS = {"20 dB quieter": -20, "10 dB quieter": -10, "as recorded": 0, "10 dB louder": 10, "20 dB louder": 20}


def scores(kind: Heard, settings: Any, weights: Path, task: Task) -> dict[str, float]:
    """UAR of all groups' clips together at every level, by heads that learnt from clips at their own."""
    front = kind.front_end(settings)
    files = hear(kind, settings, weights, task.corpus, user_cache() / "features", 0, available_cores())
    learnt_from = statistics_of(files)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(available_cores()) as pool:
        export_encoder(settings.kind, settings, weights, Path(folder) / "network.onnx")
        network = open_encoder(Path(folder) / "network.onnx")

        def heard(clip: Clip, decibels: int) -> np.ndarray:
            return listen(network, front(np.float32(10 ** (decibels / 20)) * waveform(clip)))

        tested = {level: np.stack([*pool.map(heard, task.corpus.clips, [decibels] * len(task.truths))])
                  for level, decibels in DECIBELS.items()}  # fmt: skip
    classes, emotions = task.classes["emotion × intensity"]
    answers = {level: np.zeros(len(task.truths), dtype=int) for level in DECIBELS}
    for group in task.groups:
        inside = np.isin(task.speakers, group)
        head, _ = by_analysis(learnt_from[:, ~inside], classes[~inside], emotions, task.speakers[~inside])
        for level, statistics in tested.items():
            answers[level][inside] = head(statistics[inside]).argmax(axis=1)
    return {
        level: round(float(uar(confusion(task.truths, given, len(task.corpus.labels)))), 4)
        for level, given in answers.items()
    }


def main() -> None:
    """Both published networks, with and without a common peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    heads = [kind for kind in KINDS.values() if isinstance(kind, Heard)]
    for kind in heads:
        parser.add_argument(f"--{kind.name}-weights", type=Path, required=True)
    options = vars(parser.parse_args())
    task, found = Task.of(load_corpus(data=options["corpus"])), []
    for kind in heads:
        settings: Any = kind.settings()
        weights = kind.find_weights(settings, options[f"{kind.name}_weights"])
        recorded = dataclasses.replace(settings.front_end, peak=0.0)
        for level, front in (("as recorded", recorded), ("one peak", settings.front_end)):
            of_level = scores(kind, dataclasses.replace(settings, front_end=front), weights, task)
            say(f"{kind.name}, {level}: {of_level}")
            found.append({"head": kind.name, "level": level, "uar": of_level})
    write("level", {"groups": task.groups, "clips": len(task.truths), "levels": found})


if __name__ == "__main__":
    main()
