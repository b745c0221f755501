"""Our YAMNet: its shapes and sizes, and its agreement with the published network on the published weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from emovox.features import LogMel
from emovox.models import build_network
from emovox.models.mobilenet import TAP, body_shape
from emovox.models.pretrained import load_into, read_weights
from emovox.models.yamnet import (
    BODY,
    _mean_and_deviation,
    build_classifier,
    build_reference_head,
    build_yamnet,
    build_yamnet_body,
    convolutions,
    freeze_batch_norms,
    frozen_features,
)
from emovox.recipe import ModelRecipe

# The published front end, on one patch.
FRONT = LogMel(hop_seconds=0.010, fmin_hz=125.0, fmax_hz=7500.0, trim_db=None, n_frames=96)


@pytest.fixture(autouse=True)
def same_random_weights():
    """Every test starts from the same weights, so that none is near its tolerance by chance."""
    keras.utils.set_random_seed(0)


def spectrograms(clips: int, frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(-4, 2, (clips, frames, 64)).astype(np.float32)


def test_has_the_published_number_of_parameters():
    # 3,751,369 is what the published code's summary() tells, moving statistics included.
    assert build_yamnet().count_params() == 3_751_369


@pytest.mark.parametrize(
    ("last_layer", "shape"), [(1, (48, 32, 32)), (4, (24, 16, 128)), (9, (6, 4, 512)), (14, (3, 2, 1024))]
)
def test_a_layer_has_the_published_shape(last_layer, shape):
    assert build_yamnet_body(96, last_layer).output_shape == (None, *shape)


def test_refuses_a_layer_that_does_not_exist():
    with pytest.raises(ValueError, match="from 1 to 14, got 15"):
        build_yamnet_body(96, len(BODY) + 1)


def test_slides_over_clips_of_any_length():
    body = build_yamnet_body(None, 3)
    fixed = build_yamnet_body(160, 3)
    fixed.set_weights(body.get_weights())
    x = spectrograms(2, 160)
    assert body.predict(x[:, :77], verbose=0).shape == (2, 20, 16, 128)
    np.testing.assert_allclose(body.predict(x, verbose=0), fixed.predict(x, verbose=0), atol=1e-6)
    # Far from the edges, a later start by the stride is a later answer by one.
    late = body.predict(x[:, 4:], verbose=0)
    np.testing.assert_allclose(late[:, 3:-4], body.predict(x, verbose=0)[:, 4:-4], rtol=1e-4, atol=1e-5)


def test_opens_without_custom_objects(tmp_path):
    body = build_yamnet_body(64, 2)
    x = spectrograms(1, 64)
    for name in ("body.keras", "body.h5"):
        body.save(tmp_path / name)
        opened = keras.models.load_model(tmp_path / name, compile=False)
        np.testing.assert_array_equal(opened.predict(x, verbose=0), body.predict(x, verbose=0))


def test_batch_norms_can_be_kept_still_while_the_rest_learns():
    body = build_yamnet_body(32, 3)
    freeze_batch_norms(body)
    trained = {v.path.rsplit("/", 1)[0].rsplit("/", 1)[-1] for v in body.trainable_variables}
    assert trained == {c.name for c in convolutions(3)}
    means = body.get_layer("layer1_conv_bn").get_weights()[1]
    body(spectrograms(4, 32), training=True)
    np.testing.assert_array_equal(body.get_layer("layer1_conv_bn").get_weights()[1], means)


REFERENCE = ModelRecipe(kind="yamnet", variant="reference", frozen_layers=14, last_layer=14)


def test_reference_trains_the_studys_parameters_on_the_embedding():
    assert build_reference_head().count_params() == 264_456
    network, x = build_classifier(REFERENCE, (64, 64), 5), spectrograms(3, 64)
    assert not network.body.trainable_variables
    embeddings = frozen_features(build_classifier_body(network), x, layers=(14,), statistics=("mean",))
    assert embeddings.shape == (3, 1024)
    # Float32 in two runtimes, through 27 convolutions whose random weights let values grow.
    np.testing.assert_allclose(network.body.predict(x, verbose=0), embeddings, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        network.trained.predict(embeddings, verbose=0), network.joined().predict(x, verbose=0), atol=1e-4
    )


def build_classifier_body(network):
    """The frozen layers of a classifier as a body of their own."""
    return keras.Model(network.body.input, network.body.get_layer("layer14_pointwise_relu").output)


def test_default_starts_from_the_published_weights_above_the_frozen_ones_too():
    donor = build_yamnet_body(64)
    weights = {layer.name: tuple(layer.get_weights()) for layer in donor.layers if layer.get_weights()}
    recipe = ModelRecipe(kind="yamnet", frozen_layers=3, last_layer=5)
    network = build_classifier(recipe, (64, 64), 8, weights)
    for model, layer in ((network.body, "layer3_pointwise"), (network.trained, "layer5_pointwise")):
        np.testing.assert_array_equal(model.get_layer(layer).get_weights()[0], weights[layer][0])
    assert network.body.output.shape[1:] == body_shape(64, 3)
    assert not network.trained.get_layer("layer4_depthwise_bn").trainable


def test_deviation_is_half_the_mean_absolute_deviation():
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    mean, deviation = _mean_and_deviation(keras.ops.convert_to_tensor(x))
    np.testing.assert_allclose(mean, x.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(deviation, np.abs(x - x.mean(axis=1, keepdims=True)).mean(axis=1) / 2, atol=1e-6)


def test_frozen_features_are_the_bodys_own_statistics():
    body, x = build_yamnet_body(64, 4), spectrograms(5, 64)
    told = []
    found = frozen_features(
        body, x, layers=(3, "layer4_depthwise_relu"), batch_size=2, progress=lambda *news: told.append(news)
    )
    parts = []
    for name in ("layer3_pointwise_relu", "layer4_depthwise_relu"):
        heard = keras.Model(body.input, body.get_layer(name).output).predict(x, verbose=0)
        parts += [heard.mean(axis=(1, 2)), heard.std(axis=(1, 2))]
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), atol=1e-4)
    assert told == [("embeddings", 2, 5), ("embeddings", 4, 5), ("embeddings", 5, 5)]
    with pytest.raises(ValueError, match="available: mean, std"):
        frozen_features(body, x, layers=(3,), statistics=("median",))


# Against the published network. ``reference.npz`` holds what the TFLite interpreter makes of ``yamnet.tflite``: kernels
# and mel matrix in int8, and inputs of each operator rounded to eight bits on the way.

SIGNALS = ("silence", "white_noise", "sine_440hz", "ravdess_03-01-05-02-01-01-01_from_1s")


@pytest.fixture(scope="module")
def reference(shared: Path):
    with np.load(shared / "yamnet" / "reference.npz", allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def published(shared: Path):
    model = build_yamnet()
    assert load_into(model, read_weights(shared / "yamnet" / "yamnet.tflite")) == 2 * 27 + 1
    return model


def eight_bits(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Round to 256 steps between the least and the greatest value (zero among them), as the interpreter does."""
    low = np.minimum(x.min(axis=axes, keepdims=True), 0)
    step = (np.maximum(x.max(axis=axes, keepdims=True), 0) - low) / 255
    step[step == 0] = 1
    zero = np.round(-128 - low / step)
    return (np.clip(np.round(x / step) + zero, -128, 127) - zero) * step


