"""Babble with feeling: a speaker's voice, what an emotion does to it, and one clip of it.

Two sentences of syllables are spoken by a source-filter voice. What a speaker does with pitch, loudness, tempo and
voice quality in each emotion has the signs and rough sizes that the acoustic literature agrees on
(:data:`EXPRESSIONS`). Every speaker has a tract, a register, an expressiveness and habits of their own, and every clip
departs from them, so that emotions overlap as they do in people. Whoever changes what is heard raises the version in
``synthetic.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from emovox.corpora.ravdess import LABELS
from emovox.corpora.vocal_tract import (
    FORMANT_WIDTHS_HZ,
    HOP,
    SAMPLE_RATE_HZ,
    TURBULENCE,
    band,
    formants,
    glottis,
    overlap_add,
    pulses,
    smooth,
    spectra,
)
from emovox.errors import CorpusError


class Segment(NamedTuple):
    """One sound of the babble: formants of a man's tract, how it is excited, and how long it lasts."""

    f1_hz: float
    f2_hz: float
    f3_hz: float
    voicing: float
    noise: float
    noise_hz: float
    seconds: float


# Vowels: Peterson and Barney (1952), men, rounded. A stop is a closure and a burst.
SEGMENTS: dict[str, Segment] = {
    "I": Segment(390, 1990, 2550, 1.0, 0.0, 3000, 0.085),
    "A": Segment(730, 1090, 2440, 1.0, 0.0, 3000, 0.110),
    "O": Segment(570, 840, 2410, 1.0, 0.0, 3000, 0.130),
    "@": Segment(490, 1350, 1690, 0.8, 0.0, 3000, 0.060),
    "r": Segment(420, 1300, 1600, 0.6, 0.0, 3000, 0.060),
    "N": Segment(280, 1900, 2500, 0.35, 0.0, 3000, 0.075),
    "D": Segment(300, 1400, 2500, 0.3, 0.10, 6000, 0.045),
    "z": Segment(300, 1600, 2500, 0.2, 0.45, 5600, 0.080),
    "s": Segment(320, 1700, 2550, 0.0, 0.80, 5800, 0.110),
    "closed": Segment(300, 1600, 2500, 0.0, 0.0, 3000, 0.050),
    "voicebar": Segment(220, 1300, 2400, 0.12, 0.0, 3000, 0.045),
    "k": Segment(350, 1900, 2400, 0.0, 0.90, 2300, 0.030),
    "t": Segment(350, 1750, 2600, 0.0, 0.90, 4200, 0.028),
    "d": Segment(330, 1700, 2600, 0.3, 0.50, 3800, 0.015),
    "g": Segment(330, 1800, 2300, 0.3, 0.40, 2100, 0.018),
    "b": Segment(300, 950, 2300, 0.3, 0.30, 1000, 0.012),
}

# Sounds of a syllable, and how much it is accented, after the two sentences of RAVDESS.
SENTENCES: dict[str, tuple[tuple[str, float], ...]] = {
    "kids": (
        ("closed k I voicebar d z", 1.0), ("A r", 0.2), ("closed t O", 0.9), ("closed k I N", 0.2),
        ("voicebar b A I", 0.3), ("D @", 0.0), ("voicebar d O r", 0.8),
    ),
    "dogs": (
        ("voicebar d O voicebar g z", 1.0), ("A r", 0.2), ("s I", 0.9), ("closed t I N", 0.2),
        ("voicebar b A I", 0.3), ("D @", 0.0), ("voicebar d O r", 0.8),
    ),
}  # fmt: skip


class Expression(NamedTuple):
    """What an emotion does to a voice, against that voice at rest. Octaves are base-2 logarithms of a factor."""

    pitch_semitones: float
    range_octaves: float  # of the size of accents
    rate_octaves: float  # syllables a second
    loudness_db: float
    brightness_octaves: float  # of the frequency above which the glottal spectrum falls faster
    breath_db: float
    roughness_octaves: float  # of jitter and shimmer
    tremor_semitones: float
    slope_semitones: float  # from the first syllable to the last
    final_semitones: float  # on the last syllable alone
    attack_octaves: float  # how fast the voice sets in
    smile_semitones: float  # of all formants: spread lips shorten the tract, protruded ones lengthen it
    precision_octaves: float  # of the distance of vowels from the neutral one


