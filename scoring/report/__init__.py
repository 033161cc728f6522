"""The psychometric report: answers and scales in, everything that can be said about them out, as objects, text and pictures."""

from scoring.report.pictures import report_figures
from scoring.report.psychometric import PsychometricReport, ReportOptions, psychometric_report
from scoring.report.text import render_text

__all__ = ["PsychometricReport", "ReportOptions", "psychometric_report", "render_text", "report_figures"]
