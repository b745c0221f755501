"""What a server bears: clips a second with eight clients, memory after many requests, bad bodies and bad frames.

    python benchmarks/server.py ARTIFACT FOLDER_OF_RECORDINGS

``emovox serve`` runs in a process of its own, with its usual limits; the clients' process shares the machine with it.
Each client posts one recording after the other, over a connection that stays open. Bad bodies are recordings with
altered bytes, cut recordings, broken forms and noise; bad frames are noise and JSON that means nothing. A bad body is
mishandled if it is not answered in a whole body or a problem body with a hint, by a status that says so; a bad frame,
if the session does not say so and go on to hear a good one. Other work on the machine bends the times; the command is
to be run alone, or with priority.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from measure import row, say, write
from websockets.sync.client import connect

from emovox.audio import SAMPLE_RATE_HZ
from emovox.corpora.scan import recordings_under

CLIENTS = 8
REQUESTS = 10_000
WARM = 100
FRAMES_A_SESSION = 100
SEED = 0

RAW = {"Content-Type": "audio/wav"}
FORM = {"Content-Type": "multipart/form-data; boundary=mark"}


@contextmanager
def served(artifact: Path) -> Iterator[int]:
    """The port of a server that runs."""
    command = [sys.executable, "-m", "emovox", "serve", "--model", str(artifact), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        found = None
        while not found:
            found = re.search(r"Listening at \S+:(\d+)", process.stdout.readline())
        yield int(found[1])
        assert process.poll() is None, "the server died"
    finally:
        process.terminate()
        process.wait(60)


def ask(
    line: http.client.HTTPConnection, body: bytes, headers: dict[str, str], path: str
) -> tuple[int, dict[str, Any]]:
    """The status and the body of an answer."""
    line.request("POST", path, body, headers)
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def told(port: int, name: str) -> float:
    """A number of ``/metrics``."""
    line = http.client.HTTPConnection("127.0.0.1", port)
    line.request("GET", "/metrics")
    (value,) = re.findall(rf"^{name} (\S+)$", line.getresponse().read().decode(), re.M)
    return float(value)


def load(port: int, clips: list[bytes], requests: int) -> tuple[list[float], float]:
    """Seconds of each request, and of all, by eight clients at once."""
    numbers, taken = iter(range(requests)), list[float]()
    lock = threading.Lock()

    def client() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            start = time.perf_counter()
            status, _ = ask(line, clips[number % len(clips)], RAW, "/v1/predict")
            taken.append(time.perf_counter() - start)
            assert status == 200, status

    began = time.perf_counter()
    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert len(taken) == requests
    return taken, time.perf_counter() - began


def altered(rng: np.random.Generator, content: bytes) -> bytes:
    """A recording with a few bytes altered, most of them in its head, or cut, or shuffled."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 8)):
        changed[rng.integers(min(len(changed), rng.choice([64, len(changed)])))] = rng.choice(
            [0, 255, rng.integers(256)]
        )
    kind = rng.integers(4)
    if kind == 0:
        del changed[rng.integers(1, len(changed)) :]
    return bytes(rng.permutation(changed)) if kind == 1 else bytes(changed)


def bad_body(rng: np.random.Generator, whole: list[bytes]) -> tuple[bytes, dict[str, str]]:
    """A body that should not be sent, and its headers."""
    content = altered(rng, whole[rng.integers(len(whole))]) if rng.random() < 0.8 else rng.bytes(rng.integers(5_000))
    if rng.random() < 0.7:
        return content, RAW
    head = b'--mark\r\nContent-Disposition: form-data; name="file"; filename="../../x"\r\n\r\n'
    return altered(rng, head + content[:20_000] + b"\r\n--mark--\r\n"), FORM


def bodies(port: int, whole: list[bytes], count: int) -> int:
    """How many bad bodies were mishandled."""
    rng, mishandled = np.random.default_rng(SEED), 0
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(count):
        body, headers = bad_body(rng, whole)
        try:
            status, answer = ask(line, body, headers, ("/v1/predict", "/v1/timeline")[number % 2])
            right = "model" in answer if status == 200 else status in (400, 413, 422) and bool(answer["hint"])
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            right = False
            line.close()
            say(f"body {number}: {error!r}")
        mishandled += not right
    return mishandled


