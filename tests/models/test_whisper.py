"""The kind on Whisper's encoder: statistics of its layers, random and published starts."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from emovox.errors import ModelError, RecipeError
from emovox.models.whisper import Whisper, WhisperSettings
from emovox.models.whisper_encoder import SIZES, Size, tensors
from emovox.recipe import recipe_from_toml


@pytest.fixture(autouse=True)
def toy_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "toy", Size(16, 2, 2, "nobody/toy", "0" * 40))


def log_mel(frames: int, clips: int = 2) -> np.ndarray:
    return np.random.default_rng(frames).normal(0, 0.5, (clips, frames, 80)).astype(np.float32)


@pytest.mark.parametrize("layers", [(0,), (1, 2), (0, 2)])
def test_the_encoder_gives_statistics_of_its_layers_outputs(layers: tuple[int, ...]) -> None:
    settings = WhisperSettings(variant="toy", layers=layers, statistics=("mean", "deviation"))
    encoder = Whisper().encoder(settings, None)
    x = log_mel(41)
    parts = []
    for layer in layers:
        model = keras.Model(encoder.input, encoder.get_layer(f"layer{layer}").output)
        output = np.asarray(model(x)).astype(np.float64)  # (batch, steps, width)
        parts += [output.mean(axis=1), output.std(axis=1)]
    found = np.asarray(encoder(x))
    assert found.shape == (2, 2 * 16 * len(layers)) == (2, encoder.output_shape[1])
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), rtol=1e-3, atol=1e-4)
    assert encoder.count_params() == Whisper().published_parameters(settings)


def test_a_random_start_is_the_same_every_time_and_whatever_was_drawn_before() -> None:
    settings = WhisperSettings(variant="toy", layers=(1, 2))
    first = Whisper().encoder(settings, None).get_weights()
    keras.utils.set_random_seed(7)
    for ours, theirs in zip(Whisper().encoder(settings, None).get_weights(), first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_encoder_holds_the_published_weights_it_is_given() -> None:
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in tensors("toy").items()}
    encoder = Whisper().encoder(WhisperSettings(variant="toy", layers=(1,)), weights)
    kernel, _ = encoder.get_layer("layers.0.fc1").get_weights()
    np.testing.assert_array_equal(kernel, weights["layers.0.fc1.weight"].T)


def test_its_steps_are_those_whose_statistics_are_kept() -> None:
    rng = np.random.default_rng(1)
    weights = {name: rng.normal(size=shape).astype(np.float32) / 4 for name, shape in tensors("toy").items()}
    settings = WhisperSettings(variant="toy", layers=(1,))
    steps = np.asarray(Whisper().steps(settings, weights, 1)(log_mel(41)))
    assert steps.shape == (2, 21, 16)  # a step for two frames
    found = np.asarray(Whisper().encoder(settings, weights)(log_mel(41)))
    np.testing.assert_allclose(np.c_[steps.mean(axis=1), steps.std(axis=1)], found, rtol=1e-3, atol=1e-4)


def test_layers_are_those_of_the_size() -> None:
    assert recipe_from_toml('[models.whisper]\nvariant = "small"\nlayers = [12]').models["whisper"].layers == (12,)  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match=r"layers of base must be numbers from 0 to 6, in rising order"):
        recipe_from_toml('[models.whisper]\nvariant = "base"\nlayers = [12]')
    with pytest.raises(RecipeError, match=r"unknown variant 'huge' of whisper; available: tiny\.en, tiny"):
        recipe_from_toml('[models.whisper]\nvariant = "huge"')


def test_weights_that_are_not_there_are_told_of(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"no weights of Whisper at .*--whisper-weights PATH"):
        Whisper().find_weights(WhisperSettings(), tmp_path / "absent.safetensors")
