"""The benchmarks run on a few pairs; nothing is timed here."""

import json

import numpy as np
import pytest

from scoring.change import sign_flip_test

# A source distribution has the tests and not the benchmarks.
change = pytest.importorskip("benchmarks.change")
make_answers = pytest.importorskip("benchmarks.change_data").make_answers
ours = pytest.importorskip("benchmarks.change_ours")


@pytest.fixture(scope="module")
def answers():
    return make_answers(12, k_scales=2, n_waves=2)


def test_the_report_of_a_few_pairs_has_its_parts_and_figures(answers):
    report, spent = ours.analyse(answers)
    figures = ours.collect_figures(report)

    assert list(report.scales) == ["s1", "s2"]
    assert {"scores", "means and changes", "sign flips", "cohorts", "single persons", ours.REST} <= set(spent)
    assert all(elapsed >= 0.0 for elapsed, _ in spent.values())
    assert len(figures["mean levels"]) == len(figures["g_av of changes"]) * 2 == 8
    assert len(ours.permute_halves(answers)) == 6
    # Nothing stays watched.
    assert not hasattr(sign_flip_test, "__wrapped__")


def test_people_leave_for_good_and_about_a_tenth_of_the_scores_is_missing():
    answers = make_answers(400)
    people = answers.groupby(["pair", "role"], sort=False)["wave"].agg(["max", "size"])

    assert (people["size"] == people["max"] + 1).all()
    assert 0.07 < 1 - ours.count_scores(answers) / (400 * 2 * 3 * 12) < 0.14
    assert len(ours.items_of(answers)) == 12
    assert answers.groupby("pair")["cohort"].nunique().eq(1).all()


def test_the_page_shows_both_sides_and_what_differs():
    figures = {"mean levels": [3.0, 4.0], "contrasts": [0.5, 0.25], "log-likelihoods": [-10.0, -12.0]}
    parts = {"sign flips": [1.0, 2.0], "mixed model": [1.0, 1.0]}
    names = [
        *("model of intercepts", "Kenward-Roger of intercepts", "model of intercepts with Satterthwaite"),
        *("sign flips with boot", "sign flips, one matrix a scale"),
    ]
    beside = {name: [1.0, 1.0] for name in names}
    common = {"import_seconds": 1.0, "read_seconds": 0.5, "before_mb": 90.0, "peak_mb": 100.0, "remarks": []}
    mine = common | {"parts": parts, "figures": figures, "versions": {"numpy": "2"}, "rows": 9, "k_scores": 8}
    theirs = {**figures, "contrasts": [0.5, 0.75], "log-likelihoods": [-10.0, -13.0]}
    peer = common | {
        "parts": {name: (10.0 * np.array(clock)).tolist() for name, clock in parts.items()},
        "beside": beside,
        "figures": theirs,
        "versions": {"R": "4"},
    }
    growth = [mine | {"size": (n, 2, 2), "rows": n} for n in (10, 100)]
    results = {
        "size": (2, 2, 1),
        "ours": mine,
        "R": peer,
        "growth": [*growth, {"size": (1000, 2, 2), "error": "stopped"}],
        "machine": {"cores": "2"},
    }

    page = change.format_page(json.loads(json.dumps(results)))

    whole = next(line for line in page.splitlines() if line.startswith("whole report"))
    assert whole.split()[2:] == ["2.00", "20.00", "10.0", "3.00", "30.00", "10.0"]
    quickest = next(line for line in page.splitlines() if line.startswith("R's quickest"))
    assert quickest.split()[-6:] == ["2.00", "3.00", "1.5", "3.00", "3.00", "1.0"]
    # The second model of R's stopped short, so its contrast does not count.
    assert "s2 by 1" in page
    assert next(line for line in page.splitlines() if line.startswith("contrasts")).split()[1:] == [
        "1",
        "0.0e+00",
        "0.0e+00",
    ]
    assert "stopped" in page
    assert "0.0 % of the scores" in page


def test_the_auditor_finds_nothing_in_a_small_programme():
    page = pytest.importorskip("benchmarks.auditor").measure(2, 8, 3, 1)

    assert "2 cohorts of 8 pairs, 3 waves, 1 scales" in page
    assert [row.split("|")[3].strip() for row in page.splitlines() if row.startswith("| b")] == ["0", "0"]
