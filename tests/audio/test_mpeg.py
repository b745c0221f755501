"""MP3s are decoded to their last frame, with a header that counts them or without."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from emovox.audio import mpeg, read_audio
from emovox.errors import AudioError
from waveforms import babble

MODES = ("CONSTANT", "AVERAGE", "VARIABLE")
TAG = b"ID3\x03\x00\x00\x00\x00\x0f\x76" + bytes(2038)


def mp3(mode: str = "VARIABLE", rate_hz: int = 16000, channels: int = 1) -> bytes:
    """Two seconds as LAME writes them, with a frame at the start that counts the others."""
    file = io.BytesIO()
    samples = babble(2 * rate_hz / 16000)[:, None].repeat(channels, axis=1)
    soundfile.write(file, samples, rate_hz, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return file.getvalue()


def uncounted(content: bytes) -> bytes:
    """The same without that frame."""
    size = next(at for at in range(4, len(content)) if content[at : at + 2] == content[:2])
    return content[size:]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [11025, 16000, 44100])
def test_every_frame_is_decoded_though_none_counts_them(mode: str, rate_hz: int, channels: int) -> None:
    whole = mp3(mode, rate_hz, channels)
    expected = read_audio(whole)
    assert abs(len(expected) - 32000) <= 1
    for content in (uncounted(whole), TAG + uncounted(whole), uncounted(whole) + b"TAG" + bytes(125)):
        found = read_audio(content)
        assert 32000 <= len(found) < 34000  # the decoder's delay is no longer told, and so not cut off
        shift = np.argmax(np.correlate(found, expected[:4000], "valid"))
        np.testing.assert_allclose(found[shift:][: len(expected)], expected[: len(found) - shift], atol=0.05)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kept", [0.1, 0.35, 0.51, 0.77, 0.999])
def test_a_cut_one_is_refused(mode: str, kept: float, capfd: pytest.CaptureFixture[str]) -> None:
    whole = mp3(mode)
    for content in (whole, uncounted(whole)):
        with pytest.raises(AudioError, match="is truncated"):
            read_audio(content[: int(kept * len(content))])
    assert capfd.readouterr() == ("", "")  # the decoder's own remarks


def test_one_cut_between_frames_is_refused_where_a_header_counts_them() -> None:
    whole = mp3("CONSTANT")
    size = len(whole) - len(uncounted(whole))
    with pytest.raises(AudioError, match=r"is truncated: \d+ of \d+ MP3 frames are missing"):
        read_audio(whole[: size * 10])


def test_one_with_a_hole_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    whole = mp3()
    half = len(whole) // 2
    with pytest.raises(AudioError, match="is damaged"):
        read_audio(whole[:half] + bytes(300) + whole[half:])
    assert capfd.readouterr() == ("", "")


def test_two_in_one_file_are_both_heard() -> None:
    assert len(read_audio(2 * mp3())) > 64000


@pytest.mark.parametrize("content", [TAG, b"\xff\xfb\x90", b"ID3", b"\xff\xfb\x90\x00" + b"words " * 99])
def test_what_begins_like_one_and_is_none(content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    assert mpeg.is_mp3(content[:4]) or content[:1] == b"\xff"
    with pytest.raises(AudioError):
        read_audio(content)
    assert capfd.readouterr() == ("", "")
