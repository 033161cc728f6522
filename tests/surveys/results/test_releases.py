"""A closed wave is frozen once, says only what the rules allow, and stays as it is."""

import functools
import threading
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
import scipy.stats
from sqlalchemy import delete, func, select

from instruments.answers import AnswerValue
from instruments.digests import canonical_json
from instruments.model import Role, WaveKind
from scoring import disclosure
from scoring.disclosure import ALL_RULES, Cell, Rule, decide_release
from surveys import programs, published, releases, responses, waves
from surveys.audit import list_events
from surveys.datasets import WaveStillOpenError
from surveys.errors import ReleaseAuditError
from surveys.models import AuditEvent, PublishedGroup, Release, Respondent, Response, Wave
from surveys.release_menu import find_families

MENTOR, MENTEE = Role.MENTOR, Role.MENTEE
TC, T2 = WaveKind.TC, WaveKind.T2
# Twelve people's answers to A1, A2, A3 (reversed) before and after; the scores are (A1 + A2 + 6 - A3) / 3.
BEFORE = [(2, 3, 4), (3, 3, 3), (1, 2, 5), (4, 3, 2), (2, 2, 4), (3, 4, 2), (3, 2, 3), (2, 4, 4), (5, 4, 2), (3, 3, 4), (2, 3, 3), (4, 4, 3)]  # fmt: skip
AFTER = [(4, 3, 2), (4, 3, 2), (2, 3, 4), (4, 4, 2), (3, 3, 4), (2, 4, 3), (4, 2, 3), (3, 4, 2), (4, 4, 2), (3, 3, 2), (4, 3, 2), (4, 5, 3)]  # fmt: skip


def score(triples):
    return np.array([(a + b + 6 - c) / 3 for a, b, c in triples])


def ask_twice(study, ease, before, after, *, name="Finance", role=MENTOR):
    """Two closed and frozen waves of a new cohort; answers by person, in order."""
    cohort = study.cohort(name)
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, role, ease(*before))
    study.answer(second, role, ease(*after))
    return study.view(first), study.view(second)


def without(monkeypatch, *rules):
    """Switch off release rules: the negative control of the tests that rest on them."""
    kept = functools.partial(decide_release, rules=ALL_RULES - set(rules))
    monkeypatch.setattr(disclosure, "decide_release", kept)


# --- the figures ----------------------------------------------------------------------------------------------------


def test_level_and_change_are_the_means_of_the_scores(study, ease):
    first, second = ask_twice(study, ease, BEFORE, AFTER)
    level, change = first.scale(MENTOR, "AA").level, second.scale(MENTOR, "AA").change
    differences = score(AFTER) - score(BEFORE)

    assert (level.shown, level.n, level.mean) == (True, 12, round(score(BEFORE).mean(), 1))
    assert (change.from_wave, change.n, change.mean) == (TC, 12, round(differences.mean(), 2))
    # The intervals are scipy's, an implementation of its own.
    of_level = scipy.stats.ttest_1samp(score(BEFORE), 0).confidence_interval()
    assert (level.low, level.high) == pytest.approx(of_level, abs=0.05)
    of_change = scipy.stats.ttest_rel(score(AFTER), score(BEFORE)).confidence_interval()
    assert (change.low, change.high) == pytest.approx(of_change, abs=0.005)
    assert change.verdict == "moved"


def sign_flip_p(differences):
    """The share of all sign patterns whose sum is at least as far from 0, in whole thirds, counted pattern by pattern."""
    whole = [round(3 * difference) for difference in differences]
    counts = Counter({0: 1})
    for step in whole:
        counts = sum(
            (Counter({total + sign * step: n for total, n in counts.items()}) for sign in (1, -1)), Counter()
        )
    return sum(n for total, n in counts.items() if abs(total) >= abs(sum(whole))) / 2 ** len(whole)


