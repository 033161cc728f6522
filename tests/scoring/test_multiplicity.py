import math

import numpy as np
import pandas as pd
import pytest

from scoring.equivalence import Margin, equivalent_estimate
from scoring.errors import ScoringError
from scoring.multiplicity import Claim, adjust_p, judge_claims


def claim(scale, role="mentor", *, mean=0.5, half=0.3, p=0.01, **more):
    return Claim(f"{scale} {role}", scale, mean - half, mean + half, p, **more)


def test_adjusted_p_keep_labels_and_skip_what_was_not_tested():
    p = pd.Series([0.01, np.nan, 0.04, 0.03], index=list("abcd"), name="p")
    holm = adjust_p(p, "holm")

    # p.adjust(c(.01, .04, .03), "holm") is .03, .06, .06.
    assert holm[["a", "c", "d"]].to_list() == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm["b"])
    assert list(holm.index) == list("abcd")
    assert adjust_p({"x": 0.2, "y": None}, "bh")["x"] == pytest.approx(0.2)
    assert adjust_p([0.2, 0.4], "none").to_list() == [0.2, 0.4]
    assert adjust_p([], "holm").empty
    assert adjust_p([None, math.nan], "holm").isna().all()


def test_adjusting_never_lowers_p_and_keeps_its_order():
    p = pd.Series(np.random.default_rng(1).uniform(size=40) ** 3)
    for method in ("holm", "bh"):
        adjusted = adjust_p(p, method)
        assert (adjusted >= p - 1e-15).all()
        assert (adjusted <= 1).all()
        assert adjusted[p.sort_values().index].is_monotonic_increasing
    assert (adjust_p(p, "bh") <= adjust_p(p, "holm") + 1e-15).all()


def test_families_are_fixed_by_scale():
    report = judge_claims(
        [claim("PS"), claim("PS", "mentee", p=0.2), claim("TR-C"), claim("OUT-STAY")], secondary=["TR-C"]
    )

    assert [judged.family for judged in report.claims] == ["primary", "primary", "secondary", "exploratory"]
    assert report.n_tests == {"primary": 2, "secondary": 1, "exploratory": 1}
    assert report.find("PS mentor").p_adjusted == pytest.approx(0.02)
    assert report.find("TR-C mentor").p_adjusted == pytest.approx(0.01)


def test_exploratory_comparisons_get_neither_stars_nor_words():
    judged = judge_claims([claim("OUT-STAY", p=1e-9)]).claims[0]

    assert (judged.p_adjusted, judged.verdict) == (None, None)
    assert judge_claims([claim("OUT-STAY")]).notes[0].code == "family.exploratory"


def test_a_change_that_is_not_shown_among_others_is_not_called_moved():
    alone = judge_claims([claim("PS", mean=0.42, p=0.03)]).claims[0]
    among = judge_claims([claim("PS", mean=0.42, p=0.03), claim("PW-V", p=0.4, mean=0.0)]).claims[0]

    assert (alone.verdict, alone.notes) == ("moved", ())
    assert among.verdict == "not shown"
    assert among.p_adjusted == pytest.approx(0.06)
    assert among.notes[0].code == "family.among"


def test_a_wide_change_that_falls_is_too_few():
    among = judge_claims([claim("PS", mean=0.9, half=0.7, p=0.03), claim("PW-V", p=0.4)]).claims[0]

    assert among.verdict == "too few"


def test_moved_needs_a_test():
    assert judge_claims([claim("PS", p=None)]).claims[0].verdict == "not shown"
    report = judge_claims([claim("PS", p=None), claim("PW-V", p=math.nan), claim("PS", "mentee")])
    assert [note.code for note in report.notes] == ["family.no_p"]
    assert report.n_tests["primary"] == 1


def test_shut_gates_are_too_few_and_equivalence_stands_alone():
    shut = Claim("PS mentor", "PS", None, None, None)
    small = equivalent_estimate(0.0, 0.05, 40.0, margin=Margin(), n_used=41)
    same = claim("PW-V", mean=0.0, half=0.1, p=0.9, equivalence=small)
    words = [judged.verdict for judged in judge_claims([shut, same]).claims]

    assert words == ["too few", "equivalent"]


def test_null_families_hardly_ever_claim_anything():
    """With its negative control: unadjusted, two scales in two roles claim something more than twice as often as they may."""
    rng = np.random.default_rng(4)
    names = [("PS", "mentor"), ("PS", "mentee"), ("PW-V", "mentor"), ("PW-V", "mentee")]
    z = rng.normal(size=(400, 4))
    p = 2 * np.array([[0.5 * math.erfc(abs(value) / math.sqrt(2)) for value in row] for row in z])
    families = [
        judge_claims(
            [
                # Intervals so narrow that only p decides.
                Claim(f"{s} {r}", s, 2.0 * v - 3.9199, 2.0 * v + 3.9199, q, width=0.001)
                for (s, r), v, q in zip(names, row, ps, strict=True)
            ]
        )
        for row, ps in zip(z, p, strict=True)
    ]
    any_moved = np.mean([any(c.verdict == "moved" for c in f.claims) for f in families])

    assert any_moved <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert (p <= 0.05).any(axis=1).mean() > 0.12


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: adjust_p([1.2], "holm"), "family.p"),
        (lambda: adjust_p(["a"], "holm"), "family.p"),
        (lambda: adjust_p([-0.1], "none"), "family.p"),
        (lambda: adjust_p([0.1], "sidak"), "family.method"),
        (lambda: judge_claims([claim("PS"), claim("PS")]), "family.name"),
        (lambda: judge_claims([claim("PS")], secondary=["PS"]), "family.scale"),
        (lambda: judge_claims([claim("PS")], alpha=0.0), "family.alpha"),
        (lambda: judge_claims([claim("PS")]).find("TR mentor"), "family.unknown"),
    ],
)
def test_what_cannot_be_is_refused(call, code):
    with pytest.raises(ScoringError) as caught:
        call()
    assert caught.value.code == code


def test_no_comparison_is_an_empty_report():
    assert judge_claims([]).claims == ()
