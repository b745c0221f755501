"""Make the pages that come from elsewhere (texts, settings, imports), and MathML of mathematics, when mkdocs builds."""

from __future__ import annotations

import ast
import dataclasses
import html
import json
import posixpath
import re
import tomllib
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from emovox import texts
from emovox.features import LogMel, WhisperMel
from emovox.models import KINDS
from emovox.models.settings import Alterations, Augmentation, Range, Teacher, Training
from emovox.recipe import Recipe
from emovox.report.diagrams import workflow
from emovox.report.drawn import svg

ROOT = Path(__file__).resolve().parents[1]
COPIED = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages that are files of the repository, under their names in the site."""

IMPORTS, WORKFLOW = "<!-- diagram of imports -->", "<!-- workflow -->"
"""In docs/architecture.md: where the diagrams go."""

SHARED = {"training": Training, "augment": Augmentation, "teacher": Teacher, "alter": Alterations}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for uri, content in made().items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files of the repository to their pages, and leave only the words of those that have none."""
    uri = page.file.src_uri
    if IMPORTS in markdown:
        markdown = markdown.replace(IMPORTS, diagram(direct(imports())))
        markdown = markdown.replace(WORKFLOW, f"<div>{svg(workflow(), 'From a corpus to an answer')}</div>")
    if "{{ " in markdown:
        markdown = texts.resolve(markdown)
    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)", lambda link: _link(link, uri), markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make MathML of mathematics, and code of Sphinx's roles."""
    content = re.sub(
        r'<(span|div) class="arithmatex">\s*\\[(\[](.*?)\\[)\]]\s*</\1>', _mathematics, content, flags=re.DOTALL
    )
    content = re.sub(r":(?:func|class|data|mod|meth|attr):<code>~?", "<code>", content)
    code = r"(<pre[^>]*>(?:<span></span>)?<code>)(.*?)(</code></pre>)"  # of which the theme's script takes it away
    return re.sub(code, r'\1<span tabindex="0">\2</span>\3', content, flags=re.DOTALL)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Name the dialog of the search and its switch, which the theme leaves without a name."""
    return _named(output)


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """The same on the page that is shown where there is no such page."""
    return _named(output)


def _named(output: str) -> str:
    for part in ('data-md-component="search" role="dialog"', 'type="checkbox" id="__search"'):
        output = output.replace(part, f'{part} aria-label="Search"')
    return output


def _mathematics(found: re.Match[str]) -> str:
    """A formula as MathML; one on a line of its own scrolls, with the keyboard too."""
    if found[1] == "span":
        return str(convert(html.unescape(found[2]), display="inline"))
    return f'<div class="formula" tabindex="0">{convert(html.unescape(found[2]), display="block")}</div>'


def made() -> dict[str, str]:
    """Every page that is made, as Markdown, under its name in the site."""
    pages = {f"explanation/{name}.md": _text(name) for name in texts.ORDER}
    works = "\n".join(f"- {work.markdown}" for work in texts.references())
    pages["explanation/references.md"] = f"# References\n\nEvery work that a text cites.\n\n{works}\n"
    pages["reference/recipe.md"] = recipe_keys()
    for uri, path in COPIED.items():
        pages[uri] = (ROOT / path).read_text(encoding="utf-8")
    return pages


def _text(name: str) -> str:
    """A text of the package as a page: its heading is the page's."""
    written = texts.read(name)
    if name == "knobs":
        return f"# What settings cost and give\n\nThe settings that the notebook names, on RAVDESS.\n\n{written}"
    return re.sub(r"^#(#+ )", r"\1", written, flags=re.MULTILINE)