def test_p_and_effect_size_are_those_of_the_scores(study, ease):
    before, after = [*BEFORE[:8], *AFTER], [*AFTER[:8], *BEFORE[3:], *AFTER[:3]]
    _first, second = ask_twice(study, ease, before, after)
    change = second.scale(MENTOR, "AA").change
    assert change.n == 20
    # From some size on patterns are drawn, not counted.
    assert change.p == pytest.approx(sign_flip_p(score(after) - score(before)), abs=0.015)
    assert change.g_low < change.g < change.g_high


@pytest.mark.parametrize("off", [False, True])
def test_of_ten_people_no_p_says_that_every_single_one_rose(study, ease, monkeypatch, off):
    rises = [1, 1, 2, 1, 3, 1, 2, 4, 1, 5]
    # Whatever ten people's changes are, two sign patterns of 1,024 reach their sum only if all changes have one sign.
    rng = np.random.default_rng(3)
    for _ in range(200):
        steps = rng.integers(-2, 5, 10)
        assert (round(sign_flip_p(steps / 3), 3) == 0.002) is bool((steps > 0).all() or (steps < 0).all())
    if off:
        monkeypatch.setattr(published, "TESTED_REPORT", 10)
    after = [(2 + min(rise, 3), 3, 3 - max(rise - 3, 0)) for rise in rises]
    _first, second = ask_twice(study, ease, [(2, 3, 3)] * 10, after)
    change = second.scale(MENTOR, "AA").change
    assert (change.shown, change.n, change.mean) == (True, 10, 0.7)
    assert (change.p, change.g is not None) == ((0.002, True) if off else (None, False))
    # Of twenty people such a p lies far below the smallest that is printed, which many other answers reach too.
    assert published.SMALLEST_P / 100 > 2 / 2**20


def test_waves_are_compared_only_where_the_words_are_the_same(study, ease):
    cohort = study.cohort("Three waves")
    by_kind = {kind: study.wave(cohort, kind) for kind in (WaveKind.T0, TC, T2)}
    for wave in by_kind.values():
        study.answer(
            wave, MENTOR, {n: {"A1": 3, "A2": 3, "A3": n % 3 + 1, "B1": n % 4 + 1, "B2": 4} for n in range(6)}
        )
    views = {kind: study.view(wave) for kind, wave in by_kind.items()}
    # A2 is worded as an expectation at T0, and at TC one of the two items of BB is not asked.
    assert views[TC].scale(MENTOR, "AA").change is None
    assert views[TC].scale(MENTOR, "BB") is None
    assert views[T2].scale(MENTOR, "AA").change.from_wave is TC
    assert views[T2].scale(MENTOR, "BB").change.from_wave is WaveKind.T0
    assert views[WaveKind.T0].scale(MENTOR, "BB").change is None


def test_a_wave_that_is_still_open_is_not_compared_with(study, ease):
    cohort = study.cohort("Out of turn")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*BEFORE))
    study.answer(second, MENTOR, ease(*AFTER))
    assert study.view(second).scale(MENTOR, "AA").change is None
    assert study.view(first).scale(MENTOR, "AA").level.shown


def test_five_to_nine_people_show_nothing_of_their_spread(study, ease):
    alike = [(3, 3, 3)] * 6
    apart = [(1, 1, 5), (5, 5, 1)] * 3
    bodies = []
    for name, before in (("Alike", alike), ("Apart", apart)):
        after = [(min(a + 1, 5), b, c) if place < 3 else (a, b, c) for place, (a, b, c) in enumerate(before)]
        after = [(4, 3, 3)] * 3 + [(3, 3, 3)] * 3 if name == "Alike" else [*before[:3], *after[3:]]
        if name == "Apart":
            after = [(2, 1, 5), (5, 5, 1), (2, 1, 5), (5, 5, 1), (2, 1, 5), (5, 5, 1)]
        _first, second = ask_twice(study, ease, before, after, name=name)
        bodies.append(second.body["roles"]["mentor"]["scales"]["AA"])
    assert bodies[0] == bodies[1]
    assert bodies[0]["change"]["interval_kind"] == "reference"
    assert bodies[0]["change"]["verdict"] == "too few"
    assert bodies[0]["change"]["p"] is None


