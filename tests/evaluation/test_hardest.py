"""Wrong answers, the surest first."""

from pathlib import Path

import pytest

from emovox.evaluation import evaluate
from emovox.evaluation.hardest import hardest
from fake_run import fake_run


def test_wrong_answers_the_surest_first(tmp_path: Path) -> None:
    evaluation = evaluate(fake_run(tmp_path / "run", "speakers6", seeds=2, repetitions=2))
    found = hardest(evaluation, count=5)
    assert found.model == evaluation.best.name and len(found.clips) == 5
    assert [hard.confidence for hard in found.clips] == sorted((h.confidence for h in found.clips), reverse=True)
    for hard in found.clips:
        i = evaluation.clip_ids.index(hard.clip)
        assert hard.true == evaluation.labels[evaluation.truths[i]] != hard.predicted
        mean = evaluation.best.probabilities.mean(axis=0)[i]
        assert hard.predicted == evaluation.labels[int(mean.argmax())] and hard.given <= hard.confidence
        assert 0 <= hard.others_right <= found.others == len(evaluation.models) - 1
    assert len(found.listing().rows) == 5 and len(found.ids) == 5
    with pytest.raises(KeyError):
        hardest(evaluation, "nothing")
