"""Keep other libraries' remarks from a person's screen; errors still rise."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
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


@contextlib.contextmanager
def only_python_speaks() -> Iterator[None]:
    """Send what native code writes to the error stream nowhere, and keep what Python writes there, in any thread.

    A decoder of MP3s, say, remarks on what it hears without being asked. ``sys.stderr`` gets a descriptor of its own,
    so nothing has to be switched back and forth around a call.
    """
    stream, own = sys.stderr, None
    try:
        kept = os.dup(2)
    except OSError:  # the error stream is closed
        yield
        return
    with contextlib.suppress(AttributeError, OSError):
        if stream.fileno() == 2:
            own = open(os.dup(2), "w", buffering=1, encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115
            sys.stderr = own
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr = stream
        if own is not None:
            with contextlib.suppress(OSError):
                own.close()
        os.dup2(kept, 2)
        os.close(kept)
