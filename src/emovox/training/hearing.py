"""What a published network hears: statistics of its layers for every clip of a corpus, and for altered versions.

The network runs over each clip once, in ONNX Runtime; what is kept of a clip is some kilobytes, cached under the
digests of the corpus, the code, the weights and the settings.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from threadpoolctl import threadpool_limits

from emovox.audio import SAMPLE_RATE_HZ
from emovox.corpora.base import Clip, Corpus, Progress, waveform
from emovox.features import FrontEnd, Windows
from emovox.features.cache import digest_of_code
from emovox.files import replacing
from emovox.models import KINDS, Heard
from emovox.models.kind import HeardSettings
from emovox.models.settings import Alterations
from emovox.quiet import quiet

Call = Callable[..., Any]

TILT_PIVOT_HZ = 1000.0
FFT_BLOCK = 4096
QUIETEST_NOISE_DB = 25.0
"""Noise is drawn between the loudest that is asked for and this many decibels less."""


def statistics_of(paths: Sequence[Path]) -> np.ndarray:
    """(versions, clips, statistics), float32: what :func:`hear` wrote, the clips as they are first."""
    return np.stack([np.load(path) for path in paths])


def hear(
    kind: Heard, settings: Any, weights: Path | None, corpus: Corpus, cache: Path, seed: int, threads: int,
    progress: Progress | None = None, call: Call = lambda function, *arguments: function(*arguments),
) -> list[Path]:  # fmt: skip
    """Statistics of every clip and of its altered versions, computed once and then kept in a cache.

    Args:
        kind, settings: Which published network, which of its layers, and how clips are altered.
        weights: The published file; None for a random start.
        corpus: Whose clips.
        cache: The folder that keeps the files.
        seed: Decides how clips are altered.
        threads: Clips at a time.
        progress: Told after every clip.
        call: Calls a function with arguments, in another process where TensorFlow is to stay out of this one.

    Returns:
        A ``.npy`` of (clips, statistics), float32, for each version; the first is of the clips as they are.

    Raises:
        AudioError: A recording cannot be read; nothing is then cached.
        StorageError: The cache cannot be written.
    """
    alter = settings.alter
    key = hashlib.sha256(weights.read_bytes() if weights else b"random")
    key.update(repr((code_digest(kind), kind.name, settings.variant, _heard(settings))).encode())
    network = cache / f"{kind.name}-{key.hexdigest()[:16]}.onnx"
    stem = f"{corpus.digest[:16]}-{network.stem}"
    altered = hashlib.sha256(repr(alter).encode()).hexdigest()[:8]
    paths = [cache / f"{stem}.npy"]
    paths += [cache / f"{stem}-{altered}-seed{seed}-{version}.npy" for version in range(1, alter.versions + 1)]
    missing = [version for version, path in enumerate(paths) if not path.exists()]
    if not missing:
        return paths
    if not network.exists():
        call(export_encoder, kind.name, settings, weights, network)
    front, run = kind.front_end(settings), open_encoder(network)

    def one(clip: Clip) -> list[np.ndarray]:
        samples = waveform(clip)
        return [listen(run, _version(front, samples, alter, version, seed, clip)) for version in missing]

    count = len(corpus.clips)
    with contextlib.ExitStack() as stack:
        temporary = [stack.enter_context(replacing(paths[version])) for version in missing]
        files = [stack.enter_context(path.open("wb")) for path in temporary]
        stack.enter_context(threadpool_limits(1))  # a clip a thread, and no thread within a thread
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        for done, heard in enumerate(pool.map(one, corpus.clips), 1):
            for file, row in zip(files, heard, strict=True):  # at once, so that memory does not grow with the corpus
                if done == 1:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (count, *row.shape)}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(row.astype("<f4", copy=False).tobytes())
            if progress:
                progress("statistics", done, count)
    return paths


def export_encoder(name: str, settings: Any, weights: Path | None, path: Path) -> None:
    """Write a published network, as far as it is heard, and the statistics of its layers as an ONNX file.

    Args:
        name: Of the kind.
        settings: Of the kind.
        weights: The published file; None for a random start.
        path: The file to write.
    """
    kind = KINDS[name]
    assert isinstance(kind, Heard)
    export_network(lambda: kind.encoder(settings, kind.read_weights(settings, weights) if weights else None), path)


def export_network(build: Callable[[], Any], path: Path) -> None:
    """Write the network that ``build`` makes, (batch, frames, bands) → …, as an ONNX file."""
    with replacing(path) as temporary, quiet():
        model = build()
        _, frames, bands = model.input_shape
        model(np.zeros((1, frames or 100, bands), np.float32))  # Keras exports only what has been called
        model.export(str(temporary), format="onnx", verbose=False)


def open_encoder(path: Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """What :func:`export_encoder` wrote, in ONNX Runtime: (batch, frames, bands) → (batch, statistics).

    It takes less than half of TensorFlow's time, and may be called from several threads.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # an arena would keep room for the longest clip in every thread
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def listen(run: Callable[[np.ndarray], np.ndarray], windows: Windows) -> np.ndarray:
    """What a network gives for a clip, the mean over its windows, weighted by speech: (statistics,), float32."""
    return np.asarray(windows.weights @ run(windows.features), dtype=np.float32)


