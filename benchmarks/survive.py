"""Kill a study at random moments with ``kill -9``, and hold each resumed run to an unbroken one (Linux).

    python benchmarks/survive.py [--kills N] [--seed N]

The study is small: four rendered speakers; a network of two members, a head on a published network that starts at
random, and the ensemble of both; two workers. Every kill has a study and a cache of its own, and its moment is drawn
from its part of the time that the unbroken study took, so that every stage has its share. The process that a person
started is killed, and no other. Then

- its workers must end by themselves, within seconds;
- every file that lies in the run folder or the cache under its own name must be whole;
- ``--resume`` (or, where there was no run folder yet, the same command) must go on to the end;
- every training's probabilities, history and choices must be those of the unbroken study, to the bit;
- no half-written file and no lock may be left.

The result is ``benchmarks/results/survive.json``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import row, say, write

from emovox.corpora.synthetic import load_synthetic
from emovox.files import read_arrays
from emovox.models import KINDS
from emovox.models.settings import Alterations, Training
from emovox.recipe import Recipe
from emovox.runs import Run

WORKERS = 2
ORPHANS_SECONDS = 10.0
"""No worker may outlive its parent for longer."""

APART = 1e-6
"""No probability may differ by more; the figure says by how much one does."""

CHILD = """
import os, sys
from emovox.models import yamnet_weights
yamnet_weights.URL = "http://127.0.0.1:9/none"
if __name__ == "__main__":
    from emovox.cli import main
    main()
"""


class Died(Exception):
    """What a study must not do."""


@dataclasses.dataclass(frozen=True)
class Study:
    """One study, in a folder of its own.

    Args:
        folder: Of its run and its cache.
        corpus: The rendered recordings.
        recipe: The file that says what to train.
    """

    folder: Path
    corpus: Path
    recipe: Path

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder / "run"

    def start(self, resume: bool = False) -> subprocess.Popen[bytes]:
        """Begin or resume it as a person would, in a session of its own."""
        self.folder.mkdir(exist_ok=True)
        script = self.folder / "study.py"
        script.write_text(CHILD)
        asked = ["--resume"] if resume else ["--recipe", str(self.recipe), "--data", str(self.corpus)]
        with (self.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(script), "run", *asked, "--out", str(self.run), "--workers", str(WORKERS)],
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "EMOVOX_CACHE": str(self.folder / "cache"), "HF_HUB_OFFLINE": "1"},
            )  # fmt: skip

    def finish(self, resume: bool = False) -> float:
        """The seconds that it takes to its end."""
        started = time.perf_counter()
        if self.start(resume).wait():
            raise Died(f"The study in {self.folder} failed: {(self.folder / 'log.txt').read_text()[-2000:]}")
        return time.perf_counter() - started


def recipe() -> Recipe:
    """What is trained: some seconds in epochs, and a moment in closed form."""
    models = {
        "cnn": dataclasses.replace(KINDS["cnn"].settings(members=2), training=Training(epochs=4, ema=0.5)),
        "yamnet": KINDS["yamnet"].settings(layers=(1, 2), alter=Alterations(versions=1)),
        "ensemble": KINDS["ensemble"].settings(),
    }
    return Recipe(corpus="synthetic", models=models)


def in_session(session: int) -> set[int]:
    """Every living process of a session."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.add(int(folder.name))
    return found


def kill(process: subprocess.Popen[bytes]) -> float:
    """Kill a process alone; the seconds until its workers have ended by themselves."""
    process.kill()
    process.wait()
    killed = time.perf_counter()
    while left := in_session(process.pid):
        if time.perf_counter() - killed > ORPHANS_SECONDS:
            for orphan in left:
                os.kill(orphan, signal.SIGKILL)
            raise Died(f"{len(left)} workers outlived their parent by {ORPHANS_SECONDS:.0f} s")
        time.sleep(0.01)
    return time.perf_counter() - killed


def check_whole(folder: Path) -> int:
    """Open every file below a folder that is not marked as half-written; how many there are.

    TensorBoard's logs, which grow line by line, are left out.
    """
    import h5py
    import onnx

    opening: dict[str, Any] = {
        ".toml": lambda path: tomllib.loads(path.read_text(encoding="utf-8")),
        ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
        ".npz": read_arrays,
        ".npy": lambda path: np.load(path, allow_pickle=False),
        ".onnx": lambda path: onnx.checker.check_model(onnx.load(path)),
        ".keras": lambda path: zipfile.ZipFile(path).testzip() is None,
        ".h5": lambda path: h5py.File(path).close(),
        ".png": lambda path: path.read_bytes().endswith(b"IEND\xaeB`\x82"),
        ".html": lambda path: path.read_text(encoding="utf-8").endswith("</html>\n"),
    }
    opened = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and "logs" not in path.parts and path.suffix in opening:
            try:
                whole = opening[path.suffix](path) is not False
            except Exception as error:
                raise Died(f"{path} is not whole: {type(error).__name__}: {error}") from error
            if not whole:
                raise Died(f"{path} is not whole")
            opened += 1
    return opened


