"""How long the networks trained from scratch take, against the recipes of before there was a kind ``whisper``.

    python benchmarks/networks.py PATH_TO_RAVDESS --whisper-weights FILE_OR_FOLDER [--epochs N] [--rounds N]

One training of each, on the first fold of ``speakers6``, with all that a run does for it. The epochs of a training cost
alike, so that a few are timed, then's and now's in turn, and scaled: a training takes as many epochs as its recipe asks
for at their median, and for each member what its first epoch takes beyond that, since the graph is built in it. Each
training has one thread, as in a run whose trainings share the cores. What a teacher hears is heard once a run, for all
its folds and members; that stands in a row of its own. The recipes and the networks of then are written down here; all
else is today's code for both.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from measure import row, say, write

from emovox.corpora import Corpus, load_corpus
from emovox.errors import ModelError
from emovox.models import KINDS, Network
from emovox.models.kind import NetworkSettings
from emovox.provenance import available_cores
from emovox.recipe import Recipe, built_in, recipe_from_toml
from emovox.runs import Run
from emovox.splits import make_folds
from emovox.study import stages
from emovox.study.executors import Serial

LIMITS = {"least": 0.8, "aim": 0.4}
CACHED_SECONDS = 1.0
"""An input that is there sooner was computed for another network before."""

AUGMENTED_THEN = """
mixup = 0.3
crop_frames = 96
gain_db = 6.0
tempo = 0.15
band_shift = 1
time_masks = 1
time_mask_frames = 16
band_masks = 1
band_mask_bands = 3
"""
FRONT_END_THEN = """
window_seconds = 0.025
hop_seconds = 0.020
fft_size = 512
n_mels = 24
fmin_hz = 60.0
fmax_hz = 7600.0
power = 1
offset = 1e-3
trim_db = 35.0
n_frames = 128
scaling = "none"
"""
TRAINED_THEN = """
batch_size = 16
optimizer = "adamw"
weight_decay = 0.05
schedule = "onecycle"
label_smoothing = 0.1
class_weights = true
ema = 0.99
"""
THEN = f"""
protocol = "speakers6"

[models.cnn]
kind = "cnn_then"
members = 2
dropout = 0.3
[models.cnn.front_end] {FRONT_END_THEN}
[models.cnn.training]
epochs = 120
learning_rate = 5e-3 {TRAINED_THEN}
[models.cnn.training.augment] {AUGMENTED_THEN}

[models.cnn_lstm]
kind = "cnn_lstm_then"
members = 2
dropout = 0.3
[models.cnn_lstm.front_end] {FRONT_END_THEN}
[models.cnn_lstm.training]
epochs = 70
learning_rate = 4e-3 {TRAINED_THEN}
[models.cnn_lstm.training.augment] {AUGMENTED_THEN}
"""
"""The built-in recipe of commit c0f2da0, in today's words."""


@dataclass(frozen=True)
class CNNThenSettings(NetworkSettings):
    """Settings of the CNN of then."""

    kind: ClassVar[str] = "cnn_then"


@dataclass(frozen=True)
class CNNLSTMThenSettings(NetworkSettings):
    """Settings of the CNN-LSTM of then."""

    kind: ClassVar[str] = "cnn_lstm_then"


class CNNThen(Network):
    """The residual network of then."""

    name, title, theory = "cnn_then", "CNN of then", ""
    settings = CNNThenSettings
    variants: ClassVar = {"default": 612_624}

    def build(self, settings: Any, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
        """(batch, frames, mels) → (batch, classes)."""
        inputs = keras.Input(shape)
        return _classifier(inputs, _residual_steps(inputs, shortenings=4), settings, n_classes)


class CNNLSTMThen(Network):
    """The residual network of then, and two LSTMs that read its steps."""

    name, title, theory = "cnn_lstm_then", "CNN-LSTM of then", ""
    settings = CNNLSTMThenSettings
    variants: ClassVar = {"default": 810_256}

    def build(self, settings: Any, shape: tuple[int | None, int], n_classes: int) -> keras.Model:
        """(batch, frames, mels) → (batch, classes)."""
        inputs = keras.Input(shape)
        x = _residual_steps(inputs, shortenings=2)
        heard = keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True))(x)
        return _classifier(inputs, keras.layers.Add()([x, heard]), settings, n_classes)


def _residual_steps(inputs: Any, shortenings: int) -> Any:
    """(batch, frames, mels) → (batch, frames / 2^shortenings, 128)."""
    layers = keras.layers
    x = layers.BatchNormalization(center=False, scale=False, momentum=0.95, epsilon=0.1)(inputs)
    x = layers.Reshape((-1, inputs.shape[2], 1))(x)
    x = layers.ReLU()(_convolved(x, 16, 5, 2))
    for stage, filters in enumerate((32, 64, 128), start=1):
        stride = (2 if stage < shortenings else 1, 2)
        shortcut = _convolved(layers.AveragePooling2D(stride, padding="same")(x), filters, 1, 1)
        inner = _convolved(layers.ReLU()(_convolved(x, filters, 3, stride)), filters, 3, 1)
        x = layers.ReLU()(layers.Add()([inner, shortcut]))
    x = layers.AveragePooling2D((1, x.shape[2]))(x)
    return layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)


