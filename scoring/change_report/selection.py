"""People chosen by their baseline: what they did, beside what they would have done without any true change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from instruments.errors import N_
from scoring.change_report.data import ChangeData
from scoring.change_scores import ExpectedRegression, expected_regression
from scoring.errors import Note
from scoring.gates import allowed, minimum_for
from scoring.reference import find_reference
from scoring.report.data import attempt, unique_notes

_LOWER = N_("Chosen are those who started below the middle (the median of the role); nobody chose them, the report only looks at them.")  # fmt: skip
_GIVEN = N_("Chosen are the people that column %(column)s names.")
_REFERENCE = N_("What is expected rests on the retest correlation of the reference values (%(provenance)s, version %(version)s).")  # fmt: skip
_FEW = N_("Fewer than %(minimum)d were chosen, or fewer than %(minimum)d were not, so nothing is said of: %(cells)s.")  # fmt: skip


@dataclass(frozen=True)
class SelectionSection:
    """Those who were chosen by their baseline.

    Attributes
    ----------
    chosen : str or None
        The column that says who; None for those who started in the lower half.
    found : mapping "scale role" -> ExpectedRegression
        Where 10 or more were chosen and 10 or more were not, counting those with both scores; the chosen who have the first alone
        count in the mean of all and in `n_dropped`, nowhere else.
    notes : tuple of Note
    """

    chosen: str | None
    found: Mapping[str, ExpectedRegression]
    notes: tuple[Note, ...]


def examine_selection(data: ChangeData) -> SelectionSection:
    """Return the change of the chosen on every scale beside the expected regression to the mean."""
    column = data.options.chosen
    notes = [Note("selection.lower", _LOWER) if column is None else Note("selection.given", _GIVEN, {"column": column})]  # fmt: skip
    found: dict[str, ExpectedRegression] = {}
    few = []
    for name, side, before, after in data.first_and_last():
        role = data.roles[side]
        picked = before < before.median() if data.chosen is None else data.chosen[role].astype(bool)
        both = before.notna() & after.notna()
        # Expected and found change are of the same people, so a few who left cannot be told from the difference of two means.
        left = int((picked & before.notna() & ~both).sum())
        chosen = picked & both
        smaller = min(int(chosen.sum()), int((both & ~picked).sum()))
        if not allowed(smaller, "mean_change"):
            few.append(f"{name} {role}")
            continue
        regression = attempt(
            notes, f"Selection, {name} {role}", partial(_regress, data, name, role, before, after, chosen)
        )
        if regression is not None:
            source = find_reference(name, role)
            named = {"provenance": source.provenance, "version": source.version}
            notes.append(Note("selection.reference", _REFERENCE, named))
            found[f"{name} {role}"] = replace(regression, n_dropped=left)
    if few and (found or column is not None):
        notes.append(
            Note("selection.few", _FEW, {"minimum": minimum_for("mean_change"), "cells": ", ".join(few)})
        )
    return SelectionSection(column, found, unique_notes(notes))


def _regress(
    data: ChangeData, name: str, role: str, before: pd.Series, after: pd.Series, chosen: pd.Series
) -> ExpectedRegression:
    """One role on one scale."""
    return expected_regression(
        before,
        after,
        chosen,
        find_reference(name, role),
        width=data.scored[name].width,
        confidence=data.options.confidence,
    )
