"""A lock that one process holds at a time and that death releases; and what killed writers leave."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emovox import files
from emovox.errors import RunError, StorageError
from emovox.files import locked, replacing, sweep

HOLDER = """
import sys, time
from emovox.files import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock of a folder that it made."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "new" / "run" / ".lock")], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_is_named_and_its_death_releases(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = tmp_path / "new" / "run" / ".lock"
    words = f"run is in use by process {holder.pid} on .+; wait .* --out"
    with pytest.raises(RunError, match=words) as caught, locked(lock):
        pytest.fail("two at once")
    assert "\n" not in str(caught.value)
    assert lock.exists()  # whoever is refused leaves it
    holder.kill()
    holder.wait()
    with locked(lock):
        assert f"process {os.getpid()} on " in lock.read_text()
    assert not lock.exists()


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    twice = pytest.raises(RunError, match=f"process {os.getpid()}")
    with locked(tmp_path / ".lock"), twice, locked(tmp_path / ".lock"):
        pass
    with locked(tmp_path / ".lock"):
        pass


def test_what_was_made_for_the_lock_goes_with_it_unless_it_is_used(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b" / ".lock"):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "a" / "b" / ".lock"):
        (tmp_path / "a" / "b" / "result").write_text("")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "result"]


def test_many_that_want_it_take_turns(tmp_path: Path) -> None:
    """Each removes the lock's file at its end, and none is misled by a file that was just removed."""
    script = """
import sys, time
from pathlib import Path
from emovox.errors import RunError
from emovox.files import locked
lock, busy, done = Path(sys.argv[1]), Path(sys.argv[2]), 0
while done < 40:
    try:
        with locked(lock):
            busy.touch(exist_ok=False)
            busy.unlink()
            done += 1
    except RunError:
        time.sleep(0.0005)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path / "run" / ".lock"), str(tmp_path / "busy")]
    several = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait(60) for process in several] == [0, 0, 0]


def test_a_folder_removed_while_it_is_made_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``mkdir`` says that it exists, and then its holder has removed it."""
    make, refused = Path.mkdir, []

    def mkdir(self: Path, *args: object, **kwargs: object) -> None:
        if not refused:
            refused.append(self)
            raise FileExistsError(17, "File exists", str(self))
        make(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with locked(tmp_path / "run" / ".lock"):
        assert refused and (tmp_path / "run" / ".lock").is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="make it writable"), locked(tmp_path / "run" / ".lock"):
        pass


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match="File exists; move the file"), locked(tmp_path / "run" / ".lock"):
        pass


def test_what_is_being_written_is_swept_only_when_it_is_old_enough(tmp_path: Path) -> None:
    with replacing(tmp_path / "a" / "b.npy") as temporary:
        temporary.write_bytes(b"half")
        (tmp_path / ".a").write_text("")
        sweep(tmp_path, older_than_seconds=60)
        assert temporary.exists()
        os.utime(temporary, (time.time() - 99,) * 2)
        kept = temporary.read_bytes()
        sweep(tmp_path, older_than_seconds=60)
        assert not temporary.exists()
        temporary.write_bytes(kept)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".a", "a", "b.npy"]
    sweep(tmp_path / "none")


def test_a_folder_that_goes_while_it_is_waited_for_is_made_again(tmp_path: Path, monkeypatch) -> None:
    lock, take, goes = tmp_path / "run" / ".lock", files._take, [True]

    def late(path: Path) -> int:
        if goes.pop() if goes else False:
            path.parent.rmdir()  # by another process, at its end
        return take(path)

    monkeypatch.setattr(files, "_take", late)
    with locked(lock):
        assert lock.exists()
    assert list(tmp_path.iterdir()) == []
