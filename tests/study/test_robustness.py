"""Answers to altered clips: those of the run where nothing is altered, of each clip's own fold, and judged in pairs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

pytest.importorskip("tensorflow")

from emovox.corpora.base import Corpus
from emovox.errors import ModelError, RunError
from emovox.evaluation import evaluate
from emovox.evaluation.robustness import CONDITIONS, Condition
from emovox.models import KINDS
from emovox.models.settings import Training
from emovox.recipe import Recipe
from emovox.runs import Job, Run
from emovox.splits import make_folds
from emovox.study import Serial, stages
from emovox.study.asking import CLOSE
from emovox.study.robustness import robustness
from fake_kind import EarSettings

SOME = (
    CONDITIONS["clean"],
    CONDITIONS["quieter"],
    Condition("hiss", "hiss alone", lambda x, rng: rng.normal(size=9000)),
)


def ignore(*_: object) -> None:
    pass


def test_clips_as_they_are_get_the_answers_of_the_run(run: Run, tiny_corpus: Corpus) -> None:
    """Of linear heads, hidden ones and their ensemble; of four folds."""
    told: list[tuple[str, int, int]] = []
    with Serial(ignore) as executor:
        found = robustness(
            run, tiny_corpus, progress=lambda *news: told.append(news), executor=executor, conditions=SOME
        )
    assert json.loads(run.at.robustness.read_text()) == json.loads(json.dumps(found))
    assert found["largest_difference_from_run"] < CLOSE
    clips = len(tiny_corpus.clips)
    assert ("as recorded", clips, clips) in told and ("robustness", clips, clips) in told
    honest = evaluate(run)
    clean, quieter, hiss = found["conditions"]
    assert [c["name"] for c in found["conditions"]] == [c.name for c in SOME]
    for name, model in honest.models.items():
        assert clean["models"][name]["uar"]["value"] == pytest.approx(model.uar.value, abs=1e-9)
        assert clean["models"][name]["difference"] is None
        assert clean["models"][name]["calibration_error"] == pytest.approx(model.calibration_error, abs=1e-3)
        assert quieter["models"][name]["difference"]["low"] <= 0 <= quieter["models"][name]["difference"]["high"]
        moved = hiss["models"][name]["uar"]["value"] - model.uar.value
        assert hiss["models"][name]["difference"]["value"] == pytest.approx(moved, abs=1e-9)
        assert hiss["models"][name]["uar"]["value"] == pytest.approx(1 / 8, abs=0.08)


@pytest.mark.slow
def test_networks_answer_and_members_that_are_not_named_answer_for_their_ensemble(
    tiny_corpus: Corpus, tmp_path: Path, run: Run
) -> None:
    network = KINDS["cnn"].settings(members=2, training=Training(epochs=1))
    models = {"net": network, "one": EarSettings(), "all": KINDS["ensemble"].settings()}
    recipe = Recipe(corpus=tiny_corpus.name, models=models, seeds=1)
    made = Run.create(tmp_path / "networks", recipe, tiny_corpus, make_folds("speakers1", tiny_corpus))
    with Serial(ignore) as executor:
        weights, _ = stages.find_weights(recipe, tiny_corpus, {}, ignore)
        stages.train(made, stages.prepare(made, tiny_corpus, weights, 1, executor, ignore), executor)
        found = robustness(made, tiny_corpus, models=["all", "net"], executor=executor, conditions=SOME[:2])
    assert list(found["conditions"][1]["models"]) == ["net", "all"]
    assert found["largest_difference_from_run"] < CLOSE


def test_other_answers_than_in_the_run_are_refused(run: Run, tiny_corpus: Corpus) -> None:
    job = Job("fold2", "one", 0)
    result = run.read_result(job)
    turned = np.roll(result.test_probabilities, 1, axis=1)
    run.write_result(job, dataclasses.replace(result, test_probabilities=turned))
    with Serial(ignore) as executor, pytest.raises(RunError, match=r"one of .* answers otherwise .* with this version"):
        robustness(run, tiny_corpus, models=["one"], executor=executor, conditions=SOME)
    assert not run.at.robustness.exists()


def test_unknown_models_are_named(run: Run, tiny_corpus: Corpus) -> None:
    with pytest.raises(ModelError, match="no model 'three'; available: one, two, all"):
        robustness(run, tiny_corpus, models=["three"])


def test_the_command_shows_altered_clips_fewer_speakers_and_what_models_attend_to(
    run: Run, type_in: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(CONDITIONS)[3:]:
        monkeypatch.delitem(CONDITIONS, name)
    shown = type_in("evaluate", run.path, "--robustness", "--learning-curve", "--explain", "--models", "one")
    assert shown.exit_code == 0, shown.output
    for words in (
        "telephone, μ-law", "one loses most with", "Twice as many speakers would bring one",
        "What one attends to in the hardest clips", "Report: ",
    ):  # fmt: skip
        assert words in shown.output
    page = run.at.report.read_text()
    assert '<h2 id="robustness">' in page and '<h2 id="learning_curve">' in page
    alone = type_in("evaluate", run.path, "--models", "one")
    assert alone.exit_code == 2 and "--robustness" in alone.output
