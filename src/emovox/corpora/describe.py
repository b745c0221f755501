"""Describe a corpus: what it holds, what is missing, what stands out, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from emovox.audio import check_waveform, decode, mix
from emovox.corpora.base import UNVERSIONED, Clip, Corpus, Progress
from emovox.corpora.listing import Listing
from emovox.errors import AudioError, CorpusError

SPEECH_DB = 35.0
"""Frames within this of a clip's loudest count as speech; the front ends trim by the same."""

FRAME_SECONDS = 0.010

FULL_SCALE = 32767 / 32768
"""A sample at 16 bits' last step has most likely been clipped."""

FENCE = 1.5
"""Values this many interquartile ranges outside the quartiles are outliers (Tukey 1977, Exploratory Data Analysis)."""


@dataclass(frozen=True)
class Remark:
    """Something found in the corpus, counted, explained, and what Emovox does with it.

    Args:
        kind: ``"missing"`` or ``"outlier"``.
        what: What was looked for.
        count: Clips concerned; 0 says that it was looked for and not found.
        explanation: What it is, or why it arises.
        handling: What becomes of such clips.
        clips: Their ids.
    """

    kind: str
    what: str
    count: int
    explanation: str
    handling: str
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """A corpus in numbers. Arrays have one entry a clip, in the order of ``corpus.clips``.

    Args:
        corpus: What is described; its clips tell emotion, speaker and the rest.
        seconds: Length of each file, (clips,); NaN where the file cannot be read, as in the next three.
        speech_seconds: From the first to the last 10 ms that is within 35 dB of the loudest, (clips,).
        peak_dbfs: Largest sample of any channel, in decibels below full scale, (clips,).
        rms_dbfs: Root mean square of the mono mix over the whole clip, (clips,).
        sample_rate_hz: As stored, (clips,), int; 0 where the file cannot be read, as in the next.
        channels: As stored, (clips,), int.
        subtypes: How samples are coded, a string a clip.
        remarks: Missing values and outliers.
    """

    corpus: Corpus
    seconds: np.ndarray
    speech_seconds: np.ndarray
    peak_dbfs: np.ndarray
    rms_dbfs: np.ndarray
    sample_rate_hz: np.ndarray
    channels: np.ndarray
    subtypes: tuple[str, ...]
    remarks: tuple[Remark, ...]

    @property
    def clips_per_emotion(self) -> dict[str, int]:
        """How many clips each label has, in label order."""
        counts = Counter(clip.emotion for clip in self.corpus.clips)
        return {label: counts[label] for label in self.corpus.labels}

    @property
    def clips_per_speaker(self) -> dict[str, int]:
        """How many clips each speaker has, sorted by speaker."""
        counts = Counter(clip.speaker for clip in self.corpus.clips)
        return {speaker: counts[speaker] for speaker in self.corpus.speakers}

    @property
    def sexes(self) -> dict[str, int]:
        """How many speakers there are of each sex; ``"unknown"`` where the corpus does not say."""
        sex = {clip.speaker: clip.sex or "unknown" for clip in self.corpus.clips}
        return dict(sorted(Counter(sex.values()).items()))

    @property
    def _sexes(self) -> str:
        """The sexes in brackets, as far as the corpus tells them."""
        known = [f"{n} {sex}" for sex, n in self.sexes.items() if sex != "unknown"]
        without = [f"{self.sexes['unknown']} of unknown sex"] if known and "unknown" in self.sexes else []
        return f" ({', '.join(known + without)})" if known else ""

    def remarks_on(self, kind: str) -> tuple[Remark, ...]:
        """The remarks of one kind."""
        return tuple(remark for remark in self.remarks if remark.kind == kind)

    def listings(self) -> tuple[Listing, ...]:
        """Tables for people; each title carries the word synthetic where the corpus is."""
        corpus, word = self.corpus, " (synthetic)" if self.corpus.synthetic else ""
        version = f", {corpus.version}" if corpus.version != UNVERSIONED else ""
        minutes = float(np.nansum(self.seconds)) / 60
        overview = (
            ("recordings", f"{len(corpus.clips):,}"),
            ("length", f"{minutes:.1f} min, of which {float(np.nansum(self.speech_seconds)) / 60:.1f} min speech"),
            ("speakers", f"{len(corpus.speakers)}{self._sexes}"),
            ("clips of a speaker", _span(list(self.clips_per_speaker.values()))),
            ("sample rate", _shares(Counter(f"{rate} Hz" for rate in self.sample_rate_hz if rate))),
            ("channels", _shares(Counter(str(count) for count in self.channels if count))),
            ("coding", _shares(Counter(name for name in self.subtypes if name))),
            ("licence", corpus.licence),
        )
        total = len(corpus.clips)
        classes = tuple((label, f"{n:,}", f"{n / total:.1%}") for label, n in self.clips_per_emotion.items())
        measures = (
            ("length, s", self.seconds, 2),
            ("speech, s", self.speech_seconds, 2),
            ("peak, dBFS", self.peak_dbfs, 1),
            ("RMS, dBFS", self.rms_dbfs, 1),
        )
        spread = tuple((name, *_quantiles(values, digits)) for name, values, digits in measures)
        remarks = tuple((r.kind, r.what, f"{r.count:,}", r.explanation, r.handling) for r in self.remarks)
        return (
            Listing(f"{corpus.name}{word}{version}", ("what", "value"), overview),
            Listing(f"Emotions{word}", ("emotion", "clips", "share"), classes),
            Listing(f"Spread{word}", ("measure", "least", "quarter", "median", "three quarters", "most"), spread),
            Listing(
                f"Missing values and outliers{word}",
                ("kind", "what", "clips", "explanation", "what is done"),
                remarks,
            ),
        )