def _version(front: FrontEnd, waveform: np.ndarray, alter: Alterations, version: int, seed: int, clip: Clip) -> Windows:
    """The windows of one version of a clip; its randomness follows from seed, version and clip alone."""
    if not version:
        return front(waveform)
    rng = np.random.default_rng([seed, version, zlib.crc32(clip.id.encode())])
    windows = front(altered(waveform, alter, rng))
    tempo = rng.uniform(-alter.tempo, alter.tempo)
    return windows._replace(features=np.stack([stretched(window, tempo) for window in windows.features]))


def altered(waveform: np.ndarray, alter: Alterations, rng: np.random.Generator) -> np.ndarray:
    """A waveform at another speed, with another balance of low and high, and in half of the cases with noise.

    Args:
        waveform: (samples,), float32, at 16 kHz.
        alter: How far each may go.
        rng: Decides.

    Returns:
        (other samples,), float32.
    """
    speed, tilt, noise = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-1, 1)
    rate = SAMPLE_RATE_HZ * np.exp(alter.speed * speed)
    x = soxr.resample(waveform, rate, SAMPLE_RATE_HZ, quality="HQ")
    size = -(-len(x) // FFT_BLOCK) * FFT_BLOCK  # a length that transforms quickly
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    octaves = np.log2(np.maximum(hertz, 50.0) / TILT_PIVOT_HZ)
    x = np.fft.irfft(np.fft.rfft(x, size) * 10 ** (alter.tilt_db * tilt * octaves / 20), size)[: len(x)]
    if noise > 0:
        ratio_db = alter.noise_db + QUIETEST_NOISE_DB * noise
        loudness = np.sqrt(np.mean(x**2)) * 10 ** (-ratio_db / 20)
        x = x + loudness * rng.standard_normal(len(x))
    return np.asarray(x, dtype=np.float32)


def stretched(features: np.ndarray, tempo: float) -> np.ndarray:
    """Faster or slower: (frames, bands) → (frames / e^tempo, bands)."""
    return resampled(features, max(2, round(len(features) * np.exp(-tempo))))


def resampled(features: np.ndarray, count: int) -> np.ndarray:
    """Interpolated linearly in time: (frames, bands) → (count, bands), float32."""
    frames = len(features)
    place = np.linspace(0, frames - 1, count)
    left = np.minimum(place.astype(int), max(0, frames - 2))
    share = (place - left)[:, None].astype(np.float32)
    right = np.minimum(left + 1, frames - 1)
    return np.asarray((1 - share) * features[left] + share * features[right], dtype=np.float32)


def _heard(settings: Any) -> list[tuple[str, Any]]:
    """The settings that decide what is heard; those of the head do not."""
    head = {f.name for f in dataclasses.fields(HeardSettings)} - {"variant", "statistics"}
    return sorted((name, value) for name, value in vars(settings).items() if name not in head)


def code_digest(kind: Heard) -> str:
    """A digest of the code that statistics depend on, so that no cache outlives it."""
    heard = ("training/hearing.py", "models/blocks.py", "models/layers.py", f"models/{kind.name}*.py")
    return digest_of_code(*heard, libraries=("keras", "onnxruntime"))
