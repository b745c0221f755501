"""How often sounds in which nobody speaks are told from speech, and how often speech is taken for one of them.

    python benchmarks/domain.py RUN --data PATH_TO_RAVDESS --whisper-weights FILE_OR_FOLDER …

RUN is a finished run of a protocol by speaker. Of every fold the head's own threshold is used,
which it took from its training speakers; false alarms are counted among its test clips, whose speakers it never heard.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import row, say, write

from emovox.corpora import load_corpus
from emovox.evaluation.sounds import SOUNDS, sound
from emovox.models import KINDS, Heard, kind_of
from emovox.runs import Job, Run
from emovox.study.adaptation import statistics_heard
from emovox.study.jobs import read_head
from emovox.training.hearing import export_encoder, listen, open_encoder

EACH = 20
"""Sounds of each kind."""


def novelty(statistics: np.ndarray, head: Any) -> np.ndarray:
    """As artifacts have it: (clips, statistics) → (clips,)."""
    return np.sqrt((((statistics - head.centre) / head.spread) ** 2).mean(axis=1))


def main() -> None:
    """Count false alarms among test clips, and what is caught of every kind of sound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    listening = [kind for kind in KINDS.values() if isinstance(kind, Heard)]
    for kind in listening:
        parser.add_argument(f"--{kind.name}-weights", type=Path)
    options = vars(parser.parse_args())
    weights = {kind.name: options[f"{kind.name}_weights"] for kind in listening if options[f"{kind.name}_weights"]}
    run, corpus = Run.open(options["run"]), load_corpus(data=options["data"])
    names = [name for name, settings in run.recipe.models.items() if isinstance(kind_of(settings), Heard)]
    heard = statistics_heard(run, corpus, names, weights, lambda *_: None)
    place = {clip: i for i, clip in enumerate(run.clips)}
    measurements, details = [], {}
    for name in names:
        settings: Any = run.recipe.models[name]
        with tempfile.TemporaryDirectory() as folder:
            network, kind = Path(folder) / "network.onnx", KINDS[settings.kind]
            assert isinstance(kind, Heard)
            file = kind.find_weights(settings, weights.get(settings.kind))
            export_encoder(settings.kind, settings, file, network)
            front, hears = kind.front_end(settings), open_encoder(network)
        sounds = {kind: np.stack([listen(hears, front(sound(kind, seed))) for seed in range(EACH)]) for kind in SOUNDS}
        alarms, caught = [], {kind: [] for kind in SOUNDS}
        for fold in run.folds.values():
            head = read_head(run, Job(fold.name, name, 0))
            test = heard[name][[place[clip] for clip in fold.test]]
            alarms.append(float((novelty(test, head) > 1).mean()))
            for what, statistics in sounds.items():
                caught[what].append(float((novelty(statistics, head) > 1).mean()))
        rates = {what: float(np.mean(of_folds)) for what, of_folds in caught.items()}
        measurements.append(row(f"false alarms on unseen speakers, {name}", 100 * np.mean(alarms), "%"))
        measurements.append(row(f"sounds caught, {name}", 100 * np.mean(list(rates.values())), "%"))
        details[name] = {"false_alarms_per_fold": alarms, "caught": rates}
        say(f"{name}: {details[name]}")
    about = {"protocol": run.recipe.protocol, "corpus_name": corpus.name, "sounds_of_each_kind": EACH}
    write("domain", {**about, "measurements": measurements, "models": details})


if __name__ == "__main__":
    main()
