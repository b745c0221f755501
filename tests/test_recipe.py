"""A recipe: read, checked and written in one place; whatever cannot work is refused in one line that names it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from emovox.errors import ModelError, RecipeError, SplitError
from emovox.features import LogMel
from emovox.models import KINDS, Heard, Network
from emovox.models.settings import Alterations, Augmentation, Training
from emovox.recipe import (
    BUILT_IN,
    QUICK_EPOCHS,
    VARIANTS,
    Recipe,
    built_in,
    check,
    members_of,
    plan,
    read_recipe,
    recipe_from_toml,
    without,
)


def one(text: str, name: str = "cnn"):
    """The settings that a recipe says of one model."""
    return recipe_from_toml(text).models[name]


# Reading


def test_a_silent_recipe_is_the_defaults() -> None:
    assert recipe_from_toml("") == Recipe()
    assert one("[models.cnn]") == KINDS["cnn"].settings()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_may_be_named_by_an_empty_table_and_told_apart_by_kind(name: str) -> None:
    others = "" if name != "ensemble" else "[models.cnn]\n[models.cnn_lstm]\n"
    recipe = recipe_from_toml(f"{others}[models.{name}]\n[models.mine]\nkind = '{name}'\n")
    assert recipe.models[name] == recipe.models["mine"] == KINDS[name].settings()


def test_tables_within_tables_are_read() -> None:
    settings = one(
        """
        [models.cnn]
        dropout = 0.1
        [models.cnn.front_end]
        n_frames = 200
        [models.cnn.training]
        epochs = 7
        [models.cnn.training.augment]
        mixup = 0.2
        """
    )
    assert settings == dataclasses.replace(
        KINDS["cnn"].settings(),
        dropout=0.1,
        front_end=LogMel(n_frames=200),
        training=Training(epochs=7, augment=Augmentation(mixup=0.2)),
    )


def test_where_a_table_is_silent_the_kinds_own_default_holds() -> None:
    """YAMNet's front end is no plain ``LogMel``: one key of it leaves the others as YAMNet has them."""
    plain, own = LogMel(), KINDS["yamnet"].settings().front_end
    assert (own.hop_seconds, own.n_mels, own.fmin_hz) != (plain.hop_seconds, plain.n_mels, plain.fmin_hz)
    settings = one("[models.yamnet.front_end]\ntrim_db = 20\n", "yamnet")
    assert settings.front_end == dataclasses.replace(own, trim_db=20.0)
    assert one("[models.yamnet.alter]\nversions = 1\n", "yamnet").alter == Alterations(versions=1)


def test_whole_numbers_serve_as_any() -> None:
    assert one("[models.cnn.training]\nlearning_rate = 1\n").training.learning_rate == 1.0
    shrinkages = one("[models.yamnet]\nshrinkages = [1, 2.5]\n", "yamnet").shrinkages
    assert shrinkages == (1.0, 2.5) and all(type(value) is float for value in shrinkages)
    assert one("[models.yamnet]\nlayers = [1, 2]\n", "yamnet").layers == (1, 2)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path / "bytes.toml", "not text")):
        with pytest.raises(RecipeError, match=reason) as caught:
            read_recipe(path)
        assert str(path) in str(caught.value) and "give a TOML file" in str(caught.value)


