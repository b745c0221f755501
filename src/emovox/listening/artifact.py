"""The one file that answers: find a run's, open it, and read what it tells about itself."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime

from emovox.audio import MIN_SAMPLE_RATE_HZ
from emovox.errors import ModelError, to_resume
from emovox.layout import Layout

FORMAT = 2
"""The artifact version that this module reads."""


BOX = Path(__file__).parents[1] / "box" / "emotion.onnx"
"""The artifact that the package brings."""


def find_artifact(run: Path | str, model: str | None = None) -> Path:
    """The artifact of a run's model, or of its best model.

    Args:
        run: A run folder.
        model: The model's name; without it the run's best.

    Raises:
        ModelError: There is no such folder, or it has no such artifact.
    """
    if not Path(run).is_dir():
        reason = "is not a folder; give a file with --model" if Path(run).exists() else "does not exist; check the name"
        raise ModelError(f"{run} {reason}, or give a run folder")
    at = Layout(Path(run))
    there = {path.stem: path for path in sorted(at.artifacts.glob("*.onnx"))}
    if not there:
        raise ModelError(
            f"{run} contains no artifacts/*.onnx; give another run folder, or finish it with '{to_resume(run)}'"
        )
    name = model or _best_model(at.results, tuple(there))
    if name not in there:
        raise ModelError(f"{run} has no model {name!r}; available: {', '.join(there)}")
    return there[name]


def _best_model(results: Path, names: tuple[str, ...]) -> str:
    """The model that the run names as its best, which it chose on validation clips; one model needs no such file."""
    if len(names) == 1:
        return names[0]
    best = None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        best = json.loads(results.read_text(encoding="utf-8"))["best_model"]
    if best not in names:
        raise ModelError(f"{results} does not say which model is best; choose one: {', '.join(names)}")
    return str(best)


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """An inference session, or one line that says why there is none."""
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give the .onnx file in it, or give a run folder with --run")
    if not path.exists():
        raise ModelError(f"{path} does not exist; give an artifact such as runs/NAME/artifacts/cnn.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a broken file is told in our words
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime has a dozen kinds without a common root
        raise ModelError(
            f"{path} is not a model that can be read; give an .onnx artifact of Emovox, complete and unchanged"
        ) from None


def read_metadata(path: Path, session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """What an artifact tells about itself, checked as far as answering needs it."""
    try:
        stored = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
        version, labels, rate = stored["format"], stored["labels"], stored["sample_rate_hz"]
        (name, shape), *_ = ((output.name, output.shape) for output in session.get_outputs())
        takes = [value.name for value in session.get_inputs()]
        ours = isinstance(labels, list) and isinstance(rate, int) and takes == ["waveform"] and name == "probabilities"
    except (KeyError, ValueError):
        ours = False
    if not ours:
        raise ModelError(f"{path} is an ONNX model, but not an artifact of Emovox; give artifacts/NAME.onnx of a run")
    if version != FORMAT:
        raise ModelError(
            f"{path} has artifact format {version}, this Emovox reads {FORMAT}; "
            "use the version of Emovox that wrote it, or export it again"
        )
    if shape != [len(labels)]:
        raise ModelError(
            f"{path} is not an artifact of Emovox: {len(labels)} labels, but an output of {shape}; export it again"
        )
    wrong = next((name for name, fits in _FITS.items() if name in stored and not fits(stored[name])), None)
    if wrong:
        told = json.dumps(stored[wrong])[:80]
        raise ModelError(f"{path} has an invalid {wrong}, {told}, in its metadata; export it again, or copy it again")
    return stored


def _between(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_share(value: Any) -> bool:
    return value is None or _between(0, 1)(value)


def _are_labels(value: Any) -> bool:
    """Two names or more, each once."""
    names = [name for name in value if isinstance(name, str) and name.strip()] if isinstance(value, list) else []
    return len(names) > 1 and len(set(names)) == len(value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "labels": _are_labels,
    "sample_rate_hz": _between(MIN_SAMPLE_RATE_HZ, 192_000),
    "abstain_below": _is_share,
    "conformal": lambda value: value is None or (isinstance(value, dict) and _is_share(value.get("threshold"))),
    "centring": _between(0, 1e6),
    "temperature": _between(1e-3, 1e3),
    "corpus": lambda value: value is None or isinstance(value, str),
    "licence": lambda value: value is None or isinstance(value, str),
    "synthetic": lambda value: value is None or isinstance(value, bool),
}
"""What an artifact tells of itself, and which values can be."""
