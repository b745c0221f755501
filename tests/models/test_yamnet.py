"""Our YAMNet: its shapes and sizes, its statistics, and its agreement with the published network."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from emovox.features import LogMel
from emovox.models.layers import statistics
from emovox.models.yamnet import YAMNet, YAMNetSettings, build_body, build_yamnet
from emovox.models.yamnet_table import BODY, convolutions
from emovox.models.yamnet_weights import load_into, read_weights

# The published front end, on one patch.
FRONT = LogMel(peak=0, hop_seconds=0.010, n_mels=64, fmin_hz=125.0, fmax_hz=7500.0, trim_db=0.0, n_frames=96)


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
    assert build_body(last_layer)(spectrograms(1, 96)).shape == (1, *shape)


def test_the_table_tells_how_far_layers_step():
    strides = [c.stride for c in convolutions()]
    assert len(strides) == 27 and np.prod(strides) == 32
    assert [c.channels for c in convolutions() if not c.depthwise] == [stage.filters for stage in BODY]


@pytest.mark.parametrize("last_layer", [0, len(BODY) + 1])
def test_refuses_a_layer_that_does_not_exist(last_layer):
    with pytest.raises(ValueError, match=f"from 1 to 14, got {last_layer}"):
        build_body(last_layer)


def test_slides_over_clips_of_any_length():
    body = build_body(3)
    x = spectrograms(2, 160)
    assert body.predict(x[:, :77], verbose=0).shape == (2, 20, 16, 128)
    # Far from the edges, a later start by the stride is a later answer by one.
    late = body.predict(x[:, 4:], verbose=0)
    np.testing.assert_allclose(late[:, 3:-4], body.predict(x, verbose=0)[:, 4:-4], rtol=1e-4, atol=1e-5)


def bare(x: np.ndarray, which: tuple[str, ...]) -> np.ndarray:
    """(batch, steps, features) → (batch, statistics), by the equations, in float64."""
    x = x.astype(np.float64)
    known = {"mean": x.mean(axis=1), "deviation": x.std(axis=1)}
    return np.concatenate([known[name] for name in which], axis=1)


@pytest.mark.parametrize("which", [("mean",), ("deviation",), ("mean", "deviation"), ("deviation", "mean")])
def test_statistics_over_time_equal_the_bare_equations(which):
    inputs = keras.Input((None, 5))
    x = np.random.default_rng(0).gamma(1.0, size=(3, 40, 5)).astype(np.float32)
    two = [inputs, keras.layers.Rescaling(2.0)(inputs)]
    model = keras.Model(inputs, statistics(two, which))
    expected = np.concatenate([bare(x, which), bare(2 * x, which)], axis=1)
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-4, atol=1e-4)
    assert np.isfinite(np.asarray(model(np.ones((1, 1, 5), np.float32)))).all()  # one step, which never changes


@pytest.mark.parametrize("layers", [(5, 6, 7, 8), (3,), (1, 14)])
def test_the_encoder_gives_statistics_of_its_layers_outputs_averaged_over_bands(layers):
    settings, x = YAMNetSettings(layers=layers, statistics=("mean", "deviation")), spectrograms(2, 101)
    encoder = YAMNet().encoder(settings, None)
    parts = []
    for layer in layers:
        name = f"{convolutions(layer)[-1].name}_relu"
        output = np.asarray(keras.Model(encoder.input, encoder.get_layer(name).output)(x))
        parts.append(bare(output.mean(axis=2), settings.statistics))
        assert parts[-1].std() > 0.05  # random weights let a sound through to the end
    np.testing.assert_allclose(np.asarray(encoder(x)), np.concatenate(parts, axis=1), rtol=1e-3, atol=1e-3)


def test_a_random_start_is_the_same_every_time_and_whatever_was_drawn_before():
    kind, settings = YAMNet(), YAMNetSettings(layers=(2, 3))
    first = kind.encoder(settings, None).get_weights()
    keras.utils.set_random_seed(7)
    for ours, theirs in zip(kind.encoder(settings, None).get_weights(), first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_its_steps_are_those_whose_statistics_are_kept():
    donor = build_body(5)
    weights = {layer.name: tuple(layer.get_weights()) for layer in donor.layers if layer.get_weights()}
    settings, x = YAMNetSettings(layers=(5,)), spectrograms(2, 50)
    steps = np.asarray(YAMNet().steps(settings, weights, 5)(x))
    assert steps.ndim == 3
    found = np.asarray(YAMNet().encoder(settings, weights)(x))
    np.testing.assert_allclose(np.c_[steps.mean(axis=1), steps.std(axis=1)], found, rtol=1e-3, atol=1e-4)


def test_the_encoder_holds_the_published_weights_it_is_given():
    donor = build_yamnet()
    weights = {layer.name: tuple(layer.get_weights()) for layer in donor.layers if layer.get_weights()}
    encoder = YAMNet().encoder(YAMNetSettings(layers=(4, 5)), weights)
    for name in ("layer1_conv", "layer5_pointwise", "layer5_pointwise_bn"):
        for ours, theirs in zip(encoder.get_layer(name).get_weights(), weights[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert "layer6_depthwise" not in [layer.name for layer in encoder.layers]


# Against the published network. ``reference.npz`` holds what the TFLite interpreter makes of ``yamnet.tflite``: kernels
# and mel matrix in int8, and inputs of each operator rounded to eight bits on the way.

SIGNALS = ("silence", "white_noise", "sine_440hz", "ravdess_03-01-05-02-01-01-01_from_1s")


@pytest.fixture(scope="module")
def reference(shared: Path) -> Any:
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
    exact = FRONT(reference[f"{signal}/waveform"]).features[0]
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
