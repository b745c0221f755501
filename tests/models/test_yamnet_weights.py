"""Reading published weights: both kinds of file, files that are neither, and where they come from."""

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from emovox.errors import ModelError
from emovox.models import yamnet_weights
from emovox.models.yamnet import build_body, build_yamnet
from emovox.models.yamnet_table import BATCH_NORM_EPSILON, BODY, convolutions
from emovox.models.yamnet_weights import find_weights, load_into, read_weights


def spectrograms(clips: int = 2) -> np.ndarray:
    return np.random.default_rng(1).normal(-1, 1, (clips, 96, 64)).astype(np.float32)


@pytest.fixture(scope="module")
def legacy():
    """A second YAMNet, layer by layer in tf_keras with the published names, every weight random."""
    tf_keras = pytest.importorskip("tf_keras")
    layers = tf_keras.layers

    def normed(x, name):
        x = layers.BatchNormalization(name=f"{name}/bn", scale=False, epsilon=1e-4)(x)
        return layers.ReLU(name=name.replace("_conv", "_conv/relu") if "_" in name else "layer1/relu")(x)

    inputs = layers.Input((96, 64))
    x = layers.Reshape((96, 64, 1))(inputs)
    for i, stage in enumerate(BODY, start=1):
        if i == 1:
            x = layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="layer1/conv")(x)
            x = normed(x, "layer1/conv")
            continue
        name = f"layer{i}/depthwise_conv"
        x = layers.DepthwiseConv2D(3, stage.stride, padding="same", use_bias=False, name=name)(x)
        x = normed(x, name)
        name = f"layer{i}/pointwise_conv"
        x = normed(layers.Conv2D(stage.filters, 1, padding="same", use_bias=False, name=name)(x), name)
    embedding = layers.GlobalAveragePooling2D()(x)
    logits = layers.Dense(521, name="logits")(embedding)
    model = tf_keras.Model(inputs, [embedding, layers.Activation("sigmoid")(logits)])
    random = np.random.default_rng(0)
    for layer in model.layers:
        drawn = []
        for variable in layer.weights:
            shape = tuple(variable.shape)
            if "variance" in variable.name:
                drawn.append(random.uniform(0.3, 2, shape))
            elif "kernel" in variable.name:
                inputs_each = np.prod(shape[:2]) if "depthwise" in variable.name else np.prod(shape[:-1])
                drawn.append(random.normal(0, np.sqrt(2 / inputs_each), shape))
            else:
                drawn.append(random.normal(0, 0.1, shape))
        layer.set_weights(drawn)
    return model


@pytest.fixture(scope="module")
def published_h5(legacy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "yamnet.h5"
    legacy.save_weights(path, save_format="h5")
    return path


H5 = b"\x89HDF\r\n\x1a\n"
PRETENDED = H5 + b"pretend"  # 15 bytes
SHORT = 5  # layers of a conversion that takes seconds; the whole takes most of a minute


@pytest.fixture(scope="module")
def convert(legacy):
    """The same network up to a layer as a .tflite: float32, or int8 or float16 kernels."""
    import tensorflow as tf
    import tf_keras

    @functools.cache
    def convert(kind: str, last_layer: int = SHORT) -> bytes:
        output = legacy.get_layer(f"layer{last_layer}/pointwise_conv/relu").output
        model = legacy if last_layer == len(BODY) else tf_keras.Model(legacy.input, output)
        function = tf.function(lambda x: model(x), input_signature=[tf.TensorSpec((1, 96, 64), tf.float32)])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], model)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()

    return convert


