"""Front ends: from a waveform to what a network reads, in NumPy and, operator by operator, in ONNX."""

from emovox.features.cache import extract
from emovox.features.front_end import FrontEnd
from emovox.features.log_mel import LogMel
from emovox.features.whisper_mel import WhisperMel

__all__ = ["FrontEnd", "LogMel", "WhisperMel", "extract"]