def test_a_unanimous_group_shows_a_bound_and_no_narrow_interval(study, ease):
    first, second = ask_twice(study, ease, [(5, 5, 1)] * 12, [(5, 5, 1)] * 12)
    level, change = first.scale(MENTOR, "AA").level, second.scale(MENTOR, "AA").change
    assert (level.mean, level.bound, level.low) == (4.8, "at least", None)
    assert (change.mean, change.p, change.g) == (0.0, None, None)
    assert change.low < -0.1 < 0.1 < change.high
    assert change.verdict == "not shown"


# --- the floor ------------------------------------------------------------------------------------------------------


def test_nobody_and_four_people_give_the_same_release_byte_for_byte(study, ease):
    bodies = []
    for n in range(6):
        cohort = study.cohort(f"Mentors {n}")
        first, second = study.wave(cohort, TC), study.wave(cohort, T2)
        for wave in (first, second):
            study.answer(wave, MENTEE, ease(*BEFORE))
            study.answer(wave, MENTOR, ease(*AFTER[:n]))
        bodies.append((canonical_json(study.freeze(first).body), canonical_json(study.freeze(second).body)))
    assert len(set(bodies[:5])) == 1
    # Five people are shown, so the bodies do depend on the mentors.
    assert bodies[5] != bodies[0]
    assert bodies[5][0].replace('"shown":true', "") != bodies[5][0]


def test_without_the_floor_four_people_would_be_shown(study, ease, monkeypatch):
    without(monkeypatch, Rule.FLOOR)
    monkeypatch.setattr(disclosure, "floor_of", lambda *_: 1)
    wave = study.wave(study.cohort("Four"), TC)
    study.answer(wave, MENTOR, ease(*AFTER[:4]))
    with pytest.raises(ValueError, match="too small"):
        study.freeze(wave)


def test_a_wave_that_nobody_answered_is_frozen_with_nothing_shown(study):
    view = study.view(study.wave(study.cohort("Silent"), T2))
    cells = [scale.level for role in view.roles.values() for scale in role.scales.values()]
    assert len(cells) == 4
    assert not any(cell.shown for cell in cells)
    assert study.session.scalar(select(func.count()).select_from(PublishedGroup)) == 0


@pytest.mark.parametrize(("people", "shown"), [({2: 1}, False), ({}, True)])
def test_five_answers_of_four_people_are_not_shown(study, ease, people, shown):
    wave = study.wave(study.cohort("Several mentees"), TC)
    study.answer(wave, MENTOR, ease(*AFTER[:5]), people=people)
    assert study.view(wave).scale(MENTOR, "AA").level.shown is shown


def test_a_raised_floor_holds(study, ease):
    study.program.floor = 7
    views = []
    for n in (6, 7):
        wave = study.wave(study.cohort(f"Floor {n}"), TC)
        study.answer(wave, MENTOR, ease(*AFTER[:n]))
        views.append(study.view(wave))
    assert [view.scale(MENTOR, "AA").level.shown for view in views] == [False, True]
    assert views[0].floor == 7


def test_a_sensitive_scale_needs_ten_people(core_study):
    shown = {}
    for n in (9, 10):
        wave = core_study.wave(core_study.cohort(f"Mentees {n}"), WaveKind.T0)
        items = {item: 2 for scale in ("OP", "OP_T") for item in core_study.instrument.scale(scale).keys}
        core_study.answer(wave, MENTEE, dict.fromkeys(range(n), items))
        view = core_study.view(wave)
        shown[n] = [view.scale(MENTEE, scale).level.shown for scale in ("OP", "OP_T")]
    assert shown == {9: [True, False], 10: [True, True]}


