"""Signs of careless answering: each by hand, the rule of two kinds, and target T18."""

import numpy as np
import pandas as pd
import pytest

from scoring.careless import (
    careless_report,
    compare_with_and_without,
    diligence_index,
    even_odd_consistency,
    long_string_index,
    page_time_index,
    robust_distances,
)
from scoring.errors import ScoringError
from scoring.reliability import cronbach_alpha
from scoring.scales import keyed_items
from tests.scoring.simulations.careless import (
    ITEMS,
    KEYS,
    PAGES,
    SUBSCALES,
    draw_sample,
    report_of,
    simulate_careless,
)


def codes_of(result):
    return {note.code for note in result.notes}


def sample(seed=1, n=200, share=0.0):
    return draw_sample(np.random.default_rng(seed), n, share)


# --- page times ----------------------------------------------------------------------------------------------------------------


def test_the_median_page_is_judged_and_two_must_be_fast():
    """Seconds per item by hand, with pages of 4, 2 and 5 items; the cut is 2."""
    seconds = pd.DataFrame(
        {
            "p1": [4.0, 4, 20, np.nan, 4],
            "p2": [2.0, 6, 3, np.nan, np.nan],
            "p3": [15.0, 9, 20, np.nan, np.nan],
        }
    )

    result = page_time_index(seconds, {"p1": 4, "p2": 2, "p3": 5})

    assert result.values.tolist() == pytest.approx([1.0, 1.8, 4.0, np.nan, 1.0], nan_ok=True)
    # The last was fast on the only page seen: one page is no pattern.
    assert result.flags.tolist() == [True, True, False, False, False]
    assert (result.kind, result.cut, result.n_used) == ("time", 2.0, 4)


def test_one_page_is_not_enough():
    result = page_time_index(pd.DataFrame({"p1": [1.0, 2.0]}), {"p1": 4})

    assert (result.converged, codes_of(result)) == (False, {"careless.pages"})
    assert not result.flags.any()


@pytest.mark.parametrize(
    ("seconds", "per_page", "code"),
    [
        ({"p1": [1.0], "p2": [1.0]}, {"p1": 4}, "careless.pages"),
        ({"p1": [1.0], "p2": [1.0]}, {"p1": 4, "p2": 0}, "careless.pages"),
        ({"p1": [-1.0], "p2": [1.0]}, {"p1": 4, "p2": 4}, "careless.number"),
        ({"p1": ["fast"], "p2": [1.0]}, {"p1": 4, "p2": 4}, "careless.number"),
        ({"p1": [np.inf], "p2": [1.0]}, {"p1": 4, "p2": 4}, "careless.number"),
    ],
)
def test_times_that_cannot_be_read_are_refused(seconds, per_page, code):
    with pytest.raises(ScoringError) as caught:
        page_time_index(pd.DataFrame(seconds), per_page)

    assert caught.value.code == code


# --- long strings --------------------------------------------------------------------------------------------------------------


def brute_string(row, member, sign):
    """The longest contradicting run by trying every stretch."""
    best = 0
    for start in range(len(row)):
        for stop in range(start + 1, len(row) + 1):
            run = row[start:stop]
            inside = [place for place in range(start, stop) if member[place] is not None]
            contrast = len({member[p] for p in inside}) > 1 and len({sign[p] for p in inside}) > 1
            if not np.isnan(run).any() and len(set(run)) == 1 and contrast:
                best = max(best, stop - start)
    return best


def test_runs_are_those_of_trying_every_stretch():
    rng = np.random.default_rng(3)
    codes = rng.integers(1, 3, size=(60, 14)).astype(float)
    codes[rng.random(codes.shape) < 0.05] = np.nan
    items = pd.DataFrame(codes, columns=[f"q{number}" for number in range(14)])
    subscales = {"a": ["q0", "q1", "q5", "q6"], "b": ["q2", "q3", "q8"], "c": ["q9", "q10", "q13"]}
    keys = {item: 1 if number % 3 else -1 for number, item in enumerate(items)}

    result = long_string_index(items, keys, subscales)

    owner = {item: name for name, members in subscales.items() for item in members}
    member = [owner.get(item) for item in items]
    sign = [keys[item] for item in items]
    assert result.values.tolist() == [brute_string(row, member, sign) for row in codes]
    assert result.values.max() > 3


@pytest.mark.parametrize(("length", "flagged"), [(12, False), (13, True)])
def test_more_than_twelve_equal_codes_are_too_many(length, flagged):
    row = [3.0] * length + [float(1 + place % 2) for place in range(len(ITEMS) - length)]

    result = long_string_index(pd.DataFrame([row], columns=ITEMS), KEYS, SUBSCALES)

    assert (result.values[0], result.flags[0]) == (length, flagged)


