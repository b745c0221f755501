"""Artifacts: they answer as Keras does, tell what they are, and are written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers

import emovox
from emovox.errors import ModelError, StorageError
from emovox.evaluation.calibration import apply_temperature
from emovox.export import artifact as module
from emovox.export import combine_artifacts, write_artifact
from emovox.features import LogMel, WhisperMel
from emovox.listening import Recognizer
from emovox.listening.artifact import FORMAT
from emovox.models import KINDS, Ensemble, Heard, Network
from emovox.models.kind import Head, LinearHead
from emovox.models.network import mean_of
from emovox.models.whisper_encoder import SIZES, Size
from emovox.recipe import VARIANTS, built_in
from full_disk import full_disk
from waveforms import WAVEFORMS, babble, silence, tone

LABELS = ("neutral", "calm", "happy", "sad")


def sharp(features):
    """Four classes whose weights are large, so that a small difference of features shows."""
    dense = layers.Dense(len(LABELS), kernel_initializer=keras.initializers.RandomNormal(stddev=2.0, seed=1))
    return layers.Softmax()(dense(features))


def build(front, name="small"):
    """Convolutional over whatever length its front end gives."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(front.shape)
    x = layers.Conv2D(8, 3, padding="same")(layers.Reshape((-1, front.n_mels, 1))(inputs))
    x = layers.MaxPooling2D(padding="same")(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, padding="same")(x))
    return keras.Model(inputs, sharp(x), name=name)


def expected(model, front, waveform, temperature, head=None):
    return apply_temperature(module.answers(model, front, head, waveform), temperature)


def assert_same_answers(model, front, path, temperature, tolerance=1e-4, head=None):
    """Returns how far apart the waveforms' answers are, so that agreement means something."""
    listener = Recognizer(path)
    answers = {name: listener.predict(waveform, 16000).probabilities for name, waveform in WAVEFORMS.items()}
    for name, answer in answers.items():
        assert answer.shape == (len(listener.labels),)
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer.sum(), 1, atol=1e-5)
        np.testing.assert_allclose(
            answer, expected(model, front, WAVEFORMS[name], temperature, head), atol=tolerance, err_msg=name
        )
    return np.ptp(list(answers.values()), axis=0).max()


@pytest.fixture(scope="module")
def model():
    return build(LogMel())


@pytest.fixture(scope="module")
def artifact(model, tmp_path_factory):
    about = {"labels": LABELS, "corpus": "synthetic", "synthetic": True, "metrics": {"uar": 0.5}, "licence": "Café"}
    return write_artifact(model, LogMel(), 1.0, about, tmp_path_factory.mktemp("run") / "cnn.onnx")


FRONTS = {
    "default": LogMel(),
    "own length": LogMel(n_frames=0),
    "standard": LogMel(scaling="standard"),
    "min-max of powers": LogMel(
        window_seconds=0.128, hop_seconds=0.032, fft_size=2048, n_mels=128, power=2, n_frames=94, scaling="minmax"
    ),
    "whisper": WhisperMel(),
}


@pytest.mark.parametrize(("front", "temperature"), zip(FRONTS, (1.0, 0.4, 2.5, 1.3, 0.7), strict=True))
def test_artifact_and_keras_agree(front, temperature, tmp_path):
    model = build(FRONTS[front])
    path = write_artifact(model, FRONTS[front], temperature, {"labels": LABELS}, tmp_path / "a.onnx")
    # The waveforms are told apart by a hundred times what artifact and model may differ.
    assert assert_same_answers(model, FRONTS[front], path, temperature) > 100 * 1e-4


# One contract over the registry: every kind and variant of the built-in recipes.

SETTINGS: dict[str, Any] = {
    f"{name} of {recipe}": settings
    for recipe in VARIANTS
    for name, settings in built_in(recipe).models.items()
    if not isinstance(KINDS[settings.kind], Ensemble)
}