def folded(legacy) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of every convolution once its batch norm is multiplied in, by the bare equation."""
    found = {}
    for c in convolutions(SHORT):
        kernel = legacy.get_layer(c.published).get_weights()[0]
        beta, mean, variance = legacy.get_layer(f"{c.published}/bn").get_weights()
        gain = 1 / np.sqrt(variance + BATCH_NORM_EPSILON)
        along = gain[None, None, :, None] if c.depthwise else gain
        found[c.name] = (kernel * along, beta - mean * gain)
    return found


def test_published_h5_gives_the_published_networks_answers(legacy, published_h5):
    model = build_yamnet()
    weights = read_weights(published_h5)
    assert load_into(model, weights) == 2 * 27 + 1
    for ours, theirs in zip(model.predict(spectrograms(), verbose=0), legacy(spectrograms()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        assert np.std(ours) > 1e-3  # not all alike, so that agreement means something


def test_h5_is_read_by_name_whatever_its_order(published_h5, tmp_path):
    import h5py

    path = tmp_path / "shuffled.h5"
    path.write_bytes(published_h5.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = file.attrs["layer_names"][::-1]
    expected, found = read_weights(published_h5), read_weights(path)
    assert list(found) == list(expected)
    assert all(np.array_equal(a, b) for name in expected for a, b in zip(found[name], expected[name], strict=True))


def test_h5_with_other_names_is_read_by_order(published_h5, tmp_path):
    import h5py

    path = tmp_path / "renamed.h5"
    path.write_bytes(published_h5.read_bytes())
    with h5py.File(path, "r+") as file:
        names = list(file.attrs["layer_names"])
        for i, name in enumerate(names):
            file[f"renamed_{i}"] = file[name.decode() if isinstance(name, bytes) else name]
        file.attrs["layer_names"] = [f"renamed_{i}" for i in range(len(names))]
    expected, found = read_weights(published_h5), read_weights(path)
    assert all(np.array_equal(a, b) for name in expected for a, b in zip(found[name], expected[name], strict=True))


@pytest.mark.slow
def test_whole_tflite_gives_the_published_networks_answers(legacy, convert, tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes(convert("float32", len(BODY)))
    model = build_yamnet()
    load_into(model, read_weights(path))
    for ours, theirs in zip(model.predict(spectrograms(), verbose=0), legacy(spectrograms()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "rounding"), [("float32", 0), ("int8", 0.5 / 127), ("float16", 2**-11)])
def test_tflite_kernels_are_the_folded_ones_within_their_rounding(kind, rounding, legacy, convert, tmp_path):
    path = tmp_path / "short.tflite"
    path.write_bytes(convert(kind))
    weights = yamnet_weights._read_tflite(path, convolutions(SHORT))
    rounded = []
    for name, (kernel, bias) in folded(legacy).items():
        channel_axis = 2 if "depthwise" in name else 3
        rest = tuple(axis for axis in range(4) if axis != channel_axis)
        largest = np.abs(kernel).max(axis=rest, keepdims=True)
        error = np.abs(weights[name][0] - kernel)
        assert (error <= largest * (rounding * 1.01 + 1e-6)).all(), name
        np.testing.assert_allclose(
            weights[f"{name}_bn"][0], bias, rtol=2 * rounding + 1e-5, atol=1e-3 * rounding + 1e-5
        )
        if error.max() > 1e-4:
            rounded.append(name)
    # The converter leaves kernels of fewer than 1,024 numbers as they are; one of the rest is depthwise.
    assert rounded == [] if kind == "float32" else {"layer3_pointwise", "layer5_depthwise"} <= set(rounded)


def test_short_tflite_gives_the_same_answers_as_the_network_it_came_from(legacy, convert, tmp_path):
    import tf_keras

    path = tmp_path / "short.tflite"
    path.write_bytes(convert("float32"))
    body = build_body(SHORT)
    load_into(body, yamnet_weights._read_tflite(path, convolutions(SHORT)))
    theirs = tf_keras.Model(legacy.input, legacy.get_layer(f"layer{SHORT}/pointwise_conv/relu").output)(spectrograms())
    np.testing.assert_allclose(body.predict(spectrograms(), verbose=0), theirs, rtol=1e-4, atol=1e-4)
    with pytest.raises(ModelError, match="contains 9 convolutions, YAMNet has 27"):
        read_weights(path)


def test_a_shorter_body_takes_what_it_needs(published_h5):
    body = build_body(3)
    assert load_into(body, read_weights(published_h5)) == 2 * 5


def test_a_model_without_yamnet_is_refused(published_h5):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="no layer of YAMNet"):
        load_into(other, read_weights(published_h5))


def bad_files(folder: Path, h5: bytes, tflite: bytes) -> dict[str, tuple[Path, str]]:
    """Name → a file that holds no whole YAMNet, and a word of the message."""
    import h5py

    other = folder / "other.h5"
    with h5py.File(other, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = [b"dense/kernel:0"]
        file["dense/dense/kernel:0"] = np.zeros((3, 3))
    data = folder / "data.h5"
    with h5py.File(data, "w") as file:
        file["x"] = np.zeros(3)
    narrow = folder / "narrow.h5"
    narrow.write_bytes(h5)
    with h5py.File(narrow, "r+") as file:
        group = file["layer3/pointwise_conv"]
        kernel = group["layer3/pointwise_conv/kernel:0"][:, :, :, :100]
        del group["layer3/pointwise_conv/kernel:0"]
        group["layer3/pointwise_conv/kernel:0"] = kernel
    nan = folder / "nan.h5"
    nan.write_bytes(h5)
    with h5py.File(nan, "r+") as file:
        file["layer3/pointwise_conv/layer3/pointwise_conv/kernel:0"][0, 0, 0, 0] = np.nan
    written = {
        "empty.h5": (b"", "neither"),
        "text.h5": (b"<html>not found</html>", "neither"),
        "text.tflite": (b"hello", "neither"),
        "cut.h5": (h5[: len(h5) // 2], "damaged"),
        "cut.tflite": (tflite[: len(tflite) // 2], "damaged"),
        "head.tflite": (tflite[:8], "damaged"),
        "noise.tflite": (tflite[:8] + bytes(range(256)) * 64, "damaged"),
    }
    found = {
        "other.h5": (other, "1 layers with weights"),
        "data.h5": (data, "damaged"),
        "narrow.h5": (narrow, "shapes"),
        "nan.h5": (nan, "finite"),
        "absent.h5": (folder / "absent.h5", "No such file"),
        "folder.h5": (folder, "Cannot read"),
    }
    for name, (content, word) in written.items():
        (folder / name).write_bytes(content)
        found[name] = (folder / name, word)
    return found


def test_each_bad_file_gets_one_line_with_its_name_and_the_next_step(published_h5, convert, tmp_path):
    for name, (path, word) in bad_files(tmp_path, published_h5.read_bytes(), convert("float32")).items():
        with pytest.raises(ModelError) as caught:
            read_weights(path)
        message = str(caught.value)
        assert str(path) in message and word in message and "--yamnet-weights" in message, (name, message)
        assert "\n" not in message


def test_another_tflite_is_refused(tmp_path):
    import tensorflow as tf

    function = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec((1, 4), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    path = tmp_path / "other.tflite"
    path.write_bytes(converter.convert())
    with pytest.raises(ModelError, match="0 convolutions"):
        read_weights(path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server in place of the published address; the cache is empty."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "yamnet.h5").write_bytes(PRETENDED)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(yamnet_weights, "URL", f"http://127.0.0.1:{running.server_address[1]}/yamnet.h5")
        monkeypatch.setattr(yamnet_weights, "SIZE_BYTES", 15)
        monkeypatch.setattr(yamnet_weights, "SHA256", hashlib.sha256(PRETENDED).hexdigest())
        yield running
        running.shutdown()


def test_a_named_file_is_used_and_nothing_else(tmp_path):
    path = tmp_path / "mine.h5"
    path.write_bytes(H5 + b" and more")
    assert find_weights(path) == path
    with pytest.raises(ModelError, match=r"no YAMNet weights at .*absent\.h5.*--yamnet-weights"):
        find_weights(tmp_path / "absent.h5")


def test_a_named_file_that_is_no_weights_is_refused_before_anything_large_is_loaded(tmp_path):
    path = tmp_path / "page.h5"
    path.write_text("<html>not found</html>")
    with pytest.raises(ModelError, match=r"page\.h5 is neither.*--yamnet-weights"):
        find_weights(path)


def test_weights_are_downloaded_once_into_the_cache(server, tmp_path, monkeypatch):
    told = []
    path = find_weights(None, progress=lambda *news: told.append(news))
    assert path == tmp_path / "cache" / "yamnet.h5"
    assert path.read_bytes() == PRETENDED
    assert told[-1] == ("download", 15, 15)
    monkeypatch.setattr(yamnet_weights, "URL", "http://127.0.0.1:9/yamnet.h5")  # nobody listens
    assert find_weights(None) == path


def test_a_converted_file_in_the_cache_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path))
    (tmp_path / "yamnet.tflite").write_bytes(b"0000TFL3")
    assert find_weights(None) == tmp_path / "yamnet.tflite"


def test_a_wrong_digest_is_refused_and_leaves_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setattr(yamnet_weights, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"not the published file.*--yamnet-weights"):
        find_weights(None)
    assert not list((tmp_path / "cache").glob("*"))


def test_without_weights_a_person_is_told_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path))
    monkeypatch.setattr(yamnet_weights, "URL", "http://127.0.0.1:9/yamnet.h5")
    with pytest.raises(ModelError, match=r"Cannot get.*--yamnet-weights PATH"):
        find_weights(None)