def test_a_line_over_one_direction_or_one_subscale_is_no_contradiction():
    """Negative control: the same straight lines count once the keys and subscales contrast, and not otherwise."""
    line = pd.DataFrame(4.0, index=[0], columns=ITEMS)

    assert long_string_index(line, KEYS, SUBSCALES).flags[0]
    for keys, subscales in ((dict.fromkeys(ITEMS, 1), SUBSCALES), (KEYS, {"all": ITEMS})):
        result = long_string_index(line, keys, subscales)
        assert (result.converged, codes_of(result), result.flags[0]) == (False, {"careless.contrast"}, False)


def test_a_short_questionnaire_says_that_no_string_can_be_long():
    result = long_string_index(
        pd.DataFrame([[1.0, 1]], columns=["a", "b"]), {"a": 1, "b": -1}, {"x": ["a"], "y": ["b"]}
    )

    assert (result.values[0], codes_of(result)) == (2, {"careless.short"})


# --- even-odd consistency ------------------------------------------------------------------------------------------------------


def six_subscales(odd, even):
    """One respondent whose odd and even items of six subscales are as given."""
    values = [value for pair in zip(odd, even, strict=True) for value in pair]
    names = [f"s{s}{half}" for s in range(6) for half in "oe"]
    return pd.DataFrame([values], columns=names, dtype=float), {
        f"s{s}": [f"s{s}o", f"s{s}e"] for s in range(6)
    }


@pytest.mark.parametrize(
    ("odd", "even"),
    [
        ([1, 2, 3, 4, 5, 3], [1, 2, 3, 4, 5, 3]),
        ([1, 2, 3, 4, 5, 3], [2, 1, 4, 3, 5, 2]),
        ([1, 2, 3, 4, 5, 3], [3, 5, 1, 2, 4, 4]),
        ([1, 2, 3, 4, 5, 3], [5, 4, 3, 2, 1, 3]),
    ],
)
def test_consistency_is_the_stepped_up_correlation(odd, even):
    r = np.corrcoef(odd, even)[0, 1]

    result = even_odd_consistency(*six_subscales(odd, even))

    expected = max(2 * r / (1 + r), -1) if r > -1 else -1
    assert result.values[0] == pytest.approx(expected, abs=1e-12)
    assert result.flags[0] == (expected < 0.30)


def test_halves_are_means_of_answered_items_and_six_are_needed():
    items, subscales = six_subscales([1, 2, 3, 4, 5, 3], [2, 1, 4, 3, 5, 2])
    more = items.assign(x=[2.0], y=[3.0])
    longer = {**subscales, "s6": ["x", "y"]}
    gap = more.assign(s0o=np.nan)

    assert even_odd_consistency(gap, longer).values[0] == pytest.approx(
        even_odd_consistency(
            *(gap.drop(columns=["s0o", "s0e"]), {k: v for k, v in longer.items() if k != "s0"})
        ).values[0]
    )
    assert np.isnan(even_odd_consistency(gap.assign(x=np.nan), longer).values[0])
    few = even_odd_consistency(items, dict(list(subscales.items())[:5]))
    assert (few.converged, codes_of(few)) == (False, {"careless.subscales"})


def test_a_person_without_differences_has_no_consistency():
    result = even_odd_consistency(*six_subscales([3] * 6, [3] * 6))

    assert np.isnan(result.values[0])
    assert not result.flags[0]
    assert codes_of(result) == {"careless.flat"}


def test_a_wrong_key_drops_the_consistency():
    """Negative control: one item of each subscale keyed the wrong way, and careful people look careless."""
    items = sample(4, 300).items
    wrong = {item: -key if item.endswith("i0") else key for item, key in KEYS.items()}

    right, turned = (
        even_odd_consistency(keyed_items(items, keys, minimum=1, maximum=5), SUBSCALES)
        for keys in (KEYS, wrong)
    )

    assert right.values.median() > 0.6
    assert turned.values.median() < right.values.median() - 0.3
    assert turned.flags.mean() > 3 * right.flags.mean()


# --- distances -----------------------------------------------------------------------------------------------------------------


def test_planted_outliers_lie_far_and_others_do_not():
    rng = np.random.default_rng(5)
    mixing = rng.normal(size=(6, 6))
    answers = rng.normal(size=(400, 6)) @ mixing
    answers[:20] = rng.normal(size=(20, 6)) * 6 @ mixing

    result = robust_distances(pd.DataFrame(answers, columns=list("abcdef")))

    assert result.flags[:20].mean() > 0.8
    assert result.flags[20:].mean() < 0.03