EXPRESSIONS: dict[str, Expression] = {
    # Signs after the reviews of Juslin and Laukka (2003), Psychological Bulletin 129, 770-814, and Scherer (2003),
    # Speech Communication 40, 227-256, and for disgust Banse and Scherer (1996), JPSP 70, 614-636; a smile shortens the
    # tract (Tartter 1980, Perception & Psychophysics 27, 24-27). Sizes, and surprise (a wide range and a steep final
    # rise), which the reviews hardly cover, were set here so that a linear model errs about as often as people do.
    #                       pitch range  rate  loud  bright breath rough tremor slope final attack smile precision
    "neutral": Expression(0.0, 0.00, 0.00, 0.0, 0.0, 0.0, 0.0, 0.00, -2.0, -2.0, 0.0, 0.0, 0.00),
    "calm": Expression(-1.0, -0.40, -0.18, -3.5, -0.5, 4.0, -0.3, 0.00, -2.0, -2.0, -0.5, 0.0, -0.05),
    "happy": Expression(4.5, 0.70, 0.12, 4.0, 0.6, 0.0, 0.0, 0.05, 0.0, 0.5, 0.5, 0.8, 0.15),
    "sad": Expression(0.5, -0.50, -0.30, -5.0, -0.8, 6.0, 0.4, 0.30, -4.0, -3.0, -0.8, -0.3, -0.25),
    "angry": Expression(3.5, 0.40, 0.15, 9.0, 1.3, -4.0, 1.0, 0.05, -1.0, -3.0, 1.0, 0.1, 0.20),
    "fearful": Expression(6.5, -0.10, 0.25, 3.5, 0.4, 3.0, 0.8, 0.60, 0.0, 1.0, 0.5, 0.0, 0.00),
    "disgust": Expression(-0.5, 0.20, -0.28, 1.5, 0.3, 1.0, 1.3, 0.10, -3.0, -4.0, -0.2, -0.9, 0.10),
    "surprised": Expression(6.0, 1.00, -0.02, 3.5, 0.4, 2.0, 0.0, 0.05, 2.0, 6.0, 0.3, 0.2, 0.10),
}

STRENGTHS = {"normal": 0.8, "strong": 1.25}
"""Factor of an intensity on an expression."""

_SPREAD = np.array(Expression(2.0, 0.35, 0.13, 2.8, 0.40, 2.5, 0.45, 0.12, 1.6, 1.8, 0.35, 0.35, 0.10))
"""One step of variation in each dimension of an expression."""

_REST_SPREAD = 0.6  # how far speakers at rest lie apart, in steps
_HABIT_SPREAD = 0.35  # how far a speaker's way with one emotion departs from the common one
_CLIP_SPREAD = 0.45  # how far a clip departs from its speaker's way


@dataclass(frozen=True)
class Voice:
    """A speaker at rest and in emotion: the same in every clip of one seed."""

    register_hz: float
    tract: float  # factor on the formants of a man
    upper_formants_hz: np.ndarray  # (4,), the fourth and above, which do not glide
    level_db: float  # RMS of neutral speech against full scale
    floor_db: float  # RMS of the room, against that
    rest: np.ndarray  # (dimensions,), added to every expression
    expressiveness: np.ndarray  # (dimensions,), factor on every expression
    habits: np.ndarray  # (emotions, dimensions), added to each


def draw_voice(speaker: int, seed: int = 0) -> Voice:
    """The voice of speaker 1, 2, ...: odd ones male, even ones female, as in RAVDESS."""
    rng = np.random.default_rng([seed, speaker])
    male = speaker % 2 == 1
    dimensions = len(_SPREAD)
    return Voice(
        register_hz=(112.0 if male else 198.0) * 2 ** (rng.normal(0, 2.0) / 12),
        tract=(1.0 if male else 1.16) * 2 ** (rng.normal(0, 0.5) / 12),
        upper_formants_hz=np.array([3400, 4400, 5400, 6400]) + rng.normal(0, 130, 4),
        level_db=-30 + rng.normal(0, 2.5),
        floor_db=rng.uniform(-58, -50),
        rest=_REST_SPREAD * _SPREAD * rng.normal(size=dimensions),
        expressiveness=rng.uniform(0.6, 1.25) * rng.uniform(0.7, 1.3, dimensions),
        habits=_HABIT_SPREAD * _SPREAD * rng.normal(size=(len(LABELS), dimensions)),
    )


