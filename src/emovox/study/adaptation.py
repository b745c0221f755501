"""How much better a run's models hear a test speaker once they were centred on a few clips without labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from emovox.corpora.base import Corpus, Progress
from emovox.errors import ModelError, RunError, typed
from emovox.evaluation import evaluate
from emovox.evaluation.calibration import apply_temperature
from emovox.evaluation.contrast import contrast
from emovox.files import write_json
from emovox.models import Ensemble, Heard, kind_of
from emovox.provenance import available_cores, describe_software
from emovox.recipe import members_of
from emovox.runs import Job, Run
from emovox.study import stages
from emovox.study.executors import Executor, Processes
from emovox.study.jobs import read_head

DRAWS = 10
"""How often clips to be centred on are drawn for each test speaker."""

LEAST_LEFT = 4
"""A speaker who would keep fewer clips to be tested on is left out."""

FLAT = frozenset({"neutral", "calm"})
"""Emotions in which a person speaks who was only asked for a sample of the voice."""

Answer = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From places of clips to be centred on, and of clips to answer for, to calibrated probabilities (clips, classes)."""


@dataclass(frozen=True, eq=False)
class Draw:
    """One test speaker's clips: those to be centred on, and the others, which are tested; places in the corpus."""

    fold: str
    enrolled: np.ndarray
    tested: np.ndarray


