"""How long a published network takes to hear a corpus, from recordings to statistics, with nothing cached.

    python benchmarks/hearing.py PATH_TO_RAVDESS --yamnet-weights FILE --whisper-weights FILE_OR_FOLDER

Each clip as it is, one version: import Keras, read the weights, build the encoder, export it for ONNX Runtime, decode,
resample, take the log-mel, run the network, take statistics of the layers that the default recipe hears, write the
``.npy``. The baseline is the same code with Keras on TensorFlow in place of ONNX Runtime and its export. Each of them
is a process of its own, with as many threads. The corpus's digest is worked out before, so that the recordings lie in
the machine's page cache for all alike.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from measure import row, say, write

from emovox.corpora import Corpus, load_corpus
from emovox.models import Heard, kind_of
from emovox.provenance import available_cores
from emovox.recipe import built_in
from emovox.training import hearing

LIMITS = {"whisper": {"least": 60, "aim": 25}}
TOLERANCE = 1e-3
"""Of a statistic, relative to the largest: both ways must hear the same."""


def in_keras(kind: Heard, settings: Any, weights: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What a network that ONNX Runtime has opened does, by Keras on TensorFlow."""
    import tensorflow as tf

    model = kind.encoder(settings, kind.read_weights(settings, weights))
    taken = tf.TensorSpec(model.input_shape, tf.float32)  # any number of windows and frames, so one graph serves all
    run = tf.function(lambda features: model(features, training=False), input_signature=[taken])
    return lambda batch: run(tf.constant(batch)).numpy()


def cold(settings: Any, weights: Path, corpus: Corpus, by_keras: bool) -> tuple[float, np.ndarray]:
    """Seconds for a whole corpus, and its statistics; to be called in a fresh process."""
    kind = kind_of(settings)
    assert isinstance(kind, Heard)

    def tell(stage: str, done: int, total: int) -> None:
        if done % 200 == 0 or done == total:
            say(f"{kind.name}{' in Keras' if by_keras else ''}: {done} of {total} clips")

    keras = {"export_encoder": lambda *_: None, "open_encoder": lambda _: in_keras(kind, settings, weights)}
    start = time.perf_counter()
    instead = mock.patch.multiple(hearing, **keras) if by_keras else contextlib.nullcontext()
    with tempfile.TemporaryDirectory() as cache, instead:
        paths = hearing.hear(kind, settings, weights, corpus, Path(cache), 0, available_cores(), tell)
        return time.perf_counter() - start, np.load(paths[0])


def in_a_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns there, so that whatever it imports is imported anew."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def main() -> None:
    """Hear the corpus through each network in both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--yamnet-weights", type=Path)
    parser.add_argument("--whisper-weights", type=Path)
    options = parser.parse_args()
    corpus = load_corpus(data=options.corpus)
    say(f"{len(corpus.clips)} clips, digest {corpus.digest[:12]}")
    measurements = []
    for name in ("whisper", "yamnet"):
        settings: Any = built_in("default").models[name]
        settings = dataclasses.replace(settings, alter=dataclasses.replace(settings.alter, versions=0))
        kind = kind_of(settings)
        assert isinstance(kind, Heard)
        weights = kind.find_weights(settings, getattr(options, f"{name}_weights"))
        ours, heard = in_a_fresh_process(cold, settings, weights, corpus, False)
        theirs, also_heard = in_a_fresh_process(cold, settings, weights, corpus, True)
        say(f"{name}: {ours:.1f} s in ONNX Runtime, {theirs:.1f} s in Keras on TensorFlow")
        off = float(np.abs(heard - also_heard).max() / np.abs(heard).max())
        if off > TOLERANCE:
            parser.error(f"{name}: the two ways differ by {off:.1e} of the largest statistic")
        variant = "" if settings.variant == "default" else f" {settings.variant}"
        layers = ", ".join(map(str, settings.layers))
        what = f"{name}{variant}: statistics of layers {layers} for {len(corpus.clips):,} clips, cold, one version"
        measurements += [
            row(what, ours, "s", **LIMITS.get(name, {})),
            row(f"{name}{variant}: the same in Keras on TensorFlow ÷ ours", theirs / ours, "x"),
        ]
    write("hearing", {"measurements": measurements})


if __name__ == "__main__":
    main()
