"""The same recipe under the tricks that inflate figures, so that anybody sees how much each of them is worth.

A trick is a change of what a study is made of: its recipe, its corpus, its folds, or what its models read. The changed
study then goes through the ordinary training and judging, in a folder of its own below the run, so that the code which
is audited is the code in use. All tricks are judged on the test clips of the run, so that differences are paired.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from emovox.corpora.base import Clip, Corpus, Progress
from emovox.errors import EmovoxError, ModelError, RunError, typed
from emovox.evaluation import Evaluation, evaluate
from emovox.evaluation.contrast import contrast, guessing
from emovox.evaluation.metrics import confusion, uar
from emovox.files import write_json
from emovox.models import Ensemble, Network, Settings, kind_of
from emovox.provenance import available_cores, describe_software
from emovox.recipe import Recipe
from emovox.runs import FoldRecord, Run
from emovox.splits import Fold
from emovox.study import stages
from emovox.study.executors import Executor, Processes
from emovox.study.stages import Inputs

SEED = 0
CLIP_PARTS = 5
"""Into how many parts the test clips of a single fold are dealt."""

OPTION = "-option"
"""Between a model's name and the number of one of its settings, where each is tried apart."""


@dataclass(frozen=True)
class Case:
    """What a study is made of.

    Args:
        recipe: Its models are those that are audited.
        corpus: Clips and their labels.
        folds: Which clips train, choose and test.
        inputs: What each model reads.
        folder: For inputs that a trick changes; it is removed when the audit ends.
    """

    recipe: Recipe
    corpus: Corpus
    folds: tuple[FoldRecord, ...]
    inputs: Mapping[str, Inputs]
    folder: Path


@dataclass(frozen=True)
class Trick:
    """A mistake that inflates figures, on purpose.

    Args:
        name: What files call it.
        title: What people call it.
        meaning: What it does, and what a figure made in this way is worth.
        change: Makes of the honest case the other one.
        epochs: Whether it is of models that learn in epochs, of those that do not, or (None) of any.
    """

    name: str
    title: str
    meaning: str
    change: Callable[[Case], Case]
    epochs: bool | None = None


def by_clip(case: Case) -> Case:
    """The test clips dealt at random, so that everybody who is tested was heard in training too.

    Parts are as large as in the run, and every clip is still tested once. One recording is never on both sides.
    """
    rng = np.random.default_rng(SEED)
    clips = {clip.id: clip for clip in case.corpus.clips}
    twins = {second: first for first, second in case.corpus.spec.published_twice}
    recording = {clip: twins.get(clip, clip) for clip in clips}
    rank = {name: rng.random() for name in clips}
    order = sorted(clips, key=lambda clip: (rank[recording[clip]], clip))
    tested = {clip for fold in case.folds for clip in fold.test}
    count = len(case.folds) if len(case.folds) > 1 else CLIP_PARTS
    parts: list[list[str]] = [[] for _ in range(count)]
    dealt: dict[str, int] = {}
    for emotion in case.corpus.labels:
        for clip in (clip for clip in order if clip in tested and clips[clip].emotion == emotion):
            parts[dealt.setdefault(recording[clip], len(dealt) % count)].append(clip)
    folds = []
    for number, part in enumerate(parts):
        like = case.folds[number % len(case.folds)]
        rest = [clip for clip in order if clip not in set(part)]
        edge = len(like.validation)
        while recording[rest[edge]] == recording[rest[edge - 1]]:
            edge += 1
        pieces = (rest[edge : edge + len(like.train)], rest[:edge], part)
        train, validation, test = (tuple(clips[clip] for clip in sorted(piece)) for piece in pieces)
        folds.append(Fold(f"fold{number + 1}", train, validation, test, True, case.corpus.spec.published_twice))
    return dataclasses.replace(case, folds=tuple(FoldRecord.of(fold) for fold in folds))


def epoch_on_test(case: Case) -> Case:
    """Test clips in the place of validation clips."""
    folds = (dataclasses.replace(fold, validation=fold.test, leaky=True) for fold in case.folds)
    return dataclasses.replace(case, folds=tuple(folds))


