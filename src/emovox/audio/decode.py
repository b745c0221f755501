"""Read a recording's samples from a file, bytes or a stream, or say in one line why that cannot be."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from emovox.audio import mpeg
from emovox.audio.container import AGAIN, FORMATS, flaw
from emovox.audio.waveform import (
    MAX_SECONDS,
    MIN_SECONDS,
    SAMPLE_RATE_HZ,
    check_waveform,
    mix,
    resample,
    too_long,
)
from emovox.errors import AudioError, UnknownFormat

Source = Path | str | bytes | BinaryIO
"""A recording: a path (a pipe's too), the bytes of a file, or a binary file that is open for reading."""

GIVE = "WAV, FLAC, OGG, MP3 or AIFF"

_UNHEARD_BYTES = 16_000_000
"""A stream that is no recording after so many bytes will not become one; pictures before the sound are smaller."""

_ROOM_BYTES = 1_000_000
"""Beside the samples a stream may carry so many bytes: words, cue points."""

_UNTOLD_FRAMES = 2**62
"""libsndfile gives the largest number where a file does not tell its length."""

_BAD_SEEK = 39
"""libsndfile's number for a seek that failed."""

_SAMPLE_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "DOUBLE": 8}


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


def probe(source: Source, name: str = "") -> AudioInfo:
    """Read a recording's header alone.

    Args:
        source: A recording: WAV, FLAC, OGG, MP3, AIFF, AU, CAF, W64, RF64 or NIST SPHERE.
        name: What to call it in a message; by default its path.

    Raises:
        AudioError: The file is missing, a folder, empty, not audio, or shorter than its container says.
    """
    with _opened(source, name or name_of(source)) as file:
        return _info(file)


def decode(
    source: Source, start: float | None = None, end: float | None = None, name: str = ""
) -> tuple[np.ndarray, AudioInfo]:
    """Every sample as stored: no mixing, no resampling, no judgement of level.

    Args:
        source, name: As for :func:`probe`.
        start, end: In seconds, where a part of it is meant; None stands for its beginning and its end.

    Returns:
        The samples, (frames, channels), float32, full scale ±1 (exact for files of up to 24 bits); and the header, with
        the frames of the part.

    Raises:
        AudioError: As :func:`probe`; or it is longer than 60 s, which is told before anything is decoded; or the
            samples end before the header's count, or cannot be decoded; or it holds no such part.
    """
    name = name or name_of(source)
    with _opened(source, name) as file:
        info = _info(file)
        if start is not None or end is not None:
            info = _seek(file, name, info, start or 0.0, end)
        if info.seconds > MAX_SECONDS:
            raise AudioError(too_long(name, info.seconds))
        # A streamed file does not tell its length: read one frame more than is allowed, and see.
        return _read(file, name, info, info.frames or int(MAX_SECONDS * info.sample_rate_hz) + 1), info


def read_audio(
    source: Source,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    start: float | None = None,
    end: float | None = None,
    name: str = "",
) -> np.ndarray:
    """Read a recording as one channel at one rate.

    Channels are averaged, then resampled by soxr at its high quality (Robidoux and Hodgkinson's SoX resampler). Any
    depth, any count of channels and any rate from 4 kHz up are read. Safe to call from many threads.

    Args:
        source: The recording: a path, the bytes of a file, or an open binary file. Of a pipe or an open file, no more
            than 60 s of sound are read.
        sample_rate_hz: The rate wanted.
        start, end: As for :func:`decode`.
        name: What to call it in a message; by default its path.

    Returns:
        (samples,), float32, full scale ±1; resampling may overshoot that a little.

    Raises:
        AudioError: The file is missing, a folder, empty, truncated or not audio; it holds NaN or infinity, or swings
            beyond 8 times full scale; it is shorter than 0.1 s or longer than 60 s; or it is silent.
    """
    name = name or name_of(source)
    samples, info = decode(source, start, end, name)  # (frames, channels)
    return resample(check_waveform(mix(samples), name, info.sample_rate_hz), info.sample_rate_hz, sample_rate_hz)


