"""Moved to :mod:`emovox.evaluation.calibration`; this name goes when ``tasks`` and ``export`` import it from there."""

from emovox.evaluation.calibration import SMALLEST_FLOAT, apply_temperature, fit_temperature

__all__ = ["SMALLEST_FLOAT", "apply_temperature", "fit_temperature"]
