"""What each part of hearing and of the head brings, tried on speakers that no single split is judged on.

    python benchmarks/ablations.py PATH_TO_RAVDESS --yamnet-weights FILE --whisper-weights FOLDER

The 20 actors that are not in the first test group of ``speakers6`` (1, 11, 20, 21), in the five other groups: each
group is predicted by heads fitted to the 16 other actors. As in a run, a head's shrinkage and sharpness, its
temperature and an ensemble's weights are chosen on inner folds of those 16; what differs between rows was compared on
the five groups themselves, so the best row flatters itself a little. Each network runs once over all clips, with every
layer; rows take columns of that. FOLDER holds ``tiny.en-encoder.safetensors`` and ``base-encoder.safetensors``, or what
the hub calls them; rows of a network whose weights cannot be had are left out.

Rows marked ``explored`` are not made again here: they were tried once, in code that is not kept, and ``how`` tells how.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from measure import say, write
from scipy.optimize import minimize

from emovox.corpora import Corpus, load_corpus
from emovox.download import user_cache
from emovox.errors import DownloadError, ModelError
from emovox.evaluation.calibration import apply_temperature, fit_temperature
from emovox.evaluation.metrics import confusion, cross_entropy, uar
from emovox.models import KINDS, Heard
from emovox.models.ensemble import EnsembleSettings, combined, mixture_weights
from emovox.models.kind import HeardSettings, LinearHead
from emovox.models.settings import Alterations
from emovox.models.whisper_encoder import SIZES
from emovox.models.yamnet_table import BODY
from emovox.provenance import available_cores
from emovox.training.head import Scale, fit_head, inner_folds, softmax
from emovox.training.hearing import hear

STATISTICS = ("mean", "deviation", "skewness")
VERSIONS = 6
"""What is heard, which is more than a recipe asks for."""

PENALTIES = (0.03, 0.1, 0.3)
"""Of logistic regression, to choose from; strongest last."""

SEEN = "The five groups, one seed; shrinkage and sharpness chosen on the groups themselves"
TINY_HOW = f"{SEEN}. Layers 1–3 with mean and deviation, six altered versions, emotion × intensity, shrinkage 3"
TINY_ALL_HOW = f"{SEEN}. Layers 0–4 (the last before its norm) with mean and deviation, six altered versions"
NETWORKS_HOW = (
    "Groups {4, 10, 12, 14} and {8, 9, 19, 23}, the mean of the two; trained on the 16 other speakers of the 20, one "
    "member, one seed, 60 epochs, the last one's weights"
)
PRIORS = (
    "none", "1, deviation 0.3", "1, deviation 0.14–0.15", "1, deviation 0.1",
    "0.8, deviation 0.15", "0.8, deviation 0.1", "0.7, deviation 0.15",
)  # fmt: skip
"""On the temperature: its centre, and the deviation of its logarithm."""

EXPLORED: list[tuple[str, str, list[tuple[str, float | None, float | None]]]] = [
    (
        "whisper tiny.en, further statistics",
        TINY_HOW,
        [
            ("none", 0.7469, 0.6793),
            ("mean absolute difference of neighbouring steps", 0.7453, 0.6863),
            ("the two halves of a clip apart", 0.7508, 0.6833),
            ("mean weighted by loudness", 0.7555, 0.6745),
            ("skewness", 0.7547, 0.6764),
            ("mean weighted by loudness, and skewness", 0.7594, 0.6628),
            ("differences, mean weighted by loudness, and skewness", 0.7609, 0.6734),
            ("statistics of the log-mel", 0.7500, 0.6967),
        ],
    ),
    (
        "whisper tiny.en, classes",
        f"{TINY_ALL_HOW}, shrinkage 1",
        [
            ("emotion × intensity", 0.7422, 0.6893),
            ("emotion × sex", 0.7109, 0.8399),
            ("emotion × intensity × sex", 0.7133, 0.8145),
            ("emotion × intensity × statement", 0.7242, 0.7503),
        ],
    ),
    (
        "whisper tiny.en, speaker directions removed",
        f"{TINY_ALL_HOW}, λ 0.3 or shrinkage 3; directions in which training speakers differ count less",
        [
            ("logistic regression, nothing removed", 0.7391, 0.7466),
            ("logistic regression, their variance as a penalty", 0.7312, 0.7564),
            ("logistic regression, ten times that", 0.7289, 0.7612),
            ("discriminant analysis, nothing removed", 0.7539, 0.7098),
            ("discriminant analysis, between speakers of an emotion three times in Σ", 0.7437, 0.7172),
            ("discriminant analysis, between speakers ten times in Σ", 0.7445, 0.7577),
        ],
    ),
    (
        "whisper tiny.en, directions kept",
        f"{TINY_ALL_HOW}, emotion × intensity, shrinkage 1",
        [("256", 0.7469, 0.6875), ("512", 0.7422, 0.6893), ("all", 0.7383, 0.6932)],
    ),
    (
        "whisper tiny.en, other heads",
        f"{TINY_ALL_HOW}; where named layers 1–3 with loudness and skewness",
        [
            ("ridge regression on one-hot emotions", 0.7328, 0.7577),
            ("hidden layers of 512 and 256, mixup, dropout 0.5 (loudness, skewness)", 0.7063, 0.8207),
            ("that and discriminant analysis, geometric mean (loudness, skewness)", 0.7500, 0.7008),
        ],
    ),
    (
        "whisper tiny.en, more or stronger versions",
        f"{TINY_HOW}; with loudness and skewness",
        [
            ("6", 0.7578, 0.6697),
            ("9", 0.7563, 0.6691),
            ("6 stronger (speed and tempo ±20 %, tilt 3 dB, gain 3 dB)", 0.7539, 0.6877),
            ("6 and 6 stronger", 0.7555, 0.6786),
        ],
    ),
    (
        "whisper tiny.en, test clips at three speeds",
        f"{TINY_HOW}; with loudness and skewness; the mean answer to 0.93, 1 and 1.07 of the speed",
        [("as they are", 0.7578, 0.6697), ("at three speeds", 0.7586, 0.6586)],
    ),
    (
        "whisper tiny.en, training speakers",
        f"{TINY_HOW}; with loudness and skewness",
        [("4", 0.6508, 1.3475), ("8", 0.7164, 0.8018), ("12", 0.7328, 0.6947), ("16", 0.7578, 0.6697),
         ("19 (one left out at a time)", 0.7750, 0.6271)],
    ),
    (
        "one of 20 speakers left out at a time",
        SEEN,
        [
            ("whisper tiny.en, layers 1–3, mean and deviation", 0.7602, 0.6510),
            ("whisper base, layers 1–4, mean and deviation", 0.7766, 0.6420),
            ("yamnet, layers 5–8", 0.6594, 0.9549),
            ("yamnet, layers 5–8, mean answer to seven versions of a test clip", 0.6828, 0.9338),
            ("whisper tiny.en, base and yamnet, geometric mean 1 : 1 : 0.6", 0.7844, 0.6166),
        ],
    ),
    (
        "yamnet, mel bands shifted",
        "The package's head, choices nested; layers 5–8, mean and deviation, three altered versions; by whole bands",
        [
            ("not", 0.6648, 1.0154),
            ("test clips by up to 1, mean answer", 0.6602, 1.0205),
            ("all clips by up to 1, mean statistics", 0.6570, 1.0216),
            ("training clips by up to 2, as further versions", 0.6695, 1.0228),
        ],
    ),
    (
        "small networks, Whisper as teacher",
        NETWORKS_HOW,
        [
            ("CNN at half its filters, batches of 16", 0.5585, 1.2450),
            ("the same, soft labels of a Whisper head, half of the loss", 0.5625, 1.2065),
            ("the same, 48 principal axes of a clip's Whisper statistics as a second target", 0.5510, 1.2350),
            ("the same, both", 0.5625, 1.2550),
            ("CNN as it is", 0.6135, 1.1280),
            ("one-dimensional convolutions, 0.32 M", 0.6070, 1.1390),
            ("the same, 64 axes of Whisper's layers 2 and 3 as a target every 80 ms", 0.6190, 1.0720),
            ("a residual stage, then one-dimensional ones, 0.29 M, with that target", 0.6230, 1.0360),
            ("the last two, mean", 0.6480, 1.0220),
            ("a residual stage, one-dimensional ones, two LSTMs, 0.30 M, with that target", 0.6290, 1.0605),
        ],
    ),
    *(
        (
            f"temperature prior, {who}",
            "Fitted on one validation speaker of each fold, loss of the other; both directions, all folds and seeds",
            [(name, None, loss) for name, loss in zip(PRIORS, losses, strict=True)],
        )
        for who, losses in (
            ("cnn, speakers6", (0.967, 0.955, 0.947, 0.947, None, None, None)),
            ("ensemble, speakers6", (0.678, 0.654, 0.657, 0.669, 0.646, 0.646, 0.644)),
            ("ensemble, loso", (0.712, 0.669, 0.659, 0.660, 0.659, 0.655, 0.664)),
        )
    ),
    (
        "whisper tiny.en, ten clips of a speaker",
        "20 actors; share of what clips depart by for their emotion that is taken off before the mean; UAR",
        [
            ("none, random clips", 0.795, None),
            ("none, neutral and calm clips", 0.723, None),
            ("half, random clips", 0.789, None),
            ("half, neutral and calm clips", 0.772, None),
            ("all, random clips", 0.780, None),
            ("all, neutral and calm clips", 0.782, None),
            ("not adapted", 0.757, None),
        ],
    ),
    (
        "fine-tuning Whisper tiny.en",
        "Fold 3 of speakers6, before this command; 10 to 12 epochs of 27 to 75 s on two cores",
        [
            ("frozen", 0.69, None),
            ("all layers, rate 2e-4, decay 0.7 a layer, SpecAugment, mixup", 0.680, None),
            ("layers 2 and 3, rate 5e-5", 0.684, None),
        ],
    ),
]  # fmt: skip
"""About what, how, and the tries: what, UAR, cross-entropy in nats."""

Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[LinearHead, np.ndarray]]
"""From (versions, clips, statistics), classes, the emotion of each class, and speakers to a head, and what inner folds
gave each clip."""


@dataclass(frozen=True, eq=False)
class Task:
    """Who is predicted from whom.

    Args:
        corpus: The clips.
        groups: Speakers that are predicted together.
        truths: (clips,), emotions as label indices.
        speakers: (clips,).
        classes: What is told apart → each clip's class, and the emotion of each class.
    """

    corpus: Corpus
    groups: tuple[tuple[str, ...], ...]
    truths: np.ndarray
    speakers: np.ndarray
    classes: dict[str, tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, corpus: Corpus) -> Task:
        """All test groups of ``speakers6`` but the first."""
        partition = corpus.spec.partition("speakers6")
        assert partition is not None
        here = set(corpus.speakers)
        groups = tuple(tuple(s for s in group if s in here) for group in partition.groups[1:])
        groups = tuple(group for group in groups if group)
        clips = tuple(clip for clip in corpus.clips if any(clip.speaker in group for group in groups))
        corpus = dataclasses.replace(corpus, clips=clips)
        truths = np.array([corpus.labels.index(clip.emotion) for clip in corpus.clips])
        pairs = [(clip.emotion, clip.intensity or "") for clip in corpus.clips]
        known = sorted(set(pairs))
        return cls(
            corpus,
            groups,
            truths,
            np.array([clip.speaker for clip in corpus.clips]),
            {
                "emotion": (truths, np.arange(len(corpus.labels))),
                "emotion × intensity": (
                    np.array([known.index(pair) for pair in pairs]),
                    np.array([corpus.labels.index(emotion) for emotion, _ in known]),
                ),
            },
        )


@dataclass(frozen=True, eq=False)
class Statistics:
    """Everything that one published network told of every clip and its altered versions.

    Args:
        paths: A ``.npy`` of (clips, statistics) each, the clips as they are first.
        widths: Layer → its channels, in the order of the columns; of each layer its means, deviations, skewnesses.
    """

    paths: Sequence[Path]
    widths: dict[int, int]

    def take(self, layers: Sequence[int], statistics: Sequence[str], versions: int) -> np.ndarray:
        """(1 + versions, clips, statistics), float32."""
        columns, start = [], 0
        for layer, width in self.widths.items():
            for statistic in STATISTICS:
                if layer in layers and statistic in statistics:
                    columns.append(np.arange(start, start + width))
                start += width
        wanted = np.concatenate(columns)
        return np.stack([np.load(path, mmap_mode="r")[:, wanted] for path in self.paths[: 1 + versions]])


def hear_all(kind: str, variant: str, widths: dict[int, int], weights: Path | None, task: Task) -> Statistics:
    """Run a published network over all clips and six altered versions of each, once; then they are in the user cache.

    Raises:
        ModelError, DownloadError: Its weights cannot be had.
    """
    from emovox.models import layers

    sort = KINDS[kind]
    assert isinstance(sort, Heard)
    settings: Any = sort.settings(variant=variant, layers=tuple(widths), statistics=STATISTICS)  # type: ignore[call-arg]
    settings = dataclasses.replace(settings, alter=dataclasses.replace(settings.alter, versions=VERSIONS))

    def tell(stage: str, done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            say(f"{kind} {variant}: {done} of {total} clips heard")

    found, cache = sort.find_weights(settings, weights), user_cache() / "features"
    with mock.patch.object(layers, "statistics", with_skewness):
        return Statistics(hear(sort, settings, found, task.corpus, cache, 0, available_cores(), tell), widths)


def with_skewness(heard: list[Any], which: Sequence[str]) -> Any:
    """What :func:`emovox.models.layers.statistics` does, and the standardised third moment over time besides."""
    from keras import ops

    pooled = []
    for x in heard:  # (batch, steps, features)
        mean = ops.mean(x, axis=1)
        centred = x - ops.expand_dims(mean, 1)
        deviation = ops.sqrt(ops.mean(centred * centred, axis=1))
        cube = ops.mean(centred * centred * centred, axis=1)
        known = {"mean": mean, "deviation": deviation, "skewness": cube / (deviation * deviation * deviation + 1e-6)}
        pooled += [known[name] for name in which]
    return ops.concatenate(pooled, axis=-1)


def by_analysis(
    statistics: np.ndarray, classes: np.ndarray, emotions: np.ndarray, speakers: np.ndarray
) -> tuple[LinearHead, np.ndarray]:
    """The package's head."""
    shrinkages = KINDS["whisper"].settings().shrinkages  # type: ignore[attr-defined]
    fit = fit_head(statistics, classes, emotions, speakers, shrinkages)
    return fit.head, fit.held_out


