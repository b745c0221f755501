"""Recordings that cannot be answered for."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np

from hostile.case import RATE_HZ, Case, Make, Place, recording
from waveforms import babble, noise, tone

NO_RECORDING = "is not an audio file that can be read; give WAV, FLAC, OGG, MP3 or AIFF"


def predicted(name: str, make: Make, *says: str, file: str = "bad.wav", shown: str = "") -> Case:
    """A bad recording, before a good one that is answered."""
    words = ("predict", f"@{file}", "=good.wav", "--model", "=model.onnx", "--json")
    return Case(f"recording, {name}", words, (shown or Path(file).name, *says), make, answers=True, code=1)


def holding(content: bytes, file: str = "bad.wav") -> Make:
    """Makes a file of these bytes."""
    return lambda place: place.write(file, content)


def uncounted_mp3() -> bytes:
    """An MP3 without the frame that counts the others."""
    whole = recording("MP3")
    return whole[next(at for at in range(4, len(whole)) if whole[at : at + 2] == whole[:2]) :]


def cut(content: bytes, share: float) -> bytes:
    return content[: int(share * len(content))]


def truncated() -> list[Case]:
    """Every container, cut."""
    whole = {
        name.lower(): recording(name)
        for name in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG", "MP3")
    }
    whole["opus"] = recording("OGG", subtype="OPUS")
    whole["big-endian wav"] = recording("WAV", endian="BIG")
    whole["float wav"] = recording("WAV", subtype="FLOAT")
    whole["mp3 without a count"] = uncounted_mp3()
    cases = []
    for name, content in whole.items():
        for share in (0.51, 0.95):
            file = f"bad.{name.split()[0]}"
            says = "truncated" if (name, share) != ("caf", 0.02) else "not an audio file"
            cases.append(predicted(f"{name} cut at {share:.0%}", holding(cut(content, share), file), says, file=file))
    return cases


OTHER_FILES = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 8,
    "gif": b"GIF89a" + bytes(500),
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(500),
    "json": b'{"emotion": "calm"}',
    "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "xml": b"<?xml version='1.0'?><a/>",
    "mp4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2mp41" + bytes(500),
    "m4a": b"\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00M4A mp42isom" + bytes(500),
    "webm": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01" + bytes(500),
    "aac": b"\xff\xf1\x50\x80\x02\x1f\xfc" * 99,
    "wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(500),
    "amr": b"#!AMR\n" + bytes(range(256)),
    "mid": b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x60" + bytes(99),
    "gz": gzip.compress(recording("WAV")),
    "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.",
    "avi": b"RIFF\x00\x10\x00\x00AVI LIST" + bytes(500),
    "webp": b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(500),
    "utf-16 text": "no sound but words".encode("utf-16"),
    "one byte": b"R",
    "zeros": bytes(20_000),
    "ones": b"\xff" * 20_000,
    "random": np.random.default_rng(0).bytes(20_000),
    "only an ID3 tag": b"ID3\x03\x00\x00\x00\x00\x0f\x76" + bytes(2038),
}


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("a.wav", recording("WAV"))
    return file.getvalue()


HEADERS = {
    "wav": recording("WAV")[:12],
    "wav with a format": recording("WAV")[:36],
    "flac": b"fLaC",
    "flac with a first block": recording("FLAC")[:42],
    "ogg": recording("OGG")[:58],
    "aiff": recording("AIFF")[:12],
    "au": recording("AU")[:8],
    "mp3": recording("MP3")[:4],
    "caf": recording("CAF")[:8],
    "w64": recording("W64")[:40],
}


def patched(at: int, content: bytes) -> bytes:
    """A WAV with other bytes in its header."""
    whole = recording("WAV")
    return whole[:at] + content + whole[at + len(content) :]


PATCHED = {
    "no channels": patched(22, struct.pack("<H", 0)),
    "65535 channels": patched(22, struct.pack("<H", 65535)),
    "no rate": patched(24, struct.pack("<I", 0)),
    "a rate of 4 GHz": patched(24, struct.pack("<I", 2**32 - 1)),
    "no bits": patched(34, struct.pack("<H", 0)),
    "an unknown code": patched(20, struct.pack("<H", 0x1234)),
    "no form": patched(8, b"WAVX"),
    "a format of no bytes": patched(16, struct.pack("<I", 0)),
    "a format of 4 GB": patched(16, struct.pack("<I", 2**32 - 1)),
    "no data": patched(36, b"dada"),
}


def flipped(content: bytes) -> bytes:
    """With one bit in the middle turned."""
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]


def faster() -> bytes:
    """An AIFF whose rate, 80 bits of floating point, says 131 MHz."""
    whole = recording("AIFF", 20.0)
    at = whole.index(b"COMM") + 16
    return whole[:at] + struct.pack(">H", 0x4019) + whole[at + 2 :]


def one_hour(place: Place) -> None:
    """An hour at 8 bits and 16 kHz, whose silence takes no room on the disk."""
    samples = 3600 * RATE_HZ
    header = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE_HZ, RATE_HZ, 1, 8) + b"data"
    with (place / "bad.wav").open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(header) + 4 + samples) + header + struct.pack("<I", samples))
        file.truncate(file.tell() + samples)


def floats(samples: np.ndarray) -> Make:
    return lambda place: place.sound("bad.wav", samples, subtype="FLOAT")


def with_one(value: float) -> np.ndarray:
    samples = babble(1.0)
    samples[500] = value
    return samples


def opposed(place: Place) -> None:
    place.sound("bad.wav", np.stack([tone(1), -tone(1)], axis=1), subtype="FLOAT")


def fifo_of(content: bytes) -> Make:
    def make(place: Place) -> None:
        import threading

        os.mkfifo(place / "bad.wav")
        threading.Thread(target=(place / "bad.wav").write_bytes, args=(content,), daemon=True).start()

    return make


def locked(place: Place) -> None:
    place.write("bad.wav", recording("WAV")).chmod(0)


def loop(place: Place) -> None:
    (place / "bad.wav").symlink_to(place / "other.wav")
    (place / "other.wav").symlink_to(place / "bad.wav")


LEVEL = "times full scale; scale it to ±1"
CONTENTS = [
    predicted("empty", holding(b""), "is empty; record or download it again"),
    predicted("an empty flac", holding(b"", "bad.flac"), "is empty", file="bad.flac"),
    predicted("an empty mp3", holding(b"", "bad.mp3"), "is empty", file="bad.mp3"),
    predicted("no samples", floats(np.zeros(0)), "contains no samples"),
    predicted("one sample", floats(np.ones(1)), "lasts 0 ms; at least 100 ms are needed"),
    predicted("10 ms", floats(tone(0.01)), "lasts 10 ms"),
    predicted("99 ms", floats(tone(0.099)), "lasts 99 ms"),
    predicted("61 s", floats(tone(61)), "lasts 61 s; at most 60 s"),
    predicted("61 s in flac", lambda p: p.sound("bad.flac", tone(61)), "lasts 61 s", file="bad.flac"),
    predicted("70 s in mp3", lambda p: p.sound("bad.mp3", tone(70)), "lasts 70 s", file="bad.mp3"),
    predicted("one hour", one_hour, "lasts 3600 s"),
    predicted("silent", lambda p: p.sound("bad.wav", np.zeros(RATE_HZ)), "is silent"),
    predicted("silent flac", lambda p: p.sound("bad.flac", np.zeros(RATE_HZ)), "is silent", file="bad.flac"),
    predicted("silent floats", floats(np.zeros(RATE_HZ)), "is silent"),
    predicted("a constant", floats(np.full(RATE_HZ, 0.25)), "is silent"),
    predicted("channels that cancel", opposed, "is silent once mixed"),
    predicted("a whisper of the last digit", floats(noise(1, 1e-7)), "is silent"),
    predicted("all NaN", floats(np.full(RATE_HZ, np.nan)), "NaN or infinite samples (16000)"),
    predicted("one NaN", floats(with_one(np.nan)), "NaN or infinite samples (1)"),
    predicted("one infinite", floats(with_one(np.inf)), "NaN or infinite samples (1)"),
    predicted("minus infinite", floats(with_one(-np.inf)), "NaN or infinite samples (1)"),
    predicted("the largest float", floats(np.sign(tone(1)) * 3.4e38), LEVEL),
    predicted("the scale of 16 bits", floats(32768 * tone(1)), LEVEL, "divide by 32768"),
    predicted("50 times full scale", floats(100 * tone(1)), LEVEL),
    predicted("one sample of 9", floats(with_one(9)), LEVEL),
    predicted("one of -9", floats(with_one(-9)), LEVEL),
    predicted("1 Hz", lambda p: p.sound("bad.wav", tone(1), 1), "lasts 16000 s"),
    predicted("2 kHz", lambda p: p.sound("bad.wav", tone(1), 2000), "a sample rate of 2000 Hz; at least 4000 Hz"),
    predicted("3999 Hz", lambda p: p.sound("bad.wav", tone(1), 3999), "a sample rate of 3999 Hz"),
    predicted("131 MHz", holding(faster()), "impossible sample rate, 131072000 Hz"),
    predicted("an ogg with an altered byte", holding(flipped(recording("OGG"))), "an Ogg page"),
    predicted("a flac with an altered byte", holding(flipped(recording("FLAC"))), "truncated or damaged"),
    predicted("alac", holding(recording("CAF", subtype="ALAC_16"), "bad.caf"), "give WAV or FLAC", file="bad.caf"),
    predicted("two ogg streams", holding(2 * recording("OGG")), "several Ogg streams"),
    predicted(
        "an mp3 with a hole",
        holding(recording("MP3")[:3000] + bytes(300) + recording("MP3")[3000:]),
        "is damaged",
    ),
    predicted("a zip", holding(zipped()), NO_RECORDING),
    *(predicted(name, holding(content), NO_RECORDING) for name, content in OTHER_FILES.items()),
    *(predicted(f"only the head of {name}", holding(content), "; ") for name, content in HEADERS.items()),
    *(predicted(f"a wav with {name}", holding(content), "; ") for name, content in PATCHED.items()),
    *(
        predicted(
            f"text in .{suffix}",
            holding(b"Dear listener\n" * 99, f"bad.{suffix}"),
            "not an audio",
            file=f"bad.{suffix}",
        )
        for suffix in ("flac", "mp3", "ogg", "aiff", "raw", "opus", "m4a", "txt")
    ),
    *(
        predicted(f"the container {name}", holding(recording(name)), f"is {name} of ", "give WAV")
        for name in ("AVR", "IRCAM", "MAT4", "MAT5", "PAF", "PVF", "SVX", "VOC", "XI", "SDS", "MPC2K", "HTK")
    ),
]

WAV, MISSING = recording("WAV"), "does not exist; check the name"
BYTES = os.fsdecode(b"caf\xe9.wav")
PLACES = [
    predicted("missing", lambda p: None, MISSING),
    predicted("in a missing folder", lambda p: None, MISSING, file="nowhere/bad.wav"),
    predicted("below a file", holding(WAV), "cannot be read: Not a directory", file="bad.wav/bad.wav"),
    predicted("a pattern without a match", lambda p: None, MISSING, file="*.wav"),
    predicted("an address", lambda p: None, MISSING, file="https://example.org/bad.wav", shown="bad.wav"),
    predicted("a folder", lambda p: (p / "bad.wav").mkdir(), "is a folder; give a recording in it"),
    predicted("a link to nothing", lambda p: (p / "bad.wav").symlink_to(p / "gone"), MISSING),
    predicted("a link in a circle", loop, "cannot be read"),
    predicted("a name of 300 letters", lambda p: None, "cannot be read: File name too long", file=300 * "x"),
    predicted("[red] in a missing name", lambda p: None, MISSING, file="[red]bad[/red].wav"),
    predicted("ESC in a missing name", lambda p: None, MISSING, file="\x1b[31mbad.wav", shown=r"\x1b[31mbad.wav"),
    predicted("a line end in a missing name", lambda p: None, MISSING, file="two\nlines.wav", shown=r"two\x0alines"),
    predicted("a missing name that is no UTF-8", lambda p: None, MISSING, file=BYTES, shown=r"caf\xe9.wav"),
    predicted(
        "text in a name that is no UTF-8", holding(b"x", BYTES), "not an audio", file=BYTES, shown=r"caf\xe9.wav"
    ),
    predicted("a turn of direction in a name", lambda p: None, MISSING, file="\u202evaw.wav", shown=r"\u202evaw"),
    predicted("a pipe of text", fifo_of(b"words"), NO_RECORDING),
    predicted("a pipe of a cut wav", fifo_of(cut(WAV, 0.5)), "is truncated"),
    predicted("a pipe of nothing", fifo_of(b""), "is empty"),
]


def streamed(name: str, content: bytes, *says: str) -> Case:
    words = ("predict", "-", "=good.wav", "--model", "=model.onnx", "--json")
    return Case(f"standard input, {name}", words, ("standard input", *says), answers=True, stdin=content, code=1)


STREAMS = [
    streamed("nothing", b"", "is empty"),
    streamed("words", b"words", NO_RECORDING),
    streamed("a cut wav", cut(WAV, 0.5), "is truncated"),
    streamed("a cut ogg", cut(recording("OGG"), 0.5), "is truncated"),
    streamed("a cut mp3", cut(recording("MP3"), 0.5), "is truncated"),
    streamed("61 s", recording("WAV", 61.0), "lasts 61 s"),
    streamed("what goes on for ever", recording("WAV", 61.0) * 3, "lasts"),
    streamed("zeros without an end", bytes(20_000_000), NO_RECORDING),
]

NOT_A_FILE = [
    Case("recording, /dev/null", ("predict", "/dev/null", "--model", "=model.onnx"), ("/dev/null is empty",), code=1),
    Case(
        "recording, /dev/zero",
        ("predict", "/dev/zero", "--model", "=model.onnx"),
        ("/dev/zero is not an audio file",),
        code=1,
    ),
]

CASES = [*truncated(), *CONTENTS, *PLACES, *STREAMS, *NOT_A_FILE]
if os.geteuid() != 0:
    CASES.append(predicted("one that may not be read", locked, "Permission denied"))