# Refusing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 3", "mine.toml is not TOML"),
        ("models = 3", "models must be tables such as"),
        ("[models]\ncnn = 3", r"models\.cnn must be a table such as \[models\.cnn\]"),
        ("protocols = 'loso'", "unknown key 'protocols'; known keys: corpus, protocol, seeds, models"),
        ("[models.cnm]", r"models\.cnm: unknown kind 'cnm'; available: " + ", ".join(KINDS)),
        ("[models.mine]\nkind = 'cnm'", "unknown kind 'cnm'; available: cnn"),
        ("[models.mine]\nkind = ['cnn']", r"unknown kind \['cnn'\]; available: cnn"),
        ("[models.mine]\nkind = {}", "unknown kind {}; available: cnn"),
        ("[models.'a\\nb']\nkind = 3", "unknown kind 3"),
        (
            "[models.cnn]\nepochs = 3",
            "unknown key 'epochs'; known keys: variant, dropout, members",
        ),
        ("[models.cnn]\nlayers = [1]", "unknown key 'layers'"),
        ("[models.cnn.training]\nepoch = 3", r"models\.cnn\.training: unknown key 'epoch'; known keys: epochs"),
        (
            "[models.cnn.training.augment]\nmixxup = 1",
            r"cnn\.training\.augment: unknown key 'mixxup'; known keys: mix",
        ),
        ("[models.cnn.front_end]\nhop = 1", r"cnn\.front_end: unknown key 'hop'; known keys: window_seconds, hop_sec"),
        ("[models.cnn.front_end]\nsample_rate_hz = 8000", "unknown key 'sample_rate_hz'"),
        ("[models.cnn]\ncheck = 1", "unknown key 'check'"),
        ("[models.cnn]\nfront_end = 'mfcc'", "front_end must be a table"),
        ("[models.cnn]\ntraining = 3", "training must be a table"),
        ("[models.cnn]\nvariant = 'best'", "unknown variant 'best' of cnn; available: default, reference, replica"),
        ("[models.cnn.variant]\nx = 1", "unknown variant {'x': 1} of cnn"),
        ("[models.whisper]\nvariant = 'large'", r"unknown variant 'large' of whisper; available: tiny\.en"),
        ("seeds = 0", "seeds must be at least 1 and at most 1,000,000, got 0"),
        ("seeds = 1.5", "seeds must be int, got 1.5"),
        ("seeds = true", "seeds must be int, got True"),
        ("corpus = 3", "corpus must be str, got 3"),
        ("protocol = []", r"protocol must be str, got \(\)"),
        ("[models.cnn]\nmembers = 0", "members must be at least 1 and at most 1,000,000, got 0"),
        ("[models.cnn]\ndropout = 1.0", "dropout must be at least 0 and below 1, got 1.0"),
        ("[models.cnn]\ndropout = 'much'", "dropout must be float, got 'much'"),
        ("[models.cnn]\ndropout = true", "dropout must be float, got True"),
        ("[models.cnn.training]\nepochs = 'many'", r"models\.cnn\.training: epochs must be int, got 'many'"),
        ("[models.cnn.training]\nepochs = 0", "epochs must be at least 1 and at most 1,000,000, got 0"),
        ("[models.cnn.training]\nlearning_rate = 0", "learning_rate must be above 0, got 0.0"),
        ("[models.cnn.training]\nlearning_rate = nan", "learning_rate must be"),
        ("[models.cnn.training]\nlearning_rate = inf", "learning_rate must be a finite number"),
        ("[models.cnn.training]\nweight_decay = -0.1", "weight_decay must be at least 0, got -0.1"),
        ("[models.cnn.training]\nema = 1.0", "ema must be at least 0 and below 1"),
        ("[models.cnn.training]\noptimizer = 'sgd'", "optimizer must be one of adam, adamw, got 'sgd'"),
        ("[models.cnn.training]\nschedule = 3", "schedule must be one of constant, cosine, onecycle, got 3"),
        ("[models.cnn.training]\nclass_weights = 1", "class_weights must be bool, got 1"),
        ("[models.cnn.training]\nplateau = 3", r"models\.cnn\.training: plateau needs a constant rate"),
        ("[models.cnn.training.augment]\nmixup = -1", r"training\.augment: mixup must be at least 0"),
        (
            "[models.cnn.training.augment]\ncrop_frames = 129",
            r"models\.cnn: crop_frames must be at most the 128 frames",
        ),
        ("[models.cnn.front_end]\npower = 3", "power must be one of 1, 2, got 3"),
        ("[models.cnn.front_end]\npower = true", "power must be one of 1, 2, got True"),
        ("[models.cnn.front_end]\nn_frames = 0", r"front_end\.n_frames must be at least 1"),
        ("[models.cnn.front_end]\nhop_seconds = 0", r"models\.cnn\.front_end: .*hop_seconds"),
        ("[models.cnn.front_end]\nfmax_hz = 9000", "fmin_hz < fmax_hz <= 8000"),
        ("[models.cnn.front_end]\nwindow_seconds = 1e9", "window_seconds must be"),
        ("[models.yamnet.front_end]\nn_frames = -3", "n_frames and most_frames must be above 0, or 0 to keep all"),
        ("[models.yamnet.front_end]\ntrim_db = -3", "trim_db, n_frames and most_frames must be above 0"),
        ("[models.yamnet.front_end]\nn_mels = 24", "YAMNet reads 64 mels"),
        ("[models.yamnet]\nlayers = [15]", "layers must be numbers from 1 to 14"),
        ("[models.yamnet]\nlayers = []", "layers must be numbers from 1 to 14"),
        ("[models.yamnet]\nlayers = [1.5]", "layers must be int, got 1.5"),
        ("[models.yamnet]\nlayers = [[1]]", "layers must be int"),
        ("[models.yamnet]\nlayers = 5", "layers must be a list, got 5"),
        (
            "[models.yamnet]\nstatistics = ['median']",
            "statistics must be one of mean, deviation",
        ),
        ("[models.yamnet]\nstatistics = []", "must each have at least one value"),
        ("[models.yamnet]\nshrinkages = [0.0]", "shrinkages must be above 0"),
        ("[models.yamnet]\nhidden_units = -1", "hidden_units must be at least 0"),
        ("[models.yamnet.alter]\nversions = -1", r"yamnet\.alter: versions must be at least 0"),
        ("[models.whisper]\nlayers = [5]", r"layers of tiny\.en must be numbers from 0 to 4"),
        ("[models.whisper.front_end]\nn_mels = 64", "n_mels must be 80"),
        (
            "[models.cnn.teacher]\nkind = 'cnn'",
            r"models\.cnn\.teacher: 'cnn' cannot be a teacher; available: yamnet, whisper",
        ),
        ("[models.cnn.teacher]\nkind = 'nobody'", "'nobody' cannot be a teacher"),
        ("[models.cnn.teacher]\nkind = 3", r"models\.cnn\.teacher: kind must be str, got 3"),
        (
            "[models.cnn.teacher]\nkind = 'whisper'\nlayer = 9",
            r"models\.cnn\.teacher: layers of tiny\.en must be numbers from 0 to 4",
        ),
        ("[models.cnn.teacher]\nkind = 'yamnet'\nlayer = 0", r"teacher: layers must be numbers from 1 to 14"),
        ("[models.cnn.teacher]\ndirections = 0", r"models\.cnn\.teacher: directions must be at least 1"),
        (
            "[models.cnn]\nvariant = 'reference'\nteacher.kind = 'whisper'",
            "only the default variant can have a teacher",
        ),
        ("[models.cnn]\n[models.ensemble]", "an ensemble needs at least two other models"),
        ("[models.cnn]\n[models.ensemble]\nmembers = ['cnn', 'cnn']", "each named once"),
        (
            "[models.cnn]\n[models.cnn_lstm]\n[models.ensemble]\nmembers = ['cnn', 'gone']",
            "an ensemble needs at least two",
        ),
        (
            "[models.cnn]\n[models.cnn_lstm]\n[models.ensemble]\nmembers = ['cnn', 'ensemble']",
            "an ensemble needs at least two",
        ),
        ("[models.cnn]\n[models.cnn_lstm]\n[models.ensemble]\nprior = -1", "prior must be at least 0"),
        (
            "[models.cnn]\n[models.cnn_lstm]\n[models.e]\nkind = 'ensemble'\n[models.ensemble]\nmembers = ['cnn', 'e']",
            r"models\.ensemble: an ensemble needs at least two other models",
        ),
    ],
)
def test_a_bad_recipe_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        recipe_from_toml(text, "mine.toml")
    assert "mine.toml" in str(caught.value)
    if "TOML" not in str(caught.value):
        assert "\n" not in str(caught.value)


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(SplitError, match="Unknown protocol 'speakers7'; available: speakers1, speakers6"):
        recipe_from_toml("protocol = 'speakers7'")