@pytest.mark.corpus
@pytest.mark.parametrize("signal", SIGNALS)
def test_front_end_agrees_with_the_published_one(signal, reference):
    # The reference's mel matrix is int8 with one scale, so that a band's flanks are coarse; rounded alike, both agree.
    step = np.float32(FRONT.mel_matrix.max() / 127)
    coarse = np.round(FRONT.mel_matrix / step) * step
    frames = np.lib.stride_tricks.sliding_window_view(reference[f"{signal}/waveform"], 400)[::160]
    spectrum = np.abs(np.fft.rfft(frames * FRONT.window, 512)).astype(np.float32)
    rounded = np.log(eight_bits(spectrum, (1,)) @ coarse + np.float32(FRONT.offset))
    expected = reference[f"{signal}/log_mel"]
    assert np.abs(rounded - expected).max() < 1e-2
    assert np.abs(rounded - expected).mean() < 1e-4
    # Unrounded, loud bands still agree.
    exact = FRONT(reference[f"{signal}/waveform"])
    loud = expected >= np.quantile(expected, 0.9)
    assert np.abs(exact - expected)[loud].mean() < 0.05


@pytest.mark.corpus
@pytest.mark.parametrize("signal", SIGNALS)
def test_network_agrees_with_the_published_one(signal, reference, published):
    embedding, scores = published.predict(reference[f"{signal}/log_mel"][None], verbose=0)
    if signal != "white_noise":  # nearly all of its embedding is zero, and rounding decides the rest: see below
        assert np.corrcoef(embedding[0], reference[f"{signal}/embedding"])[0, 1] > 0.999
        assert scores[0].argmax() == reference[f"{signal}/scores"].argmax()


