"""The explanations that notebook, report and documentation share: Markdown with mathematics, citations and figures.

A text is a file beside this module. In it ``[@key]`` cites an entry of ``references.bib``, and ``{{ name }}`` stands
for a measured figure of ``figures.json``, which ``benchmarks/table.py`` writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent

ORDER = (
    "problem", "notation", "corpus", "preprocessing", "convolution", "memory", "learning", "transfer", "attention",
    "teacher", "head", "ensembles", "protocols", "scores", "confidence", "adaptation", "statistics", "results",
    "choices", "limits", "conclusions", "knobs",
)  # fmt: skip
"""The texts as a reader meets them."""

_CITED = re.compile(r"\[((?:@[\w-]+(?:; )?)+)\]")
_FIGURE = re.compile(r"\{\{ ([\w.]+) \}\}")
_ENTRY = re.compile(r"@\w+\{([\w-]+), (.*)\}")
_FIELD = re.compile(r"(\w+) = \{((?:[^{}]|\{[^{}]*\})*)\}")


@dataclass(frozen=True)
class Reference:
    """A published work.

    Args:
        key: What texts cite it by.
        authors: Family names, in order; one name alone where an institution wrote it.
        year, title, where: As published.
        url: A link that lasts, of its DOI where it has one.
    """

    key: str
    authors: tuple[str, ...]
    year: str
    title: str
    where: str
    url: str

    @property
    def short(self) -> str:
        """As a text cites it: two names at most, and the year."""
        names = self.authors
        if len(names) > 2 or names[-1] == "others":
            return f"{names[0]} et al., {self.year}"
        return f"{' and '.join(names)}, {self.year}"

    @property
    def markdown(self) -> str:
        """One line of a list of references."""
        names = ", ".join(name if name != "others" else "et al." for name in self.authors)
        return f"{names} ({self.year}). [{self.title}]({self.url}). {self.where}."


def read(name: str) -> str:
    """A text as Markdown: figures filled in, citations as links.

    Args:
        name: One of :data:`ORDER`.

    Raises:
        KeyError: There is no such text, figure or reference.
    """
    return resolve(source(name))


def source(name: str) -> str:
    """A text as it was written.

    Raises:
        KeyError: There is no such text.
    """
    if name not in ORDER:
        raise KeyError(f"no text {name!r}; there are {', '.join(ORDER)}")
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def title(name: str) -> str:
    """A text's heading.

    Raises:
        KeyError: There is no such text.
    """
    return source(name).partition("\n")[0].lstrip("# ")


def body(name: str) -> str:
    """A text as Markdown without its heading, further headings one level down.

    Raises:
        KeyError: There is no such text, figure or reference.
    """
    return re.sub(r"^(#+ )", r"#\1", read(name).partition("\n")[2].strip(), flags=re.MULTILINE)


def points(name: str) -> str:
    """The items of a text's lists, as a list.

    Raises:
        KeyError: There is no such text, figure or reference.
    """
    return "\n".join(re.findall(r"^- .*(?:\n  .*)*", read(name), re.MULTILINE))


def resolve(written: str) -> str:
    """Fill in the figures and citations of a text of your own.

    >>> resolve("seen before [@holm1979]")
    'seen before ([Holm, 1979](https://www.jstor.org/stable/4615733))'

    Raises:
        KeyError: There is no such figure or reference.
    """
    filled = _FIGURE.sub(lambda found: figures()[found[1]], written)
    return _CITED.sub(lambda found: f"({'; '.join(_link(key) for key in _keys(found[1]))})", filled)


def cited(written: str) -> tuple[str, ...]:
    """The keys that a text cites, in order, each once."""
    return tuple(dict.fromkeys(key for found in _CITED.finditer(written) for key in _keys(found[1])))


def references(keys: Iterable[str] | None = None) -> list[Reference]:
    """References sorted by author: those named, or all.

    Raises:
        KeyError: There is no such reference.
    """
    chosen = _bibliography().values() if keys is None else [_bibliography()[key] for key in keys]
    return sorted(chosen, key=lambda each: (each.authors, each.year))


@cache
def figures() -> dict[str, str]:
    """Measured figures by name, as ``benchmarks/table.py`` wrote them: ``"speakers6.whisper.uar"`` and the like."""
    return dict(json.loads((FOLDER / "figures.json").read_text(encoding="utf-8")))


def html(written: str) -> str:
    """Markdown as HTML: mathematics becomes MathML, which browsers show without a script; no HTML is let through.

    Args:
        written: With ``$…$`` and ``$$…$$`` for mathematics.
    """
    from latex2mathml.converter import convert
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def mathematics(formula: str, options: dict[str, bool]) -> str:
        return str(convert(formula, display="block" if options["display_mode"] else "inline"))

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return scrollable(reader.use(dollarmath_plugin, renderer=mathematics, double_inline=True).render(written))


def scrollable(page: str) -> str:
    """HTML whose tables and displayed mathematics can be scrolled with the keyboard."""
    for tag in ("<table>", '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'):
        page = page.replace(tag, f'{tag[:-1]} tabindex="0">')
    return page


def _keys(written: str) -> list[str]:
    return [key.removeprefix("@") for key in written.split("; ")]


def _link(key: str) -> str:
    return f"[{_bibliography()[key].short}]({_bibliography()[key].url})"


@cache
def _bibliography() -> dict[str, Reference]:
    """Every entry of ``references.bib``, one a line, by key."""
    found = {}
    for line in (FOLDER / "references.bib").read_text(encoding="utf-8").splitlines():
        entry = _ENTRY.fullmatch(line)
        assert entry, line
        fields = dict(_FIELD.findall(entry[2]))
        authors = tuple(name.split(",")[0].strip("{} ") for name in fields["author"].split(" and "))
        url = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields["url"]
        url = url.replace("<", "%3C").replace(">", "%3E").replace("(", "%28").replace(")", "%29")
        found[entry[1]] = Reference(entry[1], authors, fields["year"], fields["title"], fields["where"], url)
    return found