@contextlib.contextmanager
def open_blocks(
    source: Source, most_seconds: float = MAX_SECONDS, name: str = ""
) -> Iterator[tuple[AudioInfo, Iterator[np.ndarray]]]:
    """Read a recording second by second, so that a long one needs little memory.

    Args:
        source: As for :func:`read_audio`.
        most_seconds: A longer one is refused before anything is decoded.
        name: What to call it in a message; by default its path.

    Yields:
        Its header; and its samples, channels averaged, a second at a time: (samples,), float32.

    Raises:
        AudioError: As for :func:`decode`, but for the length; a truncated one is told when its end is reached.
    """
    name = name or name_of(source)
    with _opened(source, name, most_seconds) as file:
        info = _info(file)
        if info.seconds > most_seconds:
            raise AudioError(too_long(name, info.seconds, most_seconds))
        yield info, _blocks(file, name, info, most_seconds)


def name_of(source: Source) -> str:
    """What to call a recording in a message."""
    if isinstance(source, str | Path):
        return str(source)
    named = getattr(source, "name", None)
    return named if isinstance(named, str) else "the recording"


@contextlib.contextmanager
def _opened(source: Source, name: str, most_seconds: float = MAX_SECONDS) -> Iterator[soundfile.SoundFile]:
    """Open a recording, turning each way this fails into one line."""
    with contextlib.ExitStack() as stack:
        try:
            raw = stack.enter_context(_seekable(source, name, most_seconds))
            if not raw.read(1):
                raise AudioError(f"{name} is empty; record or download it again")
            wrong = flaw(raw)
            if mpeg.is_mp3(_from_start(raw, 4)):
                try:
                    raw = io.BytesIO(mpeg.counted(_from_start(raw)))
                except ValueError as error:
                    wrong = f"{error}; {AGAIN}"
            raw.seek(0)
        except FileNotFoundError:
            raise AudioError(f"{name} does not exist; check the name") from None
        except OSError as error:
            reason = error.strerror or error
            raise AudioError(f"{name} cannot be read: {reason}; check the file and its permissions") from None
        if wrong:
            raise AudioError(f"{name} {wrong}")
        try:
            file = stack.enter_context(soundfile.SoundFile(_Calm(raw)))
        except (soundfile.SoundFileError, RuntimeError, TypeError):  # TypeError: a name in .raw, which tells no rate
            raise UnknownFormat(f"{name} is not an audio file that can be read; give {GIVE}") from None
        if file.format not in FORMATS or (file.format == "MP3") != (file.subtype == "MPEG_LAYER_III"):
            raise UnknownFormat(
                f"{name} is {file.format} of {file.subtype}, where a cut cannot be detected; give {GIVE}"
            )
        yield file


class _Calm:
    """A file as libsndfile may ask of it: what cannot be read or sought is answered with less, and not with a raise."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.name = getattr(raw, "name", "")
        self.tell = raw.tell

    def read(self, size: int = -1) -> bytes:
        """What there is."""
        try:
            return self._raw.read(size)
        except OSError:
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Where the file stands then; a header with an altered byte asks for places before the start."""
        with contextlib.suppress(OSError, ValueError):
            self._raw.seek(offset, whence)
        return self._raw.tell()


def _from_start(raw: BinaryIO, size: int = -1) -> bytes:
    raw.seek(0)
    return raw.read(size)


def _seekable(source: Source, name: str, most_seconds: float) -> BinaryIO:
    """The recording as a binary file that can seek; what comes through a pipe is read into memory."""
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if not isinstance(source, str | os.PathLike):
        return io.BytesIO(_drained(source, name, most_seconds))
    path = Path(source)
    if path.is_dir():
        raise AudioError(f"{name} is a folder; give a recording in it")
    try:
        file = path.open("rb")
    except ValueError:  # a NUL in the name
        raise AudioError(f"{name!r} is not a valid file name; check it") from None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    with file:
        return io.BytesIO(_drained(file, name, most_seconds))


