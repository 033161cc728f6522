"""The change report: answers of pairs at several waves in, what changed and how sure that is out, as objects and as text.

Pictures are in `scoring.change_report.pictures`, which alone needs matplotlib.
"""

from scoring.change_report.cohorts import CohortComparison, cohort_comparison
from scoring.change_report.options import ChangeOptions
from scoring.change_report.pair import PairReport, pair_report
from scoring.change_report.report import ChangeReport, change_report
from scoring.change_report.text import render_text
from scoring.change_report.text_pair import render_pair

__all__ = [
    "ChangeOptions",
    "ChangeReport",
    "CohortComparison",
    "PairReport",
    "change_report",
    "cohort_comparison",
    "pair_report",
    "render_pair",
    "render_text",
]
