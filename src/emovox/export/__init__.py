"""Write trained models to the files that others open: Keras', LiteRT's, and the artifact that answers alone."""

from emovox.export.artifact import combine_artifacts, write_artifact
from emovox.export.saved import answering, write_litert, write_models, write_saved_model

__all__ = [
    "answering",
    "combine_artifacts",
    "write_artifact",
    "write_litert",
    "write_models",
    "write_saved_model",
]
