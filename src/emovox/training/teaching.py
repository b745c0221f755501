"""What a teacher hears, frame by frame: one layer of a published network, for a small network to learn from.

The teacher runs over each clip once. Its steps are brought to the frames of the pupil's front end, and of its features
the directions in which training clips differ most are kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emovox.corpora.base import Clip, Corpus, Progress, waveform
from emovox.features import LogMel
from emovox.features.cache import write_blocks
from emovox.features.front_end import windows
from emovox.files import replacing
from emovox.models import KINDS, Heard
from emovox.models.settings import Teacher
from emovox.training.hearing import code_digest, export_network, open_encoder, resampled

EVENNESS = 0.2
"""Exponent of a direction's share of the variance: 0 teaches all directions alike, 0.5 as they are."""


def hear_steps(
    teacher: Teacher, front: LogMel, weights: Path, corpus: Corpus, cache: Path, threads: int,
    progress: Progress | None = None, call: Callable[..., Any] = lambda function, *arguments: function(*arguments),
) -> Path:  # fmt: skip
    """What the teacher hears in every frame of every clip, computed once and then kept in a cache.

    Args:
        teacher: Which network and which of its layers.
        front: The pupil's; its frames are what the teacher's steps are brought to.
        weights: The published file.
        corpus: Whose clips.
        cache: The folder that keeps the files.
        threads: Clips at a time.
        progress: Told after every clip.
        call: Calls a function with arguments, in another process where TensorFlow is to stay out of this one.

    Returns:
        The ``.npy`` of (windows, frames, features), float16, zero after a clip's end; a clip's windows are the pupil's.

    Raises:
        AudioError: A recording cannot be read; nothing is then cached.
        StorageError: The cache cannot be written.
    """
    kind = KINDS[teacher.kind]
    assert isinstance(kind, Heard)
    key = hashlib.sha256(weights.read_bytes() + Path(__file__).read_bytes())
    key.update(repr((code_digest(kind), kind.name, teacher.layer, front.digest)).encode())
    network = cache / f"{kind.name}-steps-{key.hexdigest()[:16]}.onnx"
    path = cache / f"{corpus.digest[:16]}-{network.stem}.npy"
    if path.exists():
        return path
    if not network.exists():
        call(export_steps, teacher, weights, network)
    ear = dataclasses.replace(kind.front_end(kind.settings()), most_frames=0)  # type: ignore[type-var]
    run = open_encoder(network)

    def one(clip: Clip) -> np.ndarray:
        samples = waveform(clip)
        frames = int(np.ptp(np.flatnonzero(front.loud(front.log_mel(samples))))) + 1
        heard = resampled(run(ear(samples).features)[0], frames)[windows(frames, front.n_frames)]
        return np.pad(heard, ((0, 0), (0, front.n_frames - heard.shape[1]), (0, 0))).astype(np.float16)

    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        heard = pool.map(one, corpus.clips)

        def told() -> Iterator[np.ndarray]:
            for done, block in enumerate(heard, start=1):
                yield block
                if progress:
                    progress("teacher", done, len(corpus.clips))

        with replacing(path) as temporary:
            write_blocks(temporary, told())
    return path


def export_steps(teacher: Teacher, weights: Path, path: Path) -> None:
    """Write the teacher's network up to its layer as an ONNX file."""
    kind = KINDS[teacher.kind]
    assert isinstance(kind, Heard)
    settings = kind.settings()
    export_network(lambda: kind.steps(settings, kind.read_weights(settings, weights), teacher.layer), path)


def lessons(heard: np.ndarray, train: np.ndarray, directions: int) -> np.ndarray:
    """The principal directions of what is heard in training clips, each to unit variance and then weighed.

    Args:
        heard: (windows, frames, features), zero after a clip's end.
        train: Windows of the training clips; no other clip decides the directions.
        directions: How many.

    Returns:
        (windows, frames, directions), float32, zero after a clip's end and in every clip that is not of training.
    """
    taught = np.zeros((*heard.shape[:2], directions), np.float32)
    there = (heard[train] != 0).any(axis=2)  # (training windows, frames)
    frames = heard[train][there].astype(np.float32)
    mean, deviation = frames.mean(axis=0), frames.std(axis=0) + 1e-5
    z = (frames - mean) / deviation
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    values, vectors = values[::-1][:directions], vectors[:, ::-1][:, :directions]
    axes = vectors / np.sqrt(values) * (values / values[0]) ** EVENNESS
    lesson = np.zeros((*there.shape, directions), np.float32)
    lesson[there] = z @ axes
    taught[train] = lesson
    return taught
