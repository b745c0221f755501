"""Read a recording as the waveform that everything after it expects, or say in one line why it cannot be."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from emovox.errors import AudioError

SAMPLE_RATE_HZ = 16000
"""The rate of every waveform inside Emovox."""

MIN_SECONDS = 0.1
"""Shorter than any syllable that could carry an emotion."""

MAX_SECONDS = 60.0
"""Longer than any utterance; a longer file is one to cut first."""

MIN_SAMPLE_RATE_HZ = 4000
"""Below this the first two formants, and so the vowel, are gone."""

SILENCE = 1e-5
"""A waveform that swings less than this, full scale being ±1, holds no signal: a third of one step of 16 bits."""

FORMATS = "WAV, FLAC, OGG, MP3 or AIFF"

# Writers that cannot seek back (a pipe) leave one of the largest sizes in the header, and then mean "to the end".
_STREAMED_BYTES = 0x7FFFF000


@dataclass(frozen=True)
class AudioInfo:
    """What a recording's header says.

    Args:
        sample_rate_hz: Frames a second.
        channels: Samples a frame.
        frames: Length; 0 where the header does not tell.
        subtype: How a sample is coded, in libsndfile's words: ``"PCM_16"``, ``"FLOAT"`` …
    """

    sample_rate_hz: int
    channels: int
    frames: int
    subtype: str

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate_hz


def probe(path: Path | str) -> AudioInfo:
    """Read a recording's header alone.

    Args:
        path: A file that libsndfile reads: WAV, FLAC, OGG, MP3, AIFF …

    Raises:
        AudioError: The file is missing, a folder, empty, not audio, or a WAV shorter than its header says.
    """
    with _opened(Path(path)) as file:
        return _info(file)


def decode(path: Path | str, start: float | None = None, end: float | None = None) -> tuple[np.ndarray, AudioInfo]:
    """Every sample as stored: no mixing, no resampling, no judgement of level.

    Args:
        path: The recording.
        start, end: In seconds, where a part of it is meant; None stands for its beginning and its end.

    Returns:
        The samples, (frames, channels), float32, full scale ±1 (exact for files of up to 24 bits); and the header, with
        the frames of the part.

    Raises:
        AudioError: As :func:`probe`; or it is longer than 60 s, which is told before anything is decoded; or the
            samples end before the header's count, or cannot be decoded; or it holds no such part.
    """
    path = Path(path)
    with _opened(path) as file:
        info = _info(file)
        if start is not None or end is not None:
            info = _seek(file, path, info, start or 0.0, end)
        if info.seconds > MAX_SECONDS:
            raise AudioError(_too_long(str(path), info.seconds))
        # A streamed file does not tell its length: read one frame more than is allowed, and see.
        return _read(file, path, info, info.frames or int(MAX_SECONDS * info.sample_rate_hz) + 1), info


def read_audio(
    path: Path | str, sample_rate_hz: int = SAMPLE_RATE_HZ, start: float | None = None, end: float | None = None
) -> np.ndarray:
    """Read a recording as one channel at one rate.

    Channels are averaged, then resampled by soxr at its high quality (Robidoux and Hodgkinson's SoX resampler). Any
    depth, any count of channels and any rate from 4 kHz up are read. Safe to call from many threads.

    Args:
        path: The recording.
        sample_rate_hz: The rate wanted.
        start, end: As for :func:`decode`.

    Returns:
        (samples,), float32, full scale ±1; resampling may overshoot that a little.

    Raises:
        AudioError: The file is missing, a folder, empty, truncated or not audio; it holds NaN or infinity; it is
            shorter than 0.1 s or longer than 60 s; or it is silent.
    """
    samples, info = decode(path, start, end)  # (frames, channels)
    if info.sample_rate_hz < MIN_SAMPLE_RATE_HZ:
        raise AudioError(
            f"{path} has {info.sample_rate_hz} samples a second; at least {MIN_SAMPLE_RATE_HZ} are needed, "
            "so record it anew at 16000 or more"
        )
    mono = check_waveform(mix(samples), str(path), info.sample_rate_hz)
    if info.sample_rate_hz == sample_rate_hz:
        return mono
    resampled: np.ndarray = soxr.resample(mono, info.sample_rate_hz, sample_rate_hz, quality="HQ")
    return resampled.astype(np.float32, copy=False)


def mix(samples: np.ndarray) -> np.ndarray:
    """The mean of all channels: (frames, channels) → (frames,)."""
    mono: np.ndarray = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    return mono


def check_waveform(waveform: np.ndarray, name: str, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Judge whether a waveform can be listened to.

    Args:
        waveform: (samples,), floating point, full scale ±1.
        name: What to call it in a message: the file, say.
        sample_rate_hz: Its rate.

    Returns:
        The same samples, contiguous float32.

    Raises:
        AudioError: It is not one channel of floating-point samples, holds NaN or infinity, is shorter than 0.1 s or
            longer than 60 s, or is silent.

    >>> check_waveform(np.zeros(16000), "zeros")
    Traceback (most recent call last):
    emovox.errors.AudioError: zeros is silent once mixed to one channel; check the microphone and record it anew
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1:
        raise AudioError(f"{name} has the shape {waveform.shape}; give one channel, (samples,)")
    if waveform.dtype.kind != "f":
        raise AudioError(f"{name} holds {waveform.dtype}; give floating point within ±1 (int16: divide by 32768)")
    seconds = len(waveform) / sample_rate_hz
    if not len(waveform):
        raise AudioError(f"{name} holds no samples; record it anew")
    if seconds < MIN_SECONDS:
        raise AudioError(
            f"{name} lasts {1000 * seconds:.0f} ms; at least {1000 * MIN_SECONDS:.0f} ms are needed, "
            "so give the whole utterance"
        )
    if seconds > MAX_SECONDS:
        raise AudioError(_too_long(name, seconds))
    checked = np.ascontiguousarray(waveform, dtype=np.float32)
    low, high = float(checked.min()), float(checked.max())  # either is NaN where any sample is
    if not np.isfinite(low) or not np.isfinite(high):
        broken = int((~np.isfinite(checked)).sum())
        raise AudioError(f"{name} holds NaN or infinite samples ({broken}); export it again from its source")
    if high - low < SILENCE:
        raise AudioError(f"{name} is silent once mixed to one channel; check the microphone and record it anew")
    return checked


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a recording, turning each way this fails into one line."""
    if path.is_dir():
        raise AudioError(f"{path} is a folder; name a recording in it")
    try:
        with path.open("rb") as raw:
            if not raw.read(1):
                raise AudioError(f"{path} is empty; record or download it anew")
            missing = _missing_bytes(raw, path.stat().st_size)
    except FileNotFoundError:
        raise AudioError(f"{path} does not exist; check the name") from None
    except OSError as error:
        reason = error.strerror or error
        raise AudioError(f"{path} cannot be read: {reason}; check the file and its permissions") from None
    if missing:
        raise AudioError(f"{path} is truncated: {missing} bytes of sound are missing; copy or download it anew")
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError, TypeError):  # TypeError: a name in .raw, which tells no rate
        raise AudioError(f"{path} is not a recording that can be read; give {FORMATS}") from None
    with file:
        yield file