@dataclass(frozen=True)
class _Measured:
    """One clip's numbers; all empty, and the reason given, where it cannot be read."""

    error: str = ""
    seconds: float = np.nan
    speech_seconds: float = np.nan
    peak_dbfs: float = np.nan
    rms_dbfs: float = np.nan
    sample_rate_hz: int = 0
    channels: int = 0
    subtype: str = ""


def describe(corpus: Corpus, progress: Progress | None = None, workers: int = 2) -> Description:
    """Measure every clip, and look for missing values and outliers.

    Args:
        corpus: What to describe.
        progress: Told ``("describe", clips so far, clips in all)``.
        workers: Threads.

    Raises:
        CorpusError: Not one clip can be read.
    """
    measured: list[_Measured] = []
    with ThreadPoolExecutor(workers) as pool:
        for one in pool.map(_measure, corpus.clips):
            measured.append(one)
            if progress:
                progress("describe", len(measured), len(corpus.clips))
    if all(one.error for one in measured):
        raise CorpusError(f"No recording of {corpus.root} can be read; the first: {measured[0].error}")

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([getattr(one, name) for one in measured], dtype=kind)  # (clips,)

    return Description(
        corpus=corpus,
        seconds=column("seconds", float),
        speech_seconds=column("speech_seconds", float),
        peak_dbfs=column("peak_dbfs", float),
        rms_dbfs=column("rms_dbfs", float),
        sample_rate_hz=column("sample_rate_hz", int),
        channels=column("channels", int),
        subtypes=tuple(one.subtype for one in measured),
        remarks=tuple(_missing(corpus, measured)) + tuple(_outliers(corpus, measured)),
    )


def _measure(clip: Clip) -> _Measured:
    try:
        samples, info = decode(clip.path, start=clip.start, end=clip.end)  # (frames, channels)
        mono = check_waveform(mix(samples), str(clip.path), info.sample_rate_hz)
    except AudioError as error:
        return _Measured(error=str(error))
    return _Measured(
        seconds=info.seconds or len(mono) / info.sample_rate_hz,
        speech_seconds=_speech_seconds(mono, info.sample_rate_hz),
        peak_dbfs=_decibels(float(np.abs(samples).max())),
        rms_dbfs=_decibels(float(np.sqrt(np.mean(np.square(mono, dtype=np.float64))))),
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        subtype=info.subtype,
    )


def _speech_seconds(mono: np.ndarray, sample_rate_hz: int) -> float:
    """From the first to the last frame within ``SPEECH_DB`` of the loudest."""
    step = max(1, round(FRAME_SECONDS * sample_rate_hz))
    frames = mono[: len(mono) // step * step].reshape(-1, step)  # (frames, samples)
    energy = np.einsum("ft,ft->f", frames, frames)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-SPEECH_DB / 10))
    return float((loud[-1] - loud[0] + 1) * step / sample_rate_hz)


