"""Whisper's encoder against an independent implementation's results, in Keras, saved and loaded, and as ONNX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

from emovox.errors import ModelError
from emovox.models.whisper_encoder import SIZES, Size, build_encoder, parameters, tensors
from emovox.models.whisper_layers import LAST_POSITION, waves
from emovox.models.whisper_weights import load_into_encoder, read_whisper

ALL_OF_TINY = (0, 1, 2, 3, 4)
TOLERANCE = 1e-3


@pytest.fixture(autouse=True)
def toy_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "toy", Size(16, 2, 2, "nobody/toy", "0" * 40))


def log_mel(frames: int, clips: int = 1) -> np.ndarray:
    return np.random.default_rng(frames).normal(0, 0.5, (clips, frames, 80)).astype(np.float32)


def outputs(model: keras.Model, features: np.ndarray) -> list[np.ndarray]:
    found = model(features)
    return [np.asarray(layer) for layer in (found if isinstance(found, list) else [found])]


@pytest.fixture(scope="module")
def tiny(shared: Path) -> keras.Model:
    model = build_encoder("tiny.en", ALL_OF_TINY)
    weights = read_whisper(shared / "whisper" / "tiny.en-encoder.safetensors", "tiny.en")
    assert load_into_encoder(model, weights) == 2 + 4 * 8 + 1
    return model


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "whisper" / "reference.npz") as file:
        return dict(file)


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["silence", "noise", "sine440", "speech"])
def test_equals_an_independent_implementation(name: str, tiny: keras.Model, reference: dict[str, np.ndarray]) -> None:
    features = reference[f"{name}/log_mel"].T[None].astype(np.float32)
    last = outputs(tiny, features)[-1][0]
    assert last.shape == (1500, 384)
    np.testing.assert_allclose(last[:100], reference[f"{name}/encoder_output"], atol=TOLERANCE)
    np.testing.assert_allclose(last.mean(axis=0), reference[f"{name}/encoder_output_mean"], atol=TOLERANCE)


@pytest.mark.corpus
@pytest.mark.parametrize(("size", "width"), [("tiny.en", 384), ("base", 512)])
def test_positions_are_the_published_ones(size: str, width: int, shared: Path) -> None:
    from safetensors import safe_open

    with safe_open(shared / "whisper" / f"{size}-encoder.safetensors", framework="numpy") as file:
        np.testing.assert_array_equal(waves(width), file.get_tensor("model.encoder.embed_positions.weight"))


@pytest.mark.corpus
@pytest.mark.slow
def test_the_real_network_is_the_same_as_onnx(
    tiny: keras.Model, reference: dict[str, np.ndarray], tmp_path: Path
) -> None:
    session = exported(tiny, tmp_path / "tiny.onnx")
    for frames in (3000, 301):
        features = reference["speech/log_mel"].T[None, :frames].astype(np.float32)
        for ours, theirs in zip(session.run(None, {"log_mel": features}), outputs(tiny, features), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-4)


@pytest.mark.parametrize("frames", [1, 2, 7, 64])
def test_any_number_of_frames_gives_half_as_many_steps(frames: int) -> None:
    model = build_encoder("toy", (0, 1, 2))
    found = outputs(model, log_mel(frames, clips=3))
    assert [layer.shape for layer in found] == [(3, (frames + 1) // 2, 16)] * 3
    alone = outputs(model, log_mel(frames, clips=3)[1:2])
    np.testing.assert_allclose(alone[-1][0], found[-1][1], atol=1e-5)


def test_more_than_thirty_seconds_repeat_the_last_position() -> None:
    from emovox.models.whisper_layers import Positions

    added = np.asarray(Positions()(np.zeros((2, LAST_POSITION + 3, 16), np.float32)))
    np.testing.assert_array_equal(added[0], added[1])
    np.testing.assert_array_equal(added[0, : LAST_POSITION + 1], waves(16))
    np.testing.assert_array_equal(added[0, -2:], waves(16)[[-1, -1]])


def test_one_layer_equals_the_bare_equations() -> None:
    model = build_encoder("toy", (0, 1))
    for layer in model.layers:  # biases and scales too
        random = np.random.default_rng(len(layer.name))
        layer.set_weights([random.normal(0.1, 0.3, array.shape) for array in layer.get_weights()])

    def weights(name: str) -> list[np.ndarray]:
        return model.get_layer(f"layers.0.{name}").get_weights()

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        kernel, *bias = weights(name)
        return x @ kernel + (bias[0] if bias else 0)

    def normed(x: np.ndarray, name: str) -> np.ndarray:
        scale, shift = weights(name)
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * scale + shift

    before, after = (layer[0].astype(np.float64) for layer in outputs(model, log_mel(20)))
    x = normed(before, "self_attn_layer_norm")
    query, key, value = (dense(x, f"self_attn.{name}_proj") for name in "qkv")
    heads = []
    for channels in (slice(0, 8), slice(8, 16)):
        scores = np.exp(query[:, channels] @ key[:, channels].T / np.sqrt(8))
        heads.append(scores / scores.sum(1, keepdims=True) @ value[:, channels])
    x = before + dense(np.concatenate(heads, axis=1), "self_attn.out_proj")
    hidden = dense(normed(x, "final_layer_norm"), "fc1")
    from scipy.special import erf

    x = x + dense(hidden / 2 * (1 + erf(hidden / np.sqrt(2))), "fc2")
    np.testing.assert_allclose(after, x, atol=1e-4)


def test_layers_above_the_last_one_are_not_built() -> None:
    model = build_encoder("toy", (1,))
    names = [layer.name for layer in model.layers]
    assert "layers.0.fc2" in names and "layers.1.fc2" not in names and "layer_norm" not in names
    assert names[-1] == "layer1"


@pytest.mark.parametrize(
    ("size", "layers"), [("toy", (0,)), ("toy", (1,)), ("toy", (0, 2)), ("tiny.en", ALL_OF_TINY), ("base", (6,))]
)
def test_parameters_are_counted_without_building(size: str, layers: tuple[int, ...]) -> None:
    assert parameters(size, layers) == build_encoder(size, layers).count_params()


def test_published_sizes() -> None:
    positions = 1500 * 384
    assert parameters("tiny.en", ALL_OF_TINY) + positions == 8_208_384
    assert parameters("base", (6,)) + 1500 * 512 == 20_590_592
    assert parameters("small", (12,)) == sum(int(np.prod(shape)) for shape in tensors("small").values())


@pytest.mark.parametrize("layers", [(), (5,), (-1, 0), (2, 1), (1, 1)])
def test_layers_that_do_not_exist_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="layers 0 to 4"):
        build_encoder("tiny.en", layers)


def test_an_unknown_size_is_refused_with_the_known() -> None:
    with pytest.raises(ModelError, match=r"Unknown size of Whisper 'huge'; available: tiny\.en, tiny, base\.en"):
        build_encoder("huge", (0,))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_saved_and_loaded_it_gives_the_same(suffix: str, tmp_path: Path) -> None:
    model = build_encoder("toy", (0, 1, 2))
    path = tmp_path / f"encoder.{suffix}"
    model.save(path)
    loaded = keras.models.load_model(path)
    for ours, theirs in zip(outputs(loaded, log_mel(9)), outputs(model, log_mel(9)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_as_onnx_it_gives_the_same_at_any_length(tmp_path: Path) -> None:
    model = build_encoder("toy", (0, 2))
    session = exported(model, tmp_path / "toy.onnx")
    for frames in (1, 40, 151):
        features = log_mel(frames)
        for ours, theirs in zip(session.run(None, {"log_mel": features}), outputs(model, features), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def exported(model: keras.Model, path: Path) -> onnxruntime.InferenceSession:
    signature = [keras.InputSpec(shape=(1, None, 80), dtype="float32", name="log_mel")]
    model.export(str(path), format="onnx", verbose=False, opset_version=17, input_signature=signature)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_counting_needs_no_keras() -> None:
    code = (
        "import sys; from emovox.models.whisper_encoder import parameters; import emovox.models.whisper_weights\n"
        "parameters('small', (12,))\n"
        "print({'keras', 'tensorflow', 'huggingface_hub', 'safetensors'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