def apart(one: Run, other: Run) -> float:
    """By how much any probability of two runs differs; what else decides a result must be alike."""
    if one.jobs != other.jobs or one.jobs_left or other.jobs_left:
        raise Died(f"{one.path} and {other.path} have not the same finished trainings")
    most = 0.0
    for job in one.jobs:
        a, b = one.read_result(job), other.read_result(job)
        for name in ("validation_probabilities", "test_probabilities"):
            most = max(most, float(np.abs(getattr(a, name) - getattr(b, name)).max()))
        for name in ("history", "choices", "temperature", "epochs_trained", "best_epoch", "parameters"):
            if not np.all(np.isclose(*(np.hstack([*flat(getattr(result, name))]) for result in (a, b)), atol=APART)):
                raise Died(f"{name} of {job.name} differs")
    return most


def flat(value: Any) -> list[Any]:
    """The numbers in a table, a list or a number."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])] or [0]
    return list(value) if isinstance(value, list) else [value]


def stage_of(study: Study) -> str:
    """What a study was doing, by what it has left."""
    if not (study.run / "recipe.toml").exists():
        return "start"
    run = Run.open(study.run)
    done = run.provenance.get("seconds", {})
    return next((stage for stage in ("prepare", "train", "judge", "export", "report") if stage not in done), "end")


def survive(study: Study, moment: float, whole: Run) -> dict[str, Any]:
    """Kill a study at a moment, resume it, and compare it with the unbroken one.

    A study that took less than the unbroken one, and so was over before, is begun again and killed sooner.
    """
    process = study.start()
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        orphans = kill(process)
    else:
        if process.returncode:
            raise Died(f"The study in {study.folder} failed: {(study.folder / 'log.txt').read_text()[-2000:]}")
        shutil.rmtree(study.folder)
        return survive(study, 0.8 * moment, whole)
    stage, files = stage_of(study), check_whole(study.folder)
    resumed = study.finish(resume=stage != "start")
    most = apart(Run.open(study.run), whole)
    if most > APART:
        raise Died(f"Probabilities differ by {most} after a kill at {moment:.1f} s, in {stage}")
    left = [str(path) for path in study.run.rglob(".*")]
    if left:
        raise Died(f"Left behind: {left}")
    check_whole(study.folder)
    return {
        "killed_after_seconds": round(moment, 2), "stage": stage, "whole_files": files,
        "workers_gone_after_seconds": round(orphans, 3), "resumed_in_seconds": round(resumed, 1),
        "most_apart": most,
    }  # fmt: skip


def measure(folder: Path, kills: int, seed: int) -> tuple[float, list[dict[str, Any]]]:
    """The seconds of the unbroken study, and what became of every killed one."""
    corpus = load_synthetic(folder / "corpus", speakers=4, repetitions=1).root
    (folder / "recipe.toml").write_text(recipe().to_toml())
    unbroken = Study(folder / "unbroken", corpus, folder / "recipe.toml")
    seconds = unbroken.finish()
    whole = Run.open(unbroken.run)
    say(f"Unbroken: {seconds:.1f} s")
    told = []
    for number, share in enumerate((np.arange(kills) + np.random.default_rng(seed).random(kills)) / kills):
        study = dataclasses.replace(unbroken, folder=folder / f"killed{number}")
        told.append(survive(study, float(share) * seconds, whole))
        say(f"{number + 1}/{kills}: {told[-1]}")
        shutil.rmtree(study.folder)
    return seconds, told


def main() -> None:
    """Kill, resume, compare, and keep what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        seconds, told = measure(Path(scratch), options.kills, options.seed)
    most = max(kill["most_apart"] for kill in told)
    gone = max(kill["workers_gone_after_seconds"] for kill in told)
    minutes = (time.perf_counter() - started) / 60
    measured = {"kills": len(told), "seed": options.seed, "workers": WORKERS, "unbroken_seconds": round(seconds, 1)}
    measurements = [
        row("runs killed at a random moment and resumed to the unbroken figures", len(told), f"of {options.kills}", 20),
        row("the same: most by which a probability differs", most, "", 0, APART),
        row("the same: workers gone after", gone, "s", 1, ORPHANS_SECONDS),
    ]
    measured["minutes"] = round(minutes, 1)
    write("survive", {"measured": measured, "kills": told, "measurements": measurements})


if __name__ == "__main__":
    main()
