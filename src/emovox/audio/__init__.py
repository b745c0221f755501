"""Read a recording as the waveform that everything after it expects, or say in one line why it cannot be."""

from emovox.audio.decode import AudioInfo, Source, decode, name_of, open_blocks, probe, read_audio
from emovox.audio.ffmpeg import converted
from emovox.audio.waveform import (
    MAX_SECONDS,
    MIN_SAMPLE_RATE_HZ,
    MIN_SECONDS,
    SAMPLE_RATE_HZ,
    check_rate,
    check_samples,
    check_waveform,
    mix,
    resample,
)

__all__ = [
    "MAX_SECONDS",
    "MIN_SAMPLE_RATE_HZ",
    "MIN_SECONDS",
    "SAMPLE_RATE_HZ",
    "AudioInfo",
    "Source",
    "check_rate",
    "check_samples",
    "check_waveform",
    "converted",
    "decode",
    "mix",
    "name_of",
    "open_blocks",
    "probe",
    "read_audio",
    "resample",
]