# --- subtracting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "joined", "level_shown"),
    [(0, 0, True), (1, 0, False), (4, 0, False), (5, 0, True), (0, 1, False), (0, 5, True), (5, 4, False)],
)
def test_change_and_both_levels_are_shown_only_if_no_few_people_left_or_joined(
    study, ease, left, joined, level_shown
):
    triples = (BEFORE + AFTER)[:20]
    stayed = triples[: 20 - left - joined]
    first, second = study.wave(cohort := study.cohort("Dropout"), TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*stayed) | ease(*triples[:left], first=100))
    study.answer(second, MENTOR, ease(*stayed) | ease(*triples[:joined], first=200))
    before, after = study.view(first).scale(MENTOR, "AA"), study.view(second).scale(MENTOR, "AA")
    assert before.level.shown
    assert after.change.shown
    assert after.level.shown is level_shown


def test_without_the_dropout_rule_the_auditor_refuses_and_nothing_is_stored(study, ease, monkeypatch):
    without(monkeypatch, Rule.DROPOUT)
    first, second = study.wave(cohort := study.cohort("Leaver"), TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*BEFORE))
    study.answer(second, MENTOR, ease(*AFTER[:11]))
    assert study.view(first).scale(MENTOR, "AA").level.n == 12
    groups = select(func.count()).select_from(PublishedGroup)
    with pytest.raises(ReleaseAuditError) as caught:
        study.freeze(second)
    problem = caught.value
    assert problem.code == "few"
    assert problem.params["numbers"] == "level mentor AA TC; change mentor AA TC T2; level mentor AA T2"
    # The level goes rather than the change.
    assert problem.params["proposal"] == "level mentor AA T2"
    assert problem.withhold == (("level", "mentor", "AA"),)
    assert not any(key in str(problem) for key in study.keys.values())
    assert releases.release_of(study.session, second) is None
    assert study.session.scalar(groups) == 1
    # Nor would it be known without the auditor that one person's answer follows from the three.
    monkeypatch.setattr(releases, "find_withheld", lambda *_: frozenset())
    after = study.view(second).scale(MENTOR, "AA")
    assert (after.level.n, after.change.n) == (11, 11)


def test_what_leaves_everybody_at_the_top_is_withheld_without_a_word(study, monkeypatch):
    # Five people with a mean of 4.0 rise by 1.0 on average: then all of them are at the top, whatever the border hides.
    stored = []
    for name in ("Audited", "Not audited"):
        if stored:
            monkeypatch.setattr(releases, "find_withheld", lambda *_: frozenset())
        first, second = study.wave(cohort := study.cohort(name), WaveKind.T0), study.wave(cohort, T2)
        for wave, code in ((first, 4), (second, 5)):
            study.answer(wave, MENTOR, {n: {"B1": code, "B2": code} for n in range(5)})
        assert study.view(first).scale(MENTOR, "BB").level.mean == 4.0
        stored.append(study.view(second).body["roles"]["mentor"]["scales"]["BB"])
    audited, betrayed = stored
    assert betrayed["level"]["bound"] == "at least"
    assert betrayed["change"]["mean"] == 1.0
    assert audited["change"] == {"shown": False}
    assert audited["level"] == betrayed["level"]


@pytest.mark.parametrize(("missing", "shown"), [((2, 0), False), ((1, 1), True)])
def test_what_only_one_respondent_could_work_out_is_withheld_too(study, missing, shown):
    # "At least 4.8" of five people leaves one point missing. Who knows to have missed it all knows the others to be at the top.
    wave = study.wave(study.cohort("Five"), T2)
    codes = [5 - (missing[n] if n < 2 else 0) for n in range(5)]
    study.answer(wave, MENTOR, {n: {"B1": code, "B2": 5} for n, code in enumerate(codes)})
    assert study.view(wave).scale(MENTOR, "BB").level.shown is shown


def test_who_leaves_one_of_two_pairs_counts_as_an_answer_left_behind(study, ease):
    cohort = study.cohort("Two mentees")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*BEFORE), people={2: 1})
    study.answer(second, MENTOR, {n: row for n, row in ease(*AFTER).items() if n != 2}, people={2: 1})
    study.view(first)
    after = study.view(second).scale(MENTOR, "AA")
    assert (after.change.shown, after.change.n, after.level.shown) == (True, 11, False)
    # Had the rules been told of people only, the same eleven would stand behind all three numbers.
    people = frozenset(map(str, range(11)))
    cells = [Cell(quantity, people, people) for quantity in ("level:AA:TC", "change:AA:TC:T2", "level:AA:T2")]
    assert all(decision.released for decision in decide_release(cells, [], floor=5))


