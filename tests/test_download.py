"""A download is whole or not there, goes on from where it was cut, and says what is wrong in one line."""

from __future__ import annotations

import errno
import io
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from emovox.download import UnreachableError, fetch, user_cache
from emovox.errors import DownloadError
from shop import CONTENT, MD5, SHA256, Shop, serving


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serving() as shop:
        yield shop


def files(folder: Path) -> list[str]:
    """The names of all files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def fetch_whole(shop: Shop, folder: Path) -> Path:
    """Fetch with everything that was published about the file."""
    return fetch(shop.url, folder / "corpus.zip", len(CONTENT), md5=MD5, sha256=SHA256)


def test_a_file_comes_whole_and_only_once(shop: Shop, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = fetch(shop.url, tmp_path / "a/b.zip", len(CONTENT), sha256=SHA256, progress=lambda *step: told.append(step))
    assert path.read_bytes() == CONTENT
    assert files(path.parent) == ["b.zip"]
    assert told[-1] == ("download", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    fetch(shop.url, path, len(CONTENT), sha256=SHA256)
    assert len(shop.asked) == 1


def test_a_cut_is_mended_within_the_call(shop: Shop, tmp_path: Path) -> None:
    shop.cuts = (300_000, 300_000)
    assert fetch_whole(shop, tmp_path).read_bytes() == CONTENT
    assert shop.asked == [None, "bytes=300000-", "bytes=600000-"]


def test_a_cut_download_goes_on_in_the_next_call(shop: Shop, tmp_path: Path) -> None:
    shop.cuts = (400_000, 0, 0)
    with pytest.raises(
        DownloadError, match=r"stopped after 400,000 of 1,000,003 bytes.*run the same command again"
    ) as cut:
        fetch_whole(shop, tmp_path)
    assert not isinstance(cut.value, UnreachableError)
    assert files(tmp_path) == ["corpus.zip.part"]
    assert fetch_whole(shop, tmp_path).read_bytes() == CONTENT
    assert shop.asked[-1] == "bytes=400000-"
    assert files(tmp_path) == ["corpus.zip"]


def test_a_server_without_ranges_starts_over(shop: Shop, tmp_path: Path) -> None:
    shop.ranges = False
    (tmp_path / "corpus.zip.part").write_bytes(CONTENT[:1000])
    assert fetch_whole(shop, tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_over(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "corpus.zip.part").write_bytes(CONTENT + b"more")
    assert fetch(shop.url, tmp_path / "corpus.zip", md5=MD5).read_bytes() == CONTENT


def test_nothing_need_be_known(shop: Shop, tmp_path: Path) -> None:
    shop.lengths = False
    assert fetch(shop.url, tmp_path / "corpus.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_wrong_digest_leaves_nothing(shop: Shop, tmp_path: Path, kind: str) -> None:
    with pytest.raises(DownloadError, match=f"not the published file: {kind.upper()}.*; try again"):
        fetch(shop.url, tmp_path / "corpus.zip", len(CONTENT), **{kind: "0" * 32})
    assert files(tmp_path) == []


def test_a_corrupt_part_is_found_out(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "corpus.zip.part").write_bytes(bytes(5000))
    with pytest.raises(DownloadError, match="not the published file"):
        fetch_whole(shop, tmp_path)
    assert fetch_whole(shop, tmp_path).read_bytes() == CONTENT


def test_a_wrong_size_is_refused_before_it_comes(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="has 1,000,003 bytes, not the published 5"):
        fetch(shop.url, tmp_path / "corpus.zip", size=5)
    assert files(tmp_path) == []


def test_a_changed_file_is_fetched_anew(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "corpus.zip").write_bytes(b"old")
    assert fetch_whole(shop, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_server_that_refuses(shop: Shop, tmp_path: Path, status: int) -> None:
    shop.status = status
    with pytest.raises(UnreachableError, match=f"returned {status}"):
        fetch_whole(shop, tmp_path)
    assert files(tmp_path) == []


def test_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=r"cannot be reached.*; check the network") as caught:
        fetch(f"http://127.0.0.1:{port}/x", tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_a_silent_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/x"
        with pytest.raises(UnreachableError, match="timed out"):
            fetch(url, tmp_path / "x", timeout_seconds=0.1)


def test_only_the_web(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not an http address"):
        fetch("file:///etc/hostname", tmp_path / "x")


def test_a_disk_that_is_full_from_the_start(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 10))
    with pytest.raises(DownloadError, match="is full; free some space, or set EMOVOX_CACHE"):
        fetch_whole(shop, tmp_path)
    assert shop.asked == []
    assert files(tmp_path) == []


def test_a_disk_that_fills_up(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    class Full(io.FileIO):
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", *a, **k: Full(self, "w") if mode == "wb" else opened(self, mode, *a, **k)
    )
    with pytest.raises(DownloadError, match="is full"):
        fetch_whole(shop, tmp_path)
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"cannot be written.*EMOVOX_CACHE"):
        fetch(shop.url, tmp_path / "file" / "corpus.zip")


def test_the_cache_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path))
    assert user_cache() == tmp_path
    monkeypatch.delenv("EMOVOX_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_cache() == tmp_path / "xdg" / "emovox"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache() == tmp_path / ".cache" / "emovox"