def of_kind(settings, seed=0):
    """A small model of a kind, its front end, and its head, random and sharp enough to tell waveforms apart."""
    kind = KINDS[settings.kind]
    keras.utils.set_random_seed(seed)
    if isinstance(kind, Network):
        shape = settings.front_end.shape
        members = [kind.build(settings, shape, len(LABELS)) for _ in range(settings.members)]
        return mean_of(members), settings.front_end, None
    assert isinstance(kind, Heard)
    front = kind.front_end(settings)
    encoder = kind.encoder(settings, None)
    statistics = np.concatenate([np.asarray(encoder(front(x).features)) for x in (babble(1), WAVEFORMS["noise"])])
    rng = np.random.default_rng(seed)
    inputs = encoder.output_shape[1]
    kernel = rng.normal(0, 1 / np.abs(np.diff(statistics, axis=0)).max() / inputs**0.5, (inputs, 6))
    head = LinearHead(
        ((kernel.astype(np.float32), (-statistics.mean(axis=0) @ kernel).astype(np.float32)),),
        np.eye(4, dtype=np.float32)[[0, 1, 1, 2, 3, 3]],
    )
    spread = np.abs(np.diff(statistics, axis=0))[0] + 0.1
    moods = rng.normal(0, 0.1, (6, inputs)).astype(np.float32)
    return encoder, front, Head(head, statistics.mean(axis=0), spread, moods, 2.0)


@pytest.fixture
def toy_size(monkeypatch):
    """A published encoder of a few numbers, in the place of the smallest."""
    for size in SIZES:
        monkeypatch.setitem(SIZES, size, Size(16, 2, 4, "nobody/toy", "0" * 40))


@pytest.mark.usefixtures("toy_size")
@pytest.mark.parametrize(
    "name", [name if "default" in name else pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS]
)
def test_every_kind_has_an_artifact_that_agrees(name, tmp_path):
    model, front, head = of_kind(SETTINGS[name])
    path = write_artifact(model, front, 1.3, {"labels": LABELS}, tmp_path / "a.onnx", head=head)
    assert assert_same_answers(model, front, path, 1.3, head=head) > 1e-3
    assert Recognizer(path).adapts == (head is not None)


def test_the_contract_covers_every_kind():
    kinds = {settings.kind for settings in SETTINGS.values()}
    assert kinds == {name for name, kind in KINDS.items() if not isinstance(kind, Ensemble)}


def test_an_artifact_of_any_length_answers_for_any_length(tmp_path):
    front = LogMel(n_frames=0)
    model = build(front)
    listener = Recognizer(write_artifact(model, front, 1.0, {"labels": LABELS}, tmp_path / "a.onnx"))
    for seconds in (0.1, 0.5, 3.0, 45.0):
        waveform = babble(seconds)
        np.testing.assert_allclose(
            listener.predict(waveform, 16000).probabilities, expected(model, front, waveform, 1.0), atol=1e-4
        )
    around = np.concatenate([silence(1), babble(2), silence(2)])
    alone = around[np.flatnonzero(around)[0] :][: 16000 * 2]
    np.testing.assert_allclose(
        listener.predict(around, 16000).probabilities, listener.predict(alone, 16000).probabilities, atol=0.02
    )  # nothing is padded, and silence around speech is dropped


