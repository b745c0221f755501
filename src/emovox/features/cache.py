"""Features of a whole corpus, computed once and kept under the digests of all that they were made from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emovox.corpora.base import Corpus, Progress, waveform
from emovox.features.front_end import FrontEnd
from emovox.files import replacing

PACKAGE = Path(__file__).resolve().parents[1]
CODE = ("audio*.py", "audio/*.py", "corpora/base.py", "features/*.py")
LIBRARIES = ("numpy", "soundfile", "soxr")
"""What decodes, resamples and transforms a recording."""


def digest_of_code(*more: str, libraries: Iterable[str] = (), files: Iterable[Path] = ()) -> str:
    """Sixteen hexadecimal digits over the code that features depend on, so that no cache outlives it.

    Args:
        more: Patterns of modules of this package, where what is kept depends on others too.
        libraries: Installed packages of which the same is true.
        files: Code outside this package of which it is.
    """
    code = {path for pattern in (*CODE, *more) for path in PACKAGE.glob(pattern)}
    parts = [path.read_bytes() for path in (*sorted(code), *files)]
    parts += [f"{name} {importlib.metadata.version(name)}".encode() for name in (*LIBRARIES, *libraries)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Features:
    """Windows of a whole corpus, those of a clip side by side.

    Args:
        windows: (windows, frames, bands), float32.
        clips: (windows,), the place in the corpus of the clip that each window is of, rising.
        weights: (windows,), float32, how much each counts in its clip's answer; those of a clip sum to 1.
    """

    windows: np.ndarray
    clips: np.ndarray
    weights: np.ndarray

    def of(self, places: np.ndarray) -> np.ndarray:
        """Which windows are of some clips, clip by clip."""
        first, end = np.searchsorted(self.clips, places), np.searchsorted(self.clips, places, side="right")
        return np.concatenate([np.arange(a, b) for a, b in zip(first, end, strict=True)])

    def answers(self, places: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Each clip's probabilities from those of its windows: their mean, weighted by speech.

        Args:
            places: (clips,), of the clips in the corpus.
            probabilities: (windows, classes), in the order of :meth:`of`.

        Returns:
            (clips, classes), float32.
        """
        rows = self.of(places)
        starts = np.flatnonzero(np.diff(self.clips[rows], prepend=-1))
        return np.add.reduceat(probabilities * self.weights[rows, None], starts).astype(np.float32)


def extract(front: FrontEnd, corpus: Corpus, cache: Path, workers: int = 2, progress: Progress | None = None) -> Path:
    """Features of every clip, computed once and then kept in a cache under the digests of corpus, front end and code.

    Args:
        front: A front end whose windows are all of one shape.
        corpus: Whose clips.
        cache: The folder that keeps feature files.
        workers: Threads that decode, resample and transform.
        progress: Told after every clip.

    Returns:
        The ``.npy`` file of windows, in the order of the corpus's clips, for :func:`read_features`.

    Raises:
        AudioError: A recording cannot be read; nothing is then cached.
        CorpusError: A recording is gone.
        StorageError: The cache cannot be written.
    """
    own = getattr(sys.modules[type(front).__module__], "__file__", None)  # it may be a user's
    code = digest_of_code(files=[Path(own)] if own else [])
    path = cache / f"{corpus.digest[:16]}-{front.digest}-{code}.npy"
    if path.exists():
        return path
    from threadpoolctl import threadpool_limits  # the listening half does without

    weights = []
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        made = pool.map(lambda clip: front(waveform(clip, front.sample_rate_hz)), corpus.clips)

        def blocks() -> Iterable[np.ndarray]:
            for windows in made:
                weights.append(windows.weights)
                yield windows.features
                if progress:
                    progress("features", len(weights), len(corpus.clips))

        with replacing(path) as temporary:
            write_blocks(temporary, blocks())
            with replacing(weights_beside(path)) as other:
                clips = np.repeat(np.arange(len(weights)), [len(each) for each in weights])
                np.save(other, np.stack([clips, np.concatenate(weights)], axis=1), allow_pickle=False)
    return path


def read_features(path: Path) -> Features:
    """What :func:`extract` wrote."""
    clips, weights = np.load(weights_beside(path)).T
    return Features(np.load(path), clips.astype(int), weights.astype(np.float32))


def write_blocks(path: Path, blocks: Iterable[np.ndarray]) -> None:
    """Write an ``.npy`` file block by block, (rows, …) each and all of one kind, so that memory does not grow."""
    with path.open("wb") as file:
        header: dict[str, Any] = {"fortran_order": False}
        rows = 0
        for block in blocks:
            if not rows:  # its shape is not known yet; NumPy leaves room for any first axis
                header |= {"descr": np.lib.format.dtype_to_descr(block.dtype), "shape": block.shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(block).tobytes())
            rows += len(block)
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (rows, *block.shape[1:])})


def weights_beside(path: Path) -> Path:
    """The file beside the windows that says whose each is, and how much it counts."""
    return path.with_suffix(".windows.npy")