@pytest.mark.parametrize(("people", "shown"), [({2: 1}, False), ({}, True)])
def test_five_answers_left_behind_by_four_people_are_not_enough(study, ease, people, shown):
    triples = BEFORE + AFTER
    first, second = study.wave(cohort := study.cohort("Left"), TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*triples[:16]), people=people)
    study.answer(second, MENTOR, ease(*triples[5:16], first=6))
    study.view(first)
    after = study.view(second).scale(MENTOR, "AA")
    assert after.change.shown
    assert after.level.shown is shown


TRUST = ("TR1", "TR2", "TR3", "TR4", "TR5", "TR6")


def test_of_a_total_and_its_parts_only_the_total_is_released(core_study):
    wave = core_study.wave(core_study.cohort("Trust"), T2)
    core_study.answer(wave, MENTOR, {n: dict.fromkeys(TRUST, 1 + n % 5) for n in range(10)})
    view = core_study.view(wave)
    assert view.scale(MENTOR, "TR").level.shown
    assert view.scale(MENTOR, "TR_ANCHOR").level.shown
    assert view.scale(MENTOR, "TR_C") is view.scale(MENTOR, "TR_A") is None


def test_a_total_and_its_parts_would_betray_who_skipped_an_item():
    # Nine people answered all six items, one skipped TR1; everybody has all three scores, so no rule on groups objects.
    answers = np.tile([2.0, 3, 4, 5, 1, 2], (10, 1))
    answers[0, 0] = np.nan
    total, first, second = (
        np.nanmean(answers[:, part], axis=1) for part in (slice(0, 6), slice(0, 3), slice(3, 6))
    )
    left = total.sum() - (first.sum() + second.sum()) / 2
    assert left == pytest.approx(total[0] - (first[0] + second[0]) / 2)
    assert abs(left) > 0.05


def test_families_are_totals_with_their_parts(core_study, toy):
    families = find_families(core_study.instrument.scales)
    assert {scale for scale, family in families.items() if family == "TR"} == {"TR", "TR_C", "TR_A"}
    # A short form leaves the rest of its long form unknown for everybody.
    assert families["PS_ANCHOR"] != families["PS"]
    assert find_families(toy.scales) == {"AA": "AA", "BB": "BB"}


# --- frozen ---------------------------------------------------------------------------------------------------------


def test_an_open_wave_cannot_be_frozen(study, ease):
    wave = study.wave(study.cohort("Open"), TC)
    study.answer(wave, MENTOR, ease(*BEFORE))
    with pytest.raises(WaveStillOpenError):
        releases.freeze_release(study.session, wave, now=study.now, folders=study.folders)
    assert releases.release_of(study.session, wave) is None


def test_freezing_twice_gives_the_release_that_is_there(study, ease):
    wave = study.wave(study.cohort("Twice"), TC)
    study.answer(wave, MENTOR, ease(*BEFORE))
    first = study.freeze(wave)
    groups = select(func.count()).select_from(PublishedGroup)
    n_groups = study.session.scalar(groups)
    study.session.execute(delete(Response).where(Response.wave_id == wave.id))
    second = study.freeze(wave)
    assert (second.id, second.digest) == (first.id, first.digest)
    assert study.session.scalar(groups) == n_groups == 1
    frozen = [event for event in list_events(study.session) if event.action == "release.frozen"]
    assert [event.wave_id for event in frozen] == [wave.id]