def render_clip(
    emotion: str,
    speaker: int | str,
    intensity: str = "normal",
    statement: str = "kids",
    repetition: int | str = 1,
    seed: int = 0,
    longer: bool = False,
) -> np.ndarray:
    """One clip of babble with feeling, the same for the same arguments.

    Args:
        emotion: One of :data:`~emovox.corpora.ravdess.LABELS`.
        speaker: 1, 2, ... or ``"01"``, ``"02"``, ...: odd male, even female.
        intensity: ``"normal"`` or ``"strong"``.
        statement: ``"kids"`` or ``"dogs"``: which of the two sentences.
        repetition: 1, 2, ...
        seed: Of the corpus.
        longer: Leave much more silence than usual, as a few clips of RAVDESS have.

    Returns:
        (samples,), float32, 16 kHz, within ±1: silence, about two seconds of speech, silence.

    Raises:
        CorpusError: The emotion, the intensity or the statement is unknown.

    >>> clip = render_clip("happy", speaker=2, intensity="strong")
    >>> 2.5 < len(clip) / SAMPLE_RATE_HZ < 5
    True
    """
    for value, known in ((emotion, LABELS), (intensity, STRENGTHS), (statement, SENTENCES)):
        if value not in known:
            raise CorpusError(f"Unknown {value!r} for the synthetic corpus; available: {', '.join(known)}")
    label, voice = LABELS.index(emotion), draw_voice(int(speaker), seed)
    choices = (list(STRENGTHS).index(intensity), list(SENTENCES).index(statement), int(repetition))
    rng = np.random.default_rng([seed, int(speaker), label, *choices])
    acted = voice.expressiveness * STRENGTHS[intensity] * np.array(EXPRESSIONS[emotion])
    departure = _CLIP_SPREAD * _SPREAD * rng.normal(size=len(_SPREAD))
    expression = Expression(*(voice.rest + acted + voice.habits[label] + departure).tolist())

    speech = _speak(_time(SENTENCES[statement], expression, rng), voice, expression, rng)  # (samples,)
    level = 10 ** ((voice.level_db + expression.loudness_db) / 20)
    speech *= level / math.sqrt(float(np.mean(speech**2)) + 1e-12)
    speech = np.tanh(speech / 0.98) * 0.98  # a shout saturates rather than clips
    lead, tail = rng.uniform(0.78, 1.02, 2) + (rng.uniform(0.5, 0.7, 2) if longer else 0)
    clip = np.pad(speech, (round(lead * SAMPLE_RATE_HZ), round(tail * SAMPLE_RATE_HZ)))
    clip += 10 ** ((voice.level_db + voice.floor_db) / 20) * rng.standard_normal(len(clip))
    return np.clip(clip, -1, 1).astype(np.float32)


@dataclass(frozen=True)
class _Timing:
    """When each sound of a sentence is spoken; all but ``segments`` by frame."""

    segments: np.ndarray  # (segments, 7), the fields of Segment
    which: np.ndarray  # (frames,), the segment that sounds
    speaking: np.ndarray  # (frames,), 1, and 0 once the sentence is over
    accents: np.ndarray  # (frames,), 0 to about 1.2
    place: np.ndarray  # (frames,), 0 in the first syllable, 1 in the last
    into_last: np.ndarray  # (frames,), 0 before the last syllable, rising to 1 within it

    def field(self, name: str) -> np.ndarray:
        """A field of the segments: (segments,)."""
        values: np.ndarray = self.segments[:, Segment._fields.index(name)]
        return values

    def track(self, name: str) -> np.ndarray:
        """A field of the segments, by frame: (frames,)."""
        values: np.ndarray = self.field(name)[self.which]
        return values


def _time(sentence: tuple[tuple[str, float], ...], expression: Expression, rng: np.random.Generator) -> _Timing:
    """Lay a sentence out in time: tempo stretches vowels most; accented and last syllables are longer."""
    sounds = [(SEGMENTS[name], accent, i) for i, (names, accent) in enumerate(sentence) for name in names.split()]
    segments = np.array([segment for segment, _, _ in sounds])  # (segments, 7)
    accent = np.array([accent for _, accent, _ in sounds]) * rng.uniform(0.6, 1.2, len(sounds))  # (segments,)
    place = np.array([i for _, _, i in sounds]) / (len(sentence) - 1)  # (segments,)
    last = place == 1
    tempo = 2**-expression.rate_octaves
    vowel = segments[:, Segment._fields.index("voicing")] >= 0.6
    stretch = np.where(vowel, tempo**1.15, 0.8 * tempo**0.7) * (1 + 0.25 * accent) * np.where(last, 1.3, 1.0)
    seconds = segments[:, Segment._fields.index("seconds")] * stretch * np.exp(rng.normal(0, 0.08, len(sounds)))
    ends = np.cumsum(seconds)

    frames = math.ceil((ends[-1] + 0.06) * SAMPLE_RATE_HZ / HOP)
    now = (np.arange(frames) + 0.5) * HOP / SAMPLE_RATE_HZ  # (frames,), seconds
    which = np.minimum(np.searchsorted(ends, now), len(ends) - 1)
    return _Timing(
        segments=segments,
        which=which,
        speaking=(now < ends[-1]).astype(float),
        accents=smooth(accent[which], 0.14),
        place=smooth(place[which], 0.12),
        into_last=np.clip((now - ends[~last][-1]) / seconds[last].sum(), 0, 1),
    )


