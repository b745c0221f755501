"""The same recipe under the tricks that inflate figures, so that anybody sees how much each of them is worth.

A trick is a change of what a study is made of: its recipe, its corpus, its folds, or what its models read. The changed
study then goes through the ordinary training and judging, in a folder of its own below the run, so that the code which
is audited is the code in use. All tricks are judged on the test clips of the run, so that differences are paired.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emovox.corpora.base import Clip, Corpus, Progress
from emovox.errors import EmovoxError, typed
from emovox.evaluation import Evaluation, evaluate
from emovox.evaluation.contrast import contrast, guessing
from emovox.evaluation.metrics import confusion, uar
from emovox.features import read_features
from emovox.features.cache import weights_beside
from emovox.files import write_json
from emovox.models import Network, kind_of
from emovox.provenance import describe_software
from emovox.runs import FoldRecord, Run
from emovox.splits import Fold
from emovox.study.executors import Executor
from emovox.study.trials import Case, cases, learns_in_epochs, train, trainable, training_seconds

SEED = 0
CLIP_PARTS = 5
"""Into how many parts the test clips of a single fold are dealt."""


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

    def suits(self, run: Run, model: str) -> bool:
        """Whether it can be played on a model."""
        return self.epochs in (None, learns_in_epochs(run.recipe.models[model]))


def by_clip(case: Case) -> Case:
    """The test clips dealt at random, so that everybody who is tested was heard in training too.

    Parts are as large as in the run, and every clip is still tested once. One recording is never on both sides.
    """
    rng = np.random.default_rng(SEED)
    clips = {clip.id: clip for clip in case.corpus.clips}
    twins = {second: first for first, second in case.corpus.twins}
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
        folds.append(Fold(f"fold{number + 1}", train, validation, test, True, case.corpus.twins))
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
            models[f"{name}.{number}"] = dataclasses.replace(settings, shrinkages=(shrinkage,))  # type: ignore[call-arg]
            inputs[f"{name}.{number}"] = case.inputs[name]
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
            who = speakers[read_features(own[0]).clips] if network else speakers
            for source, target in zip(own, changed, strict=True):
                np.save(target, normalised(np.load(source), first, who, silence), allow_pickle=False)
                if network:
                    shutil.copy(weights_beside(source), weights_beside(target))
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
        "test speakers are in training too. The result holds only for voices that the model knows.",
        by_clip,
    ),
    Trick(
        "epoch-on-test",
        "epoch chosen on test",
        "the epoch that is best on the test clips is kept. For new recordings nobody can choose like this.",
        epoch_on_test,
        epochs=True,
    ),
    Trick(
        "settings-on-test",
        "settings chosen on test",
        "for each fold the setting (a head's shrinkage) that is best on its test clips is kept. The more settings "
        "are tried, the more of the result is luck.",
        settings_on_test,
        epochs=False,
    ),
    Trick(
        "speaker-statistics",
        "normalised by test speaker",
        "means and deviations are those of all clips of each test speaker. Fair only where as many recordings of a "
        "person, of every emotion, are available before the first prediction.",
        by_speaker_statistics,
    ),
    Trick(
        "both-sides",
        "half of test in training",
        "as in a corpus that contains recordings twice. The model remembers them; the result is not about new ones.",
        on_both_sides,
    ),
    Trick(
        SHUFFLED,
        "labels shuffled",
        "there is nothing to learn, so a result above chance would show that test labels reach the training.",
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
    names = trainable(run, models)
    honest = evaluate(run.only(names))
    again = typed("emovox", "audit", run.path, "--workers", "1")
    with cases(run, corpus, weights or {}, names, workers, tell, again, executor) as (usual, pool):
        changed = {f"{name}-{t.name}": t.change(usual[name]) for t in TRICKS for name in names if t.suits(run, name)}
        trials = train(run, changed, "audit", pool, tell)
    tricks = []
    for trick in TRICKS:
        found = {
            name: _judged(trick, honest, name, trials[f"{name}-{trick.name}"])
            for name in names
            if trick.suits(run, name)
        }
        if found:
            tricks.append({"name": trick.name, "title": trick.title, "meaning": trick.meaning, "models": found})
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
                    f"{low:.1f} to {high:.1f}: test labels reach the training, so no result of this run can be "
                    "trusted. Please report it"
                )


def expected_seconds(run: Run, models: Sequence[str], workers: int) -> float:
    """About how long an audit takes, from the seconds of the run's own trainings."""
    total = 0.0
    for name in models:
        rounds = sum(trick.suits(run, name) for trick in TRICKS)
        if not learns_in_epochs(run.recipe.models[name]):
            rounds += len(run.recipe.models[name].shrinkages) - 1  # type: ignore[attr-defined]
        total += rounds * training_seconds(run, name)
    return total / workers


def _judged(trick: Trick, honest: Evaluation, name: str, trial: Run) -> dict[str, Any]:
    """What a trick came to for one model."""
    evaluation = evaluate(trial)
    n_classes = len(honest.labels)
    options = [model.predictions for model in evaluation.models.values()]
    predictions = best_on_test(evaluation, options)
    moved = contrast(evaluation.truths, honest.models[name].predictions, predictions, honest.independent, n_classes)
    if trick.name != SHUFFLED:
        return {"uar": vars(moved.uar), "inflation": vars(moved.difference)}
    chance = guessing(evaluation.truths, predictions, np.array(evaluation.clip_folds), n_classes)
    return {"uar": vars(moved.uar), "guessing": vars(chance), "at_chance": chance.low <= moved.uar.value <= chance.high}


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
