"""Those chosen by their baseline: the numbers of expected_regression on the same people, and nobody told by two means."""

import numpy as np
import pandas as pd
import pytest

from scoring.change_report import render_text
from scoring.change_report.selection import SelectionSection
from scoring.change_scores import ExpectedRegression, expected_regression
from scoring.reference import find_reference
from scoring.scale_sets import ProblemsError
from tests.scoring.change_report.people import SCALES, pairs, report_on, without

SAFETY = list(SCALES.scales[0].keys)


def scores(frame: pd.DataFrame, role: str = "mentee") -> tuple[pd.Series, pd.Series]:
    """Safety at the first and the last wave; everybody who answered answered every item."""
    own = frame[frame["role"] == role].assign(score=frame[SAFETY].mean(axis=1))
    wide = own.pivot(index="pair", columns="wave", values="score")
    return wide[0], wide[1]


def numbers(found: ExpectedRegression) -> list[float | None]:
    return [found.mean_all, found.mean_chosen, found.expected, found.observed, found.beyond, found.low, found.high]  # fmt: skip


def selection(frame: pd.DataFrame, **options: object) -> SelectionSection:
    return report_on(frame, **options).selection


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pairs(40, seed=2)


def test_by_default_those_below_the_median(frame: pd.DataFrame) -> None:
    before, after = scores(frame)
    found = selection(frame)
    lower = before < before.median()

    expected = expected_regression(before, after, lower, find_reference("safety", "mentee"))
    assert numbers(found.found["safety mentee"]) == pytest.approx(numbers(expected))
    assert found.found["safety mentee"].n_used == int(lower.sum())
    assert "Who started low" in render_text(report_on(frame))


def test_whom_a_column_names(frame: pd.DataFrame) -> None:
    before, after = scores(frame)
    named = frame.assign(low=np.where(frame["pair"].isin(before.index[:15]), "Yes", "no"))
    chosen = pd.Series(before.index.isin(before.index[:15]), index=before.index)
    found = selection(named, chosen="low")

    expected = expected_regression(before, after, chosen, find_reference("safety", "mentee"))
    assert numbers(found.found["safety mentee"]) == pytest.approx(numbers(expected))
    assert found.chosen == "low"
    assert "Who was chosen by the baseline" in render_text(report_on(named, chosen="low"))


def test_others_than_those_chosen_would_be_noticed(frame: pd.DataFrame) -> None:
    before, after = scores(frame)
    upper = expected_regression(before, after, before > before.median(), find_reference("safety", "mentee"))

    assert upper.beyond != pytest.approx(selection(frame).found["safety mentee"].beyond, abs=0.05)


def test_without_true_change_those_who_started_low_rise_and_beyond_is_nothing() -> None:
    # True scores with the reference's own retest correlation: what rises is regression alone.
    r = find_reference("safety", "mentee").retest
    rng = np.random.default_rng(8)
    before = pd.Series(3 + rng.normal(size=4_000) * 0.7)
    after = 3 + r * (before - 3) + rng.normal(size=4_000) * 0.7 * np.sqrt(1 - r**2)
    found = expected_regression(before, after, before < before.median(), find_reference("safety", "mentee"))

    assert found.observed is not None
    assert found.observed > 0.1
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


class TestFew:
    @pytest.mark.parametrize("n_chosen", [9, 31])
    def test_fewer_than_ten_on_either_side_stay_hidden(self, frame: pd.DataFrame, n_chosen: int) -> None:
        names = [f"p{n}" for n in range(n_chosen)]
        found = selection(frame.assign(low=frame["pair"].isin(names)), chosen="low")

        assert found.found == {}
        assert any(note.code == "selection.few" for note in found.notes)

    def test_ten_on_either_side_are_shown(self, frame: pd.DataFrame) -> None:
        names = [f"p{n}" for n in range(30)]

        assert len(selection(frame.assign(low=frame["pair"].isin(names)), chosen="low").found) == 4

    def test_the_start_of_one_who_left_cannot_be_computed(self, frame: pd.DataFrame) -> None:
        before, _ = scores(frame)
        lowest = str(before.idxmin())
        gone = (frame["pair"] == lowest) & (frame["role"] == "mentee") & (frame["wave"] == 1)
        found = selection(frame[~gone]).found["safety mentee"]
        left_before, left_after = scores(frame[~gone])
        whole = expected_regression(
            left_before, left_after, before < before.median(), find_reference("safety", "mentee")
        )

        # What the chosen who stayed started with follows from observed, beyond and the retest correlation.
        assert start_of_the_missing(found) == pytest.approx(0.0, abs=1e-9)
        assert found.n_dropped == 1
        assert found.observed is not None
        assert found.expected is not None
        assert found.beyond == pytest.approx(found.observed - found.expected)
        # The negative control: with all the chosen in the mean of the start it is the score of the one.
        assert start_of_the_missing(whole) == pytest.approx(before.min())


def start_of_the_missing(found: ExpectedRegression) -> float:
    """The sum of the starts of those chosen who have no later score, from the numbers that are shown."""
    assert None not in (found.mean_all, found.mean_chosen, found.observed, found.beyond)
    M, own, observed, beyond = map(float, (found.mean_all, found.mean_chosen, found.observed, found.beyond))  # type: ignore[arg-type]
    stayed = (beyond + (1 - found.retest) * M - observed) / (1 - found.retest)
    n = found.n_used
    n_start = n if own == pytest.approx(stayed) else n + found.n_dropped
    return n_start * own - n * stayed


class TestColumn:
    @pytest.mark.parametrize(
        ("column", "said"),
        [
            (lambda frame: np.where(frame["wave"] == 0, "yes", "no"), "is chosen in one row and not in another"),
            (lambda frame: "perhaps", "is neither yes nor no"),
        ],
    )  # fmt: skip
    def test_contradictions_are_refused(self, frame: pd.DataFrame, column: object, said: str) -> None:
        with pytest.raises(ProblemsError, match=said) as error:
            selection(frame.assign(low=column(frame)), chosen="low")  # type: ignore[operator]

        assert error.value.code == "changes.chosen"

    def test_one_row_of_a_person_is_enough(self, frame: pd.DataFrame) -> None:
        low = frame["pair"].isin([f"p{n}" for n in range(15)])
        first = selection(frame.assign(low=low.where(frame["wave"] == 0)), chosen="low")

        assert first.found["safety mentee"].n_used == 15

    def test_of_whom_nothing_is_said_was_not_chosen(self, frame: pd.DataFrame) -> None:
        found = selection(frame.assign(low=None), chosen="low")

        assert found.found == {}

    def test_a_name_with_a_per_cent_sign(self, frame: pd.DataFrame) -> None:
        name = "50% low %(n)d"
        found = selection(frame.assign(**{name: frame["pair"].str[1:].astype(int) < 15}), chosen=name)

        assert any(name in str(note) for note in found.notes)


def test_all_equal_gives_nothing_and_no_section() -> None:
    frame = pairs(25)
    frame[list(SCALES.items)] = 3
    report = report_on(frame)

    assert report.selection.found == {}
    assert "Who started low" not in render_text(report)


def test_missing_at_first_counts_nowhere() -> None:
    frame = without(pairs(40, seed=2), "s1", "mentee", 0, 8)
    frame = frame.assign(**{item: frame[item].where(frame["s1"].notna()) for item in SAFETY})

    assert selection(frame).found["safety mentee"].n_used <= 16