def test_what_was_made_in_python_is_checked_alike() -> None:
    settings = dataclasses.replace(KINDS["cnn"].settings(), dropout=2.0)
    with pytest.raises(RecipeError, match=r"models\.cnn: dropout must be"):
        check(Recipe(models={"cnn": settings}))
    listed = dataclasses.replace(KINDS["yamnet"].settings(), layers=[5])
    with pytest.raises(RecipeError, match=r"models\.yamnet: layers must be a list"):
        check(Recipe(models={"yamnet": listed}))


# Writing


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_recipes_survive_a_round_trip(name: str) -> None:
    recipe = built_in(name)
    assert recipe_from_toml(recipe.to_toml()) == recipe
    check(recipe)


def test_what_is_written_tells_every_setting() -> None:
    """So that a run's recipe means the same to a later version with other defaults."""
    text = Recipe(models={"cnn": KINDS["cnn"].settings(), "yamnet": KINDS["yamnet"].settings()}).to_toml()
    for line in ('kind = "cnn"', "[models.cnn.front_end]", "[models.cnn.training.augment]", "mixup = 0.0",
                 "[models.yamnet.alter]", "layers = [5, 6, 7, 8]", "class_weights = true"):  # fmt: skip
        assert line in text.splitlines()


def test_any_name_survives_a_round_trip() -> None:
    odd = 'a "quoted" \\ name\n\x7f\x01 with ünïcode 🙂'
    cnn = KINDS["cnn"].settings()
    recipe = Recipe(corpus=odd, models={"cnn.v2": cnn})
    assert recipe_from_toml(recipe.to_toml()) == recipe


