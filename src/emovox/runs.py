"""The run folder's reader and writer.

A run is written so that a process that dies at any moment leaves a folder that can be read and gone on with: the recipe
is written last when a folder is made, and a training's ``result.npz`` last when it ends. :mod:`emovox.layout` says
where everything lies.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from emovox.corpora.base import Corpus
from emovox.errors import RecipeError, RunError, to_resume
from emovox.files import locked, read_arrays, sweep, write_arrays, write_json, write_text, writing
from emovox.layout import Layout, check_name
from emovox.recipe import Recipe, read_recipe
from emovox.splits import Fold

RESULT = "result.npz"
_FIELDS = ("id", "emotion", "speaker", "sex", "intensity", "statement")
_SCALARS = ("parameters", "epochs_trained", "best_epoch", "seconds", "temperature")
_OURS = {"folds", "provenance.json", "logs"}  # what an interrupted `create` may have left


_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What json, csv and NumPy raise on bytes that are not theirs."""


@dataclass(frozen=True, order=True)
class Job:
    """One training: a fold, a model, a seed.

    >>> Job("fold1", "cnn", 0).name
    'fold1/cnn-seed0'
    """

    fold: str
    model: str
    seed: int

    @property
    def name(self) -> str:
        """The job's folder below ``folds/``."""
        return f"{self.fold}/{self.model}-seed{self.seed}"


@dataclass(frozen=True)
class ClipRecord:
    """What a run remembers of a clip: enough to judge it without its recording; ``""`` is kept as None."""

    id: str
    emotion: str
    speaker: str
    sex: str | None = None
    intensity: str | None = None
    statement: str | None = None


