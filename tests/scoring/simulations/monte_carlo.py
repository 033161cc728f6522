"""How far a figure of a simulation may lie from the truth by chance alone."""

import numpy as np
from numpy.typing import ArrayLike


def standard_error(values: ArrayLike) -> float:
    """Monte-Carlo standard error of the mean of one value a sample; NaN for a single sample."""
    found = np.asarray(values, dtype=float)
    return float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else float("nan")
