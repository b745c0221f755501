"""Write trained models to the files that others open: ``.h5``, ``.keras``, and the artifact that answers alone."""

from emovox.export.artifact import combine_artifacts, write_artifact
from emovox.export.saved import write_models

__all__ = ["combine_artifacts", "write_artifact", "write_models"]