@dataclass(frozen=True)
class FoldRecord:
    """Clip ids of a fold's three parts; ``leaky`` where they share speakers."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    leaky: bool = False

    @classmethod
    def of(cls, fold: Fold) -> FoldRecord:
        """What is kept of a fold."""
        return cls(fold.name, _ids(fold.train), _ids(fold.validation), _ids(fold.test), fold.leaky)


@dataclass(frozen=True, eq=False)
class JobResult:
    """What one training left behind.

    Args:
        parameters: All of the model's, those of its members and of a published network among them.
        epochs_trained: Epochs that ran, as the next and the history the mean over the model's members; 0 where a model
            is not trained in epochs.
        best_epoch: The epoch whose weights were kept, counted from 1; 0 where none was chosen.
        seconds: Wall time of the training, over all its sessions.
        temperature: Fitted on the validation clips; probabilities below are those *before* it is applied.
        history: Per epoch: loss, accuracy, val_loss, val_accuracy, val_uar, learning_rate; empty without epochs.
        choices: What else was chosen without test clips, such as a penalty or the weights of an ensemble.
        validation_ids: The V validation clips.
        validation_probabilities: (V, C), rows sum to 1, columns in label order.
        test_ids: The T test clips.
        test_probabilities: (T, C), likewise.
    """

    parameters: int
    epochs_trained: int
    best_epoch: int
    seconds: float
    temperature: float
    history: Mapping[str, Sequence[float]]
    validation_ids: tuple[str, ...]
    validation_probabilities: np.ndarray
    test_ids: tuple[str, ...]
    test_probabilities: np.ndarray
    choices: Mapping[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class Run:
    """A run folder, opened.

    Args:
        path: The folder.
        recipe: What was asked.
        provenance: Where it comes from; ``provenance["corpus"]`` holds name, version, licence, citation, digest,
            labels, synthetic, root, the folder where the recordings lay, and source, the folder or table that was read;
            ``provenance["sessions"]`` tells of every process that worked on it: when, how it was called, with what
            software, on what machine, and the seconds of each stage.
        clips: Every clip of the corpus under its id, sorted by id.
        folds: Every fold under its name, in the protocol's order.
    """

    path: Path
    recipe: Recipe
    provenance: dict[str, Any]
    clips: dict[str, ClipRecord]
    folds: dict[str, FoldRecord]

    @classmethod
    def create(
        cls,
        path: Path | str,
        recipe: Recipe,
        corpus: Corpus,
        folds: Sequence[Fold | FoldRecord],
        provenance: Mapping[str, Any] | None = None,
    ) -> Run:
        """Make a run folder, or open it where it holds a run of the same recipe, corpus and folds.

        An earlier run that has trained nothing yet makes way.

        Args:
            path: A new, empty, or earlier run's folder.
            recipe: What is asked.
            corpus: Its labels, licence and digest are noted under ``provenance["corpus"]``.
            folds: What the recipe's protocol made of the corpus; records, which nothing checks, where an audit means
                them to be leaky.
            provenance: Anything else to note that JSON can hold; ``timestamp`` (ISO 8601, UTC) is added where missing.

        Raises:
            RunError: The folder holds another run or other things.
            StorageError: It cannot be written.
        """
        path = Path(path)
        for name in [*recipe.models, *(fold.name for fold in folds)]:
            check_name(name)
        if not recipe.models:
            raise RunError(f"The recipe for {path} names no models; add one, such as [models.cnn]")
        records = {fold.name: fold if isinstance(fold, FoldRecord) else FoldRecord.of(fold) for fold in folds}
        at = Layout(path)
        if at.recipe.exists():
            earlier = cls.open(path)
            try:
                earlier.check_same(recipe, corpus, records)
                return earlier
            except RunError:
                if earlier.has_begun:
                    raise
        with writing(path):
            if at.recipe.exists():
                at.recipe.unlink()
            elif path.exists():
                foreign = sorted(p.name for p in path.iterdir() if p.name not in _OURS and not p.name.startswith("."))
                if foreign:
                    raise RunError(f"{path} contains {foreign[0]} but no run; choose another folder with --out")
            now = datetime.now(UTC).isoformat(timespec="seconds")
            about = {
                "name": corpus.name,
                "title": corpus.spec.title,
                "language": corpus.spec.language,
                "acted": corpus.spec.acted,
                "caution": corpus.spec.caution,
                "version": corpus.version,
                "licence": corpus.licence,
                "citation": corpus.citation,
                "root": str(corpus.root.resolve()),
                "source": str((corpus.source or corpus.root).resolve()),
                "digest": corpus.digest,
                "labels": list(corpus.labels),
                "synthetic": corpus.synthetic,
                "notes": list(corpus.notes),
            }
            table = io.StringIO(newline="")
            rows = csv.writer(table, lineterminator="\n")
            rows.writerow(_FIELDS)
            rows.writerows([getattr(clip, name) or "" for name in _FIELDS] for clip in corpus.clips)
            write_text(at.clips, table.getvalue())
            write_json(at.folds, [vars(record) for record in records.values()])
            start = {"timestamp": now, "sessions": [], **(provenance or {})}
            write_json(at.provenance, _merged(start, {"corpus": about}))
            write_text(at.recipe, recipe.to_toml())
        return cls.open(path)

    def check_same(self, recipe: Recipe, corpus: Corpus, folds: Mapping[str, FoldRecord]) -> None:
        """Refuse to go on with anything else than was begun.

        Raises:
            RunError: The recipe, the corpus or the folds are others.
        """
        advice = "choose another folder with --out, or remove that one"
        if self.recipe != recipe:
            difference = _difference(self.recipe, recipe)
            raise RunError(f"{self.path} contains a run of another recipe ({difference}); {advice}")
        if self.provenance["corpus"].get("digest") != corpus.digest:
            raise RunError(
                f"{self.path} contains a run of another corpus, or a recording or label has changed since; {advice}"
            )
        if self.folds != folds:
            raise RunError(f"{self.path} contains a run with other folds (made by another version?); {advice}")

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """Open a run folder, finished or not.

        Raises:
            RunError: It is not a run folder, or one of its files is damaged; the message names the file.
        """
        path = Path(path)
        at = Layout(path)
        if not at.recipe.is_file():
            reason = "has no recipe.toml" if path.is_dir() else "is not a folder" if path.exists() else "does not exist"
            raise RunError(f"{path} {reason}, so it is not a run; give a run folder, or make one with 'emovox run'")
        try:
            recipe = read_recipe(at.recipe)
        except RecipeError as error:
            raise RunError(str(error)) from None
        if not recipe.models:
            raise RunError(f"{at.recipe} names no models; restore it, or start again with another --out")
        with _reading(at.provenance) as file:
            provenance = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
            _check_corpus(provenance["corpus"])
            _with_sessions(provenance)
        with _reading(at.clips) as file:
            rows = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
            clips = {
                row["id"]: ClipRecord(
                    row["id"],
                    row["emotion"],
                    row["speaker"],
                    row["sex"] or None,
                    row["intensity"] or None,
                    row.get("statement") or None,  # earlier runs have no such column
                )
                for row in rows
            }
            for clip in clips.values():
                if clip.emotion not in provenance["corpus"]["labels"] or not clip.speaker:
                    raise ValueError(f"clip {clip.id} has no emotion of the corpus, or no speaker")
        with _reading(at.folds) as file:
            items = json.loads(file.read_text(encoding="utf-8"))
            folds = {
                item["name"]: FoldRecord(
                    check_name(item["name"]),
                    tuple(item["train"]),
                    tuple(item["validation"]),
                    tuple(item["test"]),
                    bool(item["leaky"]),
                )
                for item in items
            }
            if not folds or len(folds) < len(items):
                raise ValueError("two folds have one name" if folds else "there are no folds")
            unknown = {i for fold in folds.values() for i in (*fold.train, *fold.validation, *fold.test)} - set(clips)
            if unknown:
                raise ValueError(f"clip {min(unknown)} is not in clips.csv")
        return cls(path, recipe, provenance, clips, folds)

    @staticmethod
    @contextlib.contextmanager
    def locked(path: Path | str) -> Iterator[None]:
        """Keep other processes from writing in a run folder, which need not exist yet.

        What killed ones left half-written there is removed first.

        Raises:
            RunError: Another process is at work there.
            StorageError: The folder cannot be written.
        """
        with locked(Layout(Path(path)).lock):
            sweep(path)
            yield

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions in the order of every probability vector."""
        return tuple(self.provenance["corpus"]["labels"])

    @property
    def synthetic(self) -> bool:
        """True where no person spoke; every figure then carries the word."""
        return bool(self.provenance["corpus"]["synthetic"])

    @property
    def leaky(self) -> bool:
        """True where training and test share speakers, or a trial may share more; every figure then says so."""
        return "trial" in self.provenance or any(fold.leaky for fold in self.folds.values())

    def only(self, models: Sequence[str]) -> Run:
        """The same run as if its recipe had named these models alone; to be read, not written."""
        kept = {name: settings for name, settings in self.recipe.models.items() if name in models}
        weights = {name: file for name, file in self.provenance.get("weights", {}).items() if name in models}
        about = {**self.provenance, "weights": weights} if "weights" in self.provenance else self.provenance
        return dataclasses.replace(self, recipe=dataclasses.replace(self.recipe, models=kept), provenance=about)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every training that the recipe asks for: by fold, then model, then seed."""
        seeds = range(self.recipe.seeds)
        return tuple(Job(fold, model, seed) for fold in self.folds for model in self.recipe.models for seed in seeds)

    @property
    def jobs_left(self) -> tuple[Job, ...]:
        """The trainings that are not done."""
        return tuple(job for job in self.jobs if not self.is_done(job))

    @property
    def has_begun(self) -> bool:
        """Whether a training has left anything."""
        return any(path.is_dir() for path in self.at.folds.parent.iterdir())

    @property
    def at(self) -> Layout:
        """Where everything lies in the folder."""
        return Layout(self.path)

    def job_folder(self, job: Job) -> Path:
        """Where a job keeps its checkpoints and its result; the folder may not exist yet."""
        return self.at.job(job.name)

    def is_done(self, job: Job) -> bool:
        """Whether the job's result has been written."""
        return (self.job_folder(job) / RESULT).is_file()

    def write_result(self, job: Job, result: JobResult) -> None:
        """Keep a finished job's result, whole or not at all.

        Raises:
            RunError: The result does not fit the job's fold.
            StorageError: The file cannot be written.
        """
        path = self.job_folder(job) / RESULT
        self._check(job, result, path)
        arrays = {
            **{name: np.asarray(getattr(result, name)) for name in _SCALARS},
            "validation_ids": np.array(result.validation_ids),
            "validation_probabilities": np.asarray(result.validation_probabilities, dtype=np.float32),
            "test_ids": np.array(result.test_ids),
            "test_probabilities": np.asarray(result.test_probabilities, dtype=np.float32),
            **{f"history/{name}": np.asarray(values, np.float64) for name, values in result.history.items()},
            **{f"choices/{name}": np.asarray(value) for name, value in result.choices.items()},
        }
        write_arrays(path, arrays)

    def read_result(self, job: Job) -> JobResult:
        """A finished job's result.

        Raises:
            RunError: The job is not done, or its file is damaged.
        """
        path = self.job_folder(job) / RESULT
        if not path.is_file():
            raise RunError(f"{path} does not exist yet; finish the run with '{to_resume(self.path)}'")
        with _reading(path, f"delete it and train that job again with '{to_resume(self.path)}'"):
            arrays = read_arrays(path)
            result = JobResult(
                parameters=int(arrays["parameters"]),
                epochs_trained=int(arrays["epochs_trained"]),
                best_epoch=int(arrays["best_epoch"]),
                seconds=float(arrays["seconds"]),
                temperature=float(arrays["temperature"]),
                history={
                    name.removeprefix("history/"): [float(value) for value in values]
                    for name, values in arrays.items()
                    if name.startswith("history/")
                },
                validation_ids=tuple(str(i) for i in arrays["validation_ids"]),
                validation_probabilities=arrays["validation_probabilities"],
                test_ids=tuple(str(i) for i in arrays["test_ids"]),
                test_probabilities=arrays["test_probabilities"],
                choices={
                    name.removeprefix("choices/"): float(value)
                    for name, value in arrays.items()
                    if name.startswith("choices/")
                },
            )
        self._check(job, result, path)
        return result

    def update_provenance(self, changes: Mapping[str, Any]) -> None:
        """Merge ``changes`` into provenance.json: tables within tables are merged, anything else is replaced."""
        merged = _merged(self.provenance, changes)
        write_json(self.at.provenance, merged)
        self.provenance = merged

    def begin_session(self, about: Mapping[str, Any]) -> None:
        """Note that a process begins to work on the run.

        Args:
            about: Its command, software and machine; ``timestamp`` is added.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        session = {"timestamp": now, **about, "seconds": {}}
        self.update_provenance({"sessions": [*self.provenance["sessions"], session]})

    def add_seconds(self, table: str, what: str, seconds: float) -> None:
        """Count the seconds that something took: over all sessions in ``table``, and a stage's in this session too."""
        sessions = [dict(session) for session in self.provenance["sessions"]]
        if sessions and table == "seconds":
            sessions[-1]["seconds"] = _added(sessions[-1]["seconds"], what, seconds)
        self.update_provenance({"sessions": sessions, table: _added(self.provenance.get(table, {}), what, seconds)})

    def _check(self, job: Job, result: JobResult, path: Path) -> None:
        if job not in self.jobs:
            raise RunError(f"{path}: {self.path} has no job {job.name}; see its recipe.toml")
        fold = self.folds[job.fold]
        advice = f"delete it and train that job again with '{to_resume(self.path)}'"
        for part, wanted, ids, probabilities in (
            ("validation", fold.validation, result.validation_ids, result.validation_probabilities),
            ("test", fold.test, result.test_ids, result.test_probabilities),
        ):
            if len(ids) != len(wanted) or set(ids) != set(wanted):
                raise RunError(f"{path}: its {part} clips are not those of {job.fold}; {advice}")
            if np.shape(probabilities) != (len(ids), len(self.labels)) or not np.all(np.isfinite(probabilities)):
                shape = f"({len(ids)}, {len(self.labels)})"
                raise RunError(f"{path}: {part} probabilities are not finite numbers of shape {shape}; {advice}")
            sums = np.sum(probabilities, axis=1)
            if np.any(np.asarray(probabilities) < 0) or np.any(np.abs(sums - 1) > 1e-3):
                raise RunError(f"{path}: {part} probabilities do not sum to 1; {advice}")
        if not 0 < result.temperature < np.inf:
            raise RunError(f"{path}: its temperature is {result.temperature:g}; {advice}")


