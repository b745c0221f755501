"""What the front end does for the default CNN: the published preprocessing, ours, and the steps between them.

    python benchmarks/front_ends.py PATH_TO_RAVDESS [--epochs N] [--seeds N]

Every front end is judged on the validation speakers of ``speakers1`` alone; its test speakers are not touched. The
trainings are short, so the figures rank front ends and say nothing of what a full training reaches.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from measure import row, write

from emovox.corpora import load_corpus
from emovox.download import user_cache
from emovox.evaluation.metrics import confusion, uar
from emovox.features import FRONT_ENDS, LogMel, extract
from emovox.models import build_network
from emovox.splits import make_folds
from emovox.study import available_cores, built_in
from emovox.training import Examples, predict, train

OURS = FRONT_ENDS["default"]
VARIANTS: dict[str, LogMel] = {
    "reference (128 mels, 32 ms hop, silence kept, min-max)": FRONT_ENDS["reference"],
    "reference, silence trimmed": dataclasses.replace(FRONT_ENDS["reference"], trim_db=35.0, n_frames=80),
    "default (24 mels, 20 ms hop, trimmed, standardised)": OURS,
    "default, silence kept": dataclasses.replace(OURS, trim_db=None, n_frames=192),
    "default, min-max": dataclasses.replace(OURS, scaling="minmax"),
    "default, 16 mels": dataclasses.replace(OURS, n_mels=16),
    "default, 40 mels": dataclasses.replace(OURS, n_mels=40),
    "default, 64 mels": dataclasses.replace(OURS, n_mels=64),
}


def main() -> None:
    """Train the default CNN behind each front end and keep its validation UAR."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=available_cores())
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    corpus = load_corpus(data=options.corpus)
    (fold,) = make_folds("speakers1", corpus)
    place = {clip.id: i for i, clip in enumerate(corpus.clips)}
    targets = np.array([corpus.labels.index(clip.emotion) for clip in corpus.clips])
    heard, chosen = (np.array([place[clip.id] for clip in part]) for part in (fold.train, fold.validation))
    recipe = dataclasses.replace(built_in("default").models["cnn"], epochs=options.epochs)
    measurements = []
    for name, front in VARIANTS.items():
        crop = recipe.augment.crop_frames if front.trim_db is not None and front.n_frames > 96 else 0
        scale = 0.1 if front.scaling == "minmax" else 1.0  # gains are in log units, which min-max squeezes
        bands = front.n_mels / OURS.n_mels  # shifts and masks cover the same share of the spectrum
        augment = dataclasses.replace(
            recipe.augment,
            crop_frames=crop,
            gain_db=recipe.augment.gain_db * scale,
            band_shift=round(recipe.augment.band_shift * bands),
            band_mask_bands=round(recipe.augment.band_mask_bands * bands),
        )
        path = extract(front, corpus, user_cache() / "features", available_cores())
        examples = Examples(np.load(path)[None], targets, heard, chosen, len(corpus.labels), front.silence)
        scores, start = [], time.perf_counter()
        for seed in range(options.seeds):
            settings = dataclasses.replace(recipe, augment=augment)
            network = build_network(settings, (None, front.n_mels), len(corpus.labels), seed).trained
            with tempfile.TemporaryDirectory() as folder:
                train(network, settings, examples, seed, Path(folder))
            answers = predict(network, examples.features[0, chosen]).argmax(axis=1)
            scores.append(float(uar(confusion(targets[chosen], answers, len(corpus.labels)))))
        minutes = (time.perf_counter() - start) / 60 / options.seeds
        print(f"{name}: {np.mean(scores):.3f} in {minutes:.1f} min", flush=True)
        measurements += [
            row(f"front end {name}: validation UAR, {options.epochs} epochs", 100 * float(np.mean(scores)), "%"),
            row(f"front end {name}: one training", minutes, "min"),
        ]
    about = {"protocol": "speakers1, validation speakers only", "seeds": options.seeds, "epochs": options.epochs}
    write("front_ends", {"measured": about, "front_ends": measurements})


if __name__ == "__main__":
    main()
