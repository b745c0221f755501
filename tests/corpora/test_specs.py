"""A spec tells one story about its corpus, and nobody else tells it too."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import emovox
from emovox.corpora import CORPORA, SPECS, spec_of
from emovox.corpora.base import CorpusSpec
from emovox.corpora.index import read_index
from emovox.splits import PROTOCOLS

SRC = Path(emovox.__file__).parent

FACTS = re.compile(r"ravdess|actor_|03-01-|livingstone|zenodo|emobox|luna-jim|fearful|\b1,?440\b", re.IGNORECASE)

ALLOWED = {
    "cli": {"ravdess"},  # `data get` fetches it unless told otherwise
    "recipe": {"ravdess"},  # the corpus of a recipe that names none
    "report/anchors": {"ravdess", "livingstone", "emobox"},  # figures that others published, by corpus
    "corpora/__init__": {"ravdess"},  # where named recordings lie
    "corpora/babble": {"ravdess", "fearful"},  # the synthetic corpus has its emotions,
    "corpora/synthetic": {"ravdess", "actor_", "03-01-"},  # and its names
}
"""Module → what of RAVDESS it may name in code. Comments and docstrings may name anything."""


def told(path: Path) -> Iterator[str]:
    """Every name, and every text and number that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            yield str(node.value)
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def test_facts_of_ravdess_stand_in_its_module_alone() -> None:
    assert any(FACTS.search(text) for text in told(SRC / "corpora" / "ravdess.py"))
    for path in sorted(SRC.rglob("*.py")):
        module = path.relative_to(SRC).with_suffix("").as_posix()
        if module != "corpora/ravdess":
            found = {match.lower() for text in told(path) for match in FACTS.findall(text)}
            allowed = ALLOWED.get(module, ALLOWED["cli"] if module.startswith("cli/") else set())
            assert found <= allowed, f"{module} names {found - allowed}; read it from the spec"


def test_every_loader_has_a_spec() -> None:
    assert list(SPECS) == list(CORPORA)
    assert all(spec_of(name) is spec and spec.name == name for name, spec in SPECS.items())
    assert spec_of("mine") is None


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_agrees_with_itself(spec: CorpusSpec) -> None:
    assert hash(spec) == hash(spec)
    assert spec.title and spec.licence and spec.citation and spec.language and spec.caution.endswith(".")
    assert spec.acted is not None and not (spec.acted and spec.synthetic)
    assert len(set(spec.labels)) == len(spec.labels)
    for partition in spec.partitions:
        assert partition.protocol in PROTOCOLS
        assert len(partition.speakers) == sum(map(len, partition.groups))
        assert not spec.speakers or partition.speakers == set(spec.speakers)
    if spec.index:
        assert spec.read_name and spec.clips_per_speaker
        assert len(spec.clips_per_emotion) == len(spec.labels)
        clips = [spec.read_name(Path(f"{clip_id}.wav")) for clip_id in read_index(spec.index)]
        assert len(clips) == spec.clips == len(spec.speakers) * spec.clips_per_speaker
        assert Counter(clip.speaker for clip in clips) == dict.fromkeys(spec.speakers, spec.clips_per_speaker)
        assert Counter(clip.emotion for clip in clips) == dict(zip(spec.labels, spec.clips_per_emotion, strict=True))


def test_what_nobody_told_has_a_default() -> None:
    spec = CorpusSpec("mine", ("sad", "happy"))
    assert (spec.title, spec.version, spec.licence) == ("mine", "unversioned", "not stated")
    assert (spec.clips, spec.acted, spec.partition("speakers6")) == (None, None, None)