def _ids(clips: Sequence[Any]) -> tuple[str, ...]:
    return tuple(clip.id for clip in clips)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``old`` with ``new`` laid over it, table by table."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _added(table: Mapping[str, float], what: str, seconds: float) -> dict[str, float]:
    return {**table, what: round(table.get(what, 0.0) + seconds, 2)}


def _with_sessions(provenance: dict[str, Any]) -> None:
    """Earlier versions told of one session alone, and not in a list."""
    if "sessions" not in provenance:
        told = {key: provenance.pop(key) for key in ("command", "software", "machine") if key in provenance}
        began = {"timestamp": provenance.get("timestamp", "")}
        provenance["sessions"] = [{**began, **told, "seconds": dict(provenance.get("seconds", {}))}] if told else []


def _difference(kept: Recipe, asked: Recipe) -> str:
    """The first setting in which two recipes differ, in words."""
    for name in ("corpus", "protocol", "seeds"):
        if getattr(kept, name) != getattr(asked, name):
            return f"{name} = {getattr(kept, name)!r} there, {getattr(asked, name)!r} asked"
    if set(kept.models) != set(asked.models):
        return f"models {', '.join(kept.models)} there, {', '.join(asked.models)} asked"
    for model, there in kept.models.items():
        found = _setting(there, asked.models[model])
        if found:
            return f"models.{model}: {found}"
    return "in a setting that is unknown to this version"


