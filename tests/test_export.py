import dataclasses
import json
import types

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import emovox
from emovox import export, files
from emovox.audio import read_audio
from emovox.errors import ModelError, StorageError
from emovox.evaluation.calibration import apply_temperature
from emovox.features import FRONT_ENDS, LogMel
from emovox.listening import Recognizer
from emovox.listening.artifact import FORMAT
from emovox.recipe import KINDS, ModelRecipe
from full_disk import full_disk
from waveforms import WAVEFORMS, babble

LABELS = ("neutral", "calm", "happy", "sad")
ODD = {
    "odd_sizes": LogMel(window_seconds=0.0111, hop_seconds=0.0077, fft_size=300, n_mels=20, n_frames=33),
    "power_trimmed": LogMel(power=2, offset=1e-6, trim_db=20.0, n_frames=41, scaling="minmax"),
    "window_fills_transform": LogMel(window_seconds=0.032, hop_seconds=0.04, trim_db=None, fmax_hz=8000.0),
}


def sharp(features):
    """Four classes whose weights are large, so that a small difference of features shows."""
    dense = layers.Dense(len(LABELS), kernel_initializer=keras.initializers.RandomNormal(stddev=2.0, seed=1))
    return layers.Softmax()(dense(features))


def build_cnn(front):
    inputs = keras.Input((*front.shape, 1))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(inputs))
    x = layers.MaxPooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, sharp(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(x))), name="cnn")


def build_cnn_lstm(front):
    inputs = keras.Input(front.shape)
    x = layers.Conv2D(4, 3, strides=8, activation="relu")(layers.Reshape((*front.shape, 1))(inputs))
    x = layers.LSTM(8)(layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x))
    return keras.Model(inputs, sharp(x), name="cnn_lstm")


def build_depthwise(front):
    """As YAMNet: convolutional over a length that the model leaves open."""
    inputs = keras.Input((None, front.n_mels))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(layers.Reshape((-1, front.n_mels, 1))(inputs))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
    x = layers.Conv2D(8, 1)(layers.ReLU(max_value=6)(layers.BatchNormalization()(x)))
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return keras.Model(inputs, sharp(x), name="yamnet")


BUILDERS = {"cnn": build_cnn, "cnn_lstm": build_cnn_lstm, "yamnet": build_depthwise}


def expected(model, front, waveform, temperature):
    batch = front(waveform)[None]
    features = batch[..., None] if len(model.input_shape) == 4 else batch
    return apply_temperature(np.asarray(model(features, training=False))[0], temperature)


def assert_same_answers(model, front, path, temperature):
    listener = Recognizer(path)
    answers = {name: listener.predict(waveform).probabilities for name, waveform in WAVEFORMS.items()}
    for name, answer in answers.items():
        assert answer.shape == (len(listener.labels),)
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer.sum(), 1, atol=1e-5)
        np.testing.assert_allclose(
            answer, expected(model, front, WAVEFORMS[name], temperature), atol=1e-4, err_msg=name
        )
    return np.ptp(list(answers.values()), axis=0).max()


def front_end_session(front):
    graph = export._front_end(front, rank=3)
    onnx.checker.check_model(graph, full_check=True)
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def front_end_sessions():
    return {name: front_end_session(front) for name, front in {**FRONT_ENDS, **ODD}.items()}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_cnn(LogMel())


@pytest.fixture(scope="module")
def artifact(model, tmp_path_factory):
    about = {"labels": LABELS, "corpus": "synthetic", "synthetic": True, "metrics": {"uar": 0.5}, "licence": "Café"}
    return export.write_artifact(model, LogMel(), 1.0, about, tmp_path_factory.mktemp("run") / "cnn.onnx")


@pytest.mark.parametrize("waveform", WAVEFORMS)
@pytest.mark.parametrize("name", [*FRONT_ENDS, *ODD])
def test_front_end_graph_gives_the_features_of_logmel(front_end_sessions, name, waveform):
    front = {**FRONT_ENDS, **ODD}[name]
    (features,) = front_end_sessions[name].run(None, {"waveform": WAVEFORMS[waveform]})
    wanted = front(WAVEFORMS[waveform])
    assert features.shape == (1, *front.shape)
    np.testing.assert_allclose(features[0], wanted, atol=1e-5)
    assert np.ptp(wanted) > 0.5  # there is something to differ in


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([*FRONT_ENDS, *ODD]),
    samples=st.integers(1600, 80_000),
    level=st.floats(1e-4, 2.0),
    before=st.integers(0, 20_000),
    seed=st.integers(0, 2**32 - 1),
)
def test_front_end_graph_follows_logmel_at_any_length_and_level(front_end_sessions, name, samples, level, before, seed):
    waveform = np.pad(level * babble(samples / 16000, seed), (before, 0)).astype(np.float32)
    (features,) = front_end_sessions[name].run(None, {"waveform": waveform})
    np.testing.assert_allclose(features[0], {**FRONT_ENDS, **ODD}[name](waveform), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "front", "temperature"),
    [("cnn", "reference", 1.0), ("cnn_lstm", "default", 0.4), ("yamnet", "yamnet", 2.5)],
)
def test_artifact_and_keras_agree(kind, front, temperature, tmp_path):
    keras.utils.set_random_seed(0)
    model = BUILDERS[kind](FRONT_ENDS[front])
    path = export.write_artifact(model, FRONT_ENDS[front], temperature, {"labels": LABELS}, tmp_path / "a.onnx")
    # The waveforms are told apart by a hundred times what artifact and model may differ.
    assert assert_same_answers(model, FRONT_ENDS[front], path, temperature) > 100 * 1e-4