@pytest.mark.parametrize(("n", "k"), [(80, 6), (200, 24)])
def test_one_careful_person_in_a_hundred_is_flagged_at_any_size(n, k):
    """The chi-square cut, as a negative control, calls many more of them outliers."""
    from scipy.stats import chi2

    rng = np.random.default_rng(n)
    results = [robust_distances(pd.DataFrame(rng.normal(size=(n, k))).rename(columns=str)) for _ in range(12)]

    assert np.mean([result.flags.mean() for result in results]) == pytest.approx(0.01, abs=0.012)
    naive = np.mean([(result.values > chi2.ppf(0.99, k)).mean() for result in results])
    assert naive > (0.03 if k == 6 else 0.10)


def test_distances_do_not_change_with_keys_units_or_a_second_run():
    items = sample(6, 200).items

    raw = robust_distances(items)
    turned = robust_distances(keyed_items(items, KEYS, minimum=1, maximum=5) * 25 - 25)

    assert turned.values.tolist() == pytest.approx(raw.values.tolist(), rel=1e-6)
    pd.testing.assert_series_equal(raw.values, robust_distances(items).values)


def test_distances_need_people_and_spread():
    items = sample(6, 161).items
    holed = sample(6, 200).items
    holed.iloc[3, 3] = np.nan

    assert robust_distances(items).converged
    few = robust_distances(items.iloc[:160])
    assert (few.converged, codes_of(few)) == (False, {"careless.persons"})
    for spoiled in (items.assign(s0i0=3.0), items.assign(s0i0=items["s1i1"] + items["s2i2"])):
        result = robust_distances(spoiled)
        assert (result.converged, codes_of(result)) == (False, {"careless.spread"})
    incomplete = robust_distances(holed)
    assert np.isnan(incomplete.values[3])
    assert codes_of(incomplete) == {"careless.incomplete"}


def test_an_item_that_nearly_all_answer_alike_accuses_nobody():
    items = sample(6, 200).items
    items["s0i0"] = np.where(np.arange(200) < 8, 4.0, 5.0)

    result = robust_distances(items)

    assert result.values.notna().all()
    assert result.flags.mean() < 0.10


# --- own word ------------------------------------------------------------------------------------------------------------------


def test_respondents_are_taken_at_their_word():
    result = diligence_index(pd.Series([1.0, 3, 4, np.nan]), 3)

    assert result.flags.tolist() == [True, False, False, False]
    assert (result.n_used, result.cut) == (3, 3)


# --- the report ----------------------------------------------------------------------------------------------------------------


def test_two_kinds_make_a_flag_and_one_does_not():
    drawn = sample(7, 200)
    items, seconds = drawn.items.copy(), drawn.seconds.copy()
    items.iloc[0], items.iloc[1] = 4.0, 4.0
    seconds.iloc[0], seconds.iloc[2] = 4.0, 4.0
    diligence = pd.Series(5.0, index=items.index)
    diligence.iloc[2] = 1.0

    report = careless_report(
        items,
        keys=KEYS,
        subscales=SUBSCALES,
        minimum=1,
        maximum=5,
        seconds=seconds,
        items_per_page=PAGES,
        diligence=diligence,
        diligence_minimum=3,
    )

    rows = report.respondents
    assert rows.loc[0, ["flag_string", "flag_time", "flagged"]].tolist() == [True, True, True]
    assert rows.loc[1, ["flag_string", "flag_time"]].tolist() == [True, False]
    assert rows.loc[2, ["flag_self_report", "flag_time", "flagged"]].tolist() == [True, True, True]
    assert (rows["flagged"] == (rows["n_kinds"] >= 2)).all()
    assert report.n_flagged == rows["flagged"].sum()
    assert report.rate == report.n_flagged / 200
    assert report.counts["self-report"] == 1
    assert (rows.loc[0, "seconds_per_item"], rows.loc[0, "long_string"]) == (1.0, 32)
    # Nobody is left out.
    assert list(rows.index) == list(items.index)


def test_who_answered_nothing_is_not_judged():
    drawn = sample(7, 60)
    items = drawn.items.copy()
    items.iloc[5] = np.nan

    report = careless_report(
        items,
        keys=KEYS,
        subscales=SUBSCALES,
        minimum=1,
        maximum=5,
        seconds=drawn.seconds * 0 + 1,
        items_per_page=PAGES,
    )

    assert (report.n_used, report.n_dropped, report.counts["time"]) == (59, 1, 59)
    assert not report.respondents.loc[5, "flagged"]
    assert "careless.empty" in codes_of(report)


def test_one_kind_alone_flags_nobody_and_says_so():
    items = pd.DataFrame([[1.0, 5], [2, 4], [3, 3]], columns=["a", "b"])

    report = careless_report(
        items, keys={"a": 1, "b": -1}, subscales={"x": ["a"], "y": ["b"]}, minimum=1, maximum=5
    )

    assert (report.converged, report.n_flagged, report.rate) == (False, 0, None)
    assert {"careless.kinds", "careless.subscales", "careless.persons"} <= codes_of(report)
    assert all(str(note) for note in report.notes)


