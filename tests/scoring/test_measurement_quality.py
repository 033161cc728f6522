"""The measurement-quality table: every target has a study, figures are judged rightly, and rows can be kept."""

import math
from dataclasses import replace

import pytest

from benchmarks import measurement_quality as table
from benchmarks.quality.findings import (
    Finding,
    at_least,
    at_most,
    control,
    mean_at_least,
    mean_at_most,
    mean_equals,
    mean_within,
    within,
)

# Their smallest numbers of samples take longer than a default run allows; their simulations have tests of their own.
DEAR = {"T2", "T14", "T18", "E1", "E2", "D12"}


def finding(**changes):
    return replace(Finding("T3", "<= .05", "n = 10", ".04", True, 3, 200), **changes)


def section(name, *rows):
    lines = tuple(table.render_row(finding(**row)) for row in rows)
    return table.Section(name, lines, f"| {name} | {len(rows)} | 12 | 2026-03-02 |")


def test_every_simulated_target_of_the_plan_has_a_study():
    """P1 to P3 are held by the tests of disclosure and access; E1 and E2 go through whole programmes."""
    assert {f"T{number}" for number in range(1, 21)} == set(table.STUDIES) - {"E1", "E2", "D12"}


@pytest.mark.parametrize("name", [name for name in table.STUDIES if name not in DEAR])
def test_a_study_gives_lines_of_its_target_with_a_control(name):
    found = list(table.STUDIES[name](4))

    assert {line.target for line in found} == {name, f"{name}-"}
    assert any(line.control for line in found)
    assert all(line.target.endswith("-") for line in found if line.control)
    assert all(line.demand.startswith("control: ") == line.control for line in found)
    assert all(line.figure and line.condition for line in found)


@pytest.mark.parametrize("name", ["T3", "T9", "T12", "T13", "T19", "T20"])
def test_cheap_studies_hold_as_in_the_table(name):
    missed = [line for line in table.STUDIES[name](2_000) if not line.holds]

    assert missed == []


def test_a_control_holds_when_its_target_is_failed():
    wrong, right = (
        control("T12-", "control: pooling", "ICC .05", "", at_most(share, 0.05, 2_000), 1, 2_000)
        for share in (0.25, 0.05)
    )

    assert (wrong.holds, right.holds) == (True, False)
    assert wrong.control
    assert "| yes (control) |" in table.render_row(wrong)
    assert "| **no** (control) |" in table.render_row(right)


def test_a_share_misses_its_limit_only_where_that_is_shown():
    # The limit .05 has the standard error .0218 with 100 samples and .0022 with 10,000.
    assert at_most(0.08, 0.05, 100)
    assert not at_most(0.08, 0.05, 10_000)
    assert at_least(0.78, 0.80, 1_000)
    assert not at_least(0.77, 0.80, 10_000)
    assert within(0.05, 0.04, 0.06, 2_000)
    assert not within(0.02, 0.04, 0.06, 2_000)
    assert not within(0.08, 0.04, 0.06, 2_000)


def test_a_mean_is_judged_by_its_own_error():
    assert mean_at_most(0.06, 0.05, 0.01)
    assert not mean_at_most(0.07, 0.05, 0.01)
    assert mean_at_least(0.91, 0.92, 0.01)
    assert not mean_at_least(0.90, 0.92, 0.01)
    assert mean_within(-0.06, -0.05, 0.05, 0.01)
    assert not mean_within(-0.07, -0.05, 0.05, 0.01)
    assert mean_equals(50.2, 50.0, 0.1)
    assert not mean_equals(50.3, 50.0, 0.1)


def test_what_is_no_number_holds_no_target():
    for judge in (mean_at_most, mean_at_least, mean_equals):
        assert not judge(math.nan, 0.05, 0.01)
    assert not at_most(math.nan, 0.05, 100)
    assert not at_least(math.nan, 0.05, 100)


def test_rows_do_not_depend_on_the_number_of_processes():
    names = ["T9", "T20", "T19"]
    alone = [table.run_study(name, 20) for name in names]
    together, broken = table.run_studies(names, 20, jobs=2)

    assert [found.name for found in together] == names
    assert [found.rows for found in together] == [found.rows for found in alone]
    assert broken == {}


def test_several_studies_are_chosen_by_their_whole_names():
    assert table.choose("T12,T3") == ["T3", "T12"]
    assert table.choose("T1") == ["T1"]
    assert table.choose("T3-") == ["T3"]
    assert table.choose(None) == list(table.STUDIES)
    with pytest.raises(ValueError, match="T99"):
        table.choose("T3,T99")


def test_rows_of_other_studies_are_kept():
    first = section("T1", {"target": "T1"})
    third = section("T3", {}, {"target": "T3-", "demand": "control: |D|", "control": True, "holds": False})
    twelfth = section("T12", {"target": "T12", "samples": 0})
    text = table.render([first, third, twelfth])

    kept = table.read_table(text)
    anew = replace(third, rows=third.rows[:1])

    assert kept == {"T1": first, "T3": third, "T12": twelfth}
    assert table.merge(kept, [anew]) == [first, anew, twelfth]
    assert "3 of 4 lines hold" in text


def test_rows_made_with_other_versions_are_not_kept():
    text = table.render([section("T3", {})]).replace("numpy ", "numpy 0.")

    with pytest.raises(ValueError, match="other versions"):
        table.read_table(text)


def test_rows_without_a_record_are_not_kept():
    third = section("T3", {})
    text = table.render([third, section("T5", {"target": "T5"})]).replace(third.record, "")

    with pytest.raises(ValueError, match="not recorded"):
        table.read_table(text)
