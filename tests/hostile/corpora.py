"""Corpora that cannot be trained on, and weights that are none."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from hostile.case import RATE_HZ, Case, Make, Place, nothing, recording
from hostile.recordings import cut, one_hour
from waveforms import babble, tone

READERS = (("run", "--models", "cnn", "--data"), ("data", "verify"), ("data", "describe"), ("data", "get"))


def read(
    name: str, make: Make, *says: str, file: str = "bad", by: tuple[int, ...] = (0, 1), keeps: str = ""
) -> list[Case]:
    """A corpus that several commands are asked to read."""
    return [
        Case(
            f"corpus, {name}: {' '.join(READERS[i][:2])}",
            (*READERS[i], f"@{file}"),
            (file, *says),
            make,
            progress=True,
            keeps=("checked", keeps),
        )
        for i in by
    ]


def place_clips(
    folder: Path, speakers: int = 4, emotions: tuple[int, ...] = (2, 5), name: str = "03-01-{:02d}-01-01-01-{:02d}.wav"
) -> None:
    for actor in range(1, speakers + 1):
        for emotion in emotions:
            path = folder / f"Actor_{actor:02d}" / name.format(emotion, actor)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clip(actor, emotion))


def clip(actor: int, emotion: int) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, babble(0.3, seed=10 * actor + emotion), RATE_HZ, format="WAV")
    return file.getvalue()


FOLDERS = [
    *read("missing", nothing, "missing", file="missing", by=(0, 1, 2, 3)),
    *read("an empty folder", lambda p: (p / "bad").mkdir(), "contains no", by=(0, 1, 2, 3)),
    *read("a folder of text", lambda p: p.write("bad/a/letter.txt", "Dear"), "contains no"),
    *read("one recording of another name", lambda p: p.write("bad/hello.wav", recording("WAV")), "; "),
    *read("names with an emotion that is none", lambda p: place_clips(p / "bad", emotions=(97,)), "; "),
    *read("one emotion", lambda p: place_clips(p / "bad", emotions=(5,)), "one emotion", by=(0,)),
    *read("one speaker", lambda p: place_clips(p / "bad", 1), "1 speaker", "at least 3", by=(0,)),
    *read("two speakers", lambda p: place_clips(p / "bad", 2), "2 speaker", "at least 3", by=(0,)),
    *read("a recording", lambda p: p.write("bad.wav", recording("WAV")), "; ", file="bad.wav", by=(0, 1, 2)),
    *read("text", lambda p: p.write("bad.txt", "Dear"), "; ", file="bad.txt", by=(0, 1, 2)),
    *read("a link to nothing", lambda p: (p / "bad").symlink_to(p / "gone"), "bad", by=(0, 1)),
]


def table(name: str, text: str | bytes, *says: str, by: tuple[int, ...] = (0, 1)) -> list[Case]:
    def make(place: Place) -> None:
        for actor in range(1, 5):
            for emotion in (2, 5):
                place.write(f"{actor}{emotion}.wav", clip(actor, emotion))
        place.write("bad.csv", text)

    return read(f"table, {name}", make, *says, file="bad.csv", by=by)


ROWS = "".join(f"{a}{e}.wav,{'calm' if e == 2 else 'angry'},{a}\n" for a in range(1, 5) for e in (2, 5))
HEAD = "path,emotion,speaker\n"
TABLES = [
    *table("empty", "", "; "),
    *table("a head alone", HEAD, "has no rows; add one for each recording"),
    *table("no head", ROWS, "column"),
    *table("no column of speakers", "path,emotion\n12.wav,calm\n", "no column 'speaker'"),
    *table("no column of paths", "file name,emotion,speaker\n12.wav,calm,1\n", "no column 'path'"),
    *table("a column twice", "path,emotion,speaker,speaker\n12.wav,calm,1,1\n", "twice"),
    *table("a cell too few", HEAD + "12.wav,calm\n", "line 2"),
    *table("a cell too many", HEAD + "12.wav,calm,1,2\n", "line 2"),
    *table("no path", HEAD + ",calm,1\n", "line 2", "path is empty"),
    *table("no emotion", HEAD + "12.wav,,1\n", "line 2", "emotion is empty"),
    *table("no speaker", HEAD + "12.wav,calm,\n", "line 2", "speaker is empty"),
    *table("a recording that is missing", HEAD + ROWS + "99.wav,calm,1\n", "line 10", "99.wav does not exist"),
    *table("a folder as a recording", HEAD + ROWS + ".,calm,1\n", "line 10", "folder"),
    *table("a row twice", HEAD + ROWS + "12.wav,calm,1\n", "line 10"),
    *table("a recording under two spellings", HEAD + ROWS + "../place/12.wav,calm,1\n", "line 10"),
    *table("a recording under two emotions", HEAD + ROWS + "12.wav,angry,1\n", "line 10"),
    *table("latin-1", (HEAD + "12.wav,wütend,1\n").encode("latin-1"), "not UTF-8 text; save the table"),
    *table("utf-16", (HEAD + ROWS).encode("utf-16"), "UTF-8"),
    *table("bytes", bytes(range(256)), "; "),
    *table("NUL", HEAD + "12.wav\0,calm,1\n", "; "),
    *table("one emotion", HEAD + ROWS.replace("angry", "calm"), "one emotion", by=(0,)),
    *table("two speakers", HEAD + "".join(ROWS.splitlines(keepends=True)[:4]), "2 speaker", by=(0,)),
    *table("a quote without an end", HEAD + '"12.wav,calm,1\n' + ROWS, "; "),
    *table("a cell of a megabyte", HEAD + f"12.wav,{'x' * 200_000},1\n", "; "),
]  # fmt: skip


def packed(*more: tuple[str, bytes], clips: bool = True, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of a small corpus, and what else."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as opened:
        for actor in range(1, 5) if clips else ():
            for emotion in (2, 5):
                name = f"Actor_{actor:02d}/03-01-{emotion:02d}-01-01-01-{actor:02d}.wav"
                opened.writestr(name, clip(actor, emotion))
        for name, content in more:
            opened.writestr(name, content)
    return file.getvalue()


def archive(name: str, content: bytes, *says: str, file: str = "bad.zip") -> list[Case]:
    return read(f"zip, {name}", lambda place: place.write(file, content), *says, file=file)


def altered(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 0xFF]) + content[half + 1 :]


def encrypted() -> bytes:
    """A zip whose members say that they are encrypted."""
    content = bytearray(packed())
    for signature, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flag] |= 1
            at = content.find(signature, at + 4)
    return bytes(content)


def linked() -> bytes:
    file = io.BytesIO(packed())
    with zipfile.ZipFile(file, "a") as opened:
        link = zipfile.ZipInfo("link.wav")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, "/etc/passwd")
    return file.getvalue()


def swollen() -> bytes:
    """A zip that says that its first recording unpacks to 600 MB."""
    content = bytearray(packed())
    for signature, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + size
        content[at : at + 4] = (600_000_000).to_bytes(4, "little")
    return bytes(content)


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        about = tarfile.TarInfo("a.wav")
        about.size = len(recording("WAV"))
        opened.addfile(about, io.BytesIO(recording("WAV")))
    return file.getvalue()


OUTSIDE = "outside its folder"
ARCHIVES = [
    *archive("empty", b"", "; "),
    *archive("text", b"not a zip", "is damaged"),
    *archive("nothing in it", packed(clips=False), "contains no"),
    *archive("no recordings in it", packed(("a.txt", b"x"), clips=False), "contains no"),
    *archive("half", cut(packed(), 0.5), "is damaged"),
    *archive("one byte altered", altered(packed(how=zipfile.ZIP_STORED)), "bad.zip", "again"),
    *archive("encrypted", encrypted(), "; "),
    *archive("a link", linked(), OUTSIDE),
    *archive("a path upwards", packed(("../evil.wav", b"x")), OUTSIDE),
    *archive("a path from the root", packed(("/evil.wav", b"x")), OUTSIDE),
    *archive("a path of Windows", packed(("C:\\evil.wav", b"x")), OUTSIDE),
    *archive("a path upwards of Windows", packed(("..\\evil.wav", b"x")), OUTSIDE),
    *archive("a bomb", swollen(), "; "),
    *read(
        "zip, one recording of text",
        lambda place: place.write("bad.zip", packed(("03-01-02-01-01-01-01.wav", b"x"), clips=False)),
        "; ",
        file="bad.zip",
        by=(0,),
        keeps="unpacked",
    ),
    *archive("a tar", tarred(), "; ", file="bad.tar"),
    *archive("a zip in a zip", packed(("inner.zip", packed()), clips=False), "contains no"),
]


def spoilt(make: Make) -> Make:
    """A small corpus with one bad recording."""

    def spoil(place: Place) -> None:
        place_clips(place / "bad")
        inner = Place(place / "bad/Actor_02", place.good)
        make(inner)
        (inner / "bad.wav").replace(inner / "03-01-05-01-01-01-02.wav")

    return spoil


BAD = "03-01-05-01-01-01-02.wav"
RECORDINGS = [
    Case(f"corpus with a recording that {says}", (*READERS[0], "@bad"), (BAD, says), spoilt(make), progress=True)
    for says, make in {
        "is truncated": lambda p: p.write("bad.wav", cut(clip(2, 5), 0.5)),
        "is empty": lambda p: p.write("bad.wav"),
        "is silent": lambda p: p.sound("bad.wav", np.zeros(RATE_HZ)),
        "lasts 3600 s": one_hour,
        "lasts 10 ms": lambda p: p.sound("bad.wav", tone(0.01)),
        "is not an audio file": lambda p: p.write("bad.wav", "words"),
        "contains NaN": lambda p: p.sound("bad.wav", np.full(RATE_HZ, np.nan), subtype="FLOAT"),
        "reaches": lambda p: p.sound("bad.wav", 1000 * tone(1), subtype="FLOAT"),
        "has a sample rate of 2000 Hz": lambda p: p.sound("bad.wav", tone(1), 2000),
    }.items()
]

WEIGHTS = [
    Case(
        f"weights of {kind}, {name}",
        ("run", "--data", "=corpus", "--models", f"cnn,{kind}", f"--{kind}-weights", "@weights.bin", "--out", "run"),
        ("weights.bin", f"--{kind}-weights PATH"),
        make,
        progress=True,
    )
    for kind in ("yamnet", "whisper")
    for name, make in {
        "missing": nothing,
        "a folder": lambda p: (p / "weights.bin").mkdir(),
        "empty": lambda p: p.write("weights.bin"),
        "text": lambda p: p.write("weights.bin", "not weights"),
        "half of an h5": lambda p: p.write("weights.bin", b"\x89HDF\r\n\x1a\n cut"),
        "a recording": lambda p: p.write("weights.bin", recording("WAV")),
        "zeros": lambda p: p.write("weights.bin", bytes(5000)),
        "random": lambda p: p.write("weights.bin", np.random.default_rng(0).bytes(5000)),
        "a huge length": lambda p: p.write("weights.bin", (2**60).to_bytes(8, "little") + b"{}"),
    }.items()
]  # fmt: skip

CASES = [*FOLDERS, *TABLES, *ARCHIVES, *RECORDINGS, *WEIGHTS]
if os.name != "posix":
    CASES = [case for case in CASES if "link" not in case.name]