def _setting(there: Any, asked: Any) -> str:
    """The first field in which two settings differ, in words; nothing where none does."""
    if type(there) is not type(asked):
        return f"kind = {there.kind} there, {asked.kind} asked"
    for name, value in vars(there).items():
        other = getattr(asked, name)
        if value != other:
            return (
                _setting(value, other) if dataclasses.is_dataclass(value) else f"{name} = {value} there, {other} asked"
            )
    return ""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _check_corpus(about: Mapping[str, Any]) -> None:
    """Refuse what a run could not have noted of its corpus."""
    labels = about["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
        raise ValueError("labels are not a list of names")
    if len(set(labels)) < max(2, len(labels)):
        raise ValueError("labels are fewer than two, or one is there twice")
    kinds: dict[str, Any] = {
        **dict.fromkeys(("name", "digest", "source", "root"), str),
        **dict.fromkeys(("version", "licence", "citation", "title", "language", "caution"), str | None),
        **{"acted": bool | None, "synthetic": bool, "notes": list | None},
    }
    for name, kind in kinds.items():
        if not isinstance(about.get(name), kind):
            raise ValueError(f"the corpus's {name} is {about.get(name)!r}")


@contextlib.contextmanager
def _reading(path: Path, advice: str = "restore it, or start again with another --out") -> Iterator[Path]:
    """Turn whatever a missing or damaged file raises into one line that names it."""
    try:
        yield path
    except (RunError, *_DAMAGE) as error:
        reason = f"{error}" if isinstance(error, OSError | RunError) else f"{type(error).__name__}: {error}"
        raise RunError(f"{path} is missing or damaged ({' '.join(reason.split())}); {advice}") from None
