"""Adaptation: enrolled clips are of the test speaker, are not tested, and shift what heads read as an artifact does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from emovox.corpora.base import Corpus
from emovox.errors import ModelError, RunError
from emovox.evaluation import evaluate
from emovox.files import read_arrays, write_arrays
from emovox.runs import FoldRecord, Run
from emovox.study import Serial
from emovox.study import adaptation as module
from emovox.study.adaptation import LEAST_LEFT, adapt, drawn


def ignore(*_: object) -> None:
    pass


def test_clips_are_drawn_of_the_tested_speaker_and_are_not_tested(run: Run) -> None:
    speakers = np.array([clip.speaker for clip in run.clips.values()])
    emotions = np.array([clip.emotion for clip in run.clips.values()])
    among = np.isin(emotions, ["neutral", "calm"])
    ids = list(run.clips)
    for count in (0, 1, 3):
        draws = drawn(run, count, among, speakers)
        assert draws
        for draw in draws:
            (speaker,) = set(speakers[draw.tested])
            assert set(speakers[draw.enrolled]) <= {speaker} and len(draw.enrolled) == count
            assert among[draw.enrolled].all() and not set(draw.enrolled) & set(draw.tested)
            own = {ids[i] for i in (*draw.enrolled, *draw.tested)}
            assert own == {i for i in run.folds[draw.fold].test if run.clips[i].speaker == speaker}
            assert len(draw.tested) >= LEAST_LEFT
    assert len({tuple(draw.enrolled) for draw in drawn(run, 3, among, speakers)}) > len(set(speakers))
    again = [tuple(draw.enrolled) for draw in drawn(run, 3, among, speakers)]
    assert again == [tuple(draw.enrolled) for draw in drawn(run, 3, among, speakers)]


def test_with_no_clips_the_figures_are_those_of_the_run(run: Run, tiny_corpus: Corpus) -> None:
    with Serial(ignore) as executor:
        found = adapt(run, tiny_corpus, [0, 2], executor=executor)
    assert json.loads(run.at.adaptation.read_text(encoding="utf-8")) == json.loads(json.dumps(found))
    honest = evaluate(run)
    random, neutral = found["series"]
    assert (random["name"], neutral["name"], neutral["emotions"]) == ("random", "neutral", ["neutral", "calm"])
    for name, (none, two) in random["models"].items():
        assert none["uar"]["value"] == pytest.approx(honest.models[name].uar.value)
        assert none["difference"]["value"] == 0
        assert two["count"] == 2 and two["clips"] > none["clips"]  # of several draws
        assert two["difference"]["low"] <= two["difference"]["value"] <= two["difference"]["high"]


def test_a_voice_that_lies_elsewhere_is_brought_back(run: Run, tiny_corpus: Corpus, monkeypatch) -> None:
    """Clips that are all moved by the same amount are heard again once the models are centred on some of them."""
    heard = module.statistics_heard

    def moved(*args: Any) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        return {name: x + 3 * x.std(axis=0) * rng.choice([-1, 1], x.shape[1]) for name, x in heard(*args).items()}

    with Serial(ignore) as executor:
        before = adapt(run, tiny_corpus, [0], executor=executor)
        monkeypatch.setattr(module, "statistics_heard", moved)
        after = adapt(run, tiny_corpus, [0, 6], executor=executor)
    (plain,), (none, six) = (found["series"][0]["models"]["one"] for found in (before, after))
    assert none["uar"]["value"] < plain["uar"]["value"] - 0.05
    assert six["uar"]["value"] > none["uar"]["value"]


def test_speakers_that_were_heard_in_training_are_refused(run: Run, tiny_corpus: Corpus) -> None:
    fold = next(iter(run.folds.values()))
    run.folds[fold.name] = FoldRecord(fold.name, fold.train, fold.validation, fold.test, leaky=True)
    with pytest.raises(RunError, match="in training too; use a run of another protocol"):
        adapt(run, tiny_corpus, [0])


def test_a_run_without_a_published_network_is_refused(run: Run, tiny_corpus: Corpus, monkeypatch) -> None:
    monkeypatch.setattr(module, "Heard", Serial)
    with pytest.raises(ModelError, match="only such models can be adapted"):
        adapt(run, tiny_corpus, [0])


def test_a_run_of_an_earlier_version_is_told_to_be_made_again(run: Run, tiny_corpus: Corpus) -> None:
    for path in run.path.glob("folds/*/one-seed0/weights.npz"):
        write_arrays(path, {name: array for name, array in read_arrays(path).items() if name != "moods"})
    with Serial(ignore) as executor, pytest.raises(RunError, match="earlier version of Emovox; make it again"):
        adapt(run, tiny_corpus, [0], executor=executor)
