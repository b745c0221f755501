"""How figures, models and counts are written for people, alike on every page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from emovox.corpora import spec_of
from emovox.evaluation import Evaluation, ModelEvaluation, Score, dataset
from emovox.models import KINDS
from emovox.report import theory

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def model_title(model: ModelEvaluation) -> str:
    """A model's name: as papers write its kind where it is called by it, else as its recipe does."""
    return KINDS[model.kind].title if model.name == model.kind else model.name


def corpus_name(evaluation: Evaluation) -> str:
    """The corpus's name as it is written in papers, with the word synthetic where no person spoke."""
    spec = spec_of(str(evaluation.corpus["name"]))
    return spec.title if spec else dataset(evaluation)


def caution(evaluation: Evaluation) -> str:
    """Whose emotions the models learnt, and what they are no use for."""
    if evaluation.synthetic:
        return theory.SYNTHETIC
    spec = spec_of(str(evaluation.corpus["name"]))
    return f"{spec.caution} {theory.NOT_FEELINGS}" if spec and spec.caution else theory.NOT_FEELINGS


def number(count: int) -> str:
    """Small numbers in words, large ones with thousands marked.

    >>> number(3), number(1440)
    ('three', '1,440')
    """
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def plural(count: int, noun: str) -> str:
    """A number and its noun.

    >>> plural(1, "seed"), plural(24, "speaker")
    ('one seed', '24 speakers')
    """
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def percent(share: float, digits: int = 1) -> str:
    r"""A share of one as per cent, with a space that no line breaks at.

    >>> percent(0.6235).replace("\u00a0", " ")
    '62.4 %'
    """
    return f"{100 * share:.{digits}f}\u00a0%"


def interval(score: Score) -> str:
    """The bounds of a score's interval, in per cent."""
    return f"{100 * score.low:.1f}–{100 * score.high:.1f}"


def deviation(score: Score) -> str:
    """Plus or minus the deviation over seeds, in per cent; empty for one seed."""
    return "" if score.deviation is None else f" ± {100 * score.deviation:.1f}"


def minutes(seconds: float) -> str:
    """A span of time.

    >>> minutes(42), minutes(505), minutes(5400)
    ('42 s', '8.4 min', '1.5 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def epochs(model: ModelEvaluation) -> str:
    """Epochs of a training, the mean over trainings; a dash where it learnt in none."""
    return f"{model.epochs_trained:.0f}" if model.epochs_trained else "–"


def day(timestamp: str) -> str:
    """The day of an ISO timestamp in words; the timestamp itself where it is none.

    >>> day("2026-11-22T12:00:00+00:00")
    '22 November 2026'
    """
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp or "an unknown day"
    return f"{moment.day} {moment:%B %Y}"


def how_tested(evaluation: Evaluation) -> str:
    """One sentence on the test clips, and whether their speakers were heard in training."""
    clips = f"{len(evaluation.clip_ids):,} test clips of {plural(len(set(evaluation.speakers)), 'speaker')}"
    if evaluation.leaky:
        return f"{clips}, who are training speakers too"
    if len(evaluation.folds) > 1:
        return f"{clips}, each predicted by models that never heard its speaker"
    return f"{clips}, none of whom was heard in training"


def best_by_uar(evaluation: Evaluation) -> list[ModelEvaluation]:
    """The models, best UAR first."""
    return sorted(evaluation.models.values(), key=lambda model: -model.uar.value)


def confusions(model: ModelEvaluation, labels: Sequence[str]) -> list[tuple[float, str, str]]:
    """What is mistaken for what, commonest share first: (share of the true emotion's clips, true, predicted)."""
    totals = model.confusion.sum(axis=1)
    mistakes = [
        (float(model.confusion[i, j] / totals[i]), labels[i], labels[j])
        for i in range(len(labels))
        for j in range(len(labels))
        if i != j and totals[i] and model.confusion[i, j]
    ]
    return sorted(mistakes, key=lambda mistake: -mistake[0])
