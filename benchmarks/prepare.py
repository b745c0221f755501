"""How fast a corpus is decoded, resampled and prepared, and how fast YAMNet hears it; both from nothing.

    python benchmarks/prepare.py PATH_TO_RAVDESS [YAMNET_WEIGHTS]

The baseline of the first is the usual way, on a sixth of the clips: one after the other, polyphase resampling and a
short-time Fourier transform with SciPy. That of the second is the same network in Keras, on a tenth.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from measure import row, write
from scipy import signal

from emovox.corpora import load_corpus
from emovox.corpora.base import Corpus
from emovox.features import FRONT_ENDS, LogMel, extract
from emovox.study import available_cores


def by_scipy(path: Path, front: LogMel) -> np.ndarray:
    """Log-mel features with SciPy's general tools."""
    samples, rate = soundfile.read(path, always_2d=True)
    mono = signal.resample_poly(samples.mean(axis=1), front.sample_rate_hz, rate)
    overlap = front.window_samples - front.hop_samples
    _, _, spectrum = signal.stft(
        mono, front.sample_rate_hz, "hann", front.window_samples, overlap, front.fft_size, boundary=None, padded=False
    )
    return front.fit(np.log(np.abs(spectrum.T) @ front.mel_matrix + front.offset))


def prepare(corpus: Corpus, front: LogMel, cache: Path) -> tuple[float, Path]:
    """Seconds for the whole corpus, cold, and where the features lie."""
    start = time.perf_counter()
    path = extract(front, corpus, cache, available_cores())
    return time.perf_counter() - start, path


def main() -> None:
    """Measure both and keep the result."""
    corpus = load_corpus(data=Path(sys.argv[1]))
    count = len(corpus.clips)
    measurements = []
    with tempfile.TemporaryDirectory() as cache:
        for name in ("default", "yamnet"):
            seconds, path = prepare(corpus, FRONT_ENDS[name], Path(cache))
            start = time.perf_counter()
            for clip in corpus.clips[::6]:
                by_scipy(clip.path, FRONT_ENDS[name])
            baseline = (time.perf_counter() - start) * count / len(corpus.clips[::6])
            measurements += [
                row(f"decode, resample, prepare {count:,} clips for `{name}`, cold", seconds, "s", 8, 20),
                row(f"the same, SciPy one by one ÷ ours (`{name}`)", baseline / seconds, "x"),
            ]
        if len(sys.argv) > 2:
            from emovox.models.pretrained import load_into, read_weights
            from emovox.models.yamnet import build_yamnet_body, frozen_features

            features = np.load(path)
            weights = read_weights(sys.argv[2])
            start = time.perf_counter()
            body = build_yamnet_body(features.shape[1])
            load_into(body, weights)
            frozen_features(body, features, layers=(14,), statistics=("mean",), threads=available_cores())
            ours = time.perf_counter() - start
            start = time.perf_counter()
            body.predict(features[::10], batch_size=16, verbose=0)
            keras_seconds = (time.perf_counter() - start) * count / len(features[::10])
            measurements += [
                row(f"YAMNet embeddings of {count:,} clips, cold, after the front end", ours, "s", 20, 60),
                row("the same, Keras ÷ ours", keras_seconds / ours, "x"),
            ]
    write("prepare", {"measurements": measurements})


if __name__ == "__main__":
    main()
