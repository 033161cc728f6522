"""Agreement within groups: `multilevel::rwg`, `rwg.j`, `ad.m`, `ICC1`, `ICC2` of an `aov`, and `nlme::lme` by REML.

Our medians and means leave out groups of two, which multilevel keeps; the data sets here have none.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from scoring.agreement import WithinGroupAgreement, within_group_agreement
from scoring.group_variance import group_variance, group_variance_reml
from tests.scoring.comparisons.rows import Row, r_data, r_values

LOWEST = {"LEAD": 1, "TSIG": 1, "HOSTIL": 0}
CLOSED = 1e-9


def compare() -> Iterator[Row]:
    """Every value of the three scales of lq2002, and the group ICC of univbct."""
    data = r_data("lq2002")
    for scale, expected in r_values("lq2002")["agreement"].items():
        items, groups = data[expected["items"]], data["COMPID"]
        result = within_group_agreement(items, groups, minimum=LOWEST[scale], maximum=LOWEST[scale] + 4)
        yield from compare_groups(scale, result, expected)
        yield from compare_variances(scale, result, expected)
        yield from compare_reml(scale, items.mean(axis=1, skipna=False), groups, expected)
    yield from compare_units()


def compare_groups(scale: str, result: WithinGroupAgreement, expected: Mapping) -> Iterator[Row]:
    """Each group's size, r_wg(1) of the first item, r_wg(j), AD, and the summaries."""
    first = expected["rwg_first_item"]
    columns = {
        "rwgj": result.groups["rwg_uniform"],
        "rwg_first_item": result.item_rwg_uniform[first["item"]],
        "ad_mean_deviation": result.groups["ad"],
    }
    for name, ours in columns.items():
        labelled = ours.set_axis(ours.index.map(str))
        sizes = result.groups["n"].set_axis(labelled.index)
        block = expected[name]
        for group, value, n in zip(block["group"], block["value"], block["n"], strict=True):
            yield Row(name, "lq2002", f"{scale} {group}", labelled[group], value, CLOSED)
            yield Row(name, "lq2002", f"{scale} {group} n", sizes[group], n, 0)
    yield Row("rwgj", "lq2002", f"{scale} mean", result.mean_uniform, expected["rwgj_mean"], CLOSED)
    yield Row("rwgj", "lq2002", f"{scale} median", result.median_uniform, expected["rwgj_median"], CLOSED)


def compare_variances(scale: str, result: WithinGroupAgreement, expected: Mapping) -> Iterator[Row]:
    """Counts, mean squares and the two correlations."""
    variance = result.variance
    values = {
        "n": (result.n_used, 0),
        "n_groups": (result.n_groups, 0),
        "uniform_variance": (result.variance_uniform, CLOSED),
        "anova_MSB": (variance.ms_between, CLOSED),
        "anova_MSW": (variance.ms_within, CLOSED),
        "F": (variance.F, CLOSED),
        "ICC1_anova": (variance.icc1, CLOSED),
        "ICC2_anova": (variance.icc2, CLOSED),
    }
    for name, (ours, tolerance) in values.items():
        yield Row("ICC(1), ICC(2)", "lq2002", f"{scale} {name}", ours, expected[name], tolerance)


def compare_reml(scale: str, scores: pd.Series, groups: pd.Series, expected: Mapping) -> Iterator[Row]:
    """Variance components; lme stops earlier than we do."""
    reml = group_variance_reml(scores, groups)
    values = {
        "ICC1_lme_reml": reml.icc1,
        "between_var_lme": reml.between,
        "within_var_lme": reml.within,
    }
    for name, ours in values.items():
        yield Row("ICC(1) by REML", "lq2002", f"{scale} {name}", ours, expected[name], 1e-3, relative=True)


def compare_units() -> Iterator[Row]:
    """Job satisfaction at the first wave in battalions and companies."""
    expected = r_values("univbct")["JSAT_t1_group_icc"]
    data = r_data("univbct").query("TIME == 0")
    variance = group_variance(data["JSAT"], data["BTN"].astype(str) + " " + data["COMPANY"])
    values = {
        "ICC1": (variance.icc1, CLOSED),
        "ICC2": (variance.icc2, CLOSED),
        "F": (variance.F, CLOSED),
        "n_groups": (variance.n_groups, 0),
        "n": (variance.n_used, 0),
    }
    for name, (ours, tolerance) in values.items():
        yield Row("ICC(1), ICC(2)", "univbct", f"JSAT {name}", ours, expected[name], tolerance)
