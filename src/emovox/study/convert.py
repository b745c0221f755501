"""A model of a run, written in another format or with smaller weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emovox.corpora.base import Progress
from emovox.errors import ModelError
from emovox.files import scratch
from emovox.listening import Recognizer, find_artifact
from emovox.recipe import members_of
from emovox.runs import Job, Run
from emovox.study import stages
from emovox.study.jobs import Trained, rebuild

if TYPE_CHECKING:
    from emovox.export.artifact import Precision

Format = Literal["onnx", "litert", "keras", "h5", "savedmodel"]

SUFFIXES: Mapping[Format, str] = {
    "onnx": ".onnx",
    "litert": ".tflite",
    "keras": ".keras",
    "h5": ".h5",
    "savedmodel": "",
}
"""Of each format's files; a SavedModel is a folder."""


def convert(
    run: Run,
    model: str | None = None,
    out: Path | None = None,
    format: Format = "onnx",
    precision: Precision = "float32",
    weights: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a model of a run as its artifact holds it: that of the first fold and seed.

    ``onnx`` takes a waveform. The others take what the model's front end gives, and cannot hold an ensemble: ``litert``
    and ``savedmodel`` give the calibrated probabilities, as ``onnx`` does; ``keras`` and ``h5`` are not calibrated, to
    be trained on.

    Args:
        run: A finished run.
        model: Its name; None takes the run's best.
        out: The file, or the folder of a SavedModel; None puts it beside the run's artifacts.
        format: See above.
        precision: Of the weights of ``onnx``; the others hold float32.
        weights: Kind → a file of the published weights; others are where the run found them.
        progress: Told of downloads.

    Returns:
        Where it was written.

    Raises:
        ModelError: The run has no such artifact, or the format cannot hold it.
        StorageError: It cannot be written.
    """
    from emovox import export

    artifact = find_artifact(run.path, model)
    name, about = artifact.stem, Recognizer(artifact).metadata
    members = members_of(run.recipe, name)
    if format != "onnx" and (members or precision != "float32"):
        what = "an ensemble" if members else f"weights of {precision}"
        raise ModelError(f"{format} cannot hold {what}; choose --format onnx")
    usual = "" if precision == "float32" else f"-{precision}"
    out = out or artifact.with_name(f"{name}{usual}{SUFFIXES[format] or '-savedmodel'}")
    if SUFFIXES[format] and out.suffix != SUFFIXES[format]:
        raise ModelError(f"{out} must end in {SUFFIXES[format]}, as files of {format} do; name another with --out")
    job = Job(next(iter(run.folds)), name, 0)
    tell = progress or (lambda stage, done, total: None)
    found = stages.find_weights_of(run.only(members or (name,)), weights or {}, tell)
    temperature = run.read_result(job).temperature

    def write(trained: Trained, about: Mapping[str, object], temperature: float, path: Path) -> None:
        export.write_artifact(trained.network, trained.front, temperature, about, path, precision, trained.head)

    if members:
        choices = run.read_result(job).choices
        with scratch() as folder:
            parts = {folder / f"{member}.onnx": choices[f"weight of {member}"] for member in members}
            for path in parts:
                part = Job(job.fold, path.stem, 0)
                known = Recognizer(run.at.artifact(path.stem)).metadata
                write(rebuild(run, part, found.get(path.stem)), known, run.read_result(part).temperature, path)
            return export.combine_artifacts(parts, temperature, about, out)
    trained = rebuild(run, job, found.get(name))
    if format == "onnx":
        write(trained, about, temperature, out)
    elif format in ("keras", "h5"):
        export.write_models(trained.whole(name), [out])
    else:
        answering = export.answering(trained.network, trained.head, temperature)
        (export.write_litert if format == "litert" else export.write_saved_model)(answering, out)
    return out
