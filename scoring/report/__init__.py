"""The psychometric report: answers and scales in, everything that can be said about them out, as objects and as text.

Pictures are in `scoring.report.pictures`, which alone needs matplotlib.
"""

from scoring.report.psychometric import PsychometricReport, ReportOptions, psychometric_report
from scoring.report.text import render_text

__all__ = ["PsychometricReport", "ReportOptions", "psychometric_report", "render_text"]