def bad_frame(rng: np.random.Generator) -> bytes | str:
    """A message that no session can use."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.bytes(2 * rng.integers(2_000) + 1)
    if kind == 1:
        return rng.bytes(2 * SAMPLE_RATE_HZ + 2 * rng.integers(1, 5_000))
    if kind == 2:
        return "".join(map(chr, rng.integers(32, 0x2FFF, rng.integers(100))))
    message = {
        "type": rng.choice(["session.update", "session.open", "", "error"]),
        "sample_rate_hz": -1,
        "x": [None] * 9,
    }
    return json.dumps(message)[: rng.integers(1, 200)]


def frames(port: int, count: int) -> int:
    """How many bad frames were mishandled."""
    rng, mishandled = np.random.default_rng(SEED), 0
    good = bytes(SAMPLE_RATE_HZ // 5)
    for _ in range(count // FRAMES_A_SESSION):
        right = 0
        with connect(f"ws://127.0.0.1:{port}/v1/stream", proxy=None, compression=None) as socket:
            socket.recv(60)
            for _ in range(FRAMES_A_SESSION):
                socket.send(bad_frame(rng))
                error = json.loads(socket.recv(60))
                right += error["type"] == "error" and error["code"] in ("bad_frame", "bad_message")
                socket.send(good)
            socket.send('{"type": "session.close"}')
            closed = json.loads(socket.recv(60))
        goes_on = (closed["frames"], closed["rejected"]) == (FRAMES_A_SESSION, FRAMES_A_SESSION)
        mishandled += FRAMES_A_SESSION - right if goes_on else FRAMES_A_SESSION
    return mishandled


def containers(clip: Path) -> list[bytes]:
    """A second of a recording, in every container that is read."""
    samples, rate_hz = soundfile.read(clip, frames=48_000)
    found = []
    for name in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST"):
        file = io.BytesIO()
        soundfile.write(file, samples, rate_hz, format=name)
        found.append(file.getvalue())
    return found


def main() -> None:
    """Measure all of it on one server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--bad", type=int, default=10_000, help="bad bodies and frames, half of each")
    options = parser.parse_args()
    recordings = recordings_under(options.recordings)
    clips = [path.read_bytes() for path in recordings]
    seconds = float(np.mean([soundfile.info(path).duration for path in recordings]))
    resident, busy = "process_resident_memory_bytes", "process_cpu_seconds_total"
    with served(options.artifact) as port:
        load(port, clips, WARM)
        before, processor = told(port, resident), told(port, busy)
        say(f"{WARM} requests: {before / 1e6:.0f} MB resident")
        taken, all_seconds = load(port, clips, REQUESTS - WARM)
        after, processor = told(port, resident), told(port, busy) - processor
        say(f"{REQUESTS} requests: {after / 1e6:.0f} MB resident, {len(taken) / all_seconds:.1f} clips a second")
        wrong = [bodies(port, containers(recordings[0]), options.bad // 2), frames(port, options.bad // 2)]
        end = told(port, resident)
    of = f"server of {options.artifact.stem}"
    how = f"{CLIENTS} clients, recordings of {seconds:.1f} s"
    share = 100 * (after / before - 1)
    measurements = [
        row(f"{of}: {how}", len(taken) / all_seconds, "clips/s", aim=60, least=25),
        row(f"{of}: {how}, 99th percentile", 1000 * float(np.percentile(taken, 99)), "ms", aim=200, least=600),
        row(f"{of}: {how}, median", 1000 * float(np.median(taken)), "ms"),
        row(f"{of}: processor time of a clip", 1000 * processor / len(taken), "ms"),
        row(f"{of}: resident memory after {REQUESTS:,} requests", after / 1e6, "MB"),
        row(f"{of}: growth of resident memory from request {WARM} to {REQUESTS:,}", share, "%", aim=2, least=10),
        row(f"{of}: resident memory after the bad bodies and frames too", end / 1e6, "MB"),
        row(f"{of}: bad bodies and frames mishandled, of {options.bad:,}", sum(wrong), "", aim=0, least=0),
    ]
    write("server", {"measurements": measurements})


if __name__ == "__main__":
    main()
