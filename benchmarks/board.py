"""What TensorBoard's logs cost a training, as a share of the time that it takes.

    python benchmarks/board.py PATH_TO_RAVDESS [--models NAMES] [--epochs N]

One member of each network is trained on the first fold of ``speakers6`` by its built-in recipe, and the clock is read
around all that writes logs: opening them, and each epoch's curves and pictures. The share is of the whole training, so
other work on the machine bends both alike. With a teacher, a training takes longer and the share is smaller; with fewer
epochs than a recipe asks for, it is larger, since the first pictures take longest.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from measure import row, write

from emovox.corpora import Corpus, load_corpus
from emovox.provenance import available_cores
from emovox.recipe import built_in
from emovox.runs import Run
from emovox.splits import make_folds
from emovox.study import stages
from emovox.study.executors import Serial
from emovox.training.board import Board

LIMITS = {"least": 2.0, "aim": 1.0}


def seconds(corpus: Corpus, model: str, epochs: int | None) -> tuple[float, float, int]:
    """Train a model's first member; the seconds of its logs, those of the training, and its epochs."""
    recipe = built_in("default")
    settings: Any = recipe.models[model]
    training = dataclasses.replace(settings.training, epochs=epochs or settings.training.epochs)
    alone = dataclasses.replace(settings, members=1, training=training)
    recipe = dataclasses.replace(recipe, corpus=corpus.name, protocol="speakers6", models={model: alone})
    spent = [0.0]

    def timed(method: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            start = time.perf_counter()
            method(*arguments)
            spent[0] += time.perf_counter() - start

        return call

    def ignore(stage: str, done: int, total: int) -> None:
        pass

    with tempfile.TemporaryDirectory() as folder, Serial(ignore) as executor:
        run = Run.create(Path(folder) / "run", recipe, corpus, make_folds(recipe.protocol, corpus)[:1])
        weights, _ = stages.find_weights(recipe, corpus, {}, ignore)
        inputs = stages.prepare(run, corpus, weights, available_cores(), executor, ignore)
        patched = {name: timed(getattr(Board, name)) for name in ("__init__", "epoch_done")}
        with mock.patch.multiple(Board, **patched):
            start = time.perf_counter()
            stages.train(run, inputs, executor)
            return spent[0], time.perf_counter() - start, training.epochs


def main() -> None:
    """Parse, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--models", default="cnn,cnn_lstm", help="networks, by comma")
    parser.add_argument("--epochs", type=int, help="of each training; default: the recipe's")
    options = parser.parse_args()
    corpus = load_corpus(data=options.corpus)
    rows = []
    for model in options.models.split(","):
        logs, whole, epochs = seconds(corpus, model, options.epochs)
        what = f"TensorBoard's logs in a training of {model}, {epochs} epochs"
        rows.append(row(f"{what}: share of the time", 100 * logs / whole, "%", **LIMITS))
        rows.append(row(f"{what}: an epoch", 1000 * logs / epochs, "ms"))
    write("board", {"measurements": rows})


if __name__ == "__main__":
    main()
