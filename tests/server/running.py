"""``emovox serve`` as a process of its own, on a free port."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"


@dataclass
class Running:
    """A server that runs.

    Args:
        process: Its process.
        url: Where it listens.
    """

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextlib.contextmanager
def running(artifact: Path, *options: str, **environment: str) -> Iterator[Running]:
    """Start a server, and stop it at the end."""
    command = [sys.executable, "-m", "emovox", "serve", "--model", str(artifact), "--port", "0", *options]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(SRC), **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout
    said = ""
    try:
        while not (at := re.search(r"Listening at (\S+)", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        yield Running(process, at[1])
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
