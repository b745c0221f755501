"""What models attend to: asked of each clip's own fold, kept in the run folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from emovox.corpora.base import Corpus
from emovox.errors import CorpusError
from emovox.evaluation import evaluate
from emovox.evaluation.hardest import hardest
from emovox.runs import Run
from emovox.study import Serial
from emovox.study.explain import explain


def ignore(*_: object) -> None:
    pass


def test_the_file_holds_a_map_of_each_clip_for_every_model(run: Run, tiny_corpus: Corpus) -> None:
    evaluation = evaluate(run)
    clips = hardest(evaluation, count=2).ids
    with Serial(ignore) as executor:
        found = explain(run, tiny_corpus, clips=clips, executor=executor)
    assert json.loads(run.at.explanations.read_text()) == json.loads(json.dumps(found))
    assert tuple(told["clip"] for told in found["clips"]) == clips
    for told in found["clips"]:
        place = evaluation.clip_ids.index(told["clip"])
        assert told["true"] == evaluation.labels[evaluation.truths[place]]
        assert list(told["models"]) == list(evaluation.models)
        for name, answer in told["models"].items():
            mean = evaluation.models[name].probabilities[:, place].mean(axis=0)
            assert answer["predicted"] == evaluation.labels[int(mean.argmax())]
            assert answer["probability"] == pytest.approx(float(mean.max()), abs=1e-3)
            shape = len(told["seconds"]) - 1, len(told["hertz"]) - 1
            assert np.shape(answer["falls"]) == shape and 0 < np.abs(answer["falls"]).max() <= 1


def test_clips_that_no_fold_tests_are_refused(run: Run, tiny_corpus: Corpus) -> None:
    with Serial(ignore) as executor, pytest.raises(CorpusError, match=r"tests no clip 'x'; its predictions\.npz"):
        explain(run, tiny_corpus, models=["one"], clips=["x"], executor=executor)
