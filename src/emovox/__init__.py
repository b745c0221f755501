"""Emovox recognises emotion in speech. The public names, and nothing else; each is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from emovox.audio import read_audio
    from emovox.corpora import load_corpus
    from emovox.corpora.base import Clip, Corpus
    from emovox.errors import EmovoxError
    from emovox.evaluation import Evaluation, evaluate
    from emovox.listening import Prediction, Recognizer, StreamSettings, Timeline
    from emovox.recipe import Recipe, plan, read_recipe
    from emovox.runs import Run
    from emovox.splits import Fold, make_folds
    from emovox.study import run_study

_HOME = {
    "Clip": "emovox.corpora.base",
    "Corpus": "emovox.corpora.base",
    "EmovoxError": "emovox.errors",
    "Evaluation": "emovox.evaluation",
    "Fold": "emovox.splits",
    "Prediction": "emovox.listening",
    "Recipe": "emovox.recipe",
    "Recognizer": "emovox.listening",
    "Run": "emovox.runs",
    "StreamSettings": "emovox.listening",
    "Timeline": "emovox.listening",
    "evaluate": "emovox.evaluation",
    "load_corpus": "emovox.corpora",
    "make_folds": "emovox.splits",
    "plan": "emovox.recipe",
    "read_audio": "emovox.audio",
    "read_recipe": "emovox.recipe",
    "run_study": "emovox.study",
}

__all__ = [
    "Clip",
    "Corpus",
    "EmovoxError",
    "Evaluation",
    "Fold",
    "Prediction",
    "Recipe",
    "Recognizer",
    "Run",
    "StreamSettings",
    "Timeline",
    "__version__",
    "evaluate",
    "load_corpus",
    "make_folds",
    "plan",
    "read_audio",
    "read_recipe",
    "run_study",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'emovox' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
