"""What every test shares: quiet libraries, a cache of its own, and the real data where it lies."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads would fight with the tests beside them
os.environ["HF_HUB_OFFLINE"] = "1"  # the hub's client reads this once, when it is first imported

import pytest

from emovox.corpora.base import Corpus
from emovox.corpora.synthetic import load_synthetic
from emovox.models import yamnet_weights

SHARED = Path(os.environ.get("EMOVOX_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """No test reads or fills the user's caches, asks for weights on the web, or finds a corpus that happens to lie."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOVOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        patch.delenv("EMOVOX_DATA", raising=False)
        patch.setattr(yamnet_weights, "URL", "http://127.0.0.1:9/yamnet.h5")  # nobody listens
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real recordings and weights; the test is skipped where it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is missing; set EMOVOX_SHARED to the folder that holds ravdess/ and yamnet/")
    return SHARED


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Four synthetic speakers, two of each sex, with thirty clips each: 2 of neutral, 4 of every other emotion."""
    return load_synthetic(tmp_path_factory.mktemp("tiny_corpus"), speakers=4, repetitions=1)
