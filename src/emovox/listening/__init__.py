"""The listening half: answer for recordings with an artifact.

It needs NumPy, soundfile, soxr and ONNX Runtime alone; nothing of the learning half is imported.
"""

from emovox.listening.artifact import find_artifact
from emovox.listening.prediction import Prediction
from emovox.listening.recognizer import Recognizer

__all__ = ["Prediction", "Recognizer", "find_artifact"]