def by_regression(
    statistics: np.ndarray, classes: np.ndarray, emotions: np.ndarray, speakers: np.ndarray
) -> tuple[LinearHead, np.ndarray]:
    """Multinomial logistic regression in the same directions, its penalty chosen on the same inner folds."""
    scale = Scale.of(statistics)
    x = scale(statistics)
    versions = len(x)
    truths, merge = emotions[classes], np.eye(emotions.max() + 1, dtype=np.float32)[emotions]
    held_out = np.zeros((len(PENALTIES), len(classes), merge.shape[1]))
    for inside in inner_folds(speakers):
        rows, labels = x[:, ~inside].reshape(-1, x.shape[2]), np.tile(classes[~inside], versions)
        for k, (kernel, bias) in enumerate(_regressions(rows, labels, len(emotions), PENALTIES)):
            held_out[k, inside] = softmax(x[0, inside] @ kernel + bias) @ merge
    losses = [cross_entropy(truths, probabilities) for probabilities in held_out]
    best = int(np.argmin(losses))
    rows, labels = x.reshape(-1, x.shape[2]), np.tile(classes, versions)
    kernel, bias = _regressions(rows, labels, len(emotions), PENALTIES[best:])[0]
    return LinearHead((scale.unscaled(kernel, bias),), merge), held_out[best].astype(np.float32)


