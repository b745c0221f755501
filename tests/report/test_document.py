"""A document has the same words in every form, and no word breaks its form."""

from __future__ import annotations

from pathlib import Path

import pytest

from emovox.corpora.listing import Listing
from emovox.errors import EmovoxError
from emovox.report.document import Caution, Code, Document, Figure, Paragraph, Prose, Section, render, write

EVIL = '<b>|"a" & b'


def whole(folder: Path) -> Document:
    (folder / "clip.ogg").write_bytes(b"OggS")
    picture = Figure("A picture", "How to read it.", "<svg></svg>", folder / "figures" / "a b.png", folder / "clip.ogg")
    table = Listing("Scores", ("model", "UAR"), (("cnn", "50.0\n[40–60]"), (EVIL, "60.0")), ("", "best"))
    blocks = (Paragraph(EVIL), Prose("Of $x^2$."), Code("a\n  b"), table, Listing("", (), (("key", "value"),)), picture)
    return Document("A <title>", (Section("All", blocks, "all"),), (Caution("leaky", "Do not."),), ("leaky",))


def test_a_page_is_escaped_and_holds_its_picture_and_sound(tmp_path: Path) -> None:
    page = write(whole(tmp_path), tmp_path / "a.html").read_text()
    assert "<title>A &lt;title&gt; (leaky)</title>" in page and '<a href="#all">All</a>' in page
    assert "<p>&lt;b&gt;|&#34;a&#34; &amp; b</p>" in page and "<math" in page and "<svg></svg>" in page
    assert 'src="data:audio/ogg;base64,T2dnUw=="' in page and '<pre tabindex="0">a\n  b</pre>' in page
    assert '<td>50.0<br><span class="low">[40–60]</span></td>' in page and '<tr class="best">' in page
    assert page.count('<span class="tag">leaky</span>') == 3  # heading, table, figure


def test_markdown_has_tables_that_hold_and_names_files_beside_it(tmp_path: Path) -> None:
    page = write(whole(tmp_path), tmp_path / "a.md").read_text()
    assert page.startswith("# A &lt;title> (leaky)\n\n> **leaky**: Do not.\n")
    assert '| model | UAR |\n|---|---|\n| cnn | 50.0 [40–60] |\n| &lt;b>\\|"a" & b | 60.0 |\n' in page
    assert "![A picture](<figures/a b.png>)" in page and "[Listen](<clip.ogg>)" in page and "Of $x^2$." in page


def test_plain_text_is_aligned_and_as_it_was_written(tmp_path: Path) -> None:
    page = write(whole(tmp_path), tmp_path / "a.txt").read_text()
    assert page.startswith("A <title>   [leaky]\n===================\n\nLEAKY: Do not.\n\nAll\n---\n" + EVIL)
    assert "Scores\n  model                 UAR\n  cnn          50.0 [40–60]\n" in page and "  key  value\n" in page
    assert "Figure: A picture. How to read it.\n  figures/a b.png\n  clip.ogg\n" in page and "\n\n\n" not in page


def test_a_file_without_a_known_ending_tells_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(EmovoxError, match=r"\.html, \.md, \.txt or \.pdf"):
        write(Document("a", ()), tmp_path / "a.doc")
    assert render(Document("a", ()), ".md") == "# a\n"
