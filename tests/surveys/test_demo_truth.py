"""What the demo simulates, what a researcher is told of it, and that the comparison of both can fail."""

import csv
import dataclasses
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from instruments.model import Instrument, Role, WaveKind
from surveys.demo import (
    COHORTS,
    LASTING_UNIQUENESS,
    LOADING,
    STABLE,
    THRESHOLDS,
    CohortPlan,
    Occasion,
    codes_by_step,
)
from surveys.demo_truth import TrueChange, true_change
from tests.surveys.simulations.demo_truth import (
    Line,
    Report,
    cohort_codes,
    compare,
    demo_instrument,
    draw_cohort,
    report_of,
    simulate_seed,
    summarise,
)
from webapp.cli import main

ROOT = Path(__file__).parents[2]
PLAN = CohortPlan("Changed", 40, 1.2, 17)
SMALLEST, SMALL, NULL, LARGEST = COHORTS
CONTROL_THRESHOLDS = (-2.0, -1.2, -0.25, 0.75)


@pytest.fixture(scope="module")
def instrument() -> Instrument:
    """The demo's questionnaire."""
    return demo_instrument()


def known(found: TrueChange | None) -> TrueChange:
    """The truth of a change that there is."""
    assert found is not None
    return found


class TestTruth:
    def test_levels_are_those_of_the_measurement_plan(self, instrument: Instrument) -> None:
        """Section 6.1, computed before this software: SD .76 and a retest correlation of .71."""
        found = known(true_change(instrument, NULL, "PS", Role.MENTOR, WaveKind.TC, WaveKind.T2))

        assert found.change == 0
        assert found.sd_first == pytest.approx(0.76, abs=0.02)
        assert 1 - found.sd_change**2 / (2 * found.sd_first**2) == pytest.approx(0.71, abs=0.02)

    def test_a_large_simulation_of_the_model_agrees_and_a_wrong_threshold_is_noticed(
        self, instrument: Instrument
    ) -> None:
        n, k, shift = 200_000, 6, 0.55 * PLAN.effect
        rng = np.random.default_rng(11)
        trait = STABLE**0.5 * rng.standard_normal((n, 1))
        unique = LASTING_UNIQUENESS**0.5 * rng.standard_normal((n, k))
        scores = []
        for moved in (0.0, shift):
            latent = trait + (1 - STABLE) ** 0.5 * rng.standard_normal((n, 1)) + moved
            noise = unique + (1 - LASTING_UNIQUENESS) ** 0.5 * rng.standard_normal((n, k))
            value = LOADING * latent + (1 - LOADING**2) ** 0.5 * noise
            scores.append(1 + np.searchsorted(THRESHOLDS, value).mean(axis=1))
        change = scores[1] - scores[0]
        error = change.std() / n**0.5
        waves = (WaveKind.TC, WaveKind.T2)
        found = known(true_change(instrument, PLAN, "PS", Role.MENTEE, *waves))
        control = known(
            true_change(instrument, PLAN, "PS", Role.MENTEE, *waves, thresholds=CONTROL_THRESHOLDS)
        )

        assert found.change == pytest.approx(change.mean(), abs=4 * error)
        assert [found.sd_first, found.sd_last, found.sd_change] == pytest.approx(
            [scores[0].std(), scores[1].std(), change.std()], rel=0.01
        )
        assert abs(control.change - change.mean()) > 4 * error

    @pytest.mark.parametrize(
        ("scale", "first"), [("PS", WaveKind.TC), ("PSG", WaveKind.T0), ("PW_G", WaveKind.TC)]
    )
    def test_the_demos_own_answers_agree(self, instrument: Instrument, scale: str, first: WaveKind) -> None:
        """Skipped questions and those who do not answer included; PW_G is a problem and falls."""
        plan = dataclasses.replace(PLAN, n_pairs=700)
        schedule = (Occasion(first, 0.9, after_days=0), Occasion(WaveKind.T2, 0.9, after_days=70))
        frame = draw_cohort(np.random.default_rng(5), instrument, plan, (scale,), schedule)
        items = list(instrument.scale(scale).keys)
        scores = frame[items].mean(axis=1).where(frame[items].notna().mean(axis=1) >= 2 / 3)
        wide = frame.assign(score=scores).pivot_table("score", ["pair", "role"], "wave")
        change = (wide["T2"] - wide[first.value]).dropna()
        found = known(true_change(instrument, plan, scale, Role.MENTOR, first, WaveKind.T2))

        assert len(change) > 1_000
        assert change.mean() == pytest.approx(found.change, abs=4 * change.std() / len(change) ** 0.5)
        assert change.std() == pytest.approx(found.sd_change, rel=0.08)
        assert (found.change < 0) == (scale == "PW_G")

    def test_a_reversed_scale_changes_the_other_way(self, instrument: Instrument) -> None:
        turned = tuple(
            dataclasses.replace(scale, keys=dict.fromkeys(scale.keys, -1)) if scale.id == "PS" else scale
            for scale in instrument.scales
        )
        arguments = (PLAN, "PS", Role.MENTOR, WaveKind.TC, WaveKind.T2)
        plain = known(true_change(instrument, *arguments))
        other = known(true_change(dataclasses.replace(instrument, scales=turned), *arguments))

        assert other.change == pytest.approx(-plain.change, abs=1e-12)
        assert other.sd_change == pytest.approx(plain.sd_change, abs=1e-12)

    def test_formats_and_direction_decide_the_codes(self, instrument: Instrument) -> None:
        assert codes_by_step(instrument, "PS1") == (1, 2, 3, 4, 5)
        assert codes_by_step(instrument, "PWG1") == (5, 4, 3, 2, 1)
        assert codes_by_step(instrument, "KA1") == (0, 1, 2, 4, 5)

    @pytest.mark.parametrize(
        ("scale", "role", "first"),
        [
            ("PS", Role.MENTOR, WaveKind.T0),
            ("EX", Role.MENTOR, WaveKind.T0),
            ("OP_T", Role.MENTOR, WaveKind.T0),
        ],
    )
    def test_no_truth_of_what_a_wave_does_not_ask(
        self, instrument: Instrument, scale: str, role: Role, first: WaveKind
    ) -> None:
        assert true_change(instrument, PLAN, scale, role, first, WaveKind.TC) is None


