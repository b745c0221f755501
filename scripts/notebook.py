"""Execute the notebook from its source, and write the copy with outputs.

    python scripts/notebook.py OUT.ipynb [--set NAME=VALUE …] [--keep-sounds]

The source is ``notebooks/Speech_Emotion_Recognition_Notebook.py`` (jupytext, percent format). ``--set`` changes a knob,
as in ``--set 'DATA="synthetic"' --set EPOCHS=2``. It runs in an empty folder, so that no path of this machine stands in
it, and the data of RAVDESS are found as ``emovox run`` finds them. Sounds are taken out of the copy, since the
recordings' licence does not allow everything that a repository's does; whoever runs the notebook hears them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

SOURCE = Path(__file__).resolve().parents[1] / "notebooks" / "Speech_Emotion_Recognition_Notebook.py"
SOUND = re.compile(r"src=['\"]data:audio/[^'\"]*['\"]")
NOISE = re.compile(
    r"^.*(cuda|oneDNN|TF-TRT|cpu_feature_guard|absl::InitializeLog|computation_placer|restart the kernel).*$\n?", re.M
)


def read(changes: dict[str, str]) -> Any:
    """The notebook from its source, with knobs changed.

    Raises:
        ValueError: There is no such knob.
    """
    notebook = jupytext.read(SOURCE)
    knobs = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    for name, value in changes.items():
        line = f"{name} = {value}".replace("\\", "\\\\")
        knobs.source, found = re.subn(rf"^{name} = .*?(?=  #|$)", line, knobs.source, flags=re.M)
        if not found:
            raise ValueError(f"the notebook has no knob {name}")
    return notebook


def execute(notebook: Any, folder: Path, seconds: int = 3600) -> Any:
    """Run all cells in a folder; the first error ends it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    beside = str(Path(sys.executable).parent)  # where TensorBoard is
    os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    NotebookClient(notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


def tidy(notebook: Any, keep_sounds: bool = False) -> Any:
    """Without sounds, and without what libraries print about this machine."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            if not keep_sounds and "text/html" in output.get("data", {}):
                output.data["text/html"] = SOUND.sub("", output.data["text/html"])
            if output.output_type == "stream":
                output.text = NOISE.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or o.text.strip()]
    notebook.metadata.pop("widgets", None)
    return notebook


def main() -> None:
    """What a command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a knob")
    parser.add_argument("--data", type=Path, help="where RAVDESS lies (default: as emovox run finds it)")
    parser.add_argument("--keep-sounds", action="store_true", help="leave the players' sounds in")
    options = parser.parse_args()
    notebook = read(dict(change.split("=", 1) for change in options.set))
    with tempfile.TemporaryDirectory() as folder:
        if options.data:
            (Path(folder) / "data").mkdir()
            (Path(folder) / "data" / "ravdess").symlink_to(options.data.resolve())
        tidy(execute(notebook, Path(folder)), options.keep_sounds)
    options.out.write_text(nbformat.writes(notebook), encoding="utf-8")
    print(f"Wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
