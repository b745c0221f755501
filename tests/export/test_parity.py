"""One model in every format: Keras, ONNX and LiteRT give one probability for one sound."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from emovox.audio import resample
from emovox.errors import StorageError
from emovox.evaluation.calibration import apply_temperature
from emovox.export import answering, write_artifact, write_litert, write_saved_model
from emovox.export.artifact import TOLERANCE, answers
from emovox.listening import Recognizer
from emovox.models import KINDS, Ensemble
from emovox.models.whisper_encoder import SIZES, Size
from emovox.recipe import built_in
from export.test_artifact import LABELS, build, of_kind
from waveforms import babble

RATES_HZ = (8000, 16000, 22050, 44100, 48000)


def clips(count: int) -> list[tuple[np.ndarray, int]]:
    """Voices of varied length, level and rate."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        rate = RATES_HZ[number % len(RATES_HZ)]
        seconds, level = rng.uniform(0.15, 9.0), 10 ** rng.uniform(-2.5, 0.5)
        made.append((np.clip(level * resample(babble(seconds, number), 16000, rate), -1, 1), rate))
    return made


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not isinstance(kind, Ensemble)])
def test_every_kind_answers_alike_in_every_format(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in SIZES:
        monkeypatch.setitem(SIZES, size, Size(16, 2, 4, "nobody/toy", "0" * 40))
    network, front, head = of_kind(built_in("synthetic").models[kind])
    recognizer = Recognizer(write_artifact(network, front, 1.3, {"labels": LABELS}, tmp_path / "a.onnx", head=head))
    write_litert(answering(network, head, 1.3), tmp_path / "a.tflite")
    litert = Interpreter(str(tmp_path / "a.tflite")).get_signature_runner()
    found = []
    for waveform, rate in clips(64):
        heard = resample(waveform, rate, 16000)
        windows = front(heard)
        (lite,) = litert(features=windows.features, weights=windows.weights[:, None]).values()
        whole = apply_temperature(answers(network, front, head, heard), 1.3)
        onnx = recognizer.predict(waveform, rate).probabilities
        np.testing.assert_allclose(onnx, whole, atol=TOLERANCE)
        np.testing.assert_allclose(lite[0], whole, atol=TOLERANCE)
        found.append(onnx)
    assert np.ptp(found, axis=0).max() > 1e-3  # so that agreement means something


def test_a_saved_model_answers_alike_and_takes_no_place_of_anything(tmp_path: Path) -> None:
    import tensorflow as tf

    from emovox.features import LogMel

    network, front = build(LogMel()), LogMel()
    path = tmp_path / "new" / "model"
    write_saved_model(answering(network, None, 1.3), path)
    windows = front(babble(12))
    given = [tf.constant(windows.features), tf.constant(windows.weights[:, None])]
    loaded = tf.saved_model.load(path)  # which must outlive the call
    (answer,) = np.asarray(loaded.serve(given))
    np.testing.assert_allclose(answer, apply_temperature(answers(network, front, None, babble(12)), 1.3), atol=1e-5)
    assert [file.name for file in path.parent.iterdir()] == ["model"]
    with pytest.raises(StorageError, match="exists already"):
        write_saved_model(answering(network, None, 1.3), path)


def test_recurrent_layers_are_unrolled_for_litert_within_other_layers_too(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 4))
    x = keras.layers.Bidirectional(keras.layers.LSTM(3))(inputs)
    inner = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    outer = keras.Input((12, 4))
    network = keras.Model(outer, inner(outer))
    write_litert(answering(network, None, 1.0), tmp_path / "a.tflite")
    features = np.random.default_rng(0).normal(size=(3, 12, 4)).astype(np.float32)
    weights = np.float32([[0.5], [0.25], [0.25]])
    litert = Interpreter(str(tmp_path / "a.tflite")).get_signature_runner()
    (answer,) = litert(features=features, weights=weights).values()
    np.testing.assert_allclose(answer[0], weights[:, 0] @ np.asarray(network(features)), atol=1e-5)
