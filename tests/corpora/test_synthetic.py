"""The embedded corpus: what it holds, that it is always the same, that it can be learnt, and not too easily."""

from __future__ import annotations

import collections
import os
import re
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from emovox.audio import probe, read_audio
from emovox.corpora import load_path, ravdess
from emovox.corpora import synthetic as module
from emovox.corpora.base import Corpus
from emovox.corpora.synthetic import load_synthetic, oddities, render_clip, render_corpus, takes
from emovox.errors import CorpusError
from emovox.features import LogMel, front_end

RATE_HZ = 16000


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(float) ** 2) + 1e-12))


def pitch_hz(samples: np.ndarray) -> float:
    """The median pitch of the loud frames, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 640)[::160]
    frames = frames[(frames**2).mean(1) > 0.1 * (frames**2).mean(1).max()] * np.hanning(640)
    power = np.abs(np.fft.rfft(frames, 2048)) ** 2
    power[:, 900 * 2048 // RATE_HZ :] = 0  # where formants outshine the pulses' rhythm
    fading = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(640), 2048)) ** 2)  # what the window does to any rhythm
    low, high = RATE_HZ // 400, RATE_HZ // 70
    correlation = np.fft.irfft(power)[:, low:high] / fading[low:high]
    return float(np.median(RATE_HZ / (low + correlation.argmax(axis=1))))


# What it holds


def test_it_has_ravdess_proportions() -> None:
    clips = takes()
    assert len(clips) == 1440
    assert set(collections.Counter(clip.speaker for clip in clips).values()) == {60}
    assert tuple(collections.Counter(c.emotion for c in clips).values()) == ravdess.SPEC.clips_per_emotion
    assert not [clip for clip in clips if clip.emotion == "neutral" and clip.intensity == "strong"]
    assert {clip.sex for clip in clips if int(clip.speaker) % 2} == {"male"}


def test_files_carry_ravdess_names_in_its_folders(tiny_corpus: Corpus) -> None:
    for clip in tiny_corpus.clips:
        name = clip.path.relative_to(tiny_corpus.root).as_posix()
        assert re.fullmatch(r"Actor_(\d\d)/03-01-0[1-8]-0[12]-0[12]-0[12]-\1\.wav", name)
        assert clip.path.is_file()


def test_it_says_that_it_is_synthetic_however_it_is_loaded(tiny_corpus: Corpus) -> None:
    assert tiny_corpus.synthetic
    assert tiny_corpus.name == "synthetic"
    assert tiny_corpus.labels == ravdess.LABELS
    assert "synthetic" in tiny_corpus.notes[0]
    from_folder = load_path(tiny_corpus.root)
    assert from_folder.synthetic
    assert [(c.id, c.emotion, c.speaker) for c in from_folder.clips] == [
        (c.id, c.emotion, c.speaker) for c in tiny_corpus.clips
    ]


def test_each_kind_of_oddity_is_there_a_few_times() -> None:
    assert collections.Counter(oddities().values()) == {"stereo": 5, "quiet": 5, "long": 5}
    assert oddities() != oddities(seed=1)


def test_oddities_are_what_they_are_called(tiny_corpus: Corpus) -> None:
    odd = oddities(speakers=4, repetitions=1)
    assert set(odd.values()) == {"stereo", "quiet", "long"}
    for clip in tiny_corpus.clips:
        kind, info, peak = odd.get(clip.id), probe(clip.path), float(np.abs(read_audio(clip.path)).max())
        assert info.sample_rate_hz == RATE_HZ
        assert info.channels == (2 if kind == "stereo" else 1)
        assert peak == pytest.approx(0.006, abs=1e-4) if kind == "quiet" else peak > 0.01
        assert 3.5 < info.seconds < 6.2 if kind == "long" else 2.7 < info.seconds < 5.0


def test_silence_lies_at_both_ends(tiny_corpus: Corpus) -> None:
    for clip in tiny_corpus.clips[::5]:
        samples = read_audio(clip.path)
        edge = round(0.7 * RATE_HZ)
        loudness = level_db(samples[edge:-edge])
        assert level_db(samples[:edge]) < loudness - 30
        assert level_db(samples[-edge:]) < loudness - 30


# How it sounds


def test_men_speak_lower_than_women() -> None:
    men, women = ([pitch_hz(render_clip("neutral", speaker)) for speaker in range(sex, 13, 2)] for sex in (1, 2))
    assert 75 < np.median(men) < 150 < np.median(women) < 280


@pytest.mark.parametrize(("more", "less"), [("fearful", "neutral"), ("surprised", "calm"), ("happy", "disgust")])
def test_pitch_rises_with_arousal(more: str, less: str) -> None:
    higher, lower = (
        np.mean([np.log2(pitch_hz(render_clip(emotion, speaker))) for speaker in range(1, 9)])
        for emotion in (more, less)
    )
    assert higher > lower + 1 / 12


def test_anger_is_loud_and_sadness_slow() -> None:
    def mean_level(emotion: str) -> float:
        return float(np.mean([level_db(render_clip(emotion, speaker)) for speaker in range(1, 9)]))

    def mean_seconds(emotion: str) -> float:
        return float(np.mean([len(render_clip(emotion, speaker)) / RATE_HZ for speaker in range(1, 9)]))

    assert mean_level("angry") > mean_level("neutral") + 4 > mean_level("sad") + 6
    assert mean_seconds("sad") > mean_seconds("neutral") > mean_seconds("fearful")


def test_samples_stay_within_full_scale() -> None:
    loudest = max(float(np.abs(render_clip("angry", speaker, "strong")).max()) for speaker in range(1, 13))
    assert 0.3 < loudest <= 1


@pytest.mark.parametrize("wrong", [{"emotion": "bored"}, {"intensity": "loud"}, {"statement": "cats"}])
def test_unknown_values_are_refused_with_the_known_ones(wrong: dict[str, str]) -> None:
    with pytest.raises(CorpusError, match=r"available: (neutral, calm|normal, strong|kids, dogs)"):
        render_clip(**{"emotion": "sad", "speaker": 1, **wrong})


def test_a_linear_model_learns_it_but_not_easily() -> None:
    """Mean and deviation of log-mels, ridge regression, eight speakers to train, four to test: chance is 0.125."""
    front = LogMel(n_mels=40, hop_seconds=0.032)
    clips = [clip for clip in takes(speakers=12, repetitions=1) if clip.statement == "kids"]

    def describe(emotion: str, speaker: str, intensity: str | None, statement: str | None) -> np.ndarray:
        log_mel = front.log_mel(render_clip(emotion, speaker, intensity or "", statement or ""))
        speech = log_mel[front_end.speech(front.loud(log_mel))]
        return np.concatenate([speech.mean(axis=0), speech.std(axis=0)])

    x = np.array([describe(c.emotion, c.speaker, c.intensity, c.statement) for c in clips])
    y = np.array([ravdess.LABELS.index(c.emotion) for c in clips])
    train = np.array([int(c.speaker) <= 8 for c in clips])
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    gram = x[train].T @ x[train] + 30 * np.eye(x.shape[1])
    guesses = (x[~train] @ np.linalg.solve(gram, x[train].T @ (np.eye(8)[y[train]] - 1 / 8))).argmax(axis=1)
    uar = np.mean([np.mean(guesses[y[~train] == label] == label) for label in range(8)])
    assert 0.35 < uar < 0.8


# That it is always the same


def test_the_same_clip_is_the_same_samples_and_another_is_not() -> None:
    clip = render_clip("happy", 3)
    assert clip.dtype == np.float32
    assert np.array_equal(clip, render_clip("happy", "03"))
    others = [render_clip("happy", 3, repetition=2), render_clip("happy", 3, seed=1), render_clip("happy", 5)]
    assert not any(np.array_equal(clip, other) for other in others)


def test_files_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    folders = [render_corpus(tmp_path / str(workers), speakers=1, repetitions=1, workers=workers) for workers in (1, 3)]
    assert contents(folders[0]) == contents(folders[1])
    assert len(contents(folders[0])) == 31  # thirty clips and a page that says what they are


def test_a_speaker_does_not_depend_on_how_many_there_are(tmp_path: Path, tiny_corpus: Corpus) -> None:
    alone = contents(render_corpus(tmp_path / "one", speakers=1, repetitions=1))
    del alone["README.txt"]
    assert alone.items() <= contents(tiny_corpus.root).items()


# How it is kept


def test_it_is_rendered_once(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    first = load_synthetic(tmp_path, speakers=1, repetitions=1, progress=lambda *step: told.append(step))
    assert told[-1] == ("rendering", 30, 30)
    times = {clip.id: clip.path.stat().st_mtime_ns for clip in first.clips}
    again = load_synthetic(tmp_path, speakers=1, repetitions=1, progress=lambda *step: told.append(step))
    assert len(told) == 30
    assert {clip.id: clip.path.stat().st_mtime_ns for clip in again.clips} == times
    assert again.digest == first.digest


def test_each_seed_and_size_has_a_folder_of_its_own(tmp_path: Path) -> None:
    roots = {
        load_synthetic(tmp_path, seed=seed, speakers=1, repetitions=repetitions).root
        for seed, repetitions in [(0, 1), (1, 1), (0, 2)]
    }
    assert len(roots) == 3


def test_a_rendering_that_stops_leaves_nothing(tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_synthetic(tmp_path, speakers=1, repetitions=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_nothing_bears_the_name_until_all_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    seen: list[bool] = []
    render_corpus(folder, speakers=1, repetitions=1, progress=lambda *_: seen.append(folder.exists()))
    assert len(seen) == 30
    assert not any(seen)
    assert folder.is_dir()


def test_a_rendering_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    code = (
        "import os, signal, sys; from emovox.corpora.synthetic import render_corpus\n"
        "stop = lambda stage, done, total: done == 5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "render_corpus(sys.argv[1], speakers=1, repetitions=1, progress=stop)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not folder.exists()
    assert list(tmp_path.iterdir())  # it had begun
    assert len(contents(render_corpus(folder, speakers=1, repetitions=1))) == 31


def test_what_was_left_long_ago_is_cleared_away(tmp_path: Path) -> None:
    old, young = tmp_path / ".corpus-old", tmp_path / ".corpus-young"
    for left in (old, young):
        left.mkdir()
    os.utime(old, (0, 0))
    render_corpus(tmp_path / "corpus", speakers=1, repetitions=1)
    assert not old.exists()
    assert young.exists()  # perhaps another process is at work in it


@pytest.mark.parametrize("damage", ["missing", "empty", "another seed"])
def test_a_folder_that_is_not_this_rendering_is_refused_and_kept(tmp_path: Path, damage: str) -> None:
    folder = render_corpus(tmp_path / "corpus", speakers=1, repetitions=1)
    first = min(folder.rglob("*.wav"))
    if damage == "missing":
        first.unlink()
    elif damage == "empty":
        first.write_bytes(b"")
    before = contents(folder)
    with pytest.raises(CorpusError, match=re.escape(str(folder))):
        render_corpus(folder, seed=int(damage == "another seed"), speakers=1, repetitions=1)
    assert contents(folder) == before


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wave.Wave_write, "writeframes", full)
    with pytest.raises(CorpusError, match="No space left on device") as caught:
        render_corpus(tmp_path / "corpus", speakers=1, repetitions=1)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("speakers", "repetitions"), [(0, 1), (100, 1), (4, 3), (4, 0)])
def test_impossible_sizes_are_refused(tmp_path: Path, speakers: int, repetitions: int) -> None:
    with pytest.raises(CorpusError, match="speakers"):
        load_synthetic(tmp_path, speakers=speakers, repetitions=repetitions)


def test_another_version_is_rendered_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_synthetic(tmp_path, speakers=1, repetitions=1)
    monkeypatch.setattr(module, "VERSION", "next")
    assert load_synthetic(tmp_path, speakers=1, repetitions=1).root != first.root
