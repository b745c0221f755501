"""Shows progress and tables in a terminal."""

from emovox.terminal.progress import StageProgress
from emovox.terminal.screen import SPELT, Screen, counted, duration, say, visible
from emovox.terminal.tables import (
    bar,
    describe_artifact,
    moment,
    prediction_line,
    show_classes,
    show_comparison,
    show_evaluation,
    show_finished,
    show_kinds,
    show_listings,
    show_pairs,
    show_section,
    show_timeline,
    show_trust,
    totals_line,
    utterance_line,
)

__all__ = [
    "SPELT",
    "Screen",
    "StageProgress",
    "bar",
    "counted",
    "describe_artifact",
    "duration",
    "moment",
    "prediction_line",
    "say",
    "show_classes",
    "show_comparison",
    "show_evaluation",
    "show_finished",
    "show_kinds",
    "show_listings",
    "show_pairs",
    "show_section",
    "show_timeline",
    "show_trust",
    "totals_line",
    "utterance_line",
    "visible",
]
