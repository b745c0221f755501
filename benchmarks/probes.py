"""Audit a finished run, ask it about altered clips, train it on fewer speakers, and centre it on test speakers.

    python benchmarks/probes.py RUN --data PATH_TO_RAVDESS [audit] [robustness] [learning_curve] [adaptation]

The run must have been made with the code that is here. The results are ``audit.json``, ``robustness.json``,
``learning_curve.json`` and ``adaptation.json`` under ``benchmarks/results/``, from which ``benchmarks/table.py`` fills
docs/audit.md. The run folder keeps the trainings, so a stopped command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from measure import write
from rich.console import Console

from emovox.corpora import Corpus, load_corpus
from emovox.runs import Run
from emovox.study.adaptation import adapt
from emovox.study.audit import audit, refuse_leaks
from emovox.study.learning_curve import learning_curve
from emovox.study.robustness import robustness
from emovox.terminal import StageProgress

PROBES = ("audit", "learning_curve", "robustness", "adaptation")

COUNTS = (0, 2, 4, 5, 10, 20, 40)
"""Clips of a speaker to be centred on."""


def find_out(what: str, run: Run, corpus: Corpus, asked: list[str], progress: StageProgress) -> dict[str, Any]:
    """What one of :data:`PROBES` shows."""
    if what == "audit":
        found = audit(run, corpus, progress=progress)
        refuse_leaks(found)
        return found
    if what == "learning_curve":
        return learning_curve(run, corpus, progress=progress)
    if what == "adaptation":
        return adapt(run, corpus, COUNTS, progress=progress)
    return robustness(run, corpus, models=asked, progress=progress)


def main() -> None:
    """Do what is named, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("what", nargs="*", choices=[*PROBES, []], default=PROBES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--asked", default="cnn,yamnet,whisper", help="whom robustness asks")
    options = parser.parse_args()
    run = Run.open(options.run)
    with StageProgress(Console(stderr=True)) as progress:
        corpus = load_corpus(data=options.data, progress=progress)
        for what in options.what:
            found = find_out(what, run, corpus, options.asked.split(","), progress)
            write(what, {**found, "run_commit": run.provenance["sessions"][0]["software"].get("commit", "")})


if __name__ == "__main__":
    main()