def _info(file: soundfile.SoundFile) -> AudioInfo:
    frames = file.frames if file.frames < 2**62 else 0  # libsndfile's largest count stands for "not told"
    return AudioInfo(file.samplerate, file.channels, frames, file.subtype)


def _seek(file: soundfile.SoundFile, path: Path, info: AudioInfo, start: float, end: float | None) -> AudioInfo:
    """Go to where a part begins; the header with the part's frames."""
    first, last = (round(seconds * info.sample_rate_hz) for seconds in (start, info.seconds if end is None else end))
    if not 0 <= first < last <= info.frames + MIN_SECONDS * info.sample_rate_hz:  # times are often rounded
        where = f"{start:g} to {'its end' if end is None else f'{end:g} s'}"
        raise AudioError(f"{path} lasts {info.seconds:g} s, and has no part from {where}; mend its start and end")
    file.seek(first)
    return replace(info, frames=min(last, info.frames) - first)


def _read(file: soundfile.SoundFile, path: Path, info: AudioInfo, frames: int) -> np.ndarray:
    """At most ``frames`` frames (-1: all), (frames, channels); an error where fewer come than the header promised."""
    try:
        samples: np.ndarray = file.read(frames, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError):
        raise AudioError(f"{path} is damaged: its sound cannot be decoded; copy or download it anew") from None
    if len(samples) < info.frames:
        raise AudioError(
            f"{path} is truncated: {info.frames - len(samples)} of {info.frames} frames are missing; "
            "copy or download it anew"
        )
    return samples


def _missing_bytes(raw: BinaryIO, size: int) -> int:
    """How many bytes a WAV's data chunk promises beyond the end of the file; 0 for anything else.

    libsndfile quietly shortens such a file, so that half an utterance would pass for a whole one.
    """
    raw.seek(0)
    head = raw.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return 0
    while len(chunk := raw.read(8)) == 8:
        name, length = struct.unpack("<4sI", chunk)
        if name == b"data":
            return 0 if length >= _STREAMED_BYTES else max(0, raw.tell() + length - size)
        raw.seek(length + length % 2, 1)
    return 0


def _too_long(name: str, seconds: float) -> str:
    return f"{name} lasts {seconds:.0f} s; at most {MAX_SECONDS:.0f} s are judged at once, so cut it into utterances"
