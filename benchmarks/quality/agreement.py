"""T20: r_wg, AD and ICC on textbook cases; T20-: the neighbouring statistic that is easily taken for the right one."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.quality.findings import Finding, control
from scoring.agreement import within_group_agreement
from scoring.group_variance import group_variance
from scoring.intraclass import FORMS, intraclass_correlation

# Six targets and four judges: Shrout and Fleiss (1979), table 2; their tables 3 and 4 have mean squares and correlations.
SHROUT_FLEISS = pd.DataFrame(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    columns=["j1", "j2", "j3", "j4"],
)
CORRELATIONS = (0.17, 0.29, 0.71, 0.44, 0.62, 0.91)
MEAN_SQUARES = {"subjects": 11.24, "raters": 32.49, "residual": 1.02, "within": 6.26}
# Five raters with variance 1/2 on five options, whose uniform variance is 2 and slightly skewed one 1.34 (LeBreton & Senter, 2008).
RATERS = (3, 4, 4, 4, 5)
EXACT = 1e-12


def agreement(_samples: int) -> Iterator[Finding]:
    """T20: everything is computed once; nothing is drawn."""
    yield from within_groups()
    yield from between_groups()
    yield from between_raters()


def case(condition: str, found: float, expected: float, digits: int | None = None) -> Finding:
    """A value beside the textbook's, which prints so many digits or is exact."""
    return Finding("T20", "exact on textbook cases", condition, *_compare(found, expected, digits), 0, 0)


def wrong_case(
    what: str, condition: str, found: float, expected: float, digits: int | None = None
) -> Finding:
    """A neighbouring statistic, which must miss the textbook's value."""
    return control(
        "T20-", f"control: {what} is not the textbook's", condition, *_compare(found, expected, digits), 0, 0
    )


def _compare(found: float, expected: float, digits: int | None) -> tuple[str, bool]:
    """Both values as text, and whether they are the same."""
    if digits is None:
        return f"{found:.6f}, textbook {expected:.6f}", abs(found - expected) <= EXACT
    return f"{found:.6f}, textbook {expected:.{digits}f}", round(found, digits) == expected


def within_groups() -> Iterator[Finding]:
    """r_wg(1), r_wg(j) and AD of one group that answers three items alike; of one mind, and of none."""
    skewed = 0.5 / 1.34
    answers = {
        "a": [[answer] * 3 for answer in RATERS],
        "b": [[4, 4, 4]] * 5,
        "c": [[answer] * 3 for answer in (1, 2, 3, 4, 5)],
    }
    items = pd.DataFrame([row for rows in answers.values() for row in rows], columns=list("xyz"), dtype=float)
    groups = pd.Series([name for name, rows in answers.items() for _ in rows])
    found = within_group_agreement(items, groups, minimum=1, maximum=5)
    single, mixed = "answers 3 4 4 4 5", "three items answered 3 4 4 4 5"
    uniform = float(found.item_rwg_uniform.at["a", "x"])
    skew = float(found.item_rwg_slight_skew.at["a", "x"])
    yield case(f"r_wg(1), uniform, {single}", uniform, 0.75)
    yield case(f"r_wg(1), slight skew, {single}", skew, 1.0 - skewed)
    rwg_j = float(found.groups.at["a", "rwg_uniform"])
    yield case(f"r_wg(j), uniform, {mixed}", rwg_j, 0.9)
    expected = 3.0 * (1.0 - skewed) / (3.0 * (1.0 - skewed) + skewed)
    yield case(f"r_wg(j), slight skew, {mixed}", float(found.groups.at["a", "rwg_slight_skew"]), expected)
    yield case(f"AD, {single}", float(found.groups.at["a", "ad"]), 0.4)
    yield case("r_wg(j), uniform, all answer 4", float(found.groups.at["b", "rwg_uniform"]), 1.0)
    yield case("r_wg(j), uniform, answers 1 2 3 4 5", float(found.groups.at["c", "rwg_uniform"]), 0.0)
    yield case("AD, answers 1 2 3 4 5", float(found.groups.at["c", "ad"]), 1.2)
    yield wrong_case(
        "a variance divided by n", f"r_wg(1), uniform, {single}", 1.0 - np.var(RATERS) / 2.0, 0.75
    )
    yield wrong_case("the mean of r_wg(1)", f"r_wg(j), uniform, {mixed}", uniform, 0.9)
    yield wrong_case("the standard deviation", f"AD, {single}", float(np.std(RATERS)), 0.4)


def between_groups() -> Iterator[Finding]:
    """ICC(1) and ICC(2) of three groups of three with means 2, 3, 4 and variance 1 within: MSB 3, MSW 1."""
    values, groups = pd.Series([1, 2, 3, 2, 3, 4, 3, 4, 5]), pd.Series(list("aaabbbccc"))
    found, place = group_variance(values, groups), "means 2, 3, 4, variance within 1, three people each"
    assert found.icc1 is not None
    assert found.icc2 is not None
    yield case(f"ICC(1), {place}", found.icc1, 0.4)
    yield case(f"ICC(2), {place}", found.icc2, 2.0 / 3.0)
    yield wrong_case("eta squared", f"ICC(1), {place}", 6.0 / 12.0, 0.4)


def between_raters() -> Iterator[Finding]:
    """The six forms of Shrout and Fleiss and their mean squares."""
    found, place = intraclass_correlation(SHROUT_FLEISS), "Shrout & Fleiss (1979)"
    for form, expected in zip(FORMS, CORRELATIONS, strict=True):
        yield case(f"{form}, {place}, table 4", float(found.table.at[form, "value"]), expected, 2)
    for name, expected in MEAN_SQUARES.items():
        yield case(f"mean square {name}, {place}, table 3", float(found.mean_squares[name]), expected, 2)
    consistent = float(found.table.at["ICC(C,1)", "value"])
    yield wrong_case("consistency", f"ICC(A,1), {place}, table 4", consistent, 0.29, 2)
    pearson = SHROUT_FLEISS.corr().to_numpy()[np.triu_indices(4, 1)].mean()
    yield wrong_case("the mean correlation of raters", f"ICC(A,1), {place}, table 4", float(pearson), 0.29, 2)
