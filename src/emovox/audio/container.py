"""Whether a file holds all the sound that its container promises.

libsndfile quietly shortens a file that was cut, so that half an utterance would pass for a whole one.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG", "MP3")
"""Containers, in libsndfile's words, that are read: those whose whole length can be checked, and MP3."""

AGAIN = "copy or download it again"

_UNTOLD = 0x7F000000
"""Writers that cannot seek back (a pipe) leave a size from here up in the header, and then mean "to the end"."""


@dataclass(frozen=True)
class _Chunks:
    """How a container lays out its chunks.

    Args:
        start: Where the first chunk is.
        head: Of a chunk: its name, then its size.
        data: The name of the chunk that holds the sound.
        align: A chunk begins at a multiple of this many bytes after the one before it.
        counts_head: Whether a size counts the chunk's name and size too.
        long: The name of the chunk that tells the size of a chunk of sound that is longer than 4 GB.
    """

    start: int
    head: str
    data: bytes
    align: int = 2
    counts_head: bool = False
    long: bytes = b""


_WAVE64 = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_CONTAINERS = {
    (b"RIFF", b"WAVE"): _Chunks(12, "<4sI", b"data"),
    (b"RIFX", b"WAVE"): _Chunks(12, ">4sI", b"data"),
    (b"RF64", b"WAVE"): _Chunks(12, "<4sI", b"data", long=b"ds64"),
    (b"BW64", b"WAVE"): _Chunks(12, "<4sI", b"data", long=b"ds64"),
    (b"FORM", b"AIFF"): _Chunks(12, ">4sI", b"SSND"),
    (b"FORM", b"AIFC"): _Chunks(12, ">4sI", b"SSND"),
    (b"riff", b"\x2e\x91\xcf\x11"): _Chunks(40, "<16sQ", b"data" + _WAVE64, align=8, counts_head=True),
    (b"caff", b"\x00\x01\x00\x00"): _Chunks(8, ">4sQ", b"data", align=1),
}


def flaw(raw: BinaryIO) -> str:
    """What is wrong with the length of a file, in words that follow its name; empty where nothing is told to be.

    Args:
        raw: The file, which can seek.
    """
    size = raw.seek(0, 2)
    raw.seek(0)
    head = raw.read(1024)
    if head[:4] == b"caff" and head[28:32] == b"alac":  # libsndfile prints of its damage, and goes on
        return "is CAF with ALAC, where damage cannot be detected; give WAV or FLAC"
    for at in (8, 4):  # where a container tells its form
        chunks = _CONTAINERS.get((head[:4], head[at : at + 4]))
        if chunks:
            return _beyond(_end_of_data(raw, chunks), size)
    if head[:4] in (b".snd", b"dns.") and len(head) >= 12:
        offset, length = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:12])
        return _beyond(offset + length if length < _UNTOLD else 0, size)
    if head[:7] == b"NIST_1A":
        return _beyond(_end_of_sphere(head), size)
    return _flaw_of_ogg(raw, size) if head[:4] == b"OggS" else ""


def _beyond(end: int, size: int) -> str:
    return f"is truncated: {end - size} bytes of sound are missing; {AGAIN}" if end > size else ""


def _end_of_data(raw: BinaryIO, chunks: _Chunks) -> int:
    """Where the chunk of sound ends, as its size says; 0 where it does not."""
    head_bytes = struct.calcsize(chunks.head)
    raw.seek(chunks.start)
    long = 0
    while len(head := raw.read(head_bytes)) == head_bytes:
        name, length = struct.unpack(chunks.head, head)
        start = raw.tell()
        if chunks.counts_head:
            length -= head_bytes
        if name == chunks.long:
            long = int.from_bytes(raw.read(16)[8:], "little")
        if name == chunks.data:
            length = long if chunks.long and length == 0xFFFFFFFF else length
            return start + length if 0 <= length < _UNTOLD else 0
        if length < 0 or length >= 2**62:
            return 0
        raw.seek(start + -(-length // chunks.align) * chunks.align)
    return 0


def _end_of_sphere(head: bytes) -> int:
    """Where the samples of a NIST SPHERE file end, by its header of text."""
    told = {name: int(value) for name, value in re.findall(rb"(?m)^(\w+) -i (\d+)", head)}
    start = re.match(rb"NIST_1A\n\s*(\d+)\n", head)
    try:
        samples = told[b"sample_count"] * told.get(b"channel_count", 1) * told[b"sample_n_bytes"]
    except KeyError:
        return 0
    return int(start[1]) + samples if start else 0


def _flaw_of_ogg(raw: BinaryIO, size: int) -> str:
    """Walk the pages of an Ogg stream (RFC 3533, section 6): the last one must say so, and no other stream follow."""
    at, began, ended = 0, False, False
    while at < size:
        raw.seek(at)
        page = raw.read(27)
        lengths = raw.read(page[26]) if len(page) == 27 and page[:4] == b"OggS" else b""
        if not lengths:
            break
        body = raw.read(sum(lengths))
        if len(body) == sum(lengths) and _ogg_sum(page[:22] + bytes(4) + page[26:] + lengths + body) != page[22:26]:
            return f"is damaged: an Ogg page has a wrong checksum; {AGAIN}"
        if page[5] & 2 and began:
            return "contains several Ogg streams, one after another; save each in its own file"
        began = began or not page[5] & 2
        ended = bool(page[5] & 4)
        at += 27 + len(lengths) + sum(lengths)
    return "" if ended and at <= size else f"is truncated: its last page is missing; {AGAIN}"


_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_sum(page: bytes) -> bytes:
    """The checksum of a page: CRC-32 from the highest bit down, from 0 (RFC 3533), by way of zlib's from the lowest."""
    turned = zlib.crc32(page.translate(_TURNED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return turned.to_bytes(4, "big").translate(_TURNED)
