"""The listening half: answer for recordings with an artifact.

It needs NumPy, soundfile, soxr and ONNX Runtime alone; nothing of the learning half is imported.
"""

from emovox.listening.artifact import find_artifact
from emovox.listening.batch import in_order
from emovox.listening.prediction import Prediction
from emovox.listening.recognizer import Recognizer
from emovox.listening.table import PredictionTable

__all__ = ["Prediction", "PredictionTable", "Recognizer", "find_artifact", "in_order"]