def settings_on_test(case: Case) -> Case:
    """A model for each shrinkage that a head may choose, under its name and a number; the choice is made afterwards."""
    models, inputs = {}, {}
    for name, settings in case.recipe.models.items():
        for number, shrinkage in enumerate(settings.shrinkages):  # type: ignore[attr-defined]
            models[f"{name}{OPTION}{number}"] = dataclasses.replace(settings, shrinkages=(shrinkage,))  # type: ignore[call-arg]
            inputs[f"{name}{OPTION}{number}"] = case.inputs[name]
    return dataclasses.replace(case, recipe=dataclasses.replace(case.recipe, models=models), inputs=inputs)


def by_speaker_statistics(case: Case) -> Case:
    """What models read, brought to the same mean and deviation for every speaker, test speakers by all of their clips.

    Means and deviations are of clips as they are; altered versions are moved alike. A teacher's lessons stay.
    """
    speakers = np.array([clip.speaker for clip in case.corpus.clips])
    inputs = {}
    for name, read in case.inputs.items():
        network = isinstance(kind_of(case.recipe.models[name]), Network)
        features: dict[int, Sequence[Path]] = {}
        for seed, paths in read.features.items():
            own, kept = (paths[:1], paths[1:]) if network else (paths, ())
            silence = case.recipe.models[name].front_end.silence if network else None  # type: ignore[attr-defined]
            changed = [case.folder / f"{name}-{seed}-{version}.npy" for version in range(len(own))]
            first = np.load(own[0])
            for source, target in zip(own, changed, strict=True):
                np.save(target, normalised(np.load(source), first, speakers, silence), allow_pickle=False)
            features[seed] = [*changed, *kept]
        inputs[name] = dataclasses.replace(read, features=features)
    return dataclasses.replace(case, inputs=inputs)


def normalised(array: np.ndarray, first: np.ndarray, speakers: np.ndarray, silence: float | None = None) -> np.ndarray:
    """Every speaker's clips at the mean and deviation of all speakers.

    Args:
        array: (clips, …, features).
        first: Of that shape: the clips whose means and deviations are taken.
        speakers: (clips,).
        silence: Frames that hold nothing but this value are left as they are, and counted nowhere.

    Returns:
        Of that shape, float32.
    """
    result = array.astype(np.float32)
    sounds = np.ones(array.shape[:-1], bool) if silence is None else (array != silence).any(axis=-1)
    counted = sounds if first is array or silence is None else (first != silence).any(axis=-1)
    mean, deviation = first[counted].mean(axis=0), first[counted].std(axis=0)
    for speaker in np.unique(speakers):
        own = (speakers == speaker).reshape(-1, *[1] * (array.ndim - 2))
        heard = first[counted & own]
        z = (array[sounds & own] - heard.mean(axis=0)) / np.maximum(heard.std(axis=0), 1e-6)
        result[sounds & own] = z * deviation + mean
    return result


def shuffled(case: Case) -> Case:
    """Labels dealt anew: among the clips of each test part, and among those that no fold tests."""
    clips = {clip.id: clip for clip in case.corpus.clips}
    tested = [fold.test for fold in case.folds]
    rest = tuple(sorted(set(clips) - {clip for part in tested for clip in part}))
    rng = np.random.default_rng(SEED)
    new: dict[str, Clip] = {}
    for part in (*tested, rest):
        for clip, other in zip(part, rng.permutation(len(part)), strict=True):
            from_whom = clips[part[other]]
            new[clip] = dataclasses.replace(clips[clip], emotion=from_whom.emotion, intensity=from_whom.intensity)
    return dataclasses.replace(case, corpus=dataclasses.replace(case.corpus, clips=tuple(new.values())))