def test_there_is_no_other_built_in_recipe() -> None:
    with pytest.raises(RecipeError, match=f"no built-in recipe 'finest'; available: {', '.join(BUILT_IN)}"):
        built_in("finest")


# Plans


def test_a_plan_without_altered_clips() -> None:
    planned, usual = plan(no_augment=True), plan()
    network, head = "cnn", "whisper"
    assert usual.models[network].training.augment != Augmentation() and usual.models[head].alter.versions
    assert planned.models[network].training.augment == Augmentation()
    assert dataclasses.replace(planned.models[network].training, augment=usual.models[network].training.augment) == (
        usual.models[network].training
    )
    assert planned.models[head].alter.versions == 0


def test_a_plan_is_the_default_study_unless_something_is_asked() -> None:
    assert plan() == built_in("default")
    assert set(plan().models) == set(KINDS)
    assert (plan().protocol, plan().seeds, plan().corpus) == ("speakers1", 1, "ravdess")
    assert plan(corpus="synthetic") == built_in("synthetic")
    assert plan(corpus="mine") == dataclasses.replace(built_in("default"), corpus="mine")
    for variant in VARIANTS:
        assert plan(variant=variant) == built_in(variant)
    assert plan(variant="reference", corpus="synthetic").models == built_in("reference").models