# Precision.


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A network of dense layers that are large enough to be stored with fewer bits, and its three artifacts."""
    keras.utils.set_random_seed(0)
    front = LogMel()
    inputs = keras.Input((None, front.n_mels))
    x = layers.GlobalAveragePooling1D()(layers.Dense(256, activation="relu")(inputs))
    x = layers.Dense(512, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(len(LABELS), activation="softmax")(x), name="wide")
    folder = tmp_path_factory.mktemp("precision")
    paths = {
        precision: write_artifact(model, front, 1.0, {"labels": LABELS}, folder / f"{precision}.onnx", precision)
        for precision in ("float32", "float16", "int8")
    }
    return model, front, paths


def weights_bytes(path):
    return sum(len(constant.raw_data) for constant in onnx.load(path).graph.initializer if "network/" in constant.name)


def test_fewer_bits_make_a_smaller_file(wide):
    _, _, paths = wide
    full = weights_bytes(paths["float32"])
    assert weights_bytes(paths["float16"]) == pytest.approx(full / 2, rel=0.05)
    assert weights_bytes(paths["int8"]) == pytest.approx(full / 4, rel=0.1)
    sizes = [paths[name].stat().st_size for name in ("float32", "float16", "int8")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("float16", 5e-3), ("int8", 0.05)])
def test_fewer_bits_answer_nearly_alike(wide, precision, tolerance):
    model, front, paths = wide
    assert assert_same_answers(model, front, paths[precision], 1.0, tolerance) > 0.1
    assert Recognizer(paths[precision]).metadata["precision"] == precision


def test_fewer_bits_are_not_the_same_answers(wide):
    """So that the two tests above do not pass by doing nothing."""
    _, _, paths = wide
    full, half, eighth = (
        Recognizer(paths[name]).predict(babble(1), 16000).probabilities for name in ("float32", "float16", "int8")
    )
    assert 0 < np.abs(full - half).max() < np.abs(full - eighth).max()


@pytest.mark.slow
@pytest.mark.usefixtures("toy_size")
@pytest.mark.parametrize("precision", ["float16", "int8"])
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not isinstance(kind, Ensemble)])
def test_every_kind_can_be_written_with_fewer_bits(kind, precision, tmp_path):
    model, front, head = of_kind(built_in("synthetic").models[kind])
    path = write_artifact(model, front, 1.0, {"labels": LABELS}, tmp_path / "a.onnx", precision, head)
    assert_same_answers(model, front, path, 1.0, 0.02 if precision == "float16" else 0.15, head)


# The ensemble.


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Two models behind different front ends and temperatures, and their artifacts."""
    folder = tmp_path_factory.mktemp("members")
    models = {"first": (build(LogMel(), "first"), LogMel(), 0.8), "second": (build(WhisperMel()), WhisperMel(), 1.7)}
    for name, (model, front, temperature) in models.items():
        write_artifact(model, front, temperature, {"labels": LABELS}, folder / f"{name}.onnx")
    return folder, models


def test_an_ensembles_artifact_is_the_weighted_mean_of_its_members(members, tmp_path):
    folder, models = members
    weights = {"first": 0.3, "second": 0.7}
    about = {"labels": LABELS, "corpus": "synthetic"}
    path = combine_artifacts({folder / f"{n}.onnx": w for n, w in weights.items()}, 1.5, about, tmp_path / "e.onnx")
    listener = Recognizer(path)
    assert listener.labels == LABELS
    assert (listener.metadata["temperature"], listener.metadata["members"]) == (1.5, weights)
    assert listener.metadata["corpus"] == "synthetic" and listener.sample_rate_hz == 16000
    assert listener.metadata["format"] == FORMAT
    differences = []
    for name, waveform in WAVEFORMS.items():
        mean = sum(weights[n] * expected(*models[n][:2], waveform, models[n][2]) for n in models)
        found = listener.predict(waveform, 16000).probabilities
        np.testing.assert_allclose(found, apply_temperature(mean, 1.5), atol=1e-4, err_msg=name)
        differences.append(np.abs(expected(*models["first"][:2], waveform, 1.5) - found).max())
    assert max(differences) > 0.01


@pytest.mark.parametrize("alone", ["first", "second"])
def test_an_ensemble_in_which_one_member_weighs_all_answers_as_it_does(members, tmp_path, alone):
    folder, models = members
    weights = {folder / f"{name}.onnx": float(name == alone) for name in models}
    path = combine_artifacts(weights, 1.0, {"labels": LABELS}, tmp_path / "e.onnx")
    for waveform in (WAVEFORMS["babble"], WAVEFORMS["noise"]):
        np.testing.assert_allclose(
            Recognizer(path).predict(waveform, 16000).probabilities,
            Recognizer(folder / f"{alone}.onnx").predict(waveform, 16000).probabilities,
            atol=1e-6,
        )


