"""Front ends: from a waveform to what a network reads, in NumPy and, operator by operator, in ONNX."""

from emovox.features.cache import Features, extract, read_features
from emovox.features.front_end import FrontEnd, Windows
from emovox.features.log_mel import LogMel
from emovox.features.whisper_mel import WhisperMel

__all__ = ["Features", "FrontEnd", "LogMel", "WhisperMel", "Windows", "extract", "read_features"]
