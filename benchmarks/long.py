"""What a head answers to recordings that are longer than those it learnt from, with pauses in them.

    python benchmarks/long.py RUN --data PATH_TO_RAVDESS --whisper-weights FILE_OR_FOLDER [--model whisper]

Four clips of one test speaker and one emotion, silence and all, stand one after another: some 15 s. The head answers
with its front end's windows, and with none, as if the whole recording were one utterance. The mean of its answers to
the four clips alone is what could be had at most.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import row, say, write

from emovox.corpora import load_corpus
from emovox.corpora.base import waveform
from emovox.evaluation.intervals import Sample
from emovox.evaluation.metrics import uar
from emovox.models import Heard, kind_of
from emovox.runs import Job, Run
from emovox.study.jobs import read_head
from emovox.training.hearing import export_encoder, listen, open_encoder

CLIPS = 4


def main() -> None:
    """Join clips, ask, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="whisper")
    parser.add_argument("--whisper-weights", type=Path, required=True)
    options = parser.parse_args()
    run, corpus = Run.open(options.run), load_corpus(data=options.data)
    settings: Any = run.recipe.models[options.model]
    kind = kind_of(settings)
    assert isinstance(kind, Heard)
    windows = kind.front_end(settings)
    whole = dataclasses.replace(windows, most_frames=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        weights = kind.find_weights(settings, options.whisper_weights)
        export_encoder(settings.kind, settings, weights, path)
        network = open_encoder(path, threads=2)
    clips = {clip.id: clip for clip in corpus.clips}
    truths, speakers = [], []
    answers: dict[str, list[int]] = {"windows": [], "whole": [], "clips alone": []}
    for fold in run.folds.values():
        head = read_head(run, Job(fold.name, options.model, 0)).linear
        for speaker in sorted({clips[clip].speaker for clip in fold.test}):
            for truth, emotion in enumerate(run.labels):
                own = [clips[c] for c in fold.test if (clips[c].speaker, clips[c].emotion) == (speaker, emotion)]
                parts = [waveform(clip) for clip in own[:CLIPS]]
                joined = np.concatenate(parts)
                truths.append(truth)
                speakers.append(speaker)
                for name, front in (("windows", windows), ("whole", whole)):
                    answers[name].append(int(head(listen(network, front(joined))[None]).argmax()))
                alone = np.stack([listen(network, windows(part)) for part in parts])
                answers["clips alone"].append(int(head(alone).mean(axis=0).argmax()))
            say(f"speaker {speaker}: {len(truths)} recordings")
    measurements, intervals = [], {}
    for name, given in answers.items():
        score = Sample(np.array(truths), np.array(given), speakers, len(run.labels)).interval(uar)
        intervals[name] = vars(score)
        measurements.append(row(f"UAR of {options.model} on joined clips, {name}", 100 * score.value, "%"))
    about = {"protocol": run.recipe.protocol, "corpus_name": corpus.name, "recordings": len(truths)}
    write("long", {**about, "measurements": measurements, "intervals": intervals})


if __name__ == "__main__":
    main()
