"""The image is built from few files, pinned, and runs without rights."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no hadolint for it")
def test_hadolint_finds_nothing() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_it_is_pinned_and_runs_as_nobody() -> None:
    assert all(re.search(r":\d+\.\d+\.\d+-slim", line) for line in re.findall(r"^FROM .*", DOCKERFILE, re.M))
    assert "pip install --no-cache-dir -c constraints.txt" in DOCKERFILE
    assert int(re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.M)[0]) > 1000


def test_the_build_sees_only_what_it_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    seen = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.M) for word in line.split()[:-1]}
    assert ignored[1] == "*" and seen == copied
    assert all((ROOT / name).exists() for name in seen)
