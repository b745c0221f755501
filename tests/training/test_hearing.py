"""What a published network hears: kept by what it was made from, and altered versions that follow from a seed alone."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from emovox.audio import read_audio
from emovox.corpora.base import Corpus
from emovox.errors import AudioError, StorageError
from emovox.features import FrontEnd, LogMel, cache
from emovox.models import KINDS
from emovox.models.kind import Heard, HeardSettings
from emovox.models.settings import Alterations
from emovox.training import hearing
from emovox.training.hearing import altered, export_encoder, hear, open_encoder, statistics_of, stretched
from full_disk import full_disk
from waveforms import WAVEFORMS, babble, tone

MELS = 24
ALTER = Alterations(versions=2)


@dataclass(frozen=True)
class FakeSettings(HeardSettings):
    kind: ClassVar[str] = "fake"
    columns: int = 3
    front_end: LogMel = field(default_factory=lambda: LogMel(n_frames=0, n_mels=MELS))
    alter: Alterations = ALTER


class Fake(Heard):
    """A published network whose only layer is a matrix: its statistics are the mean of features times the matrix."""

    name, title, theory, notice, source = "fake", "Fake", "None.", "Ours.", "here"
    settings = FakeSettings
    variants: ClassVar = {"default": 0}

    def find_weights(self, settings: Any, option: Path | None, progress: Any = None) -> Path:
        assert option is not None
        return option

    def read_weights(self, settings: Any, path: Path) -> Mapping[str, Any]:
        return {"matrix": np.load(path)}

    def front_end(self, settings: Any) -> FrontEnd:
        return settings.front_end

    def encoder(self, settings: Any, weights: Mapping[str, Any] | None) -> keras.Model:
        inputs = keras.Input((None, MELS))
        dense = keras.layers.Dense(settings.columns, use_bias=False)
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(dense(inputs)))
        matrix = weights["matrix"] if weights else np.ones((MELS, settings.columns), np.float32)
        dense.set_weights([matrix[:, : settings.columns]])
        return model

    def steps(self, settings: Any, weights: Mapping[str, Any], layer: int) -> keras.Model:
        raise NotImplementedError

    def published_parameters(self, settings: Any) -> int:
        return MELS * settings.columns


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "fake", Fake())


@pytest.fixture
def corpus(tiny_corpus: Corpus) -> Corpus:
    return dataclasses.replace(tiny_corpus, clips=tiny_corpus.clips[:5])


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.npy"
    np.save(path, np.random.default_rng(0).normal(size=(MELS, 3)).astype(np.float32))
    return path


@pytest.fixture
def heard(corpus: Corpus, weights: Path, tmp_path: Path):
    """Hears the corpus with the fake network; what is not said is as in the first call. Tells which clips it ran on."""

    def heard(settings: Any = None, seed: int = 0, file: Path | None = weights, of: Corpus = corpus) -> Any:
        told: list[int] = []
        paths = hear(
            Fake(), settings or FakeSettings(), file, of, tmp_path / "cache", seed, 2,
            lambda stage, done, total: told.append(done),
        )  # fmt: skip
        return paths, told

    return heard


def test_statistics_are_what_the_network_gives_for_each_clips_own_length(heard, corpus, weights) -> None:
    paths, told = heard()
    assert told == [1, 2, 3, 4, 5]
    statistics = statistics_of(paths)
    assert statistics.shape == (3, 5, 3) and statistics.dtype == np.float32
    front, matrix = FakeSettings().front_end, np.load(weights)
    for clip, row in zip(corpus.clips, statistics[0], strict=True):
        np.testing.assert_allclose(
            row, front(read_audio(clip.path)).features[0].mean(axis=0) @ matrix, rtol=1e-4, atol=1e-4
        )
    for version in (1, 2):
        assert not np.allclose(statistics[version], statistics[0], atol=1e-2)
    assert not np.allclose(statistics[1], statistics[2], atol=1e-2)


def test_altered_versions_are_what_the_recipe_of_alterations_makes_of_the_features(heard, corpus, weights) -> None:
    settings = FakeSettings()
    statistics = statistics_of(heard(seed=3)[0])
    clip = corpus.clips[2]
    (features,), _ = hearing._version(settings.front_end, read_audio(clip.path), settings.alter, 2, 3, clip)
    np.testing.assert_allclose(statistics[2, 2], features.mean(axis=0) @ np.load(weights), rtol=1e-4, atol=1e-4)


def test_nothing_is_heard_twice(heard) -> None:
    first, _ = heard()
    before = [path.stat().st_mtime_ns for path in first]
    again, told = heard()
    assert again == first and told == []
    assert [path.stat().st_mtime_ns for path in again] == before


def test_another_seed_alters_otherwise_but_shares_the_clips_as_they_are(heard) -> None:
    first, _ = heard()
    second, told = heard(seed=1)
    assert told[-1] == 5 and second[0] == first[0] and not set(second[1:]) & set(first[1:])
    for ours, theirs in zip(second[1:], first[1:], strict=True):
        assert not np.array_equal(np.load(ours), np.load(theirs))


def test_more_versions_leave_the_first_as_they_are(heard) -> None:
    few, _ = heard(FakeSettings(alter=dataclasses.replace(ALTER, versions=1)))
    many, _ = heard(FakeSettings(alter=dataclasses.replace(ALTER, versions=3)))
    for ours, theirs in zip(many, few, strict=False):
        np.testing.assert_array_equal(np.load(ours), np.load(theirs))


def test_only_what_is_missing_is_heard(heard) -> None:
    first, _ = heard()
    kept = np.load(first[1])
    first[1].unlink()
    before = first[2].stat().st_mtime_ns
    again, told = heard()
    assert told == [1, 2, 3, 4, 5] and first[2].stat().st_mtime_ns == before
    np.testing.assert_array_equal(np.load(again[1]), kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": 2},
        {"front_end": LogMel(n_frames=0, n_mels=MELS, trim_db=20.0)},
        {"statistics": ("mean",)},
    ],
)
def test_settings_that_decide_what_is_heard_change_the_key(heard, changes) -> None:
    first, _ = heard()
    other, told = heard(FakeSettings(**changes))
    assert not set(other) & set(first) and told[-1] == 5


@pytest.mark.parametrize("changes", [{"shrinkages": (1.0,)}, {"hidden_units": 8}, {"dropout": 0.0}])
def test_settings_of_the_head_do_not_change_the_key(heard, changes) -> None:
    first, _ = heard()
    assert heard(FakeSettings(**changes)) == (first, [])


@pytest.mark.parametrize("name", ["speed", "tempo", "noise_db", "tilt_db"])
def test_other_alterations_are_other_versions_of_the_same_clips(heard, name) -> None:
    first, _ = heard()
    other, _ = heard(FakeSettings(alter=dataclasses.replace(ALTER, **{name: 0.05})))
    assert other[0] == first[0] and not set(other[1:]) & set(first[1:])


def test_other_weights_and_a_random_start_change_the_key(heard, tmp_path) -> None:
    first, _ = heard()
    np.save(tmp_path / "other.npy", np.ones((MELS, 3), np.float32))
    other, _ = heard(file=tmp_path / "other.npy")
    random, _ = heard(file=None)
    assert len({first[0], other[0], random[0]}) == 3
    copied = tmp_path / "copied.npy"
    shutil.copy(tmp_path / "weights.npy", copied)
    assert heard(file=copied)[0] == first  # what a file is called and where it lies does not matter


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if isinstance(kind, Heard)], ids=lambda kind: kind.name
)
def test_other_code_changes_the_key(kind: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(cache.PACKAGE, tmp_path / "emovox", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "PACKAGE", tmp_path / "emovox")
    digest = hearing.code_digest(kind)
    assert digest == hearing.code_digest(kind)
    decides = [
        "training/hearing.py",
        "models/layers.py",
        "models/blocks.py",
        "features/log_mel.py",
        "features/front_end.py",
    ]
    decides += [f"models/{path.name}" for path in (tmp_path / "emovox" / "models").glob(f"{kind.name}*.py")]
    assert len(decides) >= 8
    for name in decides:
        file = tmp_path / "emovox" / name
        whole = file.read_bytes()
        file.write_bytes(whole + b"\n")
        assert hearing.code_digest(kind) != digest, name
        file.write_bytes(whole)
    (tmp_path / "emovox" / "training" / "head.py").write_text("")
    assert hearing.code_digest(kind) == digest  # what is made of statistics does not decide them


def test_a_version_follows_from_seed_version_and_clip_alone(heard, corpus, tmp_path) -> None:
    """Neither the other clips nor their order matter."""
    whole = statistics_of(heard()[0])
    few = dataclasses.replace(corpus, clips=(corpus.clips[3], corpus.clips[1]))
    order = [few.clips.index(corpus.clips[i]) for i in (3, 1)]
    part = statistics_of(heard(of=few)[0])
    np.testing.assert_array_equal(part[:, order], whole[:, [3, 1]])


def test_version_zero_is_the_clip_as_it_is_and_the_others_differ_with_seed_version_and_clip(corpus) -> None:
    front, x = LogMel(n_frames=0), babble(1)
    one, two = corpus.clips[:2]

    def version(number: int, seed: int, clip: Any) -> np.ndarray:
        return hearing._version(front, x, ALTER, number, seed, clip).features

    for seed in (0, 1):
        np.testing.assert_array_equal(version(0, seed, one), front(x).features)
    base = version(1, 0, one)
    np.testing.assert_array_equal(version(1, 0, one), base)
    for other in (version(2, 0, one), version(1, 1, one), version(1, 0, two)):
        assert other.shape != base.shape or not np.allclose(other, base, atol=1e-3)


class Fixed:
    """A generator whose draws are told; only the noise is random."""

    def __init__(self, *draws: float) -> None:
        self.draws = list(draws)

    def uniform(self, low: float, high: float) -> float:
        return self.draws.pop(0)

    def standard_normal(self, size: int) -> np.ndarray:
        return np.random.default_rng(0).standard_normal(size)


def changed(x: np.ndarray, speed: float = 0.0, tilt: float = 0.0, noise: float = -1.0) -> np.ndarray:
    return altered(x, Alterations(), Fixed(speed, tilt, noise))  # type: ignore[arg-type]


def peak_hertz(x: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(x)).argmax() * 16000 / len(x))


def test_without_a_change_a_waveform_stays() -> None:
    np.testing.assert_allclose(changed(babble(1)), babble(1), atol=1e-5)


@pytest.mark.parametrize("speed", [-1.0, 1.0])
def test_speed_moves_pitch_and_length_together(speed: float) -> None:
    x = changed(tone(1, 1000.0), speed=speed)
    assert len(x) == pytest.approx(16000 * np.exp(-0.12 * speed), abs=2)
    assert peak_hertz(x) == pytest.approx(1000 * np.exp(0.12 * speed), abs=2)


@pytest.mark.parametrize(("hertz", "octaves"), [(250.0, -2), (1000.0, 0), (4000.0, 2)])
def test_tilt_is_so_many_decibels_an_octave_from_a_kilohertz(hertz: float, octaves: int) -> None:
    middle = slice(2000, -2000)
    before, after = tone(1, hertz)[middle], changed(tone(1, hertz), tilt=0.5)[middle]
    assert 20 * np.log10(after.std() / before.std()) == pytest.approx(octaves * 1.0, abs=0.1)


@pytest.mark.parametrize(("draw", "ratio_db"), [(1e-9, 15.0), (1.0, 40.0)])
def test_noise_has_the_ratio_that_was_drawn(draw: float, ratio_db: float) -> None:
    x = tone(2)
    noise = changed(x, noise=draw) - changed(x)
    assert 20 * np.log10(x.std() / noise.std()) == pytest.approx(ratio_db, abs=0.2)


@pytest.mark.parametrize("name", [*WAVEFORMS, "silence"])
def test_whatever_the_clip_its_versions_are_finite(name: str) -> None:
    waveform = {**WAVEFORMS, "silence": np.zeros(1600, np.float32)}[name]
    for seed in range(4):
        x = altered(waveform, Alterations(), np.random.default_rng(seed))
        assert x.dtype == np.float32 and np.isfinite(x).all()
        assert len(x) == pytest.approx(len(waveform), rel=0.13)


def test_stretching_interpolates_between_frames() -> None:
    features = np.stack([np.arange(101.0), 3 - np.arange(101.0)], axis=1).astype(np.float32)
    np.testing.assert_allclose(stretched(features, 0.0), features, atol=1e-5)
    faster = stretched(features, np.log(2))
    assert len(faster) == 50
    np.testing.assert_allclose(faster[:, 0], np.linspace(0, 100, 50), atol=1e-4)
    np.testing.assert_allclose(faster[:, 1], 3 - np.linspace(0, 100, 50), atol=1e-4)
    assert stretched(features[:1], 0.1).shape[1] == 2  # one frame is survived


def test_onnx_runtime_gives_what_keras_does_at_any_length(tmp_path: Path) -> None:
    export_encoder("fake", FakeSettings(), None, tmp_path / "fake.onnx")
    run, model = open_encoder(tmp_path / "fake.onnx"), Fake().encoder(FakeSettings(), None)
    for frames in (1, 7, 150):
        x = np.random.default_rng(frames).normal(size=(1, frames, MELS)).astype(np.float32)
        np.testing.assert_allclose(run(x), np.asarray(model(x)), rtol=1e-5, atol=1e-5)


def test_the_network_is_built_by_whoever_is_asked_and_then_kept(corpus, weights, tmp_path) -> None:
    asked: list[Any] = []

    def call(function: Any, *arguments: Any) -> None:
        asked.append(function)
        function(*arguments)

    for seed in (0, 1):
        hear(Fake(), FakeSettings(), weights, corpus, tmp_path / "cache", seed, 1, call=call)
    assert asked == [export_encoder]


def test_a_bad_recording_is_named_and_leaves_no_cache(heard, corpus, tmp_path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("not sound")
    clips = (*corpus.clips[:2], dataclasses.replace(corpus.clips[2], path=bad))
    with pytest.raises(AudioError, match=r"bad\.wav"):
        heard(of=dataclasses.replace(corpus, clips=clips))
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_a_full_disk_is_one_line_and_leaves_no_cache(heard, tmp_path) -> None:
    with full_disk(0), pytest.raises(StorageError, match=r"Cannot write .*cache"):
        heard()
    assert not list((tmp_path / "cache").glob("*.npy"))
