"""Convert a file that libsndfile cannot read to WAV, by ffmpeg where it is installed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from emovox.audio.container import AGAIN
from emovox.audio.decode import GIVE, probe
from emovox.audio.waveform import MAX_SECONDS, too_long
from emovox.errors import AudioError
from emovox.files import scratch

DEMUXERS = (
    "aac,ac3,amr,amrnb,amrwb,ape,asf,avi,caf,dsf,eac3,flac,flv,gsm,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,"
    "mpeg,mpegts,ogg,rm,spx,tta,voc,wav,w64,wv"
)
"""Containers of sound. Lists are not among them (HLS, concat, SDP), since they could name other files or hosts."""

SUFFIXES = (".3gp", ".aac", ".amr", ".m4a", ".mka", ".mkv", ".mov", ".mp4", ".opus", ".webm", ".wma")
"""What in a folder is looked into where ffmpeg is installed."""

MOST_RATE_HZ = 192_000
_SAMPLE_BYTES = 4


def installed() -> bool:
    """Whether there is an ffmpeg to ask."""
    return shutil.which("ffmpeg") is not None


@contextlib.contextmanager
def converted(path: Path, most_seconds: float = MAX_SECONDS) -> Iterator[Path]:
    """Yield a WAV file of the first sound in a file, one channel of float32 at its own rate, and remove it.

    ffmpeg is started without a shell. It may read that file and no other protocol or list of files; its time, the
    sound's length and the size of what it writes are limited.

    Args:
        path: A file, such as M4A, WebM, AMR, WMA or a film.
        most_seconds: A longer sound is refused.

    Raises:
        AudioError: ffmpeg is not installed, cannot read the file or takes too long; or it holds no sound, or one that
            is too long.
        StorageError: There is no room for it in the folder for what is short-lived.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError(
            f"{path} is not an audio file that can be read; give {GIVE}, or install ffmpeg, which reads most others"
        )
    with scratch() as folder:
        wave, said = folder / "sound.wav", folder / "errors.txt"
        limits = ["-t", f"{most_seconds + 1:g}", "-fs", f"{(most_seconds + 2) * MOST_RATE_HZ * _SAMPLE_BYTES:.0f}"]
        command = [
            program, "-nostdin", "-loglevel", "error", "-xerror", "-err_detect", "explode",
            "-protocol_whitelist", "file", "-format_whitelist", DEMUXERS, "-i", f"file:{path.resolve()}",
            "-map", "0:a:0", "-ac", "1", "-c:a", "pcm_f32le", *limits, f"file:{wave}",
        ]  # fmt: skip
        try:
            with said.open("wb") as errors:
                code = subprocess.run(command, stderr=errors, timeout=30 + most_seconds / 10, check=False).returncode
        except subprocess.TimeoutExpired:
            raise AudioError(f"{path} takes ffmpeg too long; convert it to WAV and give that file") from None
        if code or not wave.exists():
            raise AudioError(f"{path} is not an audio file that can be read, by ffmpeg either; give {GIVE}")
        if said.stat().st_size:
            raise AudioError(f"{path} is truncated or damaged: ffmpeg cannot read all of it; {AGAIN}")
        if probe(wave, str(path)).seconds > most_seconds:
            raise AudioError(too_long(str(path), None, most_seconds))
        yield wave