def test_a_doubled_index_keeps_its_rows():
    drawn = sample(8, 60)

    plain = report_of(drawn).respondents
    doubled = report_of(
        type(drawn)(drawn.items.set_axis([1] * 60), drawn.seconds.set_axis([1] * 60), drawn.sort)
    ).respondents

    pd.testing.assert_frame_equal(plain, doubled.set_axis(plain.index))


def test_an_empty_table_is_survived():
    drawn = sample(8, 60)

    report = report_of(type(drawn)(drawn.items.iloc[:0], drawn.seconds.iloc[:0], drawn.sort[:0]))

    assert (report.n_used, report.n_flagged, report.rate) == (0, 0, None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"keys": {**KEYS, "s0i0": 2}}, "keys.sign"),
        ({"keys": {item: 1 for item in ITEMS if item != "s0i0"}}, "careless.keys"),
        ({"subscales": {**SUBSCALES, "more": ["s0i0"]}}, "careless.subscale"),
        ({"subscales": {**SUBSCALES, "more": ["elsewhere"]}}, "careless.subscale"),
        ({"maximum": 4}, "keys.code"),
        ({"items_per_page": PAGES}, "careless.options"),
        ({"diligence": pd.Series(3.0, index=range(30))}, "careless.options"),
        ({"diligence": pd.Series([3.0]), "diligence_minimum": 2}, "careless.rows"),
        ({"seconds": pd.DataFrame({"p": [1.0]}), "items_per_page": {"p": 1}}, "careless.rows"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, code):
    options = {"keys": KEYS, "subscales": SUBSCALES, "minimum": 1, "maximum": 5, **change}

    with pytest.raises(ScoringError) as caught:
        careless_report(sample(1, 30).items, **options)

    assert caught.value.code == code


@pytest.mark.parametrize("value", ["text", np.inf])
def test_codes_that_cannot_be_read_are_refused(value):
    items = sample(1, 30).items.astype(object)
    items.iloc[0, 0] = value

    with pytest.raises(ScoringError):
        careless_report(items, keys=KEYS, subscales=SUBSCALES, minimum=1, maximum=5)


# --- with and without ----------------------------------------------------------------------------------------------------------


def test_a_statistic_is_shown_with_and_without_the_flagged():
    drawn = sample(9, 300, share=0.15)
    keyed = keyed_items(drawn.items, KEYS, minimum=1, maximum=5)[SUBSCALES["s0"]]
    flagged = report_of(drawn).respondents["flagged"]

    both = compare_with_and_without(
        cronbach_alpha, keyed, flagged, verdict=lambda result: result.value >= 0.80
    )

    assert both.everybody == cronbach_alpha(keyed)
    assert both.without_flagged == cronbach_alpha(keyed[~flagged])
    assert both.without_flagged.value > both.everybody.value
    assert both.changed == ((both.everybody.value >= 0.8) != (both.without_flagged.value >= 0.8))
    assert (both.n_everybody, both.n_flagged) == (300, int(flagged.sum()))


def test_without_flags_both_are_the_same_and_without_people_it_is_said():
    items = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [1.0, 3, 3, 4]})

    def refusing(table):
        if len(table) < 4:
            raise ScoringError("small", "Too few: %(n)d.", "Ask more.", n=len(table))
        return len(table)

    nobody = compare_with_and_without(refusing, items, pd.Series([False] * 4))
    some = compare_with_and_without(refusing, items, pd.Series([False, True, False, False]), verdict=bool)

    assert (nobody.everybody, nobody.without_flagged, nobody.changed, nobody.notes) == (4, 4, None, ())
    assert (some.without_flagged, some.changed) == (None, None)
    assert "Too few: 3." in str(some.notes[0])
    with pytest.raises(ScoringError) as caught:
        compare_with_and_without(refusing, items, pd.Series([True]))
    assert caught.value.code == "careless.rows"


# --- target T18 ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [60, 200])
def test_careful_people_are_spared_and_straight_lines_found(n):
    """T18 at 5 to 15 % careless answers: specificity at least .97, straight lines at least .50."""
    figures = simulate_careless(60, n, n)

    assert figures.specificity >= 0.97
    assert figures.straight >= 0.50


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 60, 100, 200, 300])
def test_careful_people_are_spared_at_every_size(n):
    with_times, without = simulate_careless(600, n, n), simulate_careless(600, n, n, times=False)
    print(with_times, without, sep="\n")

    assert min(with_times.specificity, without.specificity) >= 0.97
    assert with_times.straight >= 0.50
    # Without times a straight line shows one kind of sign only, so it cannot be flagged below the size for distances.
    assert without.straight == 0 or n > 160