def adapt(
    run: Run,
    corpus: Corpus,
    counts: Sequence[int],
    weights: Mapping[str, Path] | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Centre a run's models on test speakers, and write what that is worth into ``adaptation.json``.

    Clips are drawn at random; and, apart, from neutral and calm speech alone, where the corpus has it. Those that are
    drawn are not tested.

    Args:
        run: A finished run.
        corpus: The one that it was made of.
        counts: How many clips of a speaker to be centred on.
        weights: Kind → a file of the published weights; others are looked for in the user cache, then downloaded.
        progress: Told of every count.
        executor: Exports networks; None starts a process of its own.

    Returns:
        What the file holds.

    Raises:
        ModelError: No model of the run can be centred.
        RunError: The run is unfinished, its test speakers were heard in training, or ``corpus`` is another.
    """
    tell = progress or (lambda stage, done, total: None)
    if run.leaky:
        raise RunError(f"{run.path} has test speakers that are in training too; use a run of another protocol")
    kinds = {name: kind_of(settings) for name, settings in run.recipe.models.items()}
    heads = [name for name, kind in kinds.items() if isinstance(kind, Heard)]
    if not heads:
        raise ModelError(
            f"{run.path} has no model on a published network, and only such models can be adapted; use another run"
        )
    mixed = [n for n, kind in kinds.items() if isinstance(kind, Ensemble) and {*heads} & {*members_of(run.recipe, n)}]
    evaluation = evaluate(run)
    again = typed("emovox", "evaluate", run.path, "--adapt", ",".join(map(str, counts)))
    heard = statistics_heard(run, corpus, heads, weights or {}, tell, executor, again)
    truths = np.array([run.labels.index(clip.emotion) for clip in run.clips.values()])
    speakers = np.array([clip.speaker for clip in run.clips.values()])
    flat = [run.labels.index(label) for label in run.labels if label in FLAT]
    series: list[dict[str, Any]] = []
    for name, among in (("random", range(len(run.labels))), ("neutral", flat)):
        if not len(among):
            continue
        rows: dict[str, list[dict[str, Any]]] = {model: [] for model in (*heads, *mixed)}
        for done, count in enumerate(counts, start=1):
            draws = drawn(run, count, np.isin(truths, list(among)), speakers)
            if not draws:
                continue
            tested = np.concatenate([draw.tested for draw in draws])
            about = {"count": count, "clips": len(tested), "speakers": len(np.unique(speakers[tested]))}
            for model, held in rows.items():
                before, after = (_predictions(run, model, heard, draws, enrol) for enrol in (False, True))
                moved = contrast(truths[tested], before, after, speakers[tested], len(run.labels))
                held.append({**about, "uar": vars(moved.uar), "difference": vars(moved.difference)})
            tell(f"centre on {name} clips", done, len(counts))
        series.append({"name": name, "emotions": [run.labels[k] for k in among], "models": rows})
    result = {
        "run": evaluation.name,
        **{key: getattr(evaluation, key) for key in ("protocol", "warnings", "chance_uar", "unit", "units", "seeds")},
        "corpus": evaluation.corpus["name"],
        "draws": DRAWS,
        "series": series,
        "software": describe_software(),
    }
    with Run.locked(run.path):
        write_json(run.at.adaptation, result)
    return result


def statistics_heard(
    run: Run, corpus: Corpus, models: Sequence[str], weights: Mapping[str, Path], tell: Progress,
    executor: Executor | None = None, again: str = "",
) -> dict[str, np.ndarray]:  # fmt: skip
    """What the published networks of a run's models hear in its clips as they are: (clips, statistics) each.

    Args:
        run, corpus: As in :func:`adapt`.
        models: Names, of kinds that stand on a published network.
        weights: Kind → a file of the published weights.
        tell: Told after every clip.
        executor: Exports networks; None starts a process of its own.
        again: The command that goes on where that process dies.

    Raises:
        DownloadError, ModelError, RunError: The weights or the corpus are not those of the run.
    """
    alone, cores = run.only(models), available_cores()
    found = stages.find_inputs_of(alone, corpus, weights, tell)
    with TemporaryDirectory() as scratch, ExitStack() as stack:
        pool = executor or stack.enter_context(Processes(1, cores, tell, again))
        aside = dataclasses.replace(alone, path=Path(scratch))  # the run's own account of its seconds stays as it is
        inputs = stages.prepare(aside, corpus, found, cores, pool, tell)
    return {name: np.load(inputs[name].features[0][0]) for name in models}


def drawn(run: Run, count: int, among: np.ndarray, speakers: np.ndarray) -> list[Draw]:
    """Several draws of so many clips of every test speaker, always the same; one where none is drawn.

    Args:
        run: Whose folds.
        count: Clips to be centred on.
        among: (clips,), which may be drawn.
        speakers: (clips,).
    """
    place = {clip: i for i, clip in enumerate(run.clips)}
    draws = []
    for fold in run.folds.values():
        test = np.array([place[clip] for clip in fold.test])
        for speaker in np.unique(speakers[test]):
            own = test[speakers[test] == speaker]
            able = own[among[own]]
            if len(able) < count or len(own) - count < LEAST_LEFT:
                continue
            for number in range(DRAWS if count else 1):
                rng = np.random.default_rng([count, number, *map(ord, speaker)])
                enrolled = np.sort(rng.choice(able, count, replace=False))
                draws.append(Draw(fold.name, enrolled, np.setdiff1d(own, enrolled)))
    return draws


def _predictions(
    run: Run, model: str, heard: Mapping[str, np.ndarray], draws: Sequence[Draw], enrol: bool
) -> np.ndarray:
    """Class indices of the tested clips of all draws, end to end, for every seed: (seeds, clips)."""
    predictions = []
    for seed in range(run.recipe.seeds):
        answers = {fold: _answer(run, Job(fold, model, seed), heard) for fold in run.folds}
        none = np.zeros(0, int)
        predictions.append(
            [answers[d.fold](d.enrolled if enrol else none, d.tested).argmax(axis=1) for d in draws]
        )  # fmt: skip
    return np.stack([np.concatenate(each) for each in predictions])


def _answer(run: Run, job: Job, heard: Mapping[str, np.ndarray]) -> Answer:
    """A trained job as a function of the clips that it is centred on."""
    result = run.read_result(job)
    if job.model in heard:
        head, statistics = read_head(run, job), heard[job.model]

        def answer(enrolled: np.ndarray, tested: np.ndarray) -> np.ndarray:
            shift = head.departures(statistics[enrolled]).sum(axis=0) / (len(enrolled) + head.centring)
            return apply_temperature(head.linear(statistics[tested] - shift), result.temperature)

        return answer
    if members := members_of(run.recipe, job.model):
        parts = [_answer(run, Job(job.fold, name, job.seed), heard) for name in members]
        shares = [result.choices[f"weight of {name}"] for name in members]

        def mean(enrolled: np.ndarray, tested: np.ndarray) -> np.ndarray:
            mixed = sum(share * part(enrolled, tested) for share, part in zip(shares, parts, strict=True))
            return apply_temperature(np.asarray(mixed), result.temperature)

        return mean
    place = {clip: i for i, clip in enumerate(run.clips)}
    row = {place[clip]: i for i, clip in enumerate(result.test_ids)}
    stored = apply_temperature(result.test_probabilities, result.temperature)
    return lambda enrolled, tested: stored[[row[clip] for clip in tested]]
