"""A file that was cut is refused, whatever its container, and one that was streamed is read."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emovox.audio import read_audio
from emovox.audio.container import FORMATS
from emovox.errors import AudioError
from waveforms import babble

SAMPLES = 16000
COUNTED = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG", "MP3")


def recording(name: str, **more: object) -> bytes:
    """A second of babble in a container."""
    file = io.BytesIO()
    soundfile.write(file, babble(1.0), SAMPLES, format=name, **more)
    return file.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(content, name="a")
    message = str(caught.value)
    assert message.startswith("a ") and "; " in message and "\n" not in message
    return message


def test_every_container_that_is_read_is_tried_here() -> None:
    assert set(FORMATS) == set(COUNTED)


@pytest.mark.parametrize("name", COUNTED)
def test_a_whole_file_is_read(name: str) -> None:
    assert len(read_audio(recording(name))) == SAMPLES


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(name: str, kept: float) -> None:
    whole = recording(name)
    message = refusal(whole[: int(kept * len(whole))])
    assert "truncated" in message or "not an audio file" in message


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("WAV", {"endian": "BIG"}),
        ("WAV", {"subtype": "FLOAT"}),
        ("WAV", {"subtype": "ULAW"}),
        ("WAV", {"subtype": "IMA_ADPCM"}),
        ("AIFF", {"subtype": "FLOAT"}),
        ("AU", {"endian": "LITTLE"}),
        ("OGG", {"subtype": "OPUS"}),
    ],
)
def test_other_codes_in_a_container_are_read_whole_and_refused_when_cut(name: str, more: dict[str, str]) -> None:
    whole = recording(name, **more)
    assert SAMPLES <= len(read_audio(whole)) < SAMPLES + 2000
    assert "truncated" in refusal(whole[: 9 * len(whole) // 10])


def sized(content: bytes, chunk: bytes, size: bytes) -> bytes:
    """The file with another size behind a chunk's name."""
    at = content.index(chunk) + len(chunk)
    return content[:at] + size + content[at + len(size) :]


@pytest.mark.parametrize(
    "content",
    [
        sized(recording("WAV"), b"data", struct.pack("<I", 0xFFFFFFFF)),
        sized(recording("WAV"), b"data", struct.pack("<I", 0x7FFFF000)),
        sized(recording("AIFF"), b"SSND", struct.pack(">I", 0x7F000000)),
        recording("AU")[:8] + b"\xff\xff\xff\xff" + recording("AU")[12:],
    ],
    ids=["wav", "wav of sox", "aiff of sox", "au"],
)
def test_a_writer_that_could_not_seek_back_left_no_length(content: bytes) -> None:
    assert len(read_audio(content)) == SAMPLES


def test_a_streamed_flac_tells_no_count_and_is_read() -> None:
    content = bytearray(recording("FLAC"))
    content[21] &= 0xF0  # 36 bits of the first block count the samples
    content[22:26] = bytes(4)
    assert len(read_audio(bytes(content))) == SAMPLES
    assert "truncated or damaged" in refusal(bytes(content[: len(content) // 2]))


def test_what_stands_behind_the_sound_does_no_harm() -> None:
    for name in ("WAV", "AIFF", "OGG", "MP3"):
        assert len(read_audio(recording(name) + b"TAG" + bytes(125))) == SAMPLES


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_page_with_an_altered_byte_is_not_passed_over(subtype: str) -> None:
    content = bytearray(recording("OGG", subtype=subtype))
    content[len(content) // 2] ^= 1
    assert "is damaged: an Ogg page" in refusal(bytes(content))


def test_alac_whose_decoder_talks_and_passes_over_damage_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    whole = recording("CAF", subtype="ALAC_16")
    for content in (whole, whole[: len(whole) // 2]):
        assert "is CAF with ALAC, where damage cannot be detected" in refusal(content)
    assert capfd.readouterr() == ("", "")


def test_a_header_with_an_impossible_rate_takes_no_memory() -> None:
    content = recording("AIFF")
    at = content.index(b"COMM") + 16  # 80 bits of floating point
    faster = content[:at] + struct.pack(">H", 0x4019) + content[at + 2 :]
    for rated in (faster, faster.replace(struct.pack(">I", SAMPLES), bytes(4))):
        assert "an impossible sample rate" in refusal(rated) or "no samples" in refusal(rated)


def test_two_ogg_streams_in_one_file_are_not_taken_for_the_first() -> None:
    assert "several Ogg streams" in refusal(2 * recording("OGG"))


@pytest.mark.parametrize("name", ["AVR", "IRCAM", "MAT5", "PAF", "SVX", "VOC", "XI"])
def test_a_container_whose_length_is_not_checked_is_refused(name: str) -> None:
    assert f"is {name} of " in refusal(recording(name))


@pytest.mark.parametrize("name", COUNTED)
def test_no_prefix_of_a_file_raises_anything_else(name: str, tmp_path: Path) -> None:
    whole = recording(name)
    for size in (*range(1, 60), *range(60, len(whole), len(whole) // 20)):
        with pytest.raises(AudioError):
            read_audio(whole[:size])


@pytest.mark.parametrize("name", COUNTED)
def test_no_altered_byte_raises_anything_else(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    whole, rng = recording(name), np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(whole)
        content[rng.integers(min(200, len(whole)))] = rng.integers(256)
        try:
            read_audio(bytes(content))
        except AudioError:
            continue
    if name != "MP3":  # whose decoder remarks on what it hears; the command keeps that from the screen
        assert capfd.readouterr() == ("", "")
