"""A disk that has no room for a file of more than a few kilobytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def full_disk(kilobytes: int = 4) -> Iterator[None]:
    """While this lasts, writing beyond ``kilobytes`` of any file raises OSError, as on a full disk (POSIX only)."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
