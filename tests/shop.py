"""A server on this machine that serves one file, well or badly."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

CONTENT = np.random.default_rng(0).bytes(1_000_003)
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Shop(ThreadingHTTPServer):
    """Serves ``CONTENT`` on this machine alone, well or badly."""

    daemon_threads = True
    status = 200
    cuts: tuple[int, ...] = ()  # bytes after which the first, second … connection is dropped
    ranges = True
    lengths = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counter)
        self.asked: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/corpus.zip"


class Counter(BaseHTTPRequestHandler):
    """Answers GET, with a Range or without."""

    server: Shop

    def do_GET(self) -> None:
        """Send the content, or the part that is asked for, up to the cut."""
        shop = self.server
        wanted = self.headers.get("Range")
        shop.asked.append(wanted)
        turn = len(shop.asked) - 1
        if shop.status != 200:
            self.send_error(shop.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and shop.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        if shop.lengths:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: shop.cuts[turn]] if turn < len(shop.cuts) else body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving() -> Iterator[Shop]:
    """A shop that is open while this lasts."""
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
