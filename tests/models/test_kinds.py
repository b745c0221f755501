"""One contract for every kind and variant of the built-in recipes: what it declares, its size, saving, learning."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from emovox.errors import RecipeError
from emovox.export import write_models
from emovox.models import KINDS, Ensemble, Heard, Network, Settings, kind_of
from emovox.models.kind import N_CLASSES, LinearHead
from emovox.models.network import build_head, mean_of, with_head
from emovox.recipe import VARIANTS, built_in, check, recipe_from_toml
from emovox.training.head import fit_head
from fake_run import fake_corpus

SETTINGS: dict[str, Any] = {
    f"{name} of {recipe}": model for recipe in VARIANTS for name, model in built_in(recipe).models.items()
}
NETWORKS = {name: s for name, s in SETTINGS.items() if isinstance(kind_of(s), Network)}
HEARD = {name: s for name, s in SETTINGS.items() if isinstance(kind_of(s), Heard)}
EMOTIONS = 8

# What the published study tells of the models that it trained, and of YAMNet's head alone.
PUBLISHED = {"cnn": 94_600, "cnn_lstm": 2_156_616, "yamnet": 264_456}


def random(shape: tuple[int | None, int], clips: int = 3) -> np.ndarray:
    """Log-mels, each clip at a level of its own."""
    features = np.random.default_rng(0).normal(-3, 2, (clips, shape[0] or 64, shape[1]))
    return (features + np.linspace(-2, 2, clips)[:, None, None]).astype(np.float32)


def whole(settings: Any, members: int | None = None) -> keras.Model:
    """A fresh model of a recipe, as it is exported: members, or a published network and its head."""
    kind = kind_of(settings)
    keras.utils.set_random_seed(3)
    if isinstance(kind, Network):
        shape = settings.front_end.shape
        return mean_of([kind.build(settings, shape, EMOTIONS) for _ in range(members or settings.members)])
    assert isinstance(kind, Heard)
    encoder = kind.encoder(settings, None)
    statistics = encoder.output_shape[1]
    rng = np.random.default_rng(0)
    sizes = [statistics, settings.hidden_units, EMOTIONS] if settings.hidden_units else [statistics, N_CLASSES]
    layers = tuple(
        (rng.normal(0, 0.1 / before**0.5, (before, after)).astype(np.float32), np.zeros(after, np.float32))
        for before, after in pairwise(sizes)
    )
    merge = None if settings.hidden_units else np.eye(EMOTIONS, dtype=np.float32)[np.arange(N_CLASSES) % EMOTIONS]
    return with_head(encoder, LinearHead(layers, merge), kind.name)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_declares_what_the_registry_promises(name: str) -> None:
    kind = KINDS[name]
    assert (kind.name, kind.settings.kind) == (name, name)
    assert kind.title and len(kind.theory) > 200
    assert issubclass(kind.settings, Settings)
    settings = kind.settings()
    settings.check()
    assert settings.variant in kind.variants
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.variant = "another"  # type: ignore[misc]
    assert isinstance(kind, Network | Heard | Ensemble)
    if isinstance(kind, Heard):
        assert kind.notice and kind.source


@pytest.mark.parametrize(("name", "variant"), [(name, variant) for name in KINDS for variant in KINDS[name].variants])
def test_a_recipe_takes_every_variant(name: str, variant: str) -> None:
    recipe = built_in("default")
    chosen = KINDS[name].settings(variant=variant)
    changed = dataclasses.replace(recipe, models={**recipe.models, name: chosen})
    check(changed)
    assert recipe_from_toml(changed.to_toml()) == changed


def heads_parameters(settings: Any, statistics: int) -> int:
    if settings.hidden_units:
        return int(build_head(statistics, settings, EMOTIONS).count_params())
    return (statistics + 1) * N_CLASSES


@pytest.mark.parametrize("name", [name for name in SETTINGS if not name.endswith("best")])  # its settings are its own
def test_declared_parameters_are_those_of_the_built_model(name: str) -> None:
    settings = SETTINGS[name]
    kind = kind_of(settings)
    declared = kind.variants[settings.variant]
    if isinstance(kind, Ensemble):
        assert declared == 0
    elif isinstance(kind, Network):
        assert declared == whole(settings).count_params()
    elif isinstance(kind, Heard):
        encoder = kind.encoder(settings, None)
        assert kind.published_parameters(settings) == encoder.count_params()
        assert declared == encoder.count_params() + heads_parameters(settings, encoder.output_shape[1])


@pytest.mark.parametrize("variant", KINDS["whisper"].variants)
def test_declared_parameters_of_every_size_of_whisper(variant: str) -> None:
    from emovox.models.whisper_encoder import SIZES

    settings = dataclasses.replace(built_in("default").models["whisper"], variant=variant)
    kind: Any = kind_of(settings)
    statistics = len(settings.statistics) * len(settings.heard) * SIZES[variant].width  # type: ignore[attr-defined]
    assert kind.variants[variant] == kind.published_parameters(settings) + heads_parameters(settings, statistics)


def test_a_linear_head_tells_as_many_classes_apart_as_ravdess_has(tmp_path: Path) -> None:
    clips = fake_corpus(tmp_path, speakers=1).clips
    assert len({(clip.emotion, clip.intensity) for clip in clips}) == N_CLASSES


@pytest.mark.parametrize("recipe", ["reference", "replica"])
@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_reference_and_replica_learn_as_many_numbers_as_the_published_study(
    name: str, parameters: int, recipe: str
) -> None:
    settings: Any = built_in(recipe).models[name]
    kind = kind_of(settings)
    published = kind.published_parameters(settings) if isinstance(kind, Heard) else 0
    assert kind.variants[settings.variant] - published == parameters


@pytest.mark.parametrize("name", [*NETWORKS, *HEARD])
def test_it_gives_probabilities_and_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    settings = SETTINGS[name]
    kind = kind_of(settings)
    front = kind.front_end(settings) if isinstance(kind, Heard) else settings.front_end
    model = whole(settings)
    x = random(front.shape)
    probabilities = np.asarray(model(x))
    assert probabilities.shape == (3, EMOTIONS)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(probabilities, axis=0).max() > 1e-3  # clips are told apart
    paths = [tmp_path / "model.h5", tmp_path / "model.keras"]
    write_models(model, paths)
    for path in paths:
        opened = keras.models.load_model(path)
        np.testing.assert_allclose(np.asarray(opened(x)), probabilities, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_weights(name: str) -> None:
    settings = NETWORKS[name]

    def weights(seed: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(seed)
        return kind_of(settings).build(settings, settings.front_end.shape, EMOTIONS).get_weights()  # type: ignore[attr-defined]

    first, same, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", [name for name, s in NETWORKS.items() if s.training.augment.crop_frames])
def test_a_network_that_is_trained_on_crops_shares_its_weights_with_any_length(name: str) -> None:
    settings = NETWORKS[name]
    frames, mels = settings.front_end.shape
    kind: Any = kind_of(settings)
    free, fixed = (kind.build(settings, (length, mels), EMOTIONS) for length in (None, frames))
    free.set_weights(fixed.get_weights())
    x = random((frames, mels))
    np.testing.assert_allclose(np.asarray(free(x)), np.asarray(fixed(x)), atol=1e-6)
    assert np.asarray(free(x[:, : frames // 2])).shape == (3, EMOTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SETTINGS if name in NETWORKS or name in HEARD])
def test_it_can_learn_eight_clips_by_heart(name: str) -> None:
    settings = dataclasses.replace(SETTINGS[name], dropout=0.0)
    kind: Any = kind_of(settings)
    keras.utils.set_random_seed(0)
    if isinstance(kind, Network):
        frames, bands = settings.front_end.shape
        x = random((frames // 2, bands), EMOTIONS)
        if settings.front_end.scaling == "minmax":
            x = (x - x.min()) / np.ptp(x)
        network = kind.build(settings, x.shape[1:], EMOTIONS)
    elif not settings.hidden_units:
        x = np.random.default_rng(0).normal(size=(1, EMOTIONS, 64)).astype(np.float32)
        speakers = np.arange(EMOTIONS)
        fit = fit_head(x, np.arange(EMOTIONS), np.arange(EMOTIONS), speakers, settings.shrinkages)
        np.testing.assert_array_equal(fit.head(x[0]).argmax(axis=1), np.arange(EMOTIONS))
        return
    else:
        x = np.random.default_rng(0).normal(size=(EMOTIONS, 64)).astype(np.float32)
        network = build_head(64, settings, EMOTIONS)
    network.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    first = float(network.train_on_batch(x, np.arange(EMOTIONS)))
    for _ in range(60):
        last = float(network.train_on_batch(x, np.arange(EMOTIONS)))
        if last < 0.5 * first:
            return
    raise AssertionError(f"the loss went from {first:.2f} to {last:.2f}")


@pytest.mark.parametrize("name", HEARD)
def test_an_encoder_gives_every_clip_its_own_statistics_whatever_the_batch(name: str) -> None:
    settings = HEARD[name]
    kind: Any = kind_of(settings)
    encoder = kind.encoder(settings, None)
    x = random(kind.front_end(settings).shape)
    together = np.asarray(encoder(x))
    assert together.shape == (3, encoder.output_shape[1])
    assert np.isfinite(together).all()
    alone = np.asarray(encoder(x[1:2]))[0]
    np.testing.assert_allclose(alone, together[1], rtol=1e-3, atol=1e-3)
    again = kind.encoder(settings, None)
    for ours, theirs in zip(again.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)  # a random start is one and the same


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("yamnet", "layers = [0]"),
        ("yamnet", "layers = [15]"),
        ("yamnet", "layers = []"),
        ("yamnet", "layers = [6, 5]"),
        ("yamnet", "layers = [5, 5]"),
        ("yamnet", 'statistics = ["mean", "mean"]'),
        ("yamnet", "statistics = []"),
        ("yamnet", "shrinkages = []"),
        ("yamnet", "front_end.n_mels = 65"),
        ("whisper", "layers = [5]"),
        ("whisper", "layers = [2, 1]"),
        ("whisper", "layers = [1, 1]"),
        ("whisper", "front_end.n_mels = 128"),
        ("cnn", "front_end.n_frames = 0"),
        ("cnn", "training.augment.crop_frames = 129"),
        ("cnn", 'front_end.scaling = "standard"\ntraining.augment.gain_db = 3.0'),
        ("cnn", 'variant = "best"'),
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_work_is_done(name: str, line: str) -> None:
    with pytest.raises(RecipeError, match=f"models.{name}"):
        recipe_from_toml(f"[models.{name}]\n{line}")


def test_a_head_keeps_its_answers_through_its_arrays_and_through_keras() -> None:
    rng = np.random.default_rng(0)

    def layer(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.normal(size=(before, after)).astype(np.float32), rng.normal(size=after).astype(np.float32)

    x = rng.normal(size=(5, 6)).astype(np.float32)
    merge = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    inputs = keras.Input((6,))
    encoder = keras.Model(inputs, keras.layers.Identity()(inputs))
    for head in (
        LinearHead((layer(6, 3),)),
        LinearHead((layer(6, 3),), merge),
        LinearHead((layer(6, 4), layer(4, 3))),
        LinearHead((layer(6, 4), layer(4, 3)), merge),
    ):
        answers = head(x)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(LinearHead.of(head.arrays())(x), answers)
        model = with_head(encoder, head, "a")
        np.testing.assert_allclose(np.asarray(model(x)), answers, atol=1e-5)
        assert model.count_params() - (merge.size + 2 if head.merge is not None else 0) == head.parameters
        assert not model.trainable_variables


def test_the_mean_of_members_is_their_mean() -> None:
    settings = dataclasses.replace(SETTINGS["cnn of default"])
    kind: Any = KINDS["cnn"]
    members = [kind.build(settings, (32, 24), 4) for _ in range(3)]
    x = random((32, 24))
    expected = np.mean([np.asarray(member(x)) for member in members], axis=0)
    mean = mean_of(members)
    np.testing.assert_allclose(np.asarray(mean(x)), expected, atol=1e-6)
    assert mean.count_params() == 3 * members[0].count_params()
    assert mean_of(members[:1]) is members[0]
