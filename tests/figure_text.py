"""What can be read in a figure."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def words(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())