def readme_commands() -> list[list[str]]:
    """The lines of the README that lead from the demo to a change report."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"### From the data package to what changed.*?```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which every line of the README's passage has been typed."""
    folder = tmp_path_factory.mktemp("walked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command, *words in readme_commands():
            if command == "export":
                name, _, value = words[0].partition("=")
                patch.setenv(name, value)
                continue
            assert command == "viceversa"
            result = CliRunner().invoke(main, words, catch_exceptions=False)
            assert result.exit_code == 0, result.output
        yield folder


@pytest.fixture(scope="module")
def reports(walked: Path) -> dict[str, Report]:
    """The report of each cohort, by the cohort's name."""
    answers = walked / "var" / "package" / "answers_long.csv"
    found = {plan.name: report_of(answers, code) for code, plan in cohort_codes().items() if code != "C4"}
    return {**found, LARGEST.name: json.loads((walked / "var" / "C4.json").read_text(encoding="utf-8"))}


Compare = Callable[[CohortPlan], list[Line]]


@pytest.fixture(scope="module")
def lines(reports: Mapping[str, Report], instrument: Instrument) -> Compare:
    """Truth beside report for a cohort, which may be told another truth than that it was simulated with."""
    return lambda plan: list(compare(plan, reports[plan.name], instrument))


def words(found: list[Line], family: str | None = None) -> set[str | None]:
    """The words of a cohort's lines."""
    return {line.word for line in found if family in {None, line.family}}


class TestReport:
    def test_each_report_is_of_its_cohort(self, reports: Mapping[str, Report]) -> None:
        assert {name: report["meta"]["n_pairs"] for name, report in reports.items()} == {
            plan.name: plan.n_pairs for plan in COHORTS
        }

    @pytest.mark.parametrize("plan", COHORTS, ids=lambda plan: plan.name)
    def test_every_word_is_right_and_every_gate_holds(self, lines: Compare, plan: CohortPlan) -> None:
        found = lines(plan)

        assert len(found) >= 19
        assert [line for line in found if not (line.right and line.gated)] == []

    def test_ten_pairs_are_too_few(self, lines: Compare) -> None:
        assert words(lines(SMALLEST)) <= {"too few", None}
        assert words(lines(SMALLEST), "primary") == {"too few"}

    def test_where_nothing_changed_nothing_moved(self, lines: Compare) -> None:
        assert words(lines(NULL), "primary") <= {"not shown", "equivalent"}

    def test_what_changed_in_forty_pairs_is_found(self, lines: Compare) -> None:
        assert words(lines(LARGEST), "primary") == {"moved"}

    def test_most_intervals_hold_the_truth(self, lines: Compare) -> None:
        """Those of ten people or more; that rows share their people makes their number vary, so the bound is wide."""
        covered = [line.covered for plan in COHORTS for line in lines(plan) if line.n >= 10]

        assert len(covered) > 50
        assert sum(map(bool, covered)) / len(covered) > 0.88

    def test_what_was_expected_before_meeting_is_no_starting_value(
        self, reports: Mapping[str, Report], lines: Compare
    ) -> None:
        (note,) = [note for note in reports[LARGEST.name]["notes"] if note["code"] == "changes.not_compared"]

        assert {line.waves for line in lines(LARGEST) if line.scale == "PW_G"} == {"TC to T2"}
        assert note["text"].endswith(": PW_G (T0); EX (T0); EX_START (T0).")

    def test_cohorts_stand_beside_each_other(self, walked: Path) -> None:
        report = json.loads((walked / "var" / "all.json").read_text(encoding="utf-8"))

        assert report["cohorts"]["sizes"] == {code: plan.n_pairs for code, plan in cohort_codes().items()}

    def test_the_package_tells_no_name_and_no_date(self, walked: Path) -> None:
        text = "".join(
            path.read_text(encoding="utf-8")
            for path in sorted((walked / "var" / "package").glob("*_long.csv"))
        )

        assert not [plan.name for plan in COHORTS if plan.name in text]
        assert re.search(r"\d{4}-\d\d-\d\d|@", text) is None


class TestControls:
    """The comparison fails when it should."""

    def test_a_null_cohort_said_to_have_changed(self, lines: Compare) -> None:
        assert not all(line.right for line in lines(dataclasses.replace(NULL, effect=1.2)))

    def test_a_changed_cohort_said_not_to_have(self, lines: Compare) -> None:
        assert not all(line.right for line in lines(dataclasses.replace(LARGEST, effect=0.0)))

    def test_a_changed_cohort_said_to_have_fallen(self, lines: Compare) -> None:
        told = lines(dataclasses.replace(LARGEST, effect=-1.2))

        assert {line.right for line in told if line.word == "moved"} == {False}

    def test_answers_under_the_labels_of_the_other_role(
        self, walked: Path, instrument: Instrument, tmp_path: Path
    ) -> None:
        """What only mentees are asked is then a change of mentors, of which there is no truth."""
        turned = relabel(walked, tmp_path, "role", {"mentor": "mentee", "mentee": "mentor"}, ("PS", "OP_T"))

        with pytest.raises(ValueError, match="do not both ask it"):
            list(compare(LARGEST, report_of(turned, "C4"), instrument))

    def test_answers_under_the_labels_of_another_wave(
        self, walked: Path, instrument: Instrument, tmp_path: Path
    ) -> None:
        turned = relabel(walked, tmp_path, "wave", {"TC": "T2", "T2": "TC"}, ("PS",))
        found = list(compare(LARGEST, report_of(turned, "C4"), instrument, ("PS",)))

        assert words(found) == {"moved"}
        assert {line.right for line in found} == {False}


def relabel(
    walked: Path, folder: Path, column: str, labels: Mapping[str, str], scales: tuple[str, ...]
) -> Path:
    """The largest cohort's answers to some scales, with other labels in one column."""
    items = {item for name in scales for item in demo_instrument().scale(name).keys}
    target = folder / "answers_long.csv"
    with (walked / "var" / "package" / "answers_long.csv").open(encoding="utf-8", newline="") as source:
        rows = [row for row in csv.DictReader(source) if row["cohort"] == "C4" and row["item"] in items]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, column: labels.get(row[column], row[column])} for row in rows)
    return target


def test_the_simulation_without_a_database_is_judged_alike() -> None:
    found = simulate_seed(4, ("PS",))

    assert len(found) == 2 * len(COHORTS)
    assert words([line for line in found if line.cohort == SMALLEST.name]) <= {"too few", None}
    assert "moved" not in words([line for line in found if line.cohort == NULL.name])


@pytest.mark.slow
def test_targets_e1_and_e2_over_many_seeds() -> None:
    """At most 5 % of null cohorts with "moved" and intervals that cover, each within the error of so many seeds."""
    reports = [simulate_seed(seed, ("PS",)) for seed in range(300, 420)]
    null = [any(line.word == "moved" for line in report if line.cohort == NULL.name) for report in reports]
    large = [line for report in reports for line in report if line.cohort == LARGEST.name]
    rates = summarise([line for report in reports for line in report if line.n >= 10])

    assert sum(null) / len(null) <= 0.05 + 1.645 * (0.05 * 0.95 / len(null)) ** 0.5
    assert sum(line.word == "moved" for line in large) / len(large) >= 0.7
    assert rates.n_covered / rates.n_intervals >= 0.92