@pytest.mark.usefixtures("toy_size")
def test_an_ensemble_of_every_kind_is_one_artifact(tmp_path):
    models = {name: of_kind(s) for name, s in built_in("synthetic").models.items() if name != "ensemble"}
    weights = dict.fromkeys(models, 1 / len(models))
    for name, (model, front, head) in models.items():
        write_artifact(model, front, 1.0, {"labels": LABELS}, tmp_path / f"{name}.onnx", head=head)
    files = {tmp_path / f"{name}.onnx": weight for name, weight in weights.items()}
    about = {"labels": LABELS}
    listener = Recognizer(combine_artifacts(files, 0.9, about, tmp_path / "ensemble.onnx"))
    for waveform in (WAVEFORMS["babble"], WAVEFORMS["short"], WAVEFORMS["tone"]):
        mean = np.mean([expected(model, front, waveform, 1.0, head) for model, front, head in models.values()], axis=0)
        np.testing.assert_allclose(
            listener.predict(waveform, 16000).probabilities, apply_temperature(mean, 0.9), atol=1e-4
        )


# Adaptation.


@pytest.mark.usefixtures("toy_size")
def test_a_shift_is_taken_off_the_statistics_before_the_head(tmp_path):
    encoder, front, head = of_kind(SETTINGS["whisper of default"])
    about = {"labels": LABELS}
    path = write_artifact(encoder, front, 1.3, about, tmp_path / "a.onnx", head=head)
    listener = Recognizer(path)
    own = [babble(1, 7), babble(1.5, 8), tone(1)]
    statistics = [front(x).weights @ np.asarray(encoder(front(x).features)) for x in own]
    shift = np.sum(head.departures(np.stack(statistics)), axis=0) / (3 + 2.0)
    x = WAVEFORMS["babble"]
    moved = front(x).weights @ np.asarray(encoder(front(x).features)) - shift
    novelty = np.sqrt(np.mean(((moved - head.centre) / head.spread) ** 2))
    assert listener.adapted(own, 16000).predict(x, 16000).novelty == pytest.approx(novelty, rel=1e-3)
    answer = listener.adapted(own, 16000).predict(x, 16000).probabilities
    np.testing.assert_allclose(answer, apply_temperature(head.linear(moved[None])[0], 1.3), atol=1e-4)
    plain = listener.predict(x, 16000).probabilities
    assert np.abs(answer - plain).max() > 1e-3
    np.testing.assert_array_equal(plain, Recognizer(path).predict(x, 16000).probabilities)  # the first one is as it was


@pytest.mark.usefixtures("toy_size")
def test_an_ensemble_adapts_each_member_that_can(tmp_path):
    models = {name: of_kind(s) for name, s in built_in("synthetic").models.items() if name != "ensemble"}
    about = {"labels": LABELS}
    for name, (model, front, head) in models.items():
        write_artifact(model, front, 1.0, about, tmp_path / f"{name}.onnx", head=head)
    files = {tmp_path / f"{name}.onnx": 1 / len(models) for name in models}
    own, x = [babble(1, 7), tone(1)], WAVEFORMS["babble"]
    answers = []
    for file in files:
        alone = Recognizer(file)
        answers.append((alone.adapted(own, 16000) if alone.adapts else alone).predict(x, 16000))
    ensemble = Recognizer(combine_artifacts(files, 1.0, about, tmp_path / "ensemble.onnx"))
    found = ensemble.adapted(own, 16000).predict(x, 16000)
    mean = np.mean([answer.probabilities for answer in answers], axis=0)
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-4)
    novelties = [answer.novelty for answer in answers if answer.novelty is not None]
    assert 0 < len(novelties) < len(models)
    assert found.novelty == pytest.approx(np.mean(novelties), rel=1e-4)


def test_what_cannot_be_adapted_says_so(artifact):
    with pytest.raises(ModelError, match=r"cnn\.onnx cannot be adapted.*use a model that is"):
        Recognizer(artifact).adapted([babble(1)], 16000)


def test_a_member_that_is_no_artifact_is_named(members, tmp_path):
    folder, _ = members
    (tmp_path / "broken.onnx").write_bytes(b"not ONNX")
    for bad in ("broken", "absent"):
        with pytest.raises(ModelError, match=rf"{bad}\.onnx cannot be read as an artifact"):
            combine_artifacts(
                {folder / "first.onnx": 0.5, tmp_path / f"{bad}.onnx": 0.5},
                1.0,
                {"labels": LABELS},
                tmp_path / "e.onnx",
            )
    assert not (tmp_path / "e.onnx").exists()


