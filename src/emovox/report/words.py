"""How figures, models and counts are written for people, alike on every page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from emovox.corpora import spec_of
from emovox.evaluation import Difference, Evaluation, Interval, ModelEvaluation, Score, dataset
from emovox.models import KINDS
from emovox.report import theory

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def model_title(model: ModelEvaluation) -> str:
    """A model's name: as papers write its kind where it is called by it, else as its recipe does."""
    return KINDS[model.kind].title if model.name == model.kind else model.name


def corpus_name(evaluation: Evaluation) -> str:
    """The corpus's name as it is written in papers, with the word synthetic where no person spoke."""
    spec = spec_of(str(evaluation.corpus["name"]))
    return spec.title if spec else str(evaluation.corpus.get("title") or dataset(evaluation))


def caution(evaluation: Evaluation) -> str:
    """Whose emotions the models learnt, and what they are no use for."""
    if evaluation.synthetic:
        return theory.SYNTHETIC
    spec = spec_of(str(evaluation.corpus["name"]))
    told = spec.caution if spec else str(evaluation.corpus.get("caution", ""))
    return f"{told} {theory.NOT_FEELINGS}" if told else theory.NOT_FEELINGS


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


def interval(score: Score | Interval) -> str:
    """The bounds of a score's interval, in per cent."""
    return f"{100 * score.low:.1f}–{100 * score.high:.1f}"


def points(difference: Difference | Interval) -> str:
    """The bounds of a difference's interval, in percentage points."""
    low, high = (f"{100 * bound:+.1f}".replace("-", "\u2212") for bound in (difference.low, difference.high))
    return f"{low} to {high}"


def measured(score: Score | Interval) -> str:
    r"""A score in per cent; in the next line its interval.

    >>> measured(Interval(0.5, 0.444, 0.561))
    '50.0\n[44.4–56.1]'
    """
    return f"{100 * score.value:.1f}{deviation(score)}\n[{interval(score)}]"


def gained(difference: Difference | Interval, between: str = "\n") -> str:
    """A difference in percentage points with its sign; after ``between`` its interval.

    >>> gained(Interval(0.05, -0.014, 0.061), " ")
    '+5.0 [−1.4 to +6.1]'
    """
    value = f"{100 * difference.value:+.1f}".replace("-", "\u2212")
    return f"{value}{between}[{points(difference)}]"


def share(value: float | None) -> str:
    """A share in per cent without its sign; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f}"


def p_value(p: float) -> str:
    """A p value.

    >>> p_value(0.0004), p_value(0.0414), p_value(0.125)
    ('p < 0.001', 'p = 0.041', 'p = 0.125')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def deviation(score: Score | Interval) -> str:
    """Plus or minus the deviation over seeds, in per cent; empty for one seed."""
    spread = score.deviation if isinstance(score, Score) else None
    return "" if spread is None else f" ± {100 * spread:.1f}"


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
    return f"{clips}, none of whom is in the training data"


def best_by_uar(evaluation: Evaluation) -> list[ModelEvaluation]:
    """The models, best UAR first."""
    return sorted(evaluation.models.values(), key=lambda model: -model.uar.value)


def verdict(evaluation: Evaluation) -> str:
    """Which model to use, what it scores, and from which others it is told apart."""
    best, several = evaluation.best, len(evaluation.models) > 1
    seeds = f", the mean over {plural(evaluation.seeds, 'seed')}" if evaluation.seeds > 1 else ""
    chosen = "is the model to use, chosen on validation clips. It reaches" if several else "reaches"
    said = [
        f"{model_title(best)} {chosen} a UAR of {percent(best.uar.value)} (95 % interval {interval(best.uar)}) and an "
        f"accuracy of {percent(best.accuracy.value)} ({interval(best.accuracy)}){seeds}. The chance level is "
        f"{percent(evaluation.chance_uar)}."
    ]
    against = {
        name: pair for name in evaluation.models if name != best.name and (pair := evaluation.pair(best.name, name))
    }
    titles = {name: model_title(evaluation.models[name]) for name in against}
    groups = {
        "above": [name for name, pair in against.items() if pair.uar.p_holm < 0.05 and pair.one == best.name],
        "below": [name for name, pair in against.items() if pair.uar.p_holm < 0.05 and pair.one != best.name],
        "alike": [name for name, pair in against.items() if pair.uar.p_holm >= 0.05],
    }
    test = f"sign-flip test over {evaluation.units:,} {evaluation.unit}"
    if len(evaluation.pairs) > 1:
        test += f", corrected for {number(len(evaluation.pairs))} pairs"
    if evaluation.pairs and evaluation.smallest_p > 0.05:
        said.append(
            f"With {plural(evaluation.units, evaluation.unit[:-1])} no paired test can give a p below "
            f"{evaluation.smallest_p:.3g}, so this run cannot show that one model is better than another."
        )
        return " ".join(said)
    for which, verb in (("above", "scores higher than"), ("below", "scores lower than"), ("alike", "")):
        names = groups[which]
        if not names:
            continue
        ps = listed([f"{titles[name]} ({p_value(against[name].uar.p_holm)})" for name in names])
        said.append(f"It {verb} {ps}." if verb else f"It is not significantly different from {ps}.")
    if against:
        said.append(f"Tested: UAR, {test}.")
    return " ".join(said)


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
