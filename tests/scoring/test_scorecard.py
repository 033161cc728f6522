import numpy as np
import pandas as pd
import pytest

from scoring.change import mean_change
from scoring.equivalence import equivalent_change
from scoring.errors import ScoringError
from scoring.scorecard import Objective, ScaleChange, objective_scorecard


def change(scale, role="mentor", *, mean=0.0, n=40, sd=0.5, equivalence=False):
    """A change of exactly this mean and spread."""
    z = np.random.default_rng(len(scale)).normal(size=n)
    index = [f"p{i}" for i in range(n)]
    before = pd.Series(3.0 + 0.3 * np.random.default_rng(7).normal(size=n), index=index)
    d = pd.Series(mean + sd * (z - z.mean()) / z.std(ddof=1) if n > 1 else np.full(n, mean), index=index)
    test = equivalent_change(d) if equivalence else None
    return ScaleChange(scale, role, mean_change(before, before + d), test)


SAFE = Objective("People speak up", ("PS", "PW-V"))


def card(*changes, objectives=(SAFE,), **options):
    return objective_scorecard(list(objectives), list(changes), **options)


def test_an_objective_shows_each_scale_and_role():
    found = card(
        change("PW-V", mean=0.5), change("PS", mean=0.5), change("PS", "mentee"), change("TR", mean=2.0)
    )
    scored = found.find("People speak up")

    assert [(line.scale, line.role) for line in scored.lines] == [
        ("PS", "mentor"),
        ("PS", "mentee"),
        ("PW-V", "mentor"),
    ]
    assert [line.verdict for line in scored.lines] == ["moved", "not shown", "moved"]
    assert (scored.verdict, scored.direction) == ("moved", "as wished")
    assert found.wording == "changed during"
    assert len(found.families.claims) == 3


def test_comparisons_are_judged_in_their_families():
    skill = Objective("Seniors learn", ("LG", "OP"))
    found = card(
        change("PS", mean=0.2),
        change("PW-V"),
        change("LG", mean=0.5),
        change("OP", mean=0.5),
        objectives=(SAFE, skill),
    )

    families = [claim.family for claim in found.families.claims]
    assert families == ["primary", "primary", "secondary", "secondary"]
    assert found.families.claims[0].p_adjusted == pytest.approx(2 * found.families.claims[0].claim.p)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ([change("PS", n=12, sd=2.0), change("PW-V", n=12, sd=2.0)], "too few"),
        ([change("PS", n=200, equivalence=True), change("PW-V", n=200, equivalence=True)], "equivalent"),
        ([change("PS", n=200, equivalence=True), change("PW-V")], "not shown"),
        ([change("PS", n=12, sd=2.0), change("PW-V")], "not shown"),
        ([change("PS", n=4), change("PW-V", n=3)], None),
        ([change("PS", n=4), change("PW-V", mean=0.6)], "moved"),
        ([change("PS", n=8), change("PW-V", n=7)], "too few"),
    ],
)
def test_the_word_of_an_objective_follows_those_of_its_scales(changes, verdict):
    scored = card(*changes).objectives[0]

    assert (scored.verdict, scored.direction is None) == (verdict, verdict != "moved")


def test_direction_follows_the_wish():
    friction = Objective("Less friction", ("CF",), {"CF": "lower"})

    assert card(change("CF", mean=-0.6), objectives=(friction,)).objectives[0].direction == "as wished"
    worse = card(change("CF", mean=0.6), objectives=(friction,)).objectives[0]
    assert (worse.verdict, worse.direction, worse.notes[-1].code) == ("moved", "against", "scorecard.against")
    both = card(change("PS", mean=0.6), change("PW-V", mean=-0.6)).objectives[0]
    assert both.direction == "both ways"


def test_a_scale_without_change_is_named():
    scored = card(change("PS", mean=0.6), known_scales=["PS", "PW-V", "TR"]).objectives[0]

    assert scored.unmeasured == ("PW-V",)
    assert "PW-V" in str(scored.notes[0])
    assert scored.verdict == "moved"
    nothing = card(known_scales=["PS", "PW-V"]).objectives[0]
    assert (nothing.verdict, nothing.lines, nothing.unmeasured) == (None, (), ("PS", "PW-V"))


def test_a_comparison_that_serves_two_objectives_counts_once():
    other = Objective("Trust", ("PS",))
    found = card(change("PS", mean=0.6), change("PW-V"), objectives=(SAFE, other))

    assert found.families.n_tests["primary"] == 2
    assert found.find("Trust").verdict == "moved"


def test_changes_without_spread_keep_their_own_word():
    same = change("PS", mean=0.5, sd=0.0)
    scored = card(same, change("PW-V"), known_scales=["PS", "PW-V"]).objectives[0]

    assert scored.lines[0].verdict == same.change.verdict


def test_no_objective_has_a_number():
    assert not any(
        isinstance(getattr(card(change("PS"), change("PW-V")).objectives[0], name), float)
        for name in ("verdict", "direction", "unmeasured", "notes", "lines", "objective")
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: card(change("PS"), change("PW-V")).find("Profit"), "scorecard.unknown"),
        (lambda: card(change("PS")), "scorecard.scale"),
        (lambda: card(change("PS"), change("PW-V"), known_scales=["PS"]), "scorecard.scale"),
        (lambda: card(objectives=()), "scorecard.objectives"),
        (lambda: card(change("PS"), change("PW-V"), objectives=(SAFE, SAFE)), "scorecard.objectives"),
        (
            lambda: card(change("PS"), objectives=[Objective(f"o{i}", ("PS",)) for i in range(6)]),
            "scorecard.objectives",
        ),
        (lambda: card(change("PS"), change("PS"), change("PW-V")), "scorecard.change"),
        (lambda: Objective("Nothing", ()), "scorecard.objective"),
        (lambda: Objective(" ", ("PS",)), "scorecard.objective"),
        (lambda: Objective("Twice", ("PS", "PS")), "scorecard.objective"),
        (lambda: Objective("Strange", ("PS",), {"TR": "lower"}), "scorecard.wish"),
        (lambda: Objective("Strange", ("PS",), {"PS": "sideways"}), "scorecard.wish"),
        (lambda: card(change("PS"), change("PW-V"), alpha=2.0), "family.alpha"),
    ],
)
def test_what_cannot_be_is_refused(call, code):
    with pytest.raises(ScoringError) as caught:
        call()
    assert caught.value.code == code
