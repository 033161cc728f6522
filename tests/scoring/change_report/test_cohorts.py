"""Cohorts are compared by the unit that was assigned, with power and equivalence beside each comparison, and never with a cause."""

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.change_report import (
    ChangeOptions,
    CohortComparison,
    change_report,
    cohort_comparison,
    render_text,
)
from scoring.cohort_arms import compare_arms
from scoring.cohorts import compare_changes
from scoring.scale_sets import ProblemsError, make_scale_set
from scoring.serialize import to_json
from scoring.waitlist import waitlist_comparison

SCALES = make_scale_set({"trust": ["a", "b", "c"], "care": ["d", "e"]}, minimum=1, maximum=5)
OPTIONS = ChangeOptions("pair", "role", "wave")


def table(n_cohorts: int, n_pairs: int, shift: float = 0.0, spread: float = 0.0) -> pd.DataFrame:
    """Cohorts of pairs; those of arm x change by `shift` more, each cohort by a share of its own."""
    rng = np.random.default_rng(8)
    rows = []
    for cohort in range(n_cohorts):
        arm = "xy"[cohort % 2]
        own = spread * rng.normal() + (shift if arm == "x" else 0.0)
        for number in range(n_pairs):
            for role in ("mentor", "mentee"):
                trait = rng.normal() * 0.6
                for wave in (0, 1):
                    level = 3 + trait + wave * own
                    answers = np.clip(np.round(level + rng.normal(size=5) * 0.7), 1, 5)
                    rows.append([f"{cohort}-{number}", role, wave, f"c{cohort}", arm, *answers])
    return pd.DataFrame(rows, columns=["pair", "role", "wave", "cohort", "arm", "a", "b", "c", "d", "e"])


def compare(frame: pd.DataFrame, **options: Any) -> CohortComparison:
    return cohort_comparison(frame, SCALES, dataclasses.replace(OPTIONS, **options))


def change_of(frame: pd.DataFrame, role: str) -> pd.DataFrame:
    """Changes of trust by pair, with cohort and arm."""
    own = frame[frame["role"] == role].assign(score=lambda table: table[["a", "b", "c"]].mean(axis=1))
    wide = own.pivot(index="pair", columns="wave", values="score")
    labels = own.drop_duplicates("pair").set_index("pair")
    return pd.DataFrame({"before": wide[0], "after": wide[1], "change": wide[1] - wide[0]}).join(labels[["cohort", "arm"]])  # fmt: skip


class TestNamedCohorts:
    def test_two_of_them_are_compared_by_pairs(self) -> None:
        frame = table(2, 45, shift=0.8)
        found = compare(frame, cohort="cohort")
        entry = found.scales["trust"]["mentor"]
        change = change_of(frame, "mentor")
        expected = compare_changes(change.loc[change["cohort"] == "c0", "change"], change.loc[change["cohort"] == "c1", "change"])  # fmt: skip

        assert found.assigned == "named"
        assert found.order == ("c0", "c1")
        assert found.wording == "changed during"
        assert entry.two is not None
        assert entry.two.contrast.difference == pytest.approx(expected.difference, abs=1e-12)
        assert entry.two.contrast.p == pytest.approx(expected.p, rel=1e-9)
        assert entry.verdict == "moved"
        assert entry.two.power is not None
        assert entry.two.equivalence is not None
        assert entry.two.permutation is None

    def test_small_ones_get_no_word_but_too_few(self) -> None:
        found = compare(table(2, 15, shift=1.0), cohort="cohort")

        assert {found.scales[name][role].verdict for name in SCALES.names for role in ("mentor", "mentee")} == {"too few"}  # fmt: skip

    def test_below_five_pairs_counts_only(self) -> None:
        entry = compare(table(2, 4), cohort="cohort").scales["trust"]["mentor"]

        assert entry.two is not None
        assert entry.two.contrast.difference is None
        assert entry.verdict is None

    def test_many_of_them_share_a_mean_and_small_ones_stay_hidden(self) -> None:
        frame = table(7, 6)
        frame = frame[~((frame["cohort"] == "c3") & (frame["pair"].str[2:].astype(int) > 2))]
        found = compare(frame, cohort="cohort").scales["trust"]["mentor"].many
        opened = compare(frame, cohort="cohort", persons=True).scales["trust"]["mentor"].many

        assert found is not None
        assert opened is not None
        assert np.isnan(found.table.loc["c3", "mean"])
        assert not np.isnan(found.table.loc["c2", "mean"])
        assert not np.isnan(opened.table.loc["c3", "mean"])
        assert any(note.code == "cohorts.hidden" for note in found.notes)

    def test_one_alone_is_compared_with_nothing(self) -> None:
        found = compare(table(1, 12), cohort="cohort")

        assert found.scales == {}
        assert [note.code for note in found.notes] == ["cohorts.one"]