def _drained(stream: BinaryIO, name: str, most_seconds: float) -> bytes:
    """What a stream holds, read no further than it may be long."""
    content, most, look = bytearray(), _UNHEARD_BYTES, 1 << 12
    heard = False
    read = getattr(stream, "read1", stream.read)  # what is there already, without waiting for more
    while chunk := read(1 << 16):
        if not isinstance(chunk, bytes):
            raise AudioError(f"{name} is open in text mode; open it in binary mode")
        content += chunk
        if not heard and len(content) >= look:
            with contextlib.suppress(soundfile.SoundFileError, RuntimeError, TypeError):
                with soundfile.SoundFile(_Calm(io.BytesIO(content))) as file:
                    second = file.samplerate * file.channels * _SAMPLE_BYTES.get(file.subtype, 4)
                most, heard = len(content) + int(most_seconds * second) + _ROOM_BYTES, True
            look = 2 * len(content)
        if len(content) > most:
            if heard:
                raise AudioError(too_long(name, None, most_seconds))
            raise AudioError(f"{name} is not an audio file that can be read; give {GIVE}")
    return bytes(content)


def _info(file: soundfile.SoundFile) -> AudioInfo:
    frames = file.frames if file.frames < _UNTOLD_FRAMES else 0
    return AudioInfo(file.samplerate, file.channels, frames, file.subtype)


def _seek(file: soundfile.SoundFile, name: str, info: AudioInfo, start: float, end: float | None) -> AudioInfo:
    """Go to where a part begins; the header with the part's frames."""
    first, last = (round(seconds * info.sample_rate_hz) for seconds in (start, info.seconds if end is None else end))
    if not 0 <= first < last <= info.frames + MIN_SECONDS * info.sample_rate_hz:  # times are often rounded
        where = f"{start:g} to {'its end' if end is None else f'{end:g} s'}"
        raise AudioError(f"{name} lasts {info.seconds:g} s, so it has no part from {where}; correct start and end")
    file.seek(first)
    return replace(info, frames=min(last, info.frames) - first)


def _read(file: soundfile.SoundFile, name: str, info: AudioInfo, frames: int) -> np.ndarray:
    """At most ``frames`` frames, (frames, channels); an error where fewer come than the header promised."""
    try:
        if file.frames >= _UNTOLD_FRAMES:
            return _read_to_the_end(file, info, frames)
        samples: np.ndarray = file.read(frames, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError):
        raise AudioError(f"{name} is truncated or damaged: its audio cannot be decoded; {AGAIN}") from None
    if len(samples) < info.frames:
        raise AudioError(
            f"{name} is truncated: {info.frames - len(samples)} of {info.frames} frames are missing; {AGAIN}"
        )
    return samples


def _blocks(file: soundfile.SoundFile, name: str, info: AudioInfo, most_seconds: float) -> Iterator[np.ndarray]:
    rate = info.sample_rate_hz
    if not info.frames:
        most = int(most_seconds * rate)
        samples = mix(_read(file, name, info, most + 1))
        if len(samples) > most:
            raise AudioError(too_long(name, None, most_seconds))
        yield from (samples[start : start + rate] for start in range(0, len(samples), rate))
    for start in range(0, info.frames, rate):
        part = replace(info, frames=min(rate, info.frames - start))
        yield mix(_read(file, name, part, part.frames))


def _read_to_the_end(file: soundfile.SoundFile, info: AudioInfo, most: int) -> np.ndarray:
    """What a file holds whose length is not told; libsndfile then stumbles over the end, when all has been read."""
    blocks, ended = [], False
    while most > 0 and not ended:
        block = np.full((min(most, info.sample_rate_hz), info.channels), np.nan, np.float32)
        try:
            read = file.read(out=block)
        except soundfile.LibsndfileError as error:
            if error.code != _BAD_SEEK:
                raise
            read = block[: np.count_nonzero(~np.isnan(block[:, 0]))]
        ended = len(read) < len(block)
        blocks.append(read)
        most -= len(read)
    return np.concatenate(blocks)
