"""What a run's predictions are worth: scores with intervals, results for other programs, models side by side."""

from emovox.evaluation.abstention import risk_coverage
from emovox.evaluation.compare import ComparisonRow, compare
from emovox.evaluation.groups import Breakdown, Group
from emovox.evaluation.intervals import Interval
from emovox.evaluation.judge import evaluate
from emovox.evaluation.metrics import reliability
from emovox.evaluation.pairs import Difference, Pair
from emovox.evaluation.results import COLUMNS, comparison_rows, dataset, results, write_results
from emovox.evaluation.verdict import ClassScore, Evaluation, ModelEvaluation, Score, Training

__all__ = [
    "COLUMNS",
    "Breakdown",
    "ClassScore",
    "ComparisonRow",
    "Difference",
    "Evaluation",
    "Group",
    "Interval",
    "ModelEvaluation",
    "Pair",
    "Score",
    "Training",
    "compare",
    "comparison_rows",
    "dataset",
    "evaluate",
    "reliability",
    "results",
    "risk_coverage",
    "write_results",
]
