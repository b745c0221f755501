"""One contract for every front end: NumPy and ONNX agree, results have the shape and silence that are told."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emovox.audio import read_audio
from emovox.features import FrontEnd, LogMel, WhisperMel
from emovox.features.graph import Graph
from emovox.recipe import BUILT_IN, built_in
from waveforms import WAVEFORMS, babble, silence

ODD = {
    "own length": LogMel(n_frames=0),
    "own length, in windows": LogMel(n_frames=0, most_frames=30),
    "any length": WhisperMel(most_frames=0),
    "short windows": WhisperMel(most_frames=51),
    "standard": LogMel(scaling="standard"),
    "standard at its own length": LogMel(scaling="standard", n_frames=0, power=2),
    "odd sizes": LogMel(window_seconds=0.0111, hop_seconds=0.0077, fft_size=300, n_mels=20, n_frames=33),
    "power, trimmed": LogMel(power=2, offset=1e-6, trim_db=20.0, n_frames=41, scaling="minmax"),
    "window fills the transform": LogMel(window_seconds=0.032, hop_seconds=0.04, trim_db=0, fmax_hz=8000.0),
    "untrimmed": WhisperMel(trim_db=0),
    "at a peak": LogMel(peak=10.0, n_frames=0),
    "power at a peak": LogMel(peak=3.0, power=2, trim_db=0),
    "as recorded": WhisperMel(peak=0),
}
FRONTS: dict[str, FrontEnd] = {
    **{
        f"{name} of {recipe}": model.front_end
        for recipe in BUILT_IN
        for name, model in built_in(recipe).models.items()
        if hasattr(model, "front_end")
    },
    **ODD,
}
FRONTS = {name: front for i, (name, front) in enumerate(FRONTS.items()) if front not in list(FRONTS.values())[:i]}


def tolerance(front: FrontEnd) -> float:
    """Scaling a clip by its own range magnifies what two runtimes round otherwise."""
    return 2e-5 if getattr(front, "scaling", "none") == "none" else 1e-4


def session(front: FrontEnd) -> onnxruntime.InferenceSession:
    graph = Graph("front_end")
    for result, name in zip(front.to_onnx(graph), ("features", "weights"), strict=True):
        graph("Identity", result, name=name)
    gives = {"features": ("windows", front.shape[0] or "frames", front.shape[1]), "weights": ("windows",)}
    model = graph.model({"waveform": ("samples",)}, gives)
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def sessions() -> dict[str, onnxruntime.InferenceSession]:
    return {name: session(front) for name, front in FRONTS.items()}


def assert_same(session: onnxruntime.InferenceSession, front: FrontEnd, waveform: np.ndarray, about: str = "") -> None:
    expected = front(waveform)
    found, weights = session.run(["features", "weights"], {"waveform": waveform})
    assert found.shape == expected.features.shape, about
    np.testing.assert_allclose(found, expected.features, atol=tolerance(front), err_msg=about)
    np.testing.assert_allclose(weights, expected.weights, atol=1e-6, err_msg=about)


@pytest.mark.parametrize("waveform", [*WAVEFORMS, "silence", "a_few_samples", "one_sample"])
@pytest.mark.parametrize("name", FRONTS)
def test_onnx_runtime_gives_the_same(name: str, waveform: str, sessions: dict) -> None:
    more = {"silence": silence(1), "a_few_samples": babble(1)[:99], "one_sample": babble(1)[:1]}
    samples = {**WAVEFORMS, **more}[waveform]
    assert_same(sessions[name], FRONTS[name], samples)
    if waveform in WAVEFORMS:
        assert np.ptp(FRONTS[name](samples).features) > 0.5  # there is something to differ in


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(list(FRONTS)),
    samples=st.integers(1600, 80_000),
    level=st.floats(5e-3, 2.0),  # the quietest peak of RAVDESS; standardising one far below magnifies rounding
    before=st.integers(0, 20_000),
    seed=st.integers(0, 2**32 - 1),
)
def test_onnx_runtime_gives_the_same_at_any_length_and_level(sessions, name, samples, level, before, seed) -> None:
    waveform = np.pad(level * babble(samples / 16000, seed), (before, 0)).astype(np.float32)
    assert_same(sessions[name], FRONTS[name], waveform)


@pytest.mark.corpus
@pytest.mark.parametrize("name", FRONTS)
def test_onnx_runtime_gives_the_same_on_real_recordings(name: str, sessions: dict, shared: Path) -> None:
    recordings = sorted((shared / "ravdess").glob("Actor_*/*.flac"))[::60]
    assert len(recordings) == 24
    for path in recordings:
        assert_same(sessions[name], FRONTS[name], read_audio(path), str(path))


@pytest.mark.parametrize("samples", [1, 100, 1_600, 16_000, 160_000])
@pytest.mark.parametrize("name", FRONTS)
def test_results_have_the_shape_that_is_told(name: str, samples: int) -> None:
    front = FRONTS[name]
    features, weights = front(babble(10)[:samples])
    frames, bands = front.shape
    assert features.shape == (len(weights), frames or features.shape[1], bands) and features.size
    assert features.dtype == weights.dtype == np.float32
    assert np.isfinite(features).all()
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", FRONTS)
def test_a_silent_clip_is_silence(name: str) -> None:
    front = FRONTS[name]
    np.testing.assert_allclose(front(silence(1)).features, front.silence, atol=tolerance(front))


@pytest.mark.parametrize("name", FRONTS)
def test_settings_are_a_frozen_dataclass_that_can_be_checked(name: str) -> None:
    front: typing.Any = FRONTS[name]
    front.check()
    with pytest.raises(dataclasses.FrozenInstanceError):
        front.trim_db = 1.0


@pytest.mark.parametrize("front", [LogMel(peak=10.0), LogMel(peak=1.0, power=2), WhisperMel()])
def test_at_a_peak_the_level_of_a_recording_is_gone(front: FrontEnd) -> None:
    spoken = babble(1)
    usual, weights = front(spoken)
    for gain in (0.03, 0.3, 3.0):
        found = front((gain * spoken).astype(np.float32))
        np.testing.assert_allclose(found.features, usual, atol=1e-4)
        np.testing.assert_array_equal(found.weights, weights)
    recorded = dataclasses.replace(front, peak=0.0)  # type: ignore[type-var]
    assert np.abs(recorded(0.03 * spoken).features - recorded(spoken).features).max() > 0.1
    assert np.abs(front(1e-9 * spoken).features - front(0 * spoken).features).max() < 0.1  # silence is not made loud


@pytest.mark.parametrize("front", [LogMel(), WhisperMel()])
def test_the_digest_changes_with_every_field(front: FrontEnd) -> None:
    hints = typing.get_type_hints(type(front))
    changed = {front.digest}
    for field in dataclasses.fields(front):  # type: ignore[arg-type]
        value = getattr(front, field.name)
        among = typing.get_args(hints[field.name])
        other = next(choice for choice in among if choice != value) if among else value + 1
        changed.add(dataclasses.replace(front, **{field.name: other}).digest)  # type: ignore[type-var]
    assert len(changed) == 1 + len(dataclasses.fields(front))  # type: ignore[arg-type]
    assert front.digest == type(front)().digest
    assert all(len(digest) == 12 for digest in changed)


def test_front_ends_of_different_classes_have_different_digests() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other(WhisperMel):
        pass

    assert Other().digest != WhisperMel().digest
