"""Features of a whole corpus, computed once and kept under the digests of all that they were made from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


def extract(front: FrontEnd, corpus: Corpus, cache: Path, workers: int = 2, progress: Progress | None = None) -> Path:
    """Features of every clip, computed once and then kept in a cache under the digests of corpus, front end and code.

    Args:
        front: A front end whose results are all of one shape.
        corpus: Whose clips.
        cache: The folder that keeps feature files.
        workers: Threads that decode, resample and transform.
        progress: Told after every clip.

    Returns:
        The ``.npy`` file of (clips, frames, bands), float32, in the order of the corpus's clips.

    Raises:
        AudioError: A recording cannot be read; nothing is then cached.
        CorpusError: A recording is gone.
        StorageError: The cache cannot be written.
    """
    clips = corpus.clips
    own = getattr(sys.modules[type(front).__module__], "__file__", None)  # it may be a user's
    code = digest_of_code(files=[Path(own)] if own else [])
    path = cache / f"{corpus.digest[:16]}-{front.digest}-{code}.npy"
    shape = (len(clips), *front.shape)
    if not path.exists():
        from threadpoolctl import threadpool_limits  # the listening half does without

        with (
            replacing(path) as temporary,
            temporary.open("wb") as file,
            threadpool_limits(1),
            ThreadPoolExecutor(workers) as pool,
        ):
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            rows = pool.map(lambda clip: front(waveform(clip, front.sample_rate_hz)), clips)
            for i, row in enumerate(rows):
                file.write(row.astype("<f4", copy=False).tobytes())
                if progress:
                    progress("features", i + 1, len(clips))
    return path