def _link(link: re.Match[str], uri: str) -> str:
    """A link as the site has it; unchanged where it leads to no file of the repository."""
    words, target, anchor = link[1], link[2], link[3] or ""
    if re.match(r"[a-z]+:", target):
        return link[0]
    lies = COPIED.get(uri, "docs/page.md" if uri.startswith("explanation/") else f"docs/{uri}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(lies), target))
    if text := re.fullmatch(r"src/emovox/texts/(\w+)\.md", path):
        path = f"docs/explanation/{text[1]}.md"
    path = {name: f"docs/{copied}" for copied, name in COPIED.items()}.get(path, path)
    if path.startswith("docs/"):
        return f"[{words}]({posixpath.relpath(path[5:], posixpath.dirname(uri) or '.')}{anchor})"
    return words if (ROOT / path).exists() else link[0]


# ---- recipe keys


def recipe_keys() -> str:
    """The page of every key that a recipe may have, from the dataclasses that read it."""
    parts = [
        "# Recipe keys",
        "A recipe is a TOML file. It names a corpus, a protocol and models. This page is made from the code that reads "
        "it: type, default and meaning of every key. An unknown key or an impossible value is refused with the list of "
        "what is known. `emovox run --recipe my.toml` uses one; every run folder holds its own as `recipe.toml`.",
        "## The study",
        _keys(Recipe(), {"models": "tables"}),
        "The defaults below are those of a kind where a recipe is silent. The built-in recipes (`--variant`) set more.",
    ]
    for name, kind in KINDS.items():
        variants = ", ".join(f"`{variant}`" for variant in kind.variants)
        parts += [f"## `[models.{name}]`", f"{kind.title}. Variants: {variants}.", _keys(kind.settings(), {})]
    parts += [
        "## Tables within a model",
        *(part for name, table in SHARED.items() for part in (f"### {name}", _summary(table), _keys(table(), {}))),
        *(
            part
            for table in (LogMel, WhisperMel)
            for part in (f"### front_end: {table.__name__}", _summary(table), _keys(table(), {}))
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _keys(settings: Any, words: dict[str, str]) -> str:
    """A table of a dataclass's fields."""
    hints = typing.get_type_hints(type(settings), include_extras=True)
    about = described(type(settings))
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        kind = words.get(each.name) or _type(hints[each.name], each.name, value)
        default = _differs(value) if dataclasses.is_dataclass(value) else "" if each.name in words else _toml(value)
        rows.append(f"| `{each.name}` | {kind} | {default} | {about.get(each.name, '')} |")
    return "\n".join(rows)


def described(table: type) -> dict[str, str]:
    """What docstrings say of a dataclass's fields, those of its bases among them."""
    found: dict[str, str] = {}
    for base in reversed(table.__mro__):
        lines = (base.__doc__ or "").split("Args:")[-1] if "Args:" in (base.__doc__ or "") else ""
        for names, words in re.findall(r"^        (\w[\w, ]*): (.*(?:\n {12}.*)*)", lines, re.MULTILINE):
            plain = re.sub(r":\w+:`~?(.*?)`", r"`\1`", " ".join(words.split())).replace("|", r"\|")
            found.update(dict.fromkeys(names.split(", "), plain))
    return found


def _summary(table: type) -> str:
    return (table.__doc__ or "").split("\n\n")[0].strip()


def _type(hint: Any, name: str, value: Any) -> str:
    """A type in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        limits = next((each.words for each in arguments[1:] if isinstance(each, Range)), "")
        return f"{_type(arguments[0], name, value)}, {limits}" if limits else _type(arguments[0], name, value)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0], name, None)}"
    if dataclasses.is_dataclass(hint) or dataclasses.is_dataclass(value):
        front_end = f"front_end-{type(value).__name__.lower()}"
        return f"[table](#{front_end if name == 'front_end' else name})"
    return {int: "integer", float: "number", bool: "true or false", str: "text"}.get(hint, str(hint))


def _differs(value: Any) -> str:
    """In which fields a table of a kind differs from the table's own defaults."""
    own, names = type(value)(), [each.name for each in dataclasses.fields(value)]
    changed = [
        f"`{name} = {_toml(getattr(value, name), bare=True)}`"
        for name in names
        if getattr(value, name) != getattr(own, name) and not dataclasses.is_dataclass(getattr(own, name))
    ]
    return ", ".join(changed)


def _toml(value: Any, bare: bool = False) -> str:
    written = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return written if bare else f"`{written}`{{ .whole }}" if len(written) < 16 else f"`{written}`"


# ---- the diagram of imports


def layers() -> list[str]:
    """The modules as import-linter holds them, the lowest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ordered = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return [layer.removeprefix("emovox.") for layer in reversed(ordered)]


def imports() -> dict[str, set[str]]:
    """Which modules of the package each module imports; imports within functions too."""
    found: dict[str, set[str]] = {name: set() for name in layers()}
    for path in (ROOT / "src" / "emovox").rglob("*.py"):
        module = path.relative_to(ROOT / "src" / "emovox").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("emovox"):
                named = [node.module] if node.module != "emovox" else [f"emovox.{each.name}" for each in node.names]
            elif isinstance(node, ast.Import):
                named = [each.name for each in node.names if each.name.startswith("emovox.")]
            else:
                continue
            if module in found:
                found[module] |= {name.split(".")[1] for name in named if name.split(".")[1] in found} - {module}
    return found


def direct(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The imports without those that lead to a module which another import leads to as well."""
    below: dict[str, set[str]] = {}
    for name in layers():
        below[name] = edges[name] | {far for other in edges[name] for far in below[other]}
    return {name: others - {far for other in others for far in below[other]} for name, others in edges.items()}


def diagram(edges: dict[str, set[str]]) -> str:
    """An SVG: modules from the highest to the lowest, an arc from each to what it imports."""
    names = layers()[::-1]
    row, left, top = 26, 132, 14
    y = {name: top + row * place for place, name in enumerate(names)}
    count = sum(map(len, edges.values()))
    parts = [
        f'<svg class="imports" viewBox="0 0 480 {2 * top + row * (len(names) - 1)}" role="img" '
        f'aria-label="{len(names)} modules in one column; {count} arcs, each from a module down to one it imports">'
    ]
    for name in names:
        for other in sorted(edges[name], key=lambda each: y[each]):
            bulge = 14 + (y[other] - y[name]) * 0.52
            parts.append(
                f'<path d="M{left + 8} {y[name]} C{left + bulge:.0f} {y[name]} {left + bulge:.0f} {y[other]} '
                f'{left + 8} {y[other]}"><title>{name} imports {other}</title></path>'
            )
    for name in names:
        parts.append(f'<circle cx="{left}" cy="{y[name]}" r="4"/>')
        parts.append(f'<text x="{left - 12}" y="{y[name] + 4}">{name}</text>')
    told = "An arc leads from a module down to one that it imports. Arcs that others imply are left out."
    return "".join(parts) + f"</svg>\n\n*{told}*"