def _missing(corpus: Corpus, measured: list[_Measured]) -> Iterator[Remark]:
    """Clips without a value: sound that cannot be read, labels that are not known, and classes short of clips."""
    ids = [clip.id for clip in corpus.clips]
    broken = [(clip_id, one.error) for clip_id, one in zip(ids, measured, strict=True) if one.error]
    yield Remark(
        "missing", "sound", len(broken),
        broken[0][1] if broken else "every file was decoded: none is empty, cut short, silent or holds NaN",
        "a run refuses the corpus and names every such file, so that no clip is dropped silently",
        tuple(clip_id for clip_id, _ in broken),
    )  # fmt: skip
    yield Remark(
        "missing", "emotion or speaker", 0, "both are required of every clip", "a corpus without them is not loaded", ()
    )
    for field in ("sex", "intensity", "statement", "repetition"):
        without = tuple(clip.id for clip in corpus.clips if getattr(clip, field) is None)
        yield Remark(
            "missing", field, len(without),
            "the corpus does not say" if without else "known for every clip",
            "left empty, never guessed; no model reads it" if without else "nothing to do", without,
        )  # fmt: skip
    counts = Counter(clip.emotion for clip in corpus.clips)
    most = max(counts.values())
    short = [f"{label} has {counts[label]}" for label in corpus.labels if counts[label] < most]
    yield Remark(
        "missing", "clips of rarer emotions", sum(most - counts[label] for label in corpus.labels),
        f"the most frequent emotion has {most}; {', '.join(short)}" if short else f"every emotion has {most}",
        "training weighs classes by their inverse frequency, and UAR counts each equally" if short else "nothing to do",
        (),
    )  # fmt: skip


def _outliers(corpus: Corpus, measured: list[_Measured]) -> Iterator[Remark]:
    """Clips that depart from most others in form, length or level."""
    able = [(clip.id, one) for clip, one in zip(corpus.clips, measured, strict=True) if not one.error]

    def remark(what: str, is_odd: Callable[[_Measured], bool], explanation: str, handling: str) -> Remark:
        odd = tuple(clip_id for clip_id, one in able if is_odd(one))
        return Remark("outlier", what, len(odd), explanation, handling if odd else "nothing to do", odd)

    rate = Counter(one.sample_rate_hz for _, one in able).most_common(1)[0][0]
    channels = Counter(one.channels for _, one in able).most_common(1)[0][0]
    yield remark(
        "sample rate",
        lambda one: one.sample_rate_hz != rate,
        f"most clips have {rate} Hz",
        "resampled to 16 kHz as all are",
    )
    yield remark(
        "channels", lambda one: one.channels != channels, f"most clips have {channels}", "channels are averaged to one"
    )
    yield remark(
        "clipped", lambda one: one.peak_dbfs >= _decibels(FULL_SCALE), "a sample reaches full scale", "kept as it is"
    )
    trimmed = "kept: the silence at its ends is trimmed, then the clip is cut or padded to the front end's length"
    quiet = "kept: level is a cue for emotion, so it is not equalised"
    for what, unit, name, handling in (
        ("length", "s", "seconds", trimmed),
        ("speech", "s", "speech_seconds", trimmed),
        ("peak level", "dBFS", "peak_dbfs", quiet),
        ("RMS level", "dBFS", "rms_dbfs", quiet),
    ):
        values = np.array([getattr(one, name) for _, one in able])
        low, high = _fences(values)
        if unit == "s":
            low = max(low, 0.0)
        else:  # decoders may overshoot full scale
            high = min(high, max(0.0, float(values.max())))
        yield remark(
            what,
            lambda one, name=name, low=low, high=high: not low <= getattr(one, name) <= high,  # type: ignore[misc]
            f"outside {_rounded(low, 1)} to {_rounded(high, 1)} {unit}, {FENCE} interquartile ranges from the "
            "quartiles",
            handling,
        )


def _fences(values: np.ndarray) -> tuple[float, float]:
    quarter, three_quarters = np.percentile(values, [25, 75])
    reach = FENCE * (three_quarters - quarter)
    return float(quarter - reach), float(three_quarters + reach)


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-10)))


def _quantiles(values: np.ndarray, digits: int) -> tuple[str, ...]:
    return tuple(_rounded(value, digits) for value in np.nanpercentile(values, [0, 25, 50, 75, 100]))


def _rounded(value: float, digits: int) -> str:
    """A number of so many decimals; nought has no sign."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def _span(counts: list[int]) -> str:
    return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _shares(counts: Counter[str]) -> str:
    """The commonest three with their numbers: ``48000 Hz (1,435), 16000 Hz (5)``."""
    parts = [f"{name} ({count:,})" for name, count in islice(counts.most_common(), 3)]
    return ", ".join(parts) + (" …" if len(counts) > 3 else "")
