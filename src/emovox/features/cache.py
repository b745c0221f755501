"""Features of a whole corpus, computed once and kept under the digests of what they were made from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import emovox
from emovox.corpora.base import Corpus, Progress, waveform
from emovox.features.front_end import FrontEnd
from emovox.files import replacing


def extract(front: FrontEnd, corpus: Corpus, cache: Path, workers: int = 2, progress: Progress | None = None) -> Path:
    """Features of every clip, computed once and then kept in a cache under the digests of corpus and front end.

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
    path = cache / f"{corpus.digest[:16]}-{front.digest}-{emovox.__version__}.npy"
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
