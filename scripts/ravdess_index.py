"""Make src/emovox/corpora/ravdess_index.csv from the published recordings: python scripts/ravdess_index.py FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path

from emovox.corpora.index import write_index
from emovox.corpora.ravdess import load_folder


def main() -> None:
    """Parse the folder, and write the index beside its reader or to --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the 1,440 recordings, WAV or FLAC")
    index = Path(__file__).resolve().parents[1] / "src/emovox/corpora/ravdess_index.csv"
    parser.add_argument("--out", type=Path, default=index)
    arguments = parser.parse_args()
    write_index(load_folder(arguments.folder), arguments.out)


if __name__ == "__main__":
    main()