@pytest.mark.parametrize("variant", ["default", pytest.param("reference", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_model_has_an_artifact_that_agrees(kind, variant, tmp_path):
    models = pytest.importorskip("emovox.models", exc_type=ImportError)
    name = "yamnet" if kind == "yamnet" else variant
    front = FRONT_ENDS[name]
    recipe = ModelRecipe(kind=kind, variant=variant, front_end=name)
    model = models.build_network(recipe, front.shape, 8, seed=0).joined()
    path = export.write_artifact(model, front, 1.3, {"labels": list("abcdefgh")}, tmp_path / "a.onnx")
    assert_same_answers(model, front, path, 1.3)


def test_metadata_is_json_that_tells_what_the_artifact_is(artifact):
    stored = {entry.key: json.loads(entry.value) for entry in onnx.load(artifact).metadata_props}
    assert tuple(stored["labels"]) == LABELS
    assert stored["corpus"] == "synthetic"
    assert stored["synthetic"] is True
    assert stored["licence"] == "Café"
    assert stored["metrics"] == {"uar": 0.5}
    assert stored["format"] == export.FORMAT == FORMAT
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
    export.write_models(model, tmp_path, "cnn")
    export.write_artifact(model, LogMel(), 1.0, {"labels": LABELS}, tmp_path / "cnn.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cnn.onnx",
        "cnn_final_model.h5",
        "cnn_final_model.keras",
    ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("front", "labels", "temperature", "words"),
    [
        (FRONT_ENDS["reference"], LABELS, 1.0, "front end"),
        (LogMel(), LABELS[:3], 1.0, "4 outputs for 3 labels"),
        (LogMel(), LABELS, 0.0, "temperature"),
        (LogMel(), LABELS, float("nan"), "temperature"),
    ],
)
def test_what_does_not_fit_is_refused(model, front, labels, temperature, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        export.write_artifact(model, front, temperature, {"labels": labels}, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_an_artifact_that_would_answer_otherwise_is_refused(model, tmp_path, monkeypatch):
    other = dataclasses.replace(LogMel(), fmax_hz=4000.0)
    right = export._front_end
    monkeypatch.setattr(export, "_front_end", lambda front, rank: right(other, rank))
    with pytest.raises(ModelError, match="differs from the model"):
        export.write_artifact(model, LogMel(), 8.0, {"labels": LABELS}, tmp_path / "a.onnx")  # hot, so that it shows
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line_and_leaves_no_artifact(model, tmp_path):
    with full_disk(1), pytest.raises(StorageError, match=r"Cannot write .*free some space.*TMPDIR"):
        export.write_artifact(model, LogMel(), 1.0, {"labels": LABELS}, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_full_for_a_model_is_told_before_hdf5_meets_it(model, tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1_000_000))
    with pytest.raises(StorageError, match=r"x_final_model\.h5: it needs 2 MB, and 1 MB are free"):
        export.write_models(model, tmp_path, "x")
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
        export.write_artifact(model, front, 1.0, {"labels": LABELS}, tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", BUILDERS)
def test_h5_and_keras_open_with_plain_load_model(kind, tmp_path):
    front = LogMel()
    model = BUILDERS[kind](front)
    paths = export.write_models(model, tmp_path / "new", kind)
    stem = "yamnet_classifier_final_model" if kind == "yamnet" else f"{kind}_final_model"
    assert [path.name for path in paths] == [f"{stem}.h5", f"{stem}.keras"]
    for path in paths:
        opened = keras.models.load_model(path)
        for waveform in (WAVEFORMS["tone"], WAVEFORMS["babble"]):
            np.testing.assert_allclose(
                expected(opened, front, waveform, 1.0), expected(model, front, waveform, 1.0), atol=1e-6
            )


@pytest.mark.corpus
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_front_end_graph_gives_the_features_of_logmel_on_real_recordings(front_end_sessions, name, shared):
    recordings = sorted((shared / "ravdess").glob("Actor_*/*.flac"))[::60]
    assert len(recordings) == 24
    for path in recordings:
        waveform = read_audio(path)
        (features,) = front_end_sessions[name].run(None, {"waveform": waveform})
        np.testing.assert_allclose(features[0], FRONT_ENDS[name](waveform), atol=1e-5, err_msg=str(path))


@pytest.mark.parametrize("temperature", [0.25, 8.0])
def test_a_sure_model_calibrated_far_answers_alike(temperature, tmp_path):
    """Eight-fold heat makes a probability of 1e-12 count; both sides must keep it."""
    front = LogMel()
    inputs = keras.Input(front.shape)
    dense = layers.Dense(len(LABELS), kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=2))
    model = keras.Model(inputs, layers.Softmax()(dense(layers.GlobalAveragePooling1D()(inputs))))
    least = min(expected(model, front, waveform, 1.0).min() for waveform in WAVEFORMS.values())
    assert least < 1e-10
    path = export.write_artifact(model, front, temperature, {"labels": LABELS}, tmp_path / "sure.onnx")
    assert_same_answers(model, front, path, temperature)
