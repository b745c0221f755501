"""One contract for every kind and variant: sizes, probabilities, saving, learning, agreement of cropped and whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from emovox.errors import ModelError  # noqa: E402
from emovox.export import write_models  # noqa: E402
from emovox.features import front_end  # noqa: E402
from emovox.models import build_network  # noqa: E402
from emovox.recipe import ModelRecipe  # noqa: E402
from emovox.study import built_in  # noqa: E402

RECIPES = {f"{name} {v}": r for v in ("default", "reference") for name, r in built_in(v).models.items()}
PUBLISHED = {"cnn reference": 94_600, "cnn_lstm reference": 2_156_616, "yamnet reference": 264_456}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_reference_variants_have_the_published_sizes(name: str, parameters: int) -> None:
    recipe = RECIPES[name]
    assert build_network(recipe, front_end(recipe.front_end).shape, 8, 0).trained.count_params() == parameters


@pytest.mark.parametrize("name", RECIPES)
def test_contract(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    shape = front_end(recipe.front_end).shape
    network = build_network(recipe, shape, 8, seed=3)
    model = network.joined()
    assert model.count_params() < 5_000_000
    x = np.random.default_rng(0).normal(-3, 2, (3, *shape)).astype(np.float32)
    probabilities = np.asarray(model(x))
    assert probabilities.shape == (3, 8)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    middle = x if network.body is None else np.asarray(network.body(x))
    np.testing.assert_allclose(np.asarray(network.trained(middle)), probabilities, atol=1e-5)
    for path in write_models(model, tmp_path, "a"):
        opened = keras.models.load_model(path)
        np.testing.assert_allclose(np.asarray(opened(x)), probabilities, atol=1e-5)


@pytest.mark.parametrize("name", RECIPES)
def test_the_seed_decides_the_weights(name: str) -> None:
    recipe = RECIPES[name]
    first, same, other = (
        build_network(recipe, front_end(recipe.front_end).shape, 8, seed).trained.get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", ["cnn default", "cnn_lstm default"])
def test_any_length_shares_its_weights_with_the_fixed_length(name: str) -> None:
    recipe = RECIPES[name]
    frames, mels = front_end(recipe.front_end).shape
    free, fixed = (build_network(recipe, (length, mels), 8, 0).trained for length in (None, frames))
    free.set_weights(fixed.get_weights())
    x = np.random.default_rng(0).normal(-3, 2, (2, frames, mels)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(free(x)), np.asarray(fixed(x)), atol=1e-6)
    assert np.asarray(free(x[:, : frames // 2])).shape == (2, 8)


@pytest.mark.parametrize("name", ["cnn default", "cnn_lstm default", "yamnet default", "yamnet reference"])
def test_it_can_learn_eight_clips_by_heart(name: str) -> None:
    recipe = dataclasses.replace(RECIPES[name], dropout=0.0)
    shape = front_end(recipe.front_end).shape
    network = build_network(recipe, shape, 8, 0)
    x = np.random.default_rng(0).normal(-3, 2, (8, *shape)).astype(np.float32)
    x += np.linspace(-2, 2, 8)[:, None, None].astype(np.float32)
    inputs = x if network.body is None else np.asarray(network.body(x))
    network.trained.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    first = network.trained.train_on_batch(inputs, np.arange(8))
    for _ in range(30):
        last = network.trained.train_on_batch(inputs, np.arange(8))
    assert float(last) < 0.5 * float(first)


def test_unknown_kinds_and_variants_list_the_known() -> None:
    with pytest.raises(ModelError, match="available: cnn, cnn_lstm, yamnet"):
        build_network(ModelRecipe(kind="cnm"), (8, 8), 8, 0)
    with pytest.raises(ModelError, match="available: default, reference"):
        build_network(ModelRecipe(variant="best"), (8, 8), 8, 0)
