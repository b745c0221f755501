"""The model to deploy: learnt from all clips, with what the folds chose and the figures that they gave."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from click.testing import Result

from emovox.corpora.base import Corpus
from emovox.errors import ModelError
from emovox.evaluation import evaluate
from emovox.listening import Recognizer
from emovox.models import KINDS
from emovox.runs import Job, Run
from emovox.study import Serial
from emovox.study.fit import ALL, fit
from fake_kind import Ear


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def judged(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The finished run in a folder of its own, which the tests of this module share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "ear", Ear())
        yield Run.open(shutil.copytree(finished, tmp_path_factory.mktemp("fit") / "run"))


@pytest.fixture(scope="module")
def fitted(judged: Run, tiny_corpus: Corpus) -> Path:
    with Serial(ignore) as executor:
        return fit(judged, tiny_corpus, "all", judged.path / "mine.onnx", executor=executor)


def test_it_learns_from_all_clips_and_carries_what_the_folds_chose(fitted: Path, judged: Run) -> None:
    trial = Run.open(judged.at.trial("final-all"))
    assert set(trial.folds[ALL].train) == set(judged.clips)
    for name in judged.recipe.models:
        results = [judged.read_result(job) for job in judged.jobs if job.model == name]
        final = trial.read_result(Job(ALL, name, 0))
        assert final.temperature == pytest.approx(np.exp(np.mean([np.log(each.temperature) for each in results])))
    weights = [judged.read_result(job).choices["weight of one"] for job in judged.jobs if job.model == "all"]
    assert trial.read_result(Job(ALL, "all", 0)).choices["weight of one"] == pytest.approx(np.mean(weights))
    settings: Any = trial.recipe.models["two"]
    best = [judged.read_result(job).best_epoch for job in judged.jobs if job.model == "two"]
    assert settings.training.epochs == max(1, round(np.mean(best)))


def test_it_tells_the_figures_of_the_protocol_apart_from_itself(fitted: Path, judged: Run) -> None:
    about, model = Recognizer(fitted).metadata, evaluate(judged).models["all"]
    speakers = {clip.speaker for clip in judged.clips.values()}
    assert about["metrics"]["uar"]["value"] == model.uar.value
    assert about["fold"] == ALL
    assert about["trained_on"] == f"all {len(judged.clips)} clips of {len(speakers)} speakers"
    assert "not of this file, for which no clip is left" in about["metrics_of"]
    assert about["abstain_below"] == model.abstention.threshold
    card = fitted.with_suffix(".md").read_text(encoding="utf-8")
    assert "mine.onnx" in card and about["trained_on"] in card and f"{100 * model.uar.value:.1f}" in card


def test_an_unknown_model_is_refused(run: Run, tiny_corpus: Corpus) -> None:
    with pytest.raises(ModelError, match="has no model 'cnn'; available: one, two, all"):
        fit(run, tiny_corpus, "cnn")


def test_the_command_says_how_to_use_the_file(type_in: Callable[..., Result], run: Run, tiny_corpus: Corpus) -> None:
    shown = type_in("fit", run.path, "--model", "one", "--data", tiny_corpus.source or tiny_corpus.root)
    assert shown.exit_code == 0, shown.output
    assert f"emovox predict recording.wav --model {run.at.final('one')}" in shown.stdout.replace("\n", "")
    assert run.at.final("one").exists()


def test_without_a_run_the_recipe_is_judged_first(
    type_in: Callable[..., Result], tiny_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    asked = {}

    def judged(study, corpus, folder, **options):  # type: ignore[no-untyped-def]
        asked.update(models=tuple(study.models), protocol=study.protocol, optional=options["optional"])
        return run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emovox.study.run_study", judged)
    shown = type_in("fit", "--data", tiny_corpus.source or tiny_corpus.root, "--out", tmp_path / "m.onnx")
    assert shown.exit_code == 0, shown.output
    assert asked["protocol"] == "speakers6" and "whisper" in asked["models"] and "cnn" not in asked["models"]
    assert (tmp_path / "m.onnx").exists()
