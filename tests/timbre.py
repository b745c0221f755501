"""An artifact made by hand whose answer hangs on the whole spectrum, so decoding and resampling can be compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from emovox.features import LogMel
from emovox.features.graph import Graph, whole
from loudness import ABOUT

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def write_timbre_model(path: Path, **about: object) -> Path:
    """A log-mel front end, its mean over time, a fixed mixture of its bands, softmax."""
    op = Graph("timbre")
    features, _ = LogMel(n_frames=0, trim_db=0).to_onnx(op)  # (windows, frames, bands)
    mean = op("ReduceMean", features, axes=[0, 1], keepdims=0)  # (bands,)
    mixture = np.random.default_rng(0).normal(0, 0.5, (LogMel().n_mels, len(LABELS))).astype(np.float32)
    scores = op("Reshape", op("MatMul", mean, mixture - mixture.mean(axis=0)), whole(len(LABELS)))
    op("Softmax", scores, name="probabilities", axis=0)
    model = op.model({"waveform": ("samples",)}, {"probabilities": (len(LABELS),)})
    told = {**ABOUT, "labels": LABELS, "conformal": {"coverage": 0.9, "threshold": 0.1}, **about}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in told.items()})
    onnx.save(model, path)
    return path
