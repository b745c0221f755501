"""Models in Keras' own formats: they open with plain Keras and answer alike, and are written whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import types

import keras
import numpy as np
import pytest
from keras import layers

from emovox import files
from emovox.errors import StorageError
from emovox.export import write_models
from emovox.models.kind import LinearHead
from emovox.models.network import mean_of, with_head
from full_disk import full_disk


def build(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((20, 8))
    x = layers.BatchNormalization()(layers.Conv1D(4, 3)(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.LSTM(4)(x)), name="small")


X = np.random.default_rng(0).normal(size=(5, 20, 8)).astype(np.float32)


@pytest.mark.parametrize("members", [1, 3])
def test_h5_and_keras_open_with_plain_load_model(members, tmp_path):
    model = mean_of([build(seed) for seed in range(members)])
    paths = [tmp_path / "new" / "a.h5", tmp_path / "new" / "a.keras"]
    write_models(model, paths)
    for path in paths:
        opened = keras.models.load_model(path)
        np.testing.assert_allclose(np.asarray(opened(X)), np.asarray(model(X)), atol=1e-6)
    assert paths[0].read_bytes()[:8] == b"\x89HDF\r\n\x1a\n" and paths[1].read_bytes()[:2] == b"PK"


def test_a_model_on_a_published_network_opens_once_the_layers_are_known(tmp_path):
    from emovox.models.layers import statistics
    from emovox.models.whisper_layers import GELU

    inputs = keras.Input((None, 8))
    encoder = keras.Model(inputs, statistics([GELU()(inputs)], ("mean", "deviation")))
    rng = np.random.default_rng(0)
    head = LinearHead(((rng.normal(size=(16, 3)).astype(np.float32), np.zeros(3, np.float32)),))
    model = with_head(encoder, head, "heard")
    write_models(model, [tmp_path / "a.h5", tmp_path / "a.keras"])
    np.save(tmp_path / "x.npy", X)
    for name in ("a.h5", "a.keras"):
        code = (
            "import keras, numpy as np, emovox.models.layers\n"
            f"model = keras.models.load_model({str(tmp_path / name)!r})\n"
            f"np.save({str(tmp_path / 'y.npy')!r}, np.asarray(model(np.load({str(tmp_path / 'x.npy')!r}))))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.asarray(model(X)), atol=1e-6)


def test_saving_says_nothing_and_leaves_no_other_file(tmp_path, capfd):
    write_models(build(), [tmp_path / "a.h5", tmp_path / "a.keras"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.keras"]
    assert capfd.readouterr() == ("", "")


def test_a_disk_too_full_for_a_model_is_told_before_hdf5_meets_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1_000_000))
    with pytest.raises(StorageError, match=r"x\.h5: it needs 2 MB, and 1 MB are free"):
        write_models(build(), [tmp_path / "x.h5"])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_no_model(tmp_path):
    with full_disk(1), pytest.raises(StorageError, match=r"Cannot write .*x\.keras"):
        write_models(build(), [tmp_path / "x.keras"])
    assert list(tmp_path.iterdir()) == []
