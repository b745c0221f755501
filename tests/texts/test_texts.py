"""Every text is complete: figures filled in, citations with an entry, mathematics that becomes MathML."""

import re

import pytest

from emovox import texts


@pytest.mark.parametrize("name", texts.ORDER)
def test_a_text_is_whole(name: str) -> None:
    read = texts.read(name)
    assert "{{" not in read and "[@" not in read and not re.search(r"@\w+\d{4}", read)
    html = texts.html(read)
    assert "$" not in html and "<script" not in html
    assert html.count("<math") == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", read, re.S))


def test_every_citation_has_an_entry_and_every_entry_is_cited() -> None:
    cited = {key for name in texts.ORDER for key in texts.cited(texts.source(name))}
    assert cited == {reference.key for reference in texts.references()}
    with pytest.raises(KeyError):
        texts.resolve("as nobody [@nobody2000] said")


def test_the_texts_are_those_in_the_folder() -> None:
    assert {path.stem for path in texts.FOLDER.glob("*.md")} == set(texts.ORDER)
    with pytest.raises(KeyError, match="no text 'nothing'"):
        texts.source("nothing")


def test_there_are_enough_references_and_each_is_complete() -> None:
    references = texts.references()
    assert len(references) >= 35
    for each in references:
        assert re.fullmatch(r"\d{4}", each.year) and each.title and each.where and all(each.authors), each.key
        assert re.fullmatch(r"https://\S+", each.url) and each.year in each.key, each.key
        assert each.markdown.count("](") == 1


@pytest.mark.parametrize(
    ("key", "short"),
    [("holm1979", "Holm, 1979"), ("agresti1998", "Agresti and Coull, 1998"), ("park2019", "Park et al., 2019")],
)
def test_a_citation_names_two_authors_at_most(key: str, short: str) -> None:
    assert texts.references([key])[0].short == short


def test_an_unknown_figure_is_an_error() -> None:
    with pytest.raises(KeyError):
        texts.resolve("reaches {{ nothing.at.all }}")


def test_html_in_a_text_is_shown_and_not_obeyed() -> None:
    assert "<script" not in texts.html("a <script>alert(1)</script> b")


def test_a_text_has_a_heading_a_body_below_it_and_points() -> None:
    assert texts.title("head") == "The head: linear discriminant analysis with shrinkage"
    assert "\n### Choosing by inner folds" in texts.body("head") and texts.title("head") not in texts.body("head")
    points = texts.points("limits").split("\n- ")
    assert len(points) >= 5 and points[0].startswith("- Decisions about people") and "[@" not in points[1]


def test_wide_tables_and_formulas_are_reached_with_the_keyboard() -> None:
    page = texts.html("| a |\n|---|\n| b |\n\n$$x^2$$\n")
    assert '<table tabindex="0">' in page and 'display="block" tabindex="0">' in page