@pytest.mark.parametrize("turns", [True, False])
def test_two_callers_at_once_freeze_one_release(study, ease, session_factory, monkeypatch, turns):
    if not turns:
        # Without the lock the unique constraint has to hold alone.
        monkeypatch.setattr(releases, "_take_turn", lambda _session, wave: wave.cohort.program)
    wave = study.wave(study.cohort("At once"), TC)
    study.answer(wave, MENTOR, ease(*BEFORE))
    study.close(wave)
    study.session.commit()
    barrier, frozen, problems = threading.Barrier(2), [], []

    def freeze():
        try:
            with session_factory.begin() as session:
                barrier.wait(30)
                own = session.get_one(Wave, wave.id)
                frozen.append(releases.freeze_release(session, own, now=study.now, folders=study.folders).id)
        except Exception as problem:  # noqa: BLE001 - whatever a thread meets is shown by the test
            problems.append(problem)

    threads = [threading.Thread(target=freeze) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert len(frozen) == 2
    assert len(set(frozen)) == 1
    with session_factory() as session:
        assert session.scalar(select(func.count()).select_from(Release)) == 1
        assert session.scalar(select(func.count()).select_from(PublishedGroup)) == 1
        events = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "release.frozen")
        assert session.scalar(events) == 1


def test_who_withdraws_after_a_release_stays_in_it_and_is_missing_in_the_next(study, ease):
    cohort = study.cohort("Withdrawn")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*BEFORE))
    before = study.freeze(first)
    body, digest = canonical_json(before.body), before.digest
    study.answer(second, MENTOR, ease(*AFTER))
    study.session.execute(delete(Respondent).where(Respondent.key == study.key(cohort, MENTOR, 12)))
    study.session.expire_all()
    after = study.view(second).scale(MENTOR, "AA")
    again = releases.release_of(study.session, first)
    assert (canonical_json(again.body), again.digest) == (body, digest)
    assert (again.scale(MENTOR, "AA").level.n, after.change.n) == (12, 11)
    # Twelve before and eleven now would leave the one who went.
    assert not after.level.shown


def test_a_release_names_nobody(study, ease):
    cohort = study.cohort("Secret garden")
    wave = study.wave(cohort, TC)
    study.answer(wave, MENTOR, ease(*BEFORE))
    text = canonical_json(study.freeze(wave).body)
    for secret in (*study.keys.values(), cohort.id, wave.id, "Secret garden", "Example Works"):
        assert secret not in text
    group = study.session.scalars(select(PublishedGroup)).one()
    assert group.quantity == "level:AA:TC"
    assert list(zip(group.members, group.pairs, strict=True)) == sorted(
        (study.key(cohort, MENTOR, n), study.key(cohort, "pair", n)) for n in range(1, 13)
    )


def test_both_roles_of_ten_pairs_give_their_response_rate_only_above_the_floor(scene):
    pairs = scene.add_pairs(10)
    wave = scene.add_wave(WaveKind.T0)
    links = {(i.pair_id, i.participant_id): i.invitation for i in scene.invite(wave)}
    answered = {MENTOR: 8, MENTEE: 4}
    for place, pair in enumerate(pairs):
        for role, person in ((MENTOR, pair.mentor_id), (MENTEE, pair.mentee_id)):
            if place < answered[role]:
                responses.submit_response(
                    scene.session, links[pair.id, person], {"A1": AnswerValue(code=3)},
                    pseudonyms=scene.pseudonyms, locale="en", now=scene.now, folders=scene.folders,
                )  # fmt: skip
    waves.close_wave(scene.session, wave, now=scene.now + timedelta(hours=1))
    releases.freeze_release(scene.session, wave, now=scene.now + timedelta(hours=1), folders=scene.folders)
    view = releases.release_of(scene.session, wave)
    rates = {
        role: (content.response_rate, content.response_rate_bound) for role, content in view.roles.items()
    }
    assert rates == {MENTOR: (80, None), MENTEE: (None, None)}


def test_picks_decide_which_scales_a_release_speaks_of(core_study):
    wave = core_study.wave(
        core_study.cohort("Picked"), WaveKind.T3B, picks={"outcomes": ["OUTVAL1", "OUTVAL2", "OUTENG1"]}
    )
    core_study.answer(wave, MENTEE, {n: {"OUTVAL1": 1 + n % 5, "OUTVAL2": 3, "OUTENG1": 2} for n in range(6)})
    view = core_study.view(wave)
    assert view.scale(MENTEE, "OUT_VAL").level.shown
    # One picked item of three is no scale, and what was not picked was not asked.
    assert view.scale(MENTEE, "OUT_ENG") is None
    assert view.scale(MENTEE, "OUT_BEL") is None


