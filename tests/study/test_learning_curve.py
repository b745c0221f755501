"""The learning curve: fewer speakers and nothing else, and a slope that is that of the curve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from emovox.corpora.base import Corpus
from emovox.errors import RunError
from emovox.evaluation import evaluate
from emovox.evaluation.intervals import Sample
from emovox.models import KINDS
from emovox.recipe import Recipe
from emovox.runs import FoldRecord, Run
from emovox.splits import make_folds
from emovox.study import Serial, learning_curve, stages
from emovox.study.learning_curve import DRAWS, doubling, sizes_of, thinned
from emovox.study.trials import Case
from fake_run import fake_corpus, fake_run


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Run, Case]:
    """A head and a network on 24 speakers."""
    corpus = fake_corpus(tmp_path / "corpus")
    models = {name: KINDS[name].settings() for name in ("cnn", "yamnet")}
    recipe = Recipe(protocol="speakers6", models=models)
    run = Run.create(tmp_path / "run", recipe, corpus, make_folds("speakers6", corpus))
    return run, Case(recipe, corpus, tuple(run.folds.values()), {}, tmp_path)


@pytest.mark.parametrize(("model", "sizes"), [("cnn", (4, 8, 12, 16, 18)), ("yamnet", (4, 8, 12, 16, 20))])
def test_folds_learn_from_so_many_speakers_and_test_the_same_clips(
    whole: tuple[Run, Case], model: str, sizes: tuple[int, ...]
) -> None:
    run, case = whole
    assert sizes_of(run, model) == sizes
    folds = {fold.name: fold for fold in thinned(case, run, model).folds}
    assert len(folds) == len(run.folds) * DRAWS * (len(sizes) - 1)
    speaker = {clip: record.speaker for clip, record in run.clips.items()}
    chosen: dict[str, set[str]] = {}
    for fold in case.folds:
        before = {speaker[clip] for clip in (*fold.train, *fold.validation)}
        for draw in range(DRAWS):
            smaller: set[str] = set()
            for n in sizes[:-1]:
                fewer = folds[f"{fold.name}-{n}speakers-draw{draw}"]
                learnt = {speaker[clip] for clip in fewer.train}
                if model == "cnn":
                    assert fewer.validation == fold.validation
                else:
                    learnt |= {speaker[clip] for clip in fewer.validation}
                assert len(learnt) == n and smaller < learnt <= before and fewer.test == fold.test
                assert not set(fewer.train) & set(fewer.validation) and not fewer.leaky
                heard = [clip for clip in (*fewer.train, *fewer.validation) if speaker[clip] in learnt]
                assert len(heard) == n * 30  # all of their clips
                smaller = learnt
            chosen[f"{fold.name}-{draw}"] = smaller
    assert chosen["fold1-0"] != chosen["fold1-1"]


def test_the_slope_is_that_of_a_straight_line_and_covers_it() -> None:
    rng = np.random.default_rng(0)
    truths, speakers = np.tile(np.arange(4), 60), np.repeat(np.arange(12), 20).astype(str)
    luck = rng.random((3, 240))
    samples = {
        n: Sample(truths, np.where(luck < 0.3 + 0.1 * np.log2(n), truths, (truths + 1) % 4), speakers, 4)
        for n in (2, 4, 8, 16)
    }
    found = doubling(samples)
    assert found.low < found.value < found.high and found.value == pytest.approx(0.1, abs=0.02)
    assert found.high - found.low < 0.1
    few = doubling({n: samples[n] for n in (2, 16)})  # the last two, where the last part has but one
    assert few.value == pytest.approx(0.1, abs=0.02)
    one = Sample(truths, truths[None], None, 4)
    assert (doubling({2: one, 4: one}).low, doubling({2: one, 4: one}).high) == (-1, 1)


def test_a_curve_trains_and_goes_on_where_it_stopped(
    run: Run, tiny_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    with Serial(ignore) as executor:
        found = learning_curve.learning_curve(
            run, tiny_corpus, progress=lambda *news: told.append(news), executor=executor
        )
    assert json.loads(run.at.learning_curve.read_text()) == json.loads(json.dumps(found))
    assert list(found["curves"]) == ["one"]
    small, whole = found["curves"]["one"]["sizes"]
    assert (small["speakers"], whole["speakers"]) == (2, 3)
    assert whole["uar"]["value"] == evaluate(run).models["one"].uar.value
    assert found["curves"]["one"]["doubling"]["value"] == pytest.approx(
        (whole["uar"]["value"] - small["uar"]["value"]) / np.log2(3 / 2)
    )
    assert ("learning curve", 4 * DRAWS, 4 * DRAWS) in told
    monkeypatch.setattr(stages, "train_job", lambda *_: pytest.fail("it was trained already"))
    with Serial(ignore) as executor:
        assert learning_curve.learning_curve(run, tiny_corpus, executor=executor) == found


def test_what_has_no_curve_is_refused(tmp_path: Path, whole: tuple[Run, Case]) -> None:
    with pytest.raises(RunError, match="shares speakers"):
        sizes_of(fake_run(tmp_path / "holdout", "holdout", models=("yamnet",)), "yamnet")
    with pytest.raises(RunError, match="at least 3"):
        sizes_of(fake_run(tmp_path / "few", "speakers6", models=("yamnet",), speakers=3), "yamnet")
    assert learning_curve.expected_seconds(fake_run(tmp_path / "run", models=("yamnet",)), ["yamnet"], 2) > 0
    assert FoldRecord.of(make_folds("speakers6", whole[1].corpus)[0]) == whole[1].folds[0]