def _speak(timing: _Timing, voice: Voice, expression: Expression, rng: np.random.Generator) -> np.ndarray:
    """The bare speech, at no particular level: (samples,)."""
    frames = len(timing.which)
    wander = 1.2 * smooth(rng.normal(size=frames), 0.30)
    cycles = rng.uniform(5.0, 7.0) * HOP / SAMPLE_RATE_HZ * np.arange(frames) + rng.uniform()
    tremor = max(expression.tremor_semitones, 0.0) * np.sin(2 * np.pi * cycles)
    semitones = (
        expression.pitch_semitones
        + 3.5 * 2**expression.range_octaves * (timing.accents - 0.4)
        + expression.slope_semitones * (timing.place - 0.5)
        + expression.final_semitones * timing.into_last
        + wander
        + tremor
    )
    f0_hz = np.clip(voice.register_hz * 2 ** (semitones / 12), 60, 600)  # (frames,)

    accent_db = (3 + 3 * expression.range_octaves) * (timing.accents - 0.4)
    effort = 10 ** ((accent_db - 3 * timing.place) / 20)  # (frames,); breath runs out towards the end
    onset = 0.035 * 2**-expression.attack_octaves
    voiced = smooth(timing.track("voicing") * timing.speaking, onset) * effort * (1 + 0.25 * tremor)
    fricated = smooth(timing.track("noise") * timing.speaking, 0.016) * effort
    breathed = smooth((timing.track("voicing") > 0.25) * timing.speaking, 0.08) * effort
    breathed *= 10 ** ((expression.breath_db - 24) / 20)

    roughness = 2**expression.roughness_octaves
    train, phase = pulses(np.repeat(f0_hz, HOP), 0.006 * roughness, 0.05 * roughness, rng)
    puffs = 0.7 + 0.3 * np.cos(2 * np.pi * phase)  # breath escapes while the glottis is open
    white = rng.standard_normal((2, frames * HOP), dtype=np.float32)
    sources = (train * np.repeat(voiced, HOP), white[0] * puffs * np.repeat(breathed, HOP))
    voice_frames, breath_frames, noise_frames = spectra(np.stack([*sources, white[1] * np.repeat(fricated, HOP)]))

    fall_hz = 2200 * 2**expression.brightness_octaves * np.sqrt(effort)
    flow = glottis(f0_hz * 2 ** (-expression.breath_db / 24), fall_hz)  # the more breath, the longer open
    mouth = band(timing.field("noise_hz") * math.sqrt(voice.tract))[timing.which]
    mixed = (voice_frames * flow + 0.3 * breath_frames * TURBULENCE) * _tract(timing, voice, expression)
    return overlap_add(mixed + 0.05 * noise_frames * mouth)


def _tract(timing: _Timing, voice: Voice, expression: Expression) -> np.ndarray:
    """The resonances of the tract as it moves from sound to sound: (frames, bins)."""
    length = voice.tract * 2 ** (expression.smile_semitones / 12)
    schwa_hz = np.array([500.0, 1450.0, 2450.0])
    distance = timing.segments[:, :3] / schwa_hz
    targets = length * schwa_hz * distance ** (2**expression.precision_octaves)  # (segments, 3)
    gliding = np.stack([smooth(track, 0.05) for track in targets[timing.which].T])  # (3, frames)
    still = np.minimum(voice.upper_formants_hz * length, 7600)[:, None]  # (4, 1)
    response: np.ndarray = formants(gliding, FORMANT_WIDTHS_HZ[:3]) * formants(still, FORMANT_WIDTHS_HZ[3:])
    return response
