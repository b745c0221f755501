"""Keep other libraries' remarks from a person's screen; errors still rise."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence what Keras, TensorFlow and tf2onnx say, in Python and in native code, while they build and save."""
    kept, before = os.dup(2), logging.root.manager.disable
    logging.disable(max(before, logging.ERROR))
    try:
        with open(os.devnull, "w") as nowhere, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            os.dup2(nowhere.fileno(), 2)
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        logging.disable(before)