# What the file is.


def test_metadata_is_json_that_tells_what_the_artifact_is(artifact):
    stored = {entry.key: json.loads(entry.value) for entry in onnx.load(artifact).metadata_props}
    assert tuple(stored["labels"]) == LABELS
    assert stored["corpus"] == "synthetic"
    assert stored["synthetic"] is True
    assert stored["licence"] == "Café"
    assert stored["metrics"] == {"uar": 0.5}
    assert stored["format"] == module.FORMAT == FORMAT
    assert stored["emovox"] == emovox.__version__
    assert (stored["sample_rate_hz"], stored["min_seconds"], stored["max_seconds"]) == (16000, 0.1, 60.0)
    assert LogMel(**stored["front_end"]) == LogMel()
    assert stored["temperature"] == 1.0


def test_artifact_is_one_plain_onnx_graph(artifact):
    graph = onnx.load(artifact)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 17)]
    assert [value.name for value in graph.graph.input] == ["waveform"]
    assert [value.name for value in graph.graph.output] == ["probabilities"]
    assert artifact.stat().st_size < 1e6


def test_export_says_nothing_and_leaves_no_other_file(model, tmp_path, capfd):
    write_artifact(model, LogMel(), 1.0, {"labels": LABELS}, tmp_path / "cnn.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["cnn.onnx"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("front", "labels", "temperature", "words"),
    [
        (LogMel(n_mels=30), LABELS, 1.0, "front end"),
        (LogMel(), LABELS[:3], 1.0, "4 outputs for 3 labels"),
        (LogMel(), LABELS, 0.0, "temperature"),
        (LogMel(), LABELS, float("nan"), "temperature"),
    ],
)
def test_what_does_not_fit_is_refused(model, front, labels, temperature, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        write_artifact(model, front, temperature, {"labels": labels}, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_an_artifact_that_would_answer_otherwise_is_refused(model, tmp_path, monkeypatch):
    other = dataclasses.replace(LogMel(), fmax_hz=4000.0)
    right = module._front_end
    monkeypatch.setattr(module, "_front_end", lambda front: right(other))
    with pytest.raises(ModelError, match="differs from the model"):
        write_artifact(model, LogMel(), 8.0, {"labels": LABELS}, tmp_path / "a.onnx")  # hot, so that it shows
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line_and_leaves_no_artifact(model, tmp_path):
    with full_disk(1), pytest.raises(StorageError, match=r"Cannot write .*free some space.*TMPDIR"):
        write_artifact(model, LogMel(), 1.0, {"labels": LABELS}, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_onnx_cannot_express_is_one_line(tmp_path):
    class Strange(layers.Layer):
        def call(self, x):
            import tensorflow as tf

            return tf.numpy_function(lambda a: a, [x], tf.float32)

        def compute_output_shape(self, shape):
            return shape

    front = LogMel(n_frames=8, n_mels=8)
    inputs = keras.Input(front.shape)
    x = Strange()(inputs)
    x = layers.Reshape((64,))(x)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(x), name="strange")
    with pytest.raises(ModelError, match="strange cannot be written as ONNX") as caught:
        write_artifact(model, front, 1.0, {"labels": LABELS}, tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("temperature", [0.25, 8.0])
def test_a_sure_model_calibrated_far_answers_alike(temperature, tmp_path):
    """Eight-fold heat makes a probability of 1e-12 count; both sides must keep it."""
    front = LogMel()
    inputs = keras.Input(front.shape)
    dense = layers.Dense(len(LABELS), kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=2))
    model = keras.Model(inputs, layers.Softmax()(dense(layers.GlobalAveragePooling1D()(inputs))))
    least = min(expected(model, front, waveform, 1.0).min() for waveform in WAVEFORMS.values())
    assert least < 1e-10
    path = write_artifact(model, front, temperature, {"labels": LABELS}, tmp_path / "sure.onnx")
    assert_same_answers(model, front, path, temperature)
