"""Figures as files, and as SVG that stands in a page and takes on its ink."""

from __future__ import annotations

import hashlib
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from emovox.files import replacing
from emovox.report import document
from emovox.report.style import BAND, FAINT, GREY, GROUND, INK, RULE, STYLE

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
PAGE = {INK: 1.0, GREY: 0.72, RULE: 0.32, FAINT: 0.14, BAND: 0.05, "#000000": 1.0}
"""Each ink, and how strong the page's own stands for it."""


def write(figure: Figure, path: Path) -> Path:
    """Write a figure as what the path's suffix says, ``.png`` or ``.svg``, and the same bytes for the same content.

    Args:
        figure: What to write.
        path: Where; an older file there is replaced whole or not at all.

    Returns:
        The path.

    Raises:
        ValueError: The suffix is another.
        StorageError: It cannot be written there.
    """
    kind = path.suffix.lower()
    if kind not in {".png", ".svg"}:
        raise ValueError(f"a figure is written as .png or .svg, not as {kind or 'a name without a suffix'}: {path}")
    with replacing(path) as temporary, matplotlib.rc_context(STYLE):
        if kind == ".png":
            FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})  # savefig draws twice
        else:
            temporary.write_text(svg(figure, title_of(figure)) + "\n", encoding="utf-8")
    return path


def svg(figure: Figure, title: str) -> str:
    """A figure as an ``<svg>`` element to stand in a page of HTML.

    Text stays text, in the page's system font. Ink and greys are the page's ``currentColor``, and what is blank within
    a figure is the page's ground (the custom property ``--ground``, else the system's), so it reads in light and in
    dark. Ids begin with a digest of the figure, so several can stand in one page.

    Args:
        figure: What to draw.
        title: What a screen reader says of it.

    Returns:
        XML without a declaration, which fetches nothing; the same text for the same figure and title.
    """
    with io.StringIO() as file, matplotlib.rc_context({**STYLE, "svg.hashsalt": "emovox"}):
        nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        pixels = figure.dpi
        FigureCanvasSVG(figure).print_svg(file, metadata=nothing)  # which leaves its own resolution behind
        figure.set_dpi(pixels)
        drawn = file.getvalue()
    root = ET.fromstring(drawn.encode("utf-8"))
    name = "f" + hashlib.sha256((title + drawn).encode()).hexdigest()[:10]
    for parent in list(root.iter()):
        for child in list(parent):
            styled = child.tag == f"{SVG}defs" and child.find(f"{SVG}style") is not None
            if styled or child.tag == f"{SVG}metadata" or child.get("id") == "patch_1":  # the figure's own ground
                parent.remove(child)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", drawn))
    for element in root.iter():
        _take_page_colours(element)
        if HREF in element.attrib:
            target = element.attrib.pop(HREF)
            element.set("href", f"#{name}-{target[1:]}" if target.startswith("#") else target)
        if "clip-path" in element.attrib:
            element.set("clip-path", element.attrib["clip-path"].replace("url(#", f"url(#{name}-"))
        if (own := element.attrib.pop("id", "")) in used:
            element.set("id", f"{name}-{own}")
    root.attrib.pop("version", None)
    width, height = (96 * float(side) for side in figure.get_size_inches())
    root.attrib |= {
        "role": "img", "aria-labelledby": name, "width": f"{width:.0f}", "height": f"{height:.0f}",
        "style": f"max-width:100%;height:auto;font-family:{FONT};stroke-linejoin:round",
    }  # fmt: skip
    said = ET.Element(f"{SVG}title", {"id": name})
    said.text = title
    root.insert(0, said)
    ET.register_namespace("", SVG.strip("{}"))
    return ET.tostring(root, encoding="unicode")


def in_both_widths(
    path: Path, draw: Callable[..., Figure], of: Sequence[Any], title: str, reading: str, small: bool = False
) -> document.Figure:
    """Write a figure, and give it for a document, whose page shows it as wide as there is room for.

    Args:
        path: The file.
        draw: Takes ``of`` and ``narrow``.
        of: What is drawn.
        title, reading: Its caption, and how to read it.
        small: Whether half the width of a page is enough.
    """
    wide = draw(*of)
    write(wide, path)
    far, near = (svg(each, title_of(each)) for each in (wide, draw(*of, narrow=True)))
    markup = f'<div class="far">{far}</div><div class="near">{near}</div>'
    return document.Figure(title, reading, markup, path, narrow=small)


def title_of(figure: Figure) -> str:
    """The title that stands at a figure's head."""
    return figure.texts[0].get_text() if figure.texts else "Figure"


def _take_page_colours(element: ET.Element) -> None:
    """Put the page's ink, ground and font in the place of the figure's own."""
    declared = [part.partition(":") for part in element.attrib.get("style", "").split(";") if part.strip()]
    style = {name.strip(): value.strip() for name, _, value in declared}
    style.pop("font-family", None)
    if element.tag == f"{SVG}text":
        style.setdefault("fill", INK)
    for what in ("fill", "stroke"):
        colour = style.get(what, "").lower()
        if colour == GROUND:
            style[what] = "var(--ground, Canvas)"
        elif colour in PAGE:
            style[what] = "currentColor"
            strength = PAGE[colour] * float(style.get(f"{what}-opacity", 1))
            if strength < 1:
                style[f"{what}-opacity"] = f"{strength:.3g}"
    if style:
        element.set("style", ";".join(f"{name}:{value}" for name, value in style.items()))
