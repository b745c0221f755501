"""What a run's predictions are worth: scores with intervals, results for other programs, models side by side."""

from emovox.evaluation.compare import ComparisonRow, compare
from emovox.evaluation.judge import ClassScore, Evaluation, ModelEvaluation, Score, Training, evaluate
from emovox.evaluation.pairs import Difference, Pair
from emovox.evaluation.results import COLUMNS, comparison_rows, dataset, results, write_results

__all__ = [
    "COLUMNS",
    "ClassScore",
    "ComparisonRow",
    "Difference",
    "Evaluation",
    "ModelEvaluation",
    "Pair",
    "Score",
    "Training",
    "compare",
    "comparison_rows",
    "dataset",
    "evaluate",
    "results",
    "write_results",
]