def _regressions(
    rows: np.ndarray, labels: np.ndarray, classes: int, penalties: Sequence[float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias under each penalty (mean cross-entropy + λ/2 ‖kernel‖²); weaker ones begin where stronger end."""
    count, size = rows.shape
    wanted = np.eye(classes, dtype=np.float32)[labels]

    def loss(flat: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        weights = flat.reshape(size + 1, classes)
        probabilities = softmax(rows @ weights[:-1].astype(np.float32) + weights[-1].astype(np.float32))
        value = -np.log(np.maximum(probabilities[np.arange(count), labels], 1e-12)).mean()
        error = (probabilities - wanted) / count
        slope = np.concatenate([rows.T @ error + penalty * weights[:-1], error.sum(axis=0, keepdims=True)])
        return float(value + penalty / 2 * (weights[:-1] ** 2).sum()), slope.ravel().astype(np.float64)

    weights, found = np.zeros((size + 1) * classes), []
    for penalty in sorted(penalties, reverse=True):
        options = {"maxiter": 150, "gtol": 1e-4, "ftol": 1e-7}
        weights = minimize(loss, weights, (penalty,), method="L-BFGS-B", jac=True, options=options).x
        found.append((weights.reshape(size + 1, classes)[:-1], weights.reshape(size + 1, classes)[-1]))
    return found[::-1]


@dataclass(frozen=True)
class Try:
    """One way to predict emotions from what networks heard.

    Args:
        layers: Network → which of its layers; several networks' statistics stand side by side.
        statistics, versions: Of each layer, and altered versions of each clip in training.
        classes: What is told apart.
        fit: Makes the head.
        again: Whether test clips are heard in all versions too, and the answers averaged.
    """

    layers: tuple[tuple[str, tuple[int, ...]], ...]
    statistics: tuple[str, ...] = HeardSettings.statistics
    versions: int = Alterations.versions
    classes: str = "emotion × intensity"
    fit: Fit = by_analysis
    again: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """Calibrated probabilities of one try: of every clip by the fit that did not hear its group, and within each fit.

    Args:
        test: (clips, emotions).
        inner: Of each group, (clips of the others, emotions), from inner folds.
        seconds: Of one fit, its inner folds among them; the mean over groups.
    """

    test: np.ndarray
    inner: list[np.ndarray]
    seconds: float


class Lab:
    """Measures rows, and each way to predict once.

    Args:
        task: Who is predicted from whom.
        heard: Network → its statistics.
    """

    def __init__(self, task: Task, heard: dict[str, Statistics]) -> None:
        self.task, self.heard = task, heard
        self.rows: list[dict[str, Any]] = []
        self._known: dict[Try, Outcome] = {}

    def has(self, *networks: str) -> bool:
        """Whether all of these were heard."""
        return all(network in self.heard for network in networks)

    def outcome(self, way: Try) -> Outcome:
        """Each group predicted by a fit to the others."""
        if way not in self._known:
            self._known[way] = self._predicted(way)
        return self._known[way]

    def _predicted(self, way: Try) -> Outcome:
        task = self.task
        taken = [self.heard[network].take(layers, way.statistics, way.versions) for network, layers in way.layers]
        statistics = np.concatenate(taken, axis=2) if len(taken) > 1 else taken[0]
        own, emotions = task.classes[way.classes]
        test = np.zeros((len(task.truths), len(task.corpus.labels)))
        inner, seconds = [], []
        for group in task.groups:
            inside = np.isin(task.speakers, group)
            start = time.perf_counter()
            head, held_out = way.fit(statistics[:, ~inside], own[~inside], emotions, task.speakers[~inside])
            seconds.append(time.perf_counter() - start)
            temperature = fit_temperature(held_out, task.truths[~inside])
            answers = [head(version[inside]) for version in (statistics if way.again else statistics[:1])]
            test[inside] = apply_temperature(np.mean(answers, axis=0), temperature)
            inner.append(apply_temperature(held_out, temperature))
        return Outcome(test, inner, float(np.mean(seconds)))

    def together(self, ways: Sequence[Try], weighed: bool) -> Outcome:
        """The mean of several ways, with equal weights, or with those that an ensemble's would be on inner folds."""
        members = [self.outcome(way) for way in ways]
        test, inner = np.zeros_like(members[0].test), []
        for k, group in enumerate(self.task.groups):
            inside = np.isin(self.task.speakers, group)
            stacked, truths = np.stack([member.inner[k] for member in members]), self.task.truths[~inside]
            weights = np.full(len(members), 1 / len(members))
            if weighed:
                weights = mixture_weights(stacked, truths, EnsembleSettings().prior)
            mixed = combined(stacked, weights)
            temperature = fit_temperature(mixed, truths)
            answers = combined(np.stack([member.test[inside] for member in members]), weights)
            test[inside] = apply_temperature(answers, temperature)
            inner.append(apply_temperature(mixed, temperature))
        return Outcome(test, inner, sum(member.seconds for member in members))

    def note(self, about: str, what: str, outcome: Outcome) -> None:
        """Judge an outcome and keep it as a row."""
        truths, test = self.task.truths, outcome.test
        score = float(uar(confusion(truths, test.argmax(axis=1), test.shape[1])))
        loss = float(cross_entropy(truths, test))
        say(f"{about}: {what}: UAR {score:.4f}, {loss:.4f} nats, {outcome.seconds:.1f} s a fit")
        self.rows.append(
            {"about": about, "what": what, "uar": round(score, 4), "cross_entropy": round(loss, 4),
             "seconds_a_fit": round(outcome.seconds, 2)}
        )  # fmt: skip


TINY, BASE, YAMNET = "whisper tiny.en", "whisper base", "yamnet"
USUAL = {TINY: (1, 2, 3), BASE: (1, 2, 3, 4), YAMNET: (5, 6, 7, 8)}
"""The layers of each network where a row does not say which."""


def usual(*networks: str) -> Try:
    """A head on the usual layers."""
    return Try(tuple((network, USUAL[network]) for network in networks))


def measure_all(lab: Lab) -> None:
    """Every row whose networks were heard."""

    def layers(network: str, *which: tuple[int, ...]) -> None:
        for numbers in which:
            ends = f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
            lab.note(f"{network}, layers", ends, lab.outcome(Try(((network, numbers),))))

    if lab.has(TINY):
        layers(TINY, *((layer,) for layer in lab.heard[TINY].widths), (1, 2, 3), tuple(lab.heard[TINY].widths))
        way = usual(TINY)
        for which in (STATISTICS[:1], STATISTICS[:2], STATISTICS):
            outcome = lab.outcome(dataclasses.replace(way, statistics=which))
            lab.note(f"{TINY}, statistics", ", ".join(which), outcome)
        for versions in (0, 1, 3, VERSIONS):
            outcome = lab.outcome(dataclasses.replace(way, versions=versions))
            lab.note(f"{TINY}, altered versions in training", str(versions), outcome)
        for classes in lab.task.classes:
            lab.note(f"{TINY}, classes", classes, lab.outcome(dataclasses.replace(way, classes=classes)))
        for what, fit in (("discriminant analysis", by_analysis), ("logistic regression", by_regression)):
            lab.note(f"{TINY}, head", what, lab.outcome(dataclasses.replace(way, fit=fit)))
    if lab.has(BASE):
        layers(BASE, (1, 2, 3), (2, 3, 4), (1, 2, 3, 4))
    if lab.has(YAMNET):
        layers(YAMNET, (5, 6, 7, 8), (5, 6, 7, 8, 9, 10, 11))
    for network in filter(lab.has, (TINY, YAMNET)):
        altered = Alterations.versions
        for what, again in (("as they are", False), (f"and {altered} altered versions, the mean answer", True)):
            lab.note(f"{network}, test clips", what, lab.outcome(dataclasses.replace(usual(network), again=again)))
    if lab.has(TINY, YAMNET):
        lab.note("side by side in one head", f"{TINY} + {YAMNET}", lab.outcome(usual(TINY, YAMNET)))
    for networks in ((TINY, BASE), (TINY, YAMNET), (TINY, BASE, YAMNET)):
        if lab.has(*networks):
            for what, weighed in (("equal weights", False), ("weights of inner folds", True)):
                outcome = lab.together([usual(network) for network in networks], weighed)
                lab.note(f"mean of probabilities, {what}", " + ".join(networks), outcome)


def explored() -> list[dict[str, Any]]:
    """What was tried once, in code that is not kept; numbers that nobody wrote down are left out."""
    return [
        {"about": about, "what": what, "explored": True}
        | ({"uar": score} if score is not None else {})
        | ({"cross_entropy": loss} if loss is not None else {})
        | {"how": how}
        for about, how, tries in EXPLORED
        for what, score, loss in tries
        if score is not None or loss is not None
    ]


def main() -> None:
    """Hear once, measure every row, keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--yamnet-weights", type=Path)
    parser.add_argument("--whisper-weights", type=Path, help="a folder with both sizes")
    options = parser.parse_args()
    task = Task.of(load_corpus(data=options.corpus))
    say(f"{len(task.truths)} clips of {len(set(task.speakers))} speakers in {len(task.groups)} groups")
    networks = {
        TINY: ("whisper", "tiny.en", dict.fromkeys(range(SIZES["tiny.en"].layers + 1), SIZES["tiny.en"].width)),
        BASE: ("whisper", "base", dict.fromkeys(range(SIZES["base"].layers + 1), SIZES["base"].width)),
        YAMNET: ("yamnet", "default", {layer: BODY[layer - 1].filters for layer in range(5, 12)}),
    }
    heard = {}
    for name, (kind, variant, widths) in networks.items():
        try:
            heard[name] = hear_all(kind, variant, widths, getattr(options, f"{kind}_weights"), task)
        except (ModelError, DownloadError) as error:
            say(f"Going on without {name}: {error}")
    lab = Lab(task, heard)
    measure_all(lab)
    about = {"groups": task.groups, "clips": len(task.truths), "metric": "UAR of all groups' clips together"}
    write("ablations", {"measured": about, "ablations": [*lab.rows, *explored()]})


if __name__ == "__main__":
    main()
