"""MP3, whole and counted: its decoder guesses the length where no header tells it, and then drops the end unsaid."""

from __future__ import annotations

KBITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Version → kilobits a second by index (ISO/IEC 11172-3, table 3-B.2; 13818-3). Version 2.5, 0 here, is as 2."""

RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

SEARCHED_BYTES = 1 << 16
"""The first frame is looked for so far."""


def is_mp3(head: bytes) -> bool:
    """Whether a file that begins so may be an MP3."""
    return head[:3] == b"ID3" or _frame_bytes(head, 0) > 0


def counted(content: bytes) -> bytes:
    """The frames of an MP3 behind one that tells how many they are, so that all of them are decoded.

    Args:
        content: The file, tags and all.

    Returns:
        The frames without tags; nothing where the file is no MP3.

    Raises:
        ValueError: Frames are missing at the end or damaged in the middle; in words that follow the file's name.
    """
    start = _first_frame(content)
    if start is None:
        return b""
    at, count = start, 0
    while size := _frame_bytes(content, at, start):
        at, count = at + size, count + 1
    left = content[at:]
    if at > len(content) or (len(left) < 4 and left[:1] == b"\xff"):
        raise ValueError("is truncated: the end of its last frame is missing")
    if any(_frame_bytes(content, later, start) for later in _syncs(content, at)):
        raise ValueError("is damaged: there is other data between its frames")
    tag = _counter(content, start)
    if tag is None:
        return _telling(content[start:at], count)
    told = int.from_bytes(content[tag + 8 : tag + 12], "big") if content[tag + 7] & 1 else count - 1
    if count - 1 < told:
        raise ValueError(f"is truncated: {told - count + 1} of {told} MP3 frames are missing")
    if count - 1 > told:  # one MP3 was put behind another
        return _telling(content[start + _frame_bytes(content, start) : at], count - 1)
    return content[start:at]


def _frame_bytes(content: bytes, at: int, like: int | None = None) -> int:
    """Length of the frame of layer III at a place; 0 where there is none, or none of the rate of that at ``like``."""
    head = content[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, kbits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or kbits in (0, 15) or rate == 3:
        return 0
    if like is not None and (head[1] & 0xFE, head[2] & 0x0C) != (content[like + 1] & 0xFE, content[like + 2] & 0x0C):
        return 0
    slots = 144_000 if version == 3 else 72_000
    return slots * KBITS[version or 2][kbits] // RATES_HZ[version][rate] + (head[2] >> 1 & 1)


def _first_frame(content: bytes) -> int | None:
    """Where the first frame is that another follows, behind the tags at the beginning."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        at += 10 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(content[at + 6 : at + 10]))
    for start in _syncs(content, at):
        size = _frame_bytes(content, start)
        if size and (start + size >= len(content) or _frame_bytes(content, start + size, start)):
            return start
    return None


def _syncs(content: bytes, at: int) -> list[int]:
    """Places from ``at`` on where a frame might begin."""
    end = min(len(content), at + SEARCHED_BYTES)
    return [i for i in range(at, end) if content[i] == 0xFF]


def _counter(content: bytes, start: int) -> int | None:
    """Where the first frame holds a count of those that follow, as encoders of varying rate write it."""
    for at in range(start + 4, start + 40):
        if content[at : at + 4] in (b"Xing", b"Info"):
            return at
    return None


def _telling(frames: bytes, count: int) -> bytes:
    """Frames behind an empty one that tells how many they are."""
    size = _frame_bytes(frames, 0)
    mono = frames[3] >> 6 == 3
    side = (17 if mono else 32) if frames[1] & 8 else (9 if mono else 17)
    head = bytes((frames[0], frames[1] | 1)) + frames[2:4] + bytes(side) + b"Xing" + (1).to_bytes(4, "big")
    return (head + count.to_bytes(4, "big")).ljust(size, b"\0")[:size] + frames
