"""The site is built strictly, loads nothing from elsewhere, and says what the code says."""

import dataclasses
import importlib.util
import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from emovox import texts
from emovox.features import LogMel, WhisperMel
from emovox.models import KINDS
from emovox.models.settings import Alterations, Augmentation, Teacher, Training
from emovox.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


def loaded(path: Path):
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks = loaded(ROOT / "docs" / "hooks.py")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < SECONDS
    return folder


class Loads(HTMLParser):
    """What a page loads by itself, in contrast to what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        links = tag == "link" and given.get("rel") not in ("canonical", "next", "prev", "alternate")
        self.found += [given["href"]] if links and given.get("href") else []
        if tag in ("script", "img", "iframe", "source", "audio", "video", "object", "embed"):
            self.found += [value for key, value in attrs if key in ("src", "srcset", "data", "poster") and value]


def test_no_page_loads_anything_from_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        reader = Loads()
        text = page.read_text(encoding="utf-8")
        reader.feed(text)
        assert not [each for each in reader.found if re.match(r"(https?:)?//", each)], page.name
        assert "mermaid" not in re.findall(r'class="([^"]*)"', text)  # its script would come from another host
        for style in re.findall(r"<style>(.*?)</style>", text, re.S):
            assert "http" not in style
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


def test_mathematics_is_mathml(site):
    found = 0
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "arithmatex" not in text and "\\frac" not in text.replace("\\\\frac", ""), page.name
        found += text.count("<math ")
    assert found > 100


def test_every_text_is_a_page_of_the_site(site):
    for name in texts.ORDER:
        assert f"explanation/{name}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
        assert (site / "explanation" / f"{name}.html").is_file()


TABLES = [kind.settings for kind in KINDS.values()]
TABLES += [Recipe, LogMel, WhisperMel, Training, Augmentation, Teacher, Alterations]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_key_of_a_recipe_is_explained(table):
    missing = {each.name for each in dataclasses.fields(table)} - set(hooks.described(table))
    assert not missing, f"{table.__name__} says nothing of {missing}"
    page = hooks.recipe_keys()
    assert all(f"| `{each.name}` | " in page for each in dataclasses.fields(table))


def test_the_diagram_shows_imports_that_lead_down():
    order, edges = hooks.layers(), hooks.imports()
    assert {"listening", "recipe"} <= edges["cli"] | edges["study"]
    for name, others in edges.items():
        assert all(order.index(other) < order.index(name) for other in others), name
    assert hooks.diagram(edges).count("<path") == sum(map(len, edges.values()))


def test_the_way_from_a_corpus_to_an_answer_is_drawn(site):
    assert ">artifact (ONNX)</text>" in (site / "architecture.html").read_text(encoding="utf-8")


def test_messages_that_troubleshooting_quotes_are_in_the_code():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # a message over several lines
    quoted = re.findall(r"^> (.+)$", (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"), re.M)
    assert len(quoted) >= 14
    for message in quoted:
        assert message in source, f"no message says {message!r}"


def test_the_picture_of_readme_shows_the_figures_that_were_measured():
    content = (ROOT / "docs" / "images" / "speakers6.png").read_bytes()
    drawn, at = "", 8
    while at < len(content):
        (length,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
        data, at = content[at + 8 : at + 8 + length], at + 12 + length
        if kind in (b"tEXt", b"zTXt") and data.startswith(b"Description\0"):
            drawn = (zlib.decompress(data[13:]) if kind == b"zTXt" else data[12:]).decode()
    measured = json.loads((ROOT / "benchmarks" / "results" / "speakers6.json").read_text(encoding="utf-8"))
    assert drawn == loaded(ROOT / "scripts" / "readme_figure.py").scores(measured)
