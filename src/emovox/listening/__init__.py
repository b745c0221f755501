"""The listening half: answer for recordings with an artifact.

It needs NumPy, soundfile, soxr and ONNX Runtime alone; nothing of the learning half is imported.
"""

from emovox.listening.artifact import find_artifact
from emovox.listening.batch import in_order
from emovox.listening.events import Event, Measurement, Totals, UtteranceEnd, UtteranceStart
from emovox.listening.prediction import Prediction
from emovox.listening.recognizer import Recognizer
from emovox.listening.stream import Stream, StreamSettings
from emovox.listening.table import PredictionTable
from emovox.listening.timeline import Timeline

__all__ = [
    "Event",
    "Measurement",
    "Prediction",
    "PredictionTable",
    "Recognizer",
    "Stream",
    "StreamSettings",
    "Timeline",
    "Totals",
    "UtteranceEnd",
    "UtteranceStart",
    "find_artifact",
    "in_order",
]
