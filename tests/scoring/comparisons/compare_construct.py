"""Reliability of the scores of several factors beside semTools' compRelSEM and AVE (lavaan's three-factor model)."""

from collections.abc import Iterator

from scoring.sem import fit_confirmatory
from scoring.sem.construct import construct_reliability
from tests.scoring.comparisons.rows import Row, compare_mapping, r_data, r_values


def compare() -> Iterator[Row]:
    """Omega with both denominators and the average variance extracted, within 1e-4 as omega is held."""
    values = r_values("holzinger")
    table = construct_reliability(fit_confirmatory(r_data("holzinger"), values["model"])).table
    for column, name in (("omega", "omega_modelvar"), ("omega_observed", "omega_obsvar"), ("ave", "ave")):
        expected = values["cfa"]["construct_reliability"][name]
        yield from compare_mapping(
            "omega of factors", "holzinger", name, table[column].to_dict(), expected, 1e-4
        )