def test_each_wish_changes_what_it_names() -> None:
    planned = plan(protocol="loso", models=("yamnet", "cnn"), epochs=7, batch_size=4, seeds=3)
    assert (planned.protocol, planned.seeds, tuple(planned.models)) == ("loso", 3, ("yamnet", "cnn"))
    for name, settings in planned.models.items():
        before = built_in("default").models[name]
        assert settings == dataclasses.replace(
            before, training=dataclasses.replace(before.training, epochs=7, batch_size=4)
        )
    assert plan(quick=True).models["cnn"].training.epochs == QUICK_EPOCHS
    assert plan(quick=True, epochs=9).models["cnn"].training.epochs == 9


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ModelError, match="Unknown model 'cnm'; available: cnn, cnn_lstm, yamnet, whisper, ensemble"):
        plan(models=("cnm",))
    with pytest.raises(ModelError, match="No model is named; available: cnn"):
        plan(models=())
    with pytest.raises(ModelError, match=f"Unknown variant 'finest'; available: {', '.join(VARIANTS)}"):
        plan(variant="finest")
    with pytest.raises(SplitError, match="Unknown protocol 'speakers7'"):
        plan(protocol="speakers7")
    with pytest.raises(RecipeError, match="seeds must be at least 1 and at most 1,000,000, got 0"):
        plan(seeds=0)
    with pytest.raises(RecipeError, match="an ensemble needs at least two other models"):
        plan(models=("cnn", "ensemble"))


def test_a_recipe_of_one_s_own_is_taken_whole_and_stands_beside_no_variant(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("corpus = 'mine'\nseeds = 2\n[models.small]\nkind = 'cnn'\n")
    assert plan(recipe=mine) == read_recipe(mine)
    assert plan(recipe=mine, corpus="other", epochs=2).models["small"].training.epochs == 2
    assert plan(recipe=mine, corpus="other").corpus == "other"
    with pytest.raises(ModelError, match="Unknown model 'cnn'; available: small"):
        plan(recipe=mine, models=("cnn",))
    with pytest.raises(RecipeError, match=r"--variant chooses a built-in recipe, and .*mine\.toml is another"):
        plan(recipe=mine, variant="reference")


# Ensembles


def settings_of(*kinds: str, **more: object) -> Recipe:
    return Recipe(models={**{kind: KINDS[kind].settings() for kind in kinds}, **more})


def test_an_ensemble_combines_all_others_or_those_it_names() -> None:
    ensemble = KINDS["ensemble"].settings
    recipe = settings_of("cnn", "yamnet", "whisper", ensemble=ensemble(), two=ensemble(members=("cnn", "whisper")))
    check(recipe)
    assert members_of(recipe, "ensemble") == ("cnn", "yamnet", "whisper")
    assert members_of(recipe, "two") == ("cnn", "whisper")
    assert members_of(recipe, "cnn") == ()


def test_an_ensemble_with_fewer_than_two_members_left_disappears() -> None:
    ensemble = KINDS["ensemble"].settings
    recipe = settings_of("cnn", "yamnet", "whisper", ensemble=ensemble(), two=ensemble(members=("cnn", "whisper")))
    assert without(recipe, ()) == recipe
    assert tuple(without(recipe, ["whisper"]).models) == ("cnn", "yamnet", "ensemble")
    assert tuple(without(recipe, ["whisper", "yamnet"]).models) == ("cnn",)
    assert tuple(without(recipe, ["yamnet"]).models) == ("cnn", "whisper", "ensemble", "two")


def test_an_ensemble_forgets_a_member_that_is_left_out() -> None:
    three = KINDS["ensemble"].settings(members=("cnn", "yamnet", "whisper"))
    left = without(settings_of("cnn", "yamnet", "whisper", "cnn_lstm", ensemble=three), ["whisper"])
    check(left)
    assert members_of(left, "ensemble") == ("cnn", "yamnet")


def test_every_kind_that_learns_takes_its_settings_from_a_recipe() -> None:
    for kind in KINDS.values():
        fields = {f.name for f in dataclasses.fields(kind.settings)}
        if isinstance(kind, (Network, Heard)):
            assert {"training", "front_end"} <= fields
        assert kind.settings.kind == kind.name
