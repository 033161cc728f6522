"""Intraclass correlations of ratings: `psych::ICC(x, lmer = FALSE)` on complete rows; nothing differs on purpose."""

from collections.abc import Iterator

import pandas as pd

from scoring.intraclass import intraclass_correlation
from tests.scoring.comparisons.rows import Row, r_data, r_values

FORMS = {
    "ICC1": "ICC(1,1)",
    "ICC2": "ICC(A,1)",
    "ICC3": "ICC(C,1)",
    "ICC1k": "ICC(1,k)",
    "ICC2k": "ICC(A,k)",
    "ICC3k": "ICC(C,k)",
}
STATISTICS = {
    "icc": "value",
    "F": "F",
    "df1": "df1",
    "df2": "df2",
    "p": "p",
    "lower95": "low",
    "upper95": "high",
}


def ratings() -> Iterator[tuple[str, str, pd.DataFrame, dict]]:
    """Each table of ratings with its name and R's values."""
    data = r_data("exlong")
    waves = {t: data[[f"y{i}t{t}" for i in (1, 2, 3)]].mean(axis=1) for t in (1, 2, 3)}
    yield "exlong", "waves", pd.DataFrame(waves), r_values("exlong")["icc_waves"]
    persons = r_data("univbct").query("TIME == 0")
    for scale in ("JOBSAT", "COMMIT", "READY"):
        columns = persons[[f"{scale}{wave}" for wave in (1, 2, 3)]]
        yield "univbct", scale, columns, r_values("univbct")[scale]["icc_persons_by_waves"]
    yield "twins_dzos", "ht", r_data("twins_dzos")[["ht1", "ht2"]], r_values("twins_dzos")["icc_ht"]


def compare() -> Iterator[Row]:
    """Every value of every table; R's missing rows are dropped here as they were there."""
    for data, name, table, expected in ratings():
        result = intraclass_correlation(table)
        yield Row("ICC", data, f"{name} n", result.n_used, expected["n"], 0)
        for place, form in enumerate(expected["type"]):
            for theirs, ours in STATISTICS.items():
                tolerance = 0 if theirs.startswith("df") else 1e-9
                # Ten digits of an F of 5 end at 1e-9; it is compared with the others all the same.
                yield Row(
                    "ICC",
                    data,
                    f"{name} {form} {theirs}",
                    result.table.at[FORMS[form], ours],
                    expected[theirs][place],
                    tolerance,
                )