def on_both_sides(case: Case) -> Case:
    """Half of each test part copied into the training part."""
    rng = np.random.default_rng(SEED)
    folds = []
    for fold in case.folds:
        half = [fold.test[i] for i in sorted(rng.permutation(len(fold.test))[: len(fold.test) // 2])]
        folds.append(dataclasses.replace(fold, train=(*fold.train, *half), leaky=True))
    return dataclasses.replace(case, folds=tuple(folds))


SHUFFLED = "shuffled-labels"

TRICKS: tuple[Trick, ...] = (
    Trick(
        "by-clip",
        "split by clip",
        "test speakers were heard in training. Such a figure holds for voices that the model knows, and for no other.",
        by_clip,
    ),
    Trick(
        "epoch-on-test",
        "epoch chosen on test",
        "of all epochs the one that suits the test clips is kept. Nobody can choose so for recordings of tomorrow.",
        epoch_on_test,
        epochs=True,
    ),
    Trick(
        "settings-on-test",
        "settings chosen on test",
        "for each fold the setting (a head's shrinkage) that suits its test clips is kept. The more settings are "
        "tried, the more of the figure is luck.",
        settings_on_test,
        epochs=False,
    ),
    Trick(
        "speaker-statistics",
        "normalised by test speaker",
        "means and deviations are those of all clips of each test speaker. Fair only where as many recordings of a "
        "person, of every emotion, are at hand before the first answer.",
        by_speaker_statistics,
    ),
    Trick(
        "both-sides",
        "half of test in training",
        "as where a corpus holds recordings twice. The model remembers answers; the figure says nothing of new ones.",
        on_both_sides,
    ),
    Trick(
        SHUFFLED,
        "labels shuffled",
        "there is nothing to learn, so more than chance would be a fault of the program that lets answers through.",
        shuffled,
    ),
)


def audit(
    run: Run,
    corpus: Corpus,
    weights: Mapping[str, Path] | None = None,
    models: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Train and judge a run's models under every trick, and write what that is worth into ``audit.json``.

    Args:
        run: A finished run.
        corpus: The one that it was made of.
        weights: Kind → a file of the published weights; others are looked for in the user cache, then downloaded.
        models: Names; None takes those that learn in no epochs, which are fitted in seconds.
        workers: Trainings at once; None takes one a core.
        progress: Told of every training.
        executor: Trains; None starts as many processes as ``workers`` says.

    Returns:
        What the file holds; :func:`refuse_leaks` judges it.

    Raises:
        ModelError: A name is unknown or an ensemble's, or no model is left.
        RunError: The run is unfinished, or ``corpus`` is another.
        EmovoxError: A training failed.
    """
    tell = progress or (lambda stage, done, total: None)
    chosen = run.only(auditable(run, models))
    honest = evaluate(chosen)
    found = stages.find_inputs_of(chosen, corpus, weights or {}, tell)
    cores = available_cores()
    workers = workers or cores
    tricks: list[dict[str, Any]] = []
    again = typed("emovox", "audit", run.path, "--workers", "1")
    with Run.locked(run.path), TemporaryDirectory() as scratch, ExitStack() as stack:
        pool = executor or stack.enter_context(Processes(workers, max(1, cores // workers), tell, again))
        aside = dataclasses.replace(chosen, path=Path(scratch))  # the run's own account of its seconds stays as it is
        inputs = stages.prepare(aside, corpus, found, cores, pool, tell)
        case = Case(chosen.recipe, corpus, tuple(run.folds.values()), inputs, Path(scratch))
        opened = [(trick, *_opened(run, trick, case)) for trick in TRICKS if _suited(trick, case)]
        counted = _Counted(pool, tell, sum(len(trial.jobs_left) for _, trial, _ in opened))
        for trick, trial, read in opened:
            stages.train(trial, read, counted)
            tricks.append(_judged(trick, honest, trial))
    result = {
        "run": honest.name,
        **{key: getattr(honest, key) for key in ("protocol", "warnings", "chance_uar", "unit", "units")},
        "corpus": honest.corpus["name"],
        "clips": len(honest.clip_ids),
        "honest": {name: _bounds(model.uar) for name, model in honest.models.items()},
        "tricks": tricks,
        "software": describe_software(),
    }
    write_json(run.at.audit, result)
    return result


def refuse_leaks(result: Mapping[str, Any]) -> None:
    """Say so where a model is not at chance on shuffled labels.

    Raises:
        EmovoxError: It is not.
    """
    for trick in result["tricks"]:
        for name, found in trick["models"].items():
            if not found.get("at_chance", True):
                low, high = (100 * found["guessing"][bound] for bound in ("low", "high"))
                raise EmovoxError(
                    f"{name} has a UAR of {100 * found['uar']['value']:.1f} % on shuffled labels, where guessing gives "
                    f"{low:.1f} to {high:.1f}: answers reach the training, so no figure of this run can be trusted. "
                    "Please report it"
                )


def auditable(run: Run, models: Sequence[str] | None) -> tuple[str, ...]:
    """The models to audit: those that are named, else those that learn in no epochs; never ensembles.

    Raises:
        ModelError: A name is unknown or an ensemble's, or no model is left.
        RunError: A training of theirs is not done.
    """
    single = [name for name, settings in run.recipe.models.items() if not isinstance(kind_of(settings), Ensemble)]
    for name in models or ():
        if name not in single:
            raise ModelError(f"{run.path} has no model {name!r} that is trained; available: {', '.join(single)}")
    chosen = tuple(models or (name for name in single if not learns_in_epochs(run.recipe.models[name])))
    if not chosen:
        raise ModelError(
            f"All models of {run.path} learn in epochs and take as long as in the run; name some with --models "
            f"{','.join(single)}"
        )
    return chosen


def learns_in_epochs(settings: Settings) -> bool:
    """Whether a model is trained step by step, and so takes long; a linear head is fitted at once."""
    return isinstance(kind_of(settings), Network) or getattr(settings, "hidden_units", 0) > 0


def expected_seconds(run: Run, models: Sequence[str], workers: int) -> float:
    """About how long an audit takes, from the seconds of the run's own trainings."""
    total = 0.0
    for job in run.only(models).jobs:
        settings = run.recipe.models[job.model]
        epochs = learns_in_epochs(settings)
        tricks = sum(trick.epochs in (None, epochs) for trick in TRICKS)
        more = 0 if epochs else len(settings.shrinkages) - 1  # type: ignore[attr-defined]
        total += (tricks + more) * run.read_result(job).seconds
    return total / workers


def _suited(trick: Trick, case: Case) -> tuple[str, ...]:
    """The models that a trick can be played on."""
    models = case.recipe.models.items()
    return tuple(name for name, settings in models if trick.epochs in (None, learns_in_epochs(settings)))


def _opened(run: Run, trick: Trick, case: Case) -> tuple[Run, Mapping[str, Inputs]]:
    """The run folder of a trick, new or gone on with, and what its models read."""
    models = {name: case.recipe.models[name] for name in _suited(trick, case)}
    changed = trick.change(dataclasses.replace(case, recipe=dataclasses.replace(case.recipe, models=models)))
    path = run.at.trial(trick.name)
    about = {"audit": trick.title, "software": describe_software()}
    try:
        return Run.create(path, changed.recipe, changed.corpus, changed.folds, about), changed.inputs
    except RunError as error:
        raise RunError(f"{error}; or remove {path} and audit again") from None


def _judged(trick: Trick, honest: Evaluation, trial: Run) -> dict[str, Any]:
    """What a trick came to for each of its models."""
    evaluation = evaluate(trial)
    n_classes = len(honest.labels)
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(model.partition(OPTION)[0] for model in evaluation.models):
        options = [model.predictions for key, model in evaluation.models.items() if key.partition(OPTION)[0] == name]
        predictions = best_on_test(evaluation, options) if len(options) > 1 else options[0]
        moved = contrast(evaluation.truths, honest.models[name].predictions, predictions, honest.independent, n_classes)
        found[name] = {"uar": vars(moved.uar)}
        if trick.name == SHUFFLED:
            chance = guessing(evaluation.truths, predictions, np.array(evaluation.clip_folds), n_classes)
            fair = chance.low <= moved.uar.value <= chance.high
            found[name] |= {"guessing": vars(chance), "at_chance": fair}
        else:
            found[name]["inflation"] = vars(moved.difference)
    return {"name": trick.name, "title": trick.title, "meaning": trick.meaning, "models": found}


def best_on_test(evaluation: Evaluation, options: Sequence[np.ndarray]) -> np.ndarray:
    """Of each seed and fold the predictions that do best on its test clips: (S, N) of several (S, N)."""
    best = np.array(options[0])
    folds = np.array(evaluation.clip_folds)
    for fold in evaluation.folds:
        inside = folds == fold
        for seed in range(len(best)):
            scores = [
                uar(confusion(evaluation.truths[inside], option[seed, inside], len(evaluation.labels)))
                for option in options
            ]
            best[seed, inside] = options[int(np.argmax(scores))][seed, inside]
    return best


def _bounds(score: Any) -> dict[str, float]:
    return {key: getattr(score, key) for key in ("value", "low", "high")}


class _Counted:
    """An executor that tells how many of all trainings are done."""

    def __init__(self, executor: Executor, tell: Progress, total: int) -> None:
        self.executor, self.tell, self.total, self.done = executor, tell, total, 0

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Hand a task on."""
        return self.executor.submit(function, *args)

    def results(self, tasks: Iterable[Future[Any]]) -> Iterator[Any]:
        """Hand results on, and count them."""
        for result in self.executor.results(tasks):
            self.done += 1
            self.tell("audit", self.done, self.total)
            yield result
