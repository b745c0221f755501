"""Trained models in Keras' own formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emovox.files import check_room, replacing
from emovox.quiet import quiet

if TYPE_CHECKING:
    import keras

WEIGHT_BYTES = 4
STRUCTURE_BYTES = 2_000_000
"""At most what a file of a model takes beside its weights."""


def write_models(model: keras.Model, paths: Sequence[Path]) -> None:
    """Write a model whole or not at all, each file in the format of its suffix, ``.h5`` or ``.keras``.

    Both open with plain ``keras.models.load_model``; a model that stands on a published network does so once
    :mod:`emovox.models.layers` has been imported.

    Raises:
        StorageError: They cannot be written.
    """
    for path in paths:
        with replacing(path) as temporary, quiet():
            check_room(path, 2 * WEIGHT_BYTES * model.count_params() + STRUCTURE_BYTES)
            model.save(temporary)