class TestArms:
    def test_whole_cohorts_are_tested_on_cohorts(self) -> None:
        frame = table(10, 8, shift=0.5, spread=0.3)
        found = compare(frame, cohort="cohort", arm="arm", randomised=True)
        entry = found.scales["trust"]["mentee"]
        change = change_of(frame, "mentee")
        arms = dict(zip(change["cohort"], change["arm"], strict=True))
        expected = compare_arms(change["change"], change["cohort"], arms, randomised=True)

        assert found.assigned == "cohorts"
        assert found.wording == "randomised"
        assert entry.arms is not None
        assert entry.arms.df == 8
        assert entry.arms.p == pytest.approx(expected.p, rel=1e-9)

    def test_pairs_are_tested_on_pairs_only_when_pairs_were_assigned(self) -> None:
        # Without any difference but that of cohorts, pooling finds one where cohorts do not: the naive test is the negative control.
        frame = table(8, 20, spread=0.6)
        cohorts = compare(frame, cohort="cohort", arm="arm").scales["trust"]["mentor"]
        pairs = compare(frame, arm="arm", assigned="pairs").scales["trust"]["mentor"]

        assert cohorts.arms is not None
        assert cohorts.arms.p is not None
        assert pairs.two is not None
        assert pairs.two.contrast.p is not None
        assert pairs.two.contrast.p < cohorts.arms.p

    def test_lots_over_pairs_open_the_permutation_test(self) -> None:
        drawn, not_drawn = (compare(table(2, 20), arm="arm", randomised=lots) for lots in (True, False))

        assert drawn.assigned == not_drawn.assigned == "pairs"
        assert drawn.scales["trust"]["mentor"].two is not None
        assert drawn.scales["trust"]["mentor"].two.permutation is not None
        assert not_drawn.scales["trust"]["mentor"].two is not None
        assert not_drawn.scales["trust"]["mentor"].two.permutation is None
        assert (drawn.wording, not_drawn.wording) == ("randomised", "changed during")

    def test_an_arm_that_waits_is_compared_at_equal_baseline(self) -> None:
        frame = table(2, 40, shift=0.8)
        found = compare(frame, arm="arm", randomised=True, waiting="x")
        entry = found.scales["trust"]["mentor"]
        change = change_of(frame, "mentor")
        expected = waitlist_comparison(change["before"], change["after"], change["arm"] != "x", randomised=True)  # fmt: skip

        assert found.order == ("y", "x")
        assert entry.waiting is not None
        assert entry.waiting.difference == pytest.approx(expected.difference, abs=1e-12)
        assert (entry.waiting.difference or 0) < 0

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({}, "No column says to which cohort or arm a pair belongs."),
            ({"cohort": "cohort", "assigned": "cohorts"}, "one of the columns of cohort and arm is missing"),
            ({"arm": "cohort"}, "Column cohort has 4 arms."),
            ({"cohort": "arm", "arm": "cohort"}, "Column cohort has 4 arms."),
            ({"arm": "arm", "waiting": "z"}, "No pair is in the arm z"),
            ({"cohort": "cohort", "randomised": True}, "Name the column of the arm."),
        ],
    )
    def test_a_design_that_the_columns_do_not_tell(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(ProblemsError, match=said.replace(".", r"\.")):
            compare(table(4, 3), **options)

    def test_arms_within_a_cohort_are_no_arms_of_cohorts(self) -> None:
        frame = table(4, 6)
        frame["arm"] = np.where(frame["pair"].str[2:].astype(int) < 3, "x", "y")

        with pytest.raises(ProblemsError, match="has pairs of several arms"):
            compare(frame, cohort="cohort", arm="arm")


def test_both_partners_together_get_an_interval_and_no_word() -> None:
    found = compare(table(2, 45, shift=1.0), cohort="cohort")
    names = {claim.claim.name for claim in found.families.claims} if found.families else set()

    assert found.scales["trust"]["common"].verdict is None
    assert names == {"trust mentor", "trust mentee", "care mentor", "care mentee"}


def test_the_report_holds_the_comparison_and_says_it_in_words() -> None:
    report = change_report(table(2, 12), SCALES, dataclasses.replace(OPTIONS, cohort="cohort"))
    text = render_text(report)

    assert json.loads(to_json(report))["cohorts"]["sizes"] == {"c0": 12, "c1": 12}
    assert "Differences are c0 minus c1." in text
    assert "80 % power at" in text
