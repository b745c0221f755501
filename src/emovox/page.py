"""Writes the page, with a model beside it, as files to put anywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import emovox
from emovox.errors import StorageError
from emovox.files import replacing, writing
from emovox.listening import Recognizer

FILES = Path(__file__).parent / "server" / "page"
"""What a browser is given, the same for every model; ``make page`` builds it from ``web/``."""

MODEL = "model.onnx"
SETTINGS = "page.json"


def settings(recognizer: Recognizer, server: bool, key: bool = False) -> dict[str, Any]:
    """What the page is told before it begins: where its model lies, and what the model tells of itself.

    Args:
        recognizer: The model.
        server: Whether what gives the page answers ``/v1`` too.
        key: Whether it asks for a key.
    """
    told = {"version": emovox.__version__, "server": server, "key": key, "model": MODEL}
    return {**told, "about": recognizer.metadata}


def write_page(recognizer: Recognizer, out: Path | str) -> int:
    """Write the page and the model into a folder, for any web server; the sound then never leaves the browser.

    Args:
        recognizer: The model.
        out: The folder; it is made where it is missing, and files of the page in it are replaced.

    Returns:
        Bytes that a browser loads.

    Raises:
        StorageError: It cannot be written there, or is a file.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} is a file; name a folder to write the page into")
    written = []
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for source, name in [*((file, file.name) for file in sorted(FILES.iterdir())), (recognizer.path, MODEL)]:
            with replacing(out / name) as temporary:
                shutil.copyfile(source, temporary)
            written.append(out / name)
        with replacing(out / SETTINGS) as temporary:
            text = json.dumps(settings(recognizer, server=False), ensure_ascii=False, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in [*written, out / SETTINGS])