# --- comparing ------------------------------------------------------------------------------------------------------


def made_up(rng, n, shift):
    before = rng.integers(1, 5, size=(n, 3))
    after = np.clip(before + rng.integers(-1, 2, size=(n, 3)) + [shift, shift, -shift], 1, 5)
    return [tuple(map(int, row)) for row in before], [tuple(map(int, row)) for row in after]


def test_cohorts_are_compared_from_their_frozen_releases_alone(study, ease):
    rng = np.random.default_rng(7)
    plans = {"Large": made_up(rng, 44, 1), "Other": made_up(rng, 41, 0), "Twelve": made_up(rng, 12, 0), "Six": made_up(rng, 6, 1)}  # fmt: skip
    for name, (before, after) in plans.items():
        ask_twice(study, ease, before, after, name=name)
    study.answer(study.wave(study.cohort("Open"), T2), MENTOR, ease(*AFTER))
    study.session.execute(delete(Respondent))
    study.session.expire_all()

    found = releases.compare_cohorts(study.session, study.program, "AA", MENTOR, to_wave=T2)

    assert [row.cohort_name for row in found.rows] == [*plans, "Open"]
    assert [row.released for row in found.rows] == [True] * 4 + [False]
    assert (found.rows[4].change, found.rows[4].level.shown) == (None, False)
    assert [row.change.n for row in found.rows[:4]] == [44, 41, 12, 6]
    assert [row.change.verdict for row in found.rows[:4]][3] == "too few"
    # Six people have no interval of their own, so three cohorts make three contrasts.
    by_id = {row.cohort_id: row.cohort_name for row in found.rows}
    pairs = {(by_id[c.first_cohort_id], by_id[c.second_cohort_id]): c for c in found.contrasts}
    assert set(pairs) == {("Large", "Other"), ("Large", "Twelve"), ("Other", "Twelve")}
    for (first, second), contrast in pairs.items():
        a, b = (score(plans[name][1]) - score(plans[name][0]) for name in (first, second))
        direct = scipy.stats.ttest_ind(a, b, equal_var=False)
        # Both means and both half widths are rounded to .01.
        assert contrast.difference == pytest.approx(a.mean() - b.mean(), abs=0.0101)
        assert (contrast.low, contrast.high) == pytest.approx(direct.confidence_interval(), abs=0.025)
    assert pairs["Large", "Other"].verdict == "moved"
    assert pairs["Large", "Twelve"].verdict == "too few"


def test_changes_since_another_wave_are_not_taken_for_the_one_asked_for(study, ease):
    ask_twice(study, ease, BEFORE, AFTER)
    kept = releases.compare_cohorts(study.session, study.program, "AA", MENTOR, to_wave=T2, from_wave=TC)
    other = releases.compare_cohorts(
        study.session, study.program, "AA", MENTOR, to_wave=T2, from_wave=WaveKind.T0
    )
    assert kept.rows[0].change.shown
    assert not other.rows[0].change.shown


def test_releases_are_listed_by_the_start_of_the_cohort_and_the_order_of_waves(study):
    late, early = study.cohort("Late"), study.cohort("Early")
    late.starts_on, early.starts_on = early.starts_on, late.starts_on
    for cohort, kind in ((late, T2), (late, TC), (early, WaveKind.T0)):
        study.freeze(study.wave(cohort, kind))
    views = releases.releases_of(study.session, study.program)
    assert [(view.cohort_id, view.wave) for view in views] == [
        (early.id, WaveKind.T0), (late.id, TC), (late.id, T2),
    ]  # fmt: skip
    other = programs.create_program(
        study.session, slug="other", name="Other", organisation="Elsewhere", now=study.now
    )
    assert releases.releases_of(study.session, other) == ()