def _convolved(x: Any, filters: int, kernel: int, stride: int | tuple[int, int]) -> Any:
    layers = keras.layers
    same = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    return layers.BatchNormalization(momentum=0.95)(layers.Conv2D(filters, kernel, strides=stride, **same)(x))


def _classifier(inputs: Any, x: Any, settings: NetworkSettings, n_classes: int) -> keras.Model:
    layers = keras.layers
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    x = layers.Dropout(settings.dropout)(x)
    return keras.Model(inputs, layers.Dense(n_classes, activation="softmax")(x), name=settings.kind)


@dataclass
class Epochs:
    """Seconds of the epochs that were timed, and of what a member's first one took beyond them."""

    usual: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)

    def training(self, members: int, epochs: int) -> float:
        """Seconds of a whole training."""
        usual = float(np.median(self.usual))
        return members * (epochs * usual + max(0.0, float(np.median(self.first)) - usual))


def time_epochs(
    recipe: Recipe, model: str, corpus: Corpus, options: dict[str, Path], epochs: int, found: Epochs
) -> float:
    """Train one model on the first fold for a few epochs, add what they took, and return the seconds before them."""
    settings: Any = recipe.models[model]
    settings = dataclasses.replace(settings, training=dataclasses.replace(settings.training, epochs=epochs))
    short = dataclasses.replace(recipe, seeds=1, protocol="speakers6", models={model: settings})
    moments: list[tuple[int, float]] = []

    def tell(stage: str, done: int, total: int) -> None:
        if moments and done > moments[-1][0]:  # an epoch is told once
            moments.append((done, time.perf_counter()))

    weights, _ = stages.find_weights(short, corpus, options, tell)
    if stages.teacher_of(settings) and model not in weights:
        raise ModelError(f"{model} has a teacher whose weights are not there; name them")
    with tempfile.TemporaryDirectory() as folder, Serial(tell) as executor:
        run = Run.create(Path(folder) / "run", short, corpus, make_folds(short.protocol, corpus)[:1])
        inputs = stages.prepare(run, corpus, weights, available_cores(), executor, lambda stage, done, total: None)
        moments.append((0, time.perf_counter()))
        stages.train(run, inputs, executor)
        prepared = float(run.provenance["prepare_seconds"][model])
    for (_, before), (done, now) in itertools.pairwise(moments):
        (found.first if done % epochs == 1 else found.usual).append(now - before)
    return prepared


def compare(
    model: str, recipes: dict[str, Recipe], corpus: Corpus, weights: dict[str, Path], epochs: int, rounds: int
) -> list[dict[str, Any]]:
    """Time one model then and now, in turn."""
    found = {when: Epochs() for when in recipes}
    prepared: dict[str, float] = {}
    for turn in range(rounds):
        for when, recipe in recipes.items():
            before = time_epochs(recipe, model, corpus, weights, epochs, found[when])
            prepared.setdefault(when, before)  # of the first round; then it is cached
            say(f"{model} {when}, round {turn + 1}: {np.median(found[when].usual):.2f} s an epoch")
    seconds, rows = {}, []
    for when, recipe in recipes.items():
        settings: Any = recipe.models[model]
        members, count = settings.members, settings.training.epochs
        seconds[when] = found[when].training(members, count)
        what = f"one training of {model} {when}, {members} × {count} epochs, batches of {settings.training.batch_size}"
        rows.append(row(what, seconds[when], "s"))
        if stages.teacher_of(settings) and prepared[when] > CACHED_SECONDS:
            what = f"input of {model} {when} and what its teacher hears, {len(corpus.clips):,} clips, once a run"
            rows.append(row(what, prepared[when], "s"))
    return [*rows, row(f"one training of {model}: now ÷ then", seconds["now"] / seconds["then"], "x", **LIMITS)]


def main() -> None:
    """Time every network that there was then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--whisper-weights", type=Path, help="of the teacher of today's networks")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each member that are timed, at least 2")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs must be at least 2: the first one builds the graph")
    tf.get_logger().setLevel("ERROR")
    warnings.filterwarnings("ignore", module=r"(keras|tensorflow)\b")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    corpus = load_corpus(data=options.corpus)
    KINDS.update({kind.name: kind for kind in (CNNThen(), CNNLSTMThen())})
    recipes = {"then": recipe_from_toml(THEN, "the recipe of then"), "now": built_in("default")}
    weights = {"whisper": options.whisper_weights} if options.whisper_weights else {}
    measurements = []
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, EMOVOX_CACHE=cache):
        for model in recipes["then"].models:
            measurements += compare(model, recipes, corpus, weights, options.epochs, options.rounds)
    then = recipes["then"].models
    compared = {when: dataclasses.replace(recipe, models={m: recipe.models[m] for m in then}).to_toml()
                for when, recipe in recipes.items()}  # fmt: skip
    about = {"epochs": options.epochs, "rounds": options.rounds, "threads": options.threads}
    write("networks", {"timed": about, "recipes": compared, "measurements": measurements})


if __name__ == "__main__":
    main()