@pytest.mark.corpus
@pytest.mark.parametrize("signal", SIGNALS)
def test_network_rounded_as_the_interpreter_rounds_agrees_still_closer(signal, reference, published):
    x = reference[f"{signal}/log_mel"][None]
    for layer in published.layers[1:]:
        if layer.name.endswith("_pointwise"):
            x = eight_bits(x, (3,))
        elif layer.name.endswith("_depthwise") and layer.name[:7] not in ("layer2_", "layer3_"):  # these two are float
            x = eight_bits(x, (0, 1, 2, 3))
        elif layer.name == "audioset":
            embedding, x = x, eight_bits(x, (1,))
        x = np.asarray(layer(x))
    expected = reference[f"{signal}/embedding"]
    correlation = np.corrcoef(embedding[0], expected)[0, 1]
    # The interpreter itself, on another build, is within 0.99 of its own reference on white noise.
    assert correlation > (0.96 if signal == "white_noise" else 0.9995)
    assert x[0].argmax() == reference[f"{signal}/scores"].argmax()


def test_taps_hear_what_the_published_layers_say_and_do_not_learn():
    weights = {layer.name: tuple(layer.get_weights()) for layer in build_yamnet(None).layers if layer.get_weights()}
    recipe = ModelRecipe(kind="yamnet", frozen_layers=3, last_layer=4, tap_layer=5)
    network = build_classifier(recipe, (64, 64), 8, weights)
    whole = build_yamnet_body(64, 5)
    load_into(whole, weights)
    x = spectrograms(2, 64)
    middle = network.body(x)
    for name in ("layer4_pointwise", "layer5_pointwise"):
        tap = keras.Model(network.trained.input, network.trained.get_layer(f"{TAP}{name}_relu").output)
        wanted = keras.Model(whole.input, whole.get_layer(f"{name}_relu").output)
        np.testing.assert_allclose(tap(middle), wanted(x), atol=1e-5)
    learning = {variable.path for variable in network.trained.trainable_variables}
    assert any("layer4_pointwise" in path for path in learning)
    assert not any(TAP in path for path in learning)


def test_random_bodies_are_one_whatever_the_seed_and_heads_are_not():
    recipe = ModelRecipe(kind="yamnet", frozen_layers=3, last_layer=4)
    first, second = (build_network(recipe, (64, 64), 8, seed) for seed in (0, 1))
    for a, b in zip(first.body.get_weights(), second.body.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    heads = zip(first.trained.get_weights(), second.trained.get_weights(), strict=True)
    assert any(not np.array_equal(a, b) for a, b in heads)
