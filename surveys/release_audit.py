"""What the release auditor is told of a stored or proposed cell: its printed figures with all that follows from how it is printed.

Here the rounding of `published` is read backwards. The auditor in `scoring.auditor` knows nothing of releases and pages.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from surveys.published import FULL_REPORT, OUTER_SHARE, SMALLEST_SPREAD

if TYPE_CHECKING:
    from scoring.auditor import Figures


def read_figures(
    cell: Mapping[str, Any],
    n_answers: int,
    *,
    minimum: float,
    maximum: float,
    step: float,
    grid: float = 0.0,
) -> "Figures":
    """The figures of a shown level or change as the auditor takes them.

    Parameters
    ----------
    cell : mapping
        As `publish_level` or `publish_change` wrote it.
    n_answers : int
        Answers behind it, of which people who answer for several pairs have several.
    minimum, maximum : float
        Ends of the scale in points.
    step, grid : float
        As in `scoring.auditor.Figures`.
    """
    from scoring.auditor import Figures, sd_from_interval
    from scoring.descriptives import reference_half_width

    change, width = "from" in cell, maximum - minimum
    rounding = 0.01 if change and cell["n"] >= FULL_REPORT else 0.1
    if cell["bound"] is not None:
        # A border is no rounded mean: it follows from the range alone, so it is known exactly.
        outer = width * OUTER_SHARE
        highest, lowest = (
            (width - 2 * outer, 2 * outer - width) if change else (maximum - outer, minimum + outer)
        )
        border = highest if cell["bound"] == "at least" else lowest
        return Figures(border, 0.0, minimum, maximum, step, grid, cell["bound"])
    figures = Figures(cell["mean"], rounding, minimum, maximum, step, grid)
    if cell["interval_kind"] != "t":
        return figures
    sd = sd_from_interval(
        figures,
        n_answers,
        cell["low"],
        cell["high"],
        change=change,
        narrowest=reference_half_width(SMALLEST_SPREAD * width, n_answers, 0.95),
    )
    return Figures(cell["mean"], rounding, minimum, maximum, step, grid, None, sd)
