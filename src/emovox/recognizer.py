"""Answer for a recording with an artifact: decode, resample, run, and say what was heard and how surely.

Needs NumPy, soundfile, soxr and ONNX Runtime alone; nothing of the learning half is imported.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soxr

from emovox.audio import check_waveform, read_audio
from emovox.errors import AudioError, ModelError

FORMAT = 1
"""The artifact version that this module reads."""


@dataclass(frozen=True)
class Prediction:
    """What was heard in one recording.

    Args:
        labels: The emotions, in the artifact's order.
        probabilities: (classes,), float32, in [0, 1], summing to 1.
        abstains: True where the likeliest emotion is less probable than the artifact's ``abstain_below``.

    >>> heard = Prediction(("calm", "angry"), np.float32([0.25, 0.75]))
    >>> heard.emotion, heard.confidence, heard.abstains
    ('angry', 0.75, False)
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    abstains: bool = False

    @property
    def emotion(self) -> str:
        """The likeliest emotion."""
        return self.labels[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The likeliest emotion's probability, in [0, 1]."""
        return float(np.max(self.probabilities))

    def ranked(self) -> list[tuple[str, float]]:
        """Every emotion and its probability, the likeliest first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.labels[i], float(self.probabilities[i])) for i in order]

    def as_dict(self) -> dict[str, Any]:
        """The prediction as plain values, ready for JSON."""
        return {
            "emotion": self.emotion,
            "confidence": self.confidence,
            "abstains": self.abstains,
            "probabilities": {label: float(p) for label, p in zip(self.labels, self.probabilities, strict=True)},
        }


class Recognizer:
    """An artifact, loaded and ready to answer. Safe to call from many threads.

    Args:
        artifact: An ``.onnx`` file that Emovox wrote.
        threads: Threads for one recording.

    Raises:
        ModelError: The file is missing, is not ONNX, or is not an artifact of Emovox.
    """

    def __init__(self, artifact: Path | str, threads: int = 1) -> None:
        self.path = Path(artifact)
        self._session = _open(self.path, threads)
        self.metadata = _metadata(self.path, self._session)
        self.labels: tuple[str, ...] = tuple(self.metadata["labels"])
        self.sample_rate_hz = int(self.metadata["sample_rate_hz"])

    @classmethod
    def from_run(cls, run: Path | str, model: str | None = None, threads: int = 1) -> Recognizer:
        """Load a model of a run.

        Args:
            run: A run folder.
            model: The model's name; without it the run's best.
            threads: Threads for one recording.

        Raises:
            ModelError: The folder has no such artifact.
        """
        return cls(find_artifact(run, model), threads)

    def predict(self, recording: Path | str | np.ndarray, sample_rate_hz: int | None = None) -> Prediction:
        """Say what emotion is heard.

        Args:
            recording: A path, or a waveform, (samples,), floating point with full scale ±1.
            sample_rate_hz: The waveform's rate, resampled where the artifact's differs; without it the artifact's.
                A file tells its own.

        Raises:
            AudioError: It cannot be read, or is too short, too long, silent, or not finite.
        """
        if isinstance(recording, np.ndarray):
            waveform = self._resampled(recording, self.sample_rate_hz if sample_rate_hz is None else sample_rate_hz)
        else:
            waveform = read_audio(recording, self.sample_rate_hz)
        (probabilities,) = self._session.run(["probabilities"], {"waveform": waveform})  # (classes,)
        return Prediction(self.labels, probabilities, abstains=float(probabilities.max()) < self._abstain_below)

    @cached_property
    def _abstain_below(self) -> float:
        return float(self.metadata.get("abstain_below") or 0.0)

    def _resampled(self, waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        if sample_rate_hz <= 0:
            raise AudioError(f"sample_rate_hz is {sample_rate_hz}; give the waveform's samples a second, such as 16000")
        waveform = check_waveform(waveform, "the waveform", sample_rate_hz)
        if sample_rate_hz == self.sample_rate_hz:
            return waveform
        resampled: np.ndarray = soxr.resample(waveform, sample_rate_hz, self.sample_rate_hz, quality="HQ")
        return resampled


def find_artifact(run: Path | str, model: str | None = None) -> Path:
    """The artifact of a run's model, or of its best model.

    Args:
        run: A run folder.
        model: The model's name; without it the run's best.

    Raises:
        ModelError: There is no such folder, or it has no such artifact.
    """
    folder = Path(run) / "artifacts"
    there = {path.stem: path for path in sorted(folder.glob("*.onnx"))}
    if not there:
        raise ModelError(f"{run} holds no artifacts/*.onnx; name a run's folder, or finish the run with --resume")
    name = model or _best_model(Path(run), tuple(there))
    if name not in there:
        raise ModelError(f"{run} has no model {name!r}; available: {', '.join(there)}")
    return there[name]


def _best_model(run: Path, names: tuple[str, ...]) -> str:
    """The model that was best on validation clips, so that test clips choose nothing; one model needs no such file."""
    if len(names) == 1:
        return names[0]
    results = run / "training_results.json"
    best: str | None = None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        models = json.loads(results.read_text(encoding="utf-8"))["models"]
        best = max(names, key=lambda name: float(models[name]["best_val_accuracy"]))
    if best is None:
        raise ModelError(f"{results} does not say which model is best; name one of {', '.join(names)}")
    return best


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """An inference session, or one line that says why there is none."""
    if path.is_dir():
        raise ModelError(f"{path} is a folder; name the .onnx file in it, or give a run folder with --run")
    if not path.exists():
        raise ModelError(f"{path} does not exist; name an artifact such as runs/NAME/artifacts/cnn.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a broken file is told in our words
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime has a dozen kinds without a common root
        raise ModelError(
            f"{path} is not a model that can be read; give an .onnx artifact of Emovox, whole and unaltered"
        ) from None


def _metadata(path: Path, session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """What an artifact tells about itself, checked as far as answering needs it."""
    try:
        stored = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
        version, labels, rate = stored["format"], stored["labels"], stored["sample_rate_hz"]
        ((name, shape),) = ((output.name, output.shape) for output in session.get_outputs())
        takes = [value.name for value in session.get_inputs()]
        ours = isinstance(labels, list) and isinstance(rate, int) and takes == ["waveform"] and name == "probabilities"
    except (KeyError, ValueError):
        ours = False
    if not ours:
        raise ModelError(
            f"{path} is an ONNX model but not one of Emovox's; give artifacts/NAME.onnx of a run, as export wrote it"
        )
    if version != FORMAT:
        raise ModelError(
            f"{path} has artifact format {version}, this Emovox reads {FORMAT}; "
            "use the version of Emovox that wrote it, or export it again"
        )
    if shape != [len(labels)]:
        raise ModelError(
            f"{path} is not one of Emovox's: it has {len(labels)} labels for an output of {shape}; export it again"
        )
    return stored
