"""Recordings of every kind are read alike, and the bad ones are refused in one line."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emovox.audio import MAX_SECONDS, SAMPLE_RATE_HZ, check_waveform, decode, probe, read_audio
from emovox.errors import AudioError


def sine(seconds: float = 0.5, rate: int = SAMPLE_RATE_HZ, hertz: float = 440.0, peak: float = 0.5) -> np.ndarray:
    """A pure tone, float64, (samples,)."""
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def refusal(path: Path) -> str:
    """The one line with which a file is refused; it names the file and a next step."""
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "; " in message or ", so " in message
    return message


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_any_rate_becomes_the_same_tone(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, sine(rate=rate), rate)
    waveform = read_audio(path)
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert abs(len(waveform) - 8000) <= 1
    inner = slice(800, 7200)  # the resampler rings at the two ends
    np.testing.assert_allclose(waveform[inner], sine()[: len(waveform)][inner], atol=2e-3)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 1 / 100), ("PCM_16", 1e-4), ("PCM_24", 1e-6), ("PCM_32", 1e-6), ("FLOAT", 1e-6), ("DOUBLE", 1e-6)],
)
def test_any_depth_is_read(tmp_path: Path, subtype: str, tolerance: float) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, sine(), SAMPLE_RATE_HZ, subtype=subtype)
    np.testing.assert_allclose(read_audio(path), sine(), atol=tolerance)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".aiff"])
def test_any_container_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, sine(), SAMPLE_RATE_HZ)
    assert abs(len(read_audio(path)) - 8000) < 200


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "many.wav"
    tracks = np.stack([sine(hertz=200 * (i + 1), peak=0.1 * (i + 1)) for i in range(channels)], axis=1)
    soundfile.write(path, tracks, SAMPLE_RATE_HZ, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path), tracks.mean(axis=1), atol=1e-6)
    assert probe(path).channels == channels


def test_probe_and_decode_tell_what_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "stored.flac"
    samples = np.arange(-4800, 4800, dtype=np.int16).reshape(-1, 2)
    soundfile.write(path, samples, 48000)
    info = probe(path)
    assert (info.sample_rate_hz, info.channels, info.frames, info.subtype) == (48000, 2, 4800, "PCM_16")
    assert info.seconds == 0.1
    stored, again = decode(path)
    assert again == info
    np.testing.assert_array_equal(stored * 32768, samples)


def test_a_quiet_recording_is_not_silence(tmp_path: Path) -> None:
    path = tmp_path / "quiet.wav"
    soundfile.write(path, sine(peak=1e-3), SAMPLE_RATE_HZ)
    assert 5e-4 < np.abs(read_audio(path)).max() < 2e-3


def test_a_streamed_wav_without_a_length_is_read(tmp_path: Path) -> None:
    path = tmp_path / "piped.wav"
    soundfile.write(path, sine(), SAMPLE_RATE_HZ, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    assert abs(len(read_audio(path)) - 8000) <= 1


def test_a_file_its_bytes_and_an_open_file_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "tone.flac"
    soundfile.write(path, sine(), SAMPLE_RATE_HZ)
    expected = read_audio(path)
    with path.open("rb") as opened:
        for source in (str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), opened):
            np.testing.assert_array_equal(read_audio(source), expected)


@contextlib.contextmanager
def fifo(path: Path, chunks: Iterable[bytes]) -> Iterator[list[int]]:
    """A pipe with a name, into which another thread writes; and how many bytes it got rid of."""
    os.mkfifo(path)
    written: list[int] = []

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), path.open("wb", buffering=0) as pipe:
            for chunk in chunks:
                written.append(pipe.write(chunk))

    thread = threading.Thread(target=write)
    thread.start()
    yield written
    thread.join(10)
    assert not thread.is_alive()


POSIX = pytest.mark.skipif(os.name != "posix", reason="pipes have no names here")


@POSIX
@pytest.mark.parametrize("name", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_a_pipe_is_read(tmp_path: Path, name: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, sine(), SAMPLE_RATE_HZ, format=name)
    content = file.getvalue()
    with fifo(tmp_path / "pipe", [content[:100], content[100:]]):
        np.testing.assert_array_equal(read_audio(tmp_path / "pipe"), read_audio(content))


@POSIX
def test_a_pipe_without_an_end_is_refused_after_a_minute_of_sound(tmp_path: Path) -> None:
    file = io.BytesIO()
    soundfile.write(file, sine(seconds=1.0), SAMPLE_RATE_HZ, format="WAV")
    head = bytearray(file.getvalue())
    head[4:8] = head[40:44] = struct.pack("<I", 0xFFFFFFFF)  # as a recorder writes it that does not stop
    with fifo(tmp_path / "pipe", itertools.chain([bytes(head)], itertools.repeat(bytes(head[44:])))) as written:
        assert "lasts more than 60 s" in refusal(tmp_path / "pipe")
    assert sum(written) < 4_000_000


@POSIX
def test_a_pipe_of_anything_else_is_refused_before_memory_is_full(tmp_path: Path) -> None:
    with fifo(tmp_path / "pipe", itertools.repeat(bytes(1 << 16))) as written:
        assert "not an audio file" in refusal(tmp_path / "pipe")
    assert sum(written) < 20_000_000


def test_a_file_that_is_open_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear listener")
    with path.open() as opened, pytest.raises(AudioError, match="open it in binary mode"):
        read_audio(opened)  # type: ignore[arg-type]


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(tmp_path / "a.wav", sine(), SAMPLE_RATE_HZ)
    (tmp_path / "a.wav").rename(path)
    assert len(read_audio(path)) == 8000


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(AudioError, match="is not a valid file name"):
        read_audio("a\0b.wav")


@pytest.mark.parametrize("level", [3.4e38, 32768.0, 50.0, 8.1])
def test_a_level_far_beyond_full_scale_is_refused_with_advice(tmp_path: Path, level: float) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, sine(peak=level), SAMPLE_RATE_HZ, subtype="FLOAT")
    assert "times full scale; scale it to ±1" in refusal(path)


def test_a_level_a_little_beyond_full_scale_is_read(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, sine(peak=4.0), SAMPLE_RATE_HZ, subtype="FLOAT")
    assert read_audio(path).max() > 3.9


def test_many_threads_read_alike(tmp_path: Path) -> None:
    paths = []
    for i in range(8):
        paths.append(tmp_path / f"{i}.wav")
        soundfile.write(paths[-1], sine(hertz=100 * (i + 1), rate=48000), 48000)
    alone = [read_audio(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(read_audio, paths))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "absent.wav")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert "is empty" in refusal(path)


def test_wav_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), SAMPLE_RATE_HZ)
    assert "no samples" in refusal(path)


@pytest.mark.parametrize("name", ["letter.wav", "letter.flac", "letter.mp3", "letter.raw"])
def test_text_renamed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Dear listener, this is no sound.\n" * 100)
    assert "not an audio file" in refusal(path)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_truncated(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"cut{suffix}"
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    soundfile.write(path, noise, SAMPLE_RATE_HZ)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    message = refusal(path)
    assert "truncated" in message or "damaged" in message


def test_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "head.wav"
    path.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    refusal(path)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_not_a_number(tmp_path: Path, broken: float) -> None:
    path = tmp_path / "nan.wav"
    samples = sine()
    samples[100:103] = broken
    soundfile.write(path, samples, SAMPLE_RATE_HZ, subtype="FLOAT")
    assert "NaN or infinite samples (3)" in refusal(path)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_and_a_constant(tmp_path: Path, level: float) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.full(16000, level), SAMPLE_RATE_HZ)
    assert "silent" in refusal(path)


def test_channels_that_cancel(tmp_path: Path) -> None:
    path = tmp_path / "opposed.wav"
    soundfile.write(path, np.stack([sine(), -sine()], axis=1), SAMPLE_RATE_HZ, subtype="FLOAT")
    assert "silent once mixed" in refusal(path)


def test_ten_milliseconds(tmp_path: Path) -> None:
    path = tmp_path / "blip.wav"
    soundfile.write(path, sine(seconds=0.01), SAMPLE_RATE_HZ)
    assert "10 ms" in refusal(path)


def test_one_hour_is_refused_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lecture.wav"
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_U8") as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8000))
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("decoded"))
    assert "3600 s" in refusal(path)


def test_a_rate_too_low_for_speech(tmp_path: Path) -> None:
    path = tmp_path / "low.wav"
    soundfile.write(path, sine(rate=2000, hertz=100), 2000)
    assert "a sample rate of 2000 Hz" in refusal(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "locked.wav"
    soundfile.write(path, sine(), SAMPLE_RATE_HZ)
    path.chmod(0)
    assert "permissions" in refusal(path)


def test_a_failing_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, sine(), SAMPLE_RATE_HZ)

    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    assert "Permission denied" in refusal(path)


@pytest.mark.parametrize(
    ("waveform", "words"),
    [
        (np.zeros((2, 16000)), "shape"),
        (np.ones(16000, dtype=np.int16), "int16"),
        (np.zeros(0), "no samples"),
        (sine(seconds=MAX_SECONDS + 1), "61 s"),
    ],
)
def test_check_waveform_refuses(waveform: np.ndarray, words: str) -> None:
    with pytest.raises(AudioError, match=words) as caught:
        check_waveform(waveform, "the microphone")
    assert str(caught.value).startswith("the microphone ")


def test_check_waveform_keeps_the_samples() -> None:
    checked = check_waveform(sine()[::2], "tone")
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, sine()[::2].astype(np.float32))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_a_part_of_a_long_recording(tmp_path: Path, suffix: str) -> None:
    """Two minutes are too long to judge, but three seconds of them are not."""
    path, rate = tmp_path / f"long.{suffix}", 8000
    rising = np.linspace(0.01, 0.9, 120 * rate) * np.sign(np.sin(2 * np.pi * 250 * np.arange(120 * rate) / rate))
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for second in rising.reshape(120, rate):  # libsndfile's Vorbis cannot bear much at once
            file.write(second)
    heard = read_audio(path, rate, start=60.25, end=63.5)
    assert len(heard) == 3.25 * rate
    assert np.abs(heard[1000:-1000]).mean() == pytest.approx(0.9 * 61.9 / 120, rel=0.1)
    assert decode(path, start=118.0)[1].seconds == pytest.approx(2.0, abs=0.1)
    with pytest.raises(AudioError, match="no part from 700 to 703 s; correct"):
        read_audio(path, start=700, end=703)
    with pytest.raises(AudioError, match="lasts 100 s"):
        read_audio(path, start=10, end=110)
