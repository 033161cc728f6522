"""The twelve release rules of the measurement plan (5.4), each at the level at which releases are frozen, with what must fail without it.

Where a rule has its proof elsewhere, it is not repeated here:

====  ========================================================  ===================================================================
rule  what is proved                                            where
====  ========================================================  ===================================================================
1     five people, ten for sensitive scales                     test_releases: five_answers_of_four_people, a_sensitive_scale; here for
                                                                changes
2     the floor is frozen with the first invitation             here; test_programs: the_floor_can_be_raised_and_never_lowered
3     a remainder of few people                                 here for cohorts made for the purpose, and nine mentors with four
                                                                mentees; test_disclosure for totals, of which there are none
4     groups that overlap                                       here: matched anew, in another cohort, another version
5     nothing before the wave is closed, rates in steps         test_releases: an_open_wave; test_waves: rates; here for a small role
6     dropout, both directions                                  test_releases: change_and_both_levels; here across versions
7     what 9, 10, 19 and 20 people show                         here; test_published: borders of the range, narrow intervals
8     a fixed menu                                              test_coordinate: only_the_fixed_menu; here for what a body may hold
9     non-response is private                                   test_hostile_coordinator; rates here
10    nobody and four people look the same                      test_releases: nobody_and_four_people; test_hostile_coordinator
11    the auditor blocks                                        test_releases: without_the_dropout_rule; here for people and for what
                                                                was agreed to be left out; test_refused_release for pages and commands
12    no noise                                                  here
====  ========================================================  ===================================================================

Of rule 7, means of single items, moderated themes and three-band distributions are not released in this version; neither is a standard
deviation, beyond what an interval says.

A response rate cannot help an attacker: the auditor gives him every membership, that is, who answered what, of which a rate says only
a rounded number. Of its own it says of ten people asked that nine or ten have answered ("90 % or more"), and nothing below the floor.
"""

import functools
import shutil
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.digests import canonical_json
from instruments.model import Role, WaveKind
from scoring import disclosure, suppression
from scoring.disclosure import ALL_RULES, Rule, decide_release
from surveys import programs, release_audit, release_refusals, releases, responses, waves
from surveys.audit import list_events
from surveys.errors import ProgramError, ReleaseAuditError
from surveys.models import PublishedGroup, Release, Respondent

MENTOR, MENTEE = Role.MENTOR, Role.MENTEE
T0, TC, T2 = WaveKind.T0, WaveKind.TC, WaveKind.T2


def triples(n, shift=0):
    """Answers to the scale AA of n people, who differ; a shift tells two waves apart."""
    return [(2 + (place + shift) % 3, 2 + (place * 2 + shift) % 3, 2 + place % 3) for place in range(n)]


def without(monkeypatch, *rules):
    """Switch off release rules."""
    kept = functools.partial(decide_release, rules=ALL_RULES - set(rules))
    monkeypatch.setattr(disclosure, "decide_release", kept)


def one_wave(study, ease, name, people, *, kind=TC, role=MENTOR):
    """A wave of a new cohort with answers of these people; who stands in several cohorts is one person in all of them."""
    cohort = study.cohort(name)
    for person in people:
        study.keys[cohort.id, role.value, person] = study.key(study.everywhere, role, person)
    wave = study.wave(cohort, kind)
    rows = ease(*triples(max(people) + 1))
    study.answer(wave, role, {person: rows[person + 1] for person in people})
    return wave


@pytest.fixture
def crowd(study):
    """A study in which a number is the same person in every cohort of `one_wave`."""
    study.everywhere = study.cohort("Everywhere")
    return study


# --- 1 and 2: floors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "shown"), [(9, False), (10, True)])
def test_a_sensitive_change_needs_ten_who_answered_twice(sensitive_study, n, shown):
    study = sensitive_study
    cohort = study.cohort("Sensitive")
    first, second = study.wave(cohort, T0), study.wave(cohort, T2)
    # Five leave and five join, so that nothing but the floor can be in the way.
    for wave, more in ((first, 100), (second, 200)):
        study.answer(
            wave, MENTOR, {p: {"B1": 2 + p % 3, "B2": 3} for p in [*range(n), *range(more, more + 10)]}
        )
    study.freeze(first)
    assert study.view(second).scale(MENTOR, "BB").change.shown is shown


def test_a_floor_raised_after_the_first_invitation_waits_for_the_next_wave(scene):
    session, now = scene.session, scene.now
    program = scene.cohort.program
    pairs = scene.add_pairs(6)
    asked, later = scene.add_wave(T0), scene.add_wave(TC)
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": now, "folders": scene.folders}
    views = []
    for wave in (asked, later):
        for one in scene.invite(wave):
            if one.participant_id in {pair.mentor_id for pair in pairs}:
                answers = {item: AnswerValue(code=3) for item in ("A1", "A2", "A3")}
                responses.submit_response(session, one.invitation, answers, **how)
        programs.raise_floor(session, program, 8, now=now)
        with pytest.raises(ProgramError) as caught:
            programs.raise_floor(session, program, 5, now=now)
        assert caught.value.code == "floor_lowered"
        waves.close_wave(session, wave, now=now + timedelta(hours=1))
        releases.freeze_release(session, wave, now=now + timedelta(hours=1), folders=scene.folders)
        views.append(releases.release_of(session, wave))
    assert [view.floor for view in views] == [5, 8]
    assert [view.scale(MENTOR, "AA").level.shown for view in views] == [True, False]


# --- 3 and 4: remainders and overlaps ---------------------------------------------------------------------------------


def test_beside_nine_mentors_four_mentees_are_not_shown_and_there_is_no_total(study, ease):
    wave = study.wave(study.cohort("Nine and four"), TC)
    study.answer(wave, MENTOR, ease(*triples(9)))
    study.answer(wave, MENTEE, ease(*triples(4)))
    view = study.view(wave)
    assert (view.scale(MENTOR, "AA").level.n, view.scale(MENTEE, "AA").level.shown) == (9, False)
    assert set(view.body["roles"]) == {"mentor", "mentee"}
    sizes = [len(group.members) for group in study.session.scalars(select(PublishedGroup))]
    assert sizes == [9]


# A first group, a second one of which many are the same people, and whether the second is shown beside the first.
GROUPS = [
    (range(20), range(1, 20), False),  # one person less
    (range(20), range(4, 20), False),  # four less
    (range(20), range(5, 20), True),  # five less
    (range(20), range(20), True),  # the same people
    (range(20), range(21), False),  # one more
    (range(20), range(3, 23), False),  # three left, three new
    (range(20), range(5, 25), True),  # five left, five new
    (range(6), range(6, 12), True),  # other people
    # Who answers in two cohorts stands behind two answers, so that nine are needed for five people.
    (range(6), range(6), False),
]


@pytest.mark.parametrize(("first", "second", "shown"), GROUPS)
def test_a_second_cohort_of_nearly_the_same_people_is_not_shown(crowd, ease, first, second, shown):
    assert crowd.view(one_wave(crowd, ease, "First", first)).scale(MENTOR, "AA").level.shown
    assert crowd.view(one_wave(crowd, ease, "Second", second)).scale(MENTOR, "AA").level.shown is shown


@pytest.mark.parametrize("auditor", [True, False])
def test_told_of_answers_alone_the_rules_would_show_it_and_the_auditor_refuses(
    crowd, ease, monkeypatch, auditor
):
    crowd.freeze(one_wave(crowd, ease, "First", range(20)))
    second = one_wave(crowd, ease, "Second", range(1, 20))
    monkeypatch.setattr(releases, "name_by_person", lambda answers: answers)
    if auditor:
        with pytest.raises(ReleaseAuditError) as caught:
            crowd.freeze(second)
        assert caught.value.withhold == (("level", "mentor", "AA"),)
        return
    monkeypatch.setattr(release_audit, "name_by_person", lambda answers: answers)
    # Twenty people's sum less that of nineteen of them is the twentieth's, if they answered about new partners as about the old.
    assert crowd.view(second).scale(MENTOR, "AA").level.n == 19


def test_who_was_matched_anew_between_two_waves_counts_as_one_who_left_and_one_who_joined(study, ease):
    cohort = study.cohort("Matched anew")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*triples(10)))
    # Person 1 answers about pair 50 now.
    rows = ease(*triples(10, 1))
    study.answer(
        second, MENTOR, {50 if pair == 1 else pair: row for pair, row in rows.items()}, people={50: 1}
    )
    study.freeze(first)
    after = study.view(second).scale(MENTOR, "AA")
    assert (after.change.n, after.level.shown) == (9, False)


@pytest.fixture
def newer(study, tmp_path):
    """The toy questionnaire in a second version with the same words."""
    folder = tmp_path / "questionnaires" / "toy"
    shutil.copytree(study.folders[0], folder)
    (folder / "0.1.0").rename(folder / "0.2.0")
    path = folder / "0.2.0" / "instrument.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('version = "0.1.0"', 'version = "0.2.0"'), encoding="utf-8"
    )
    study.folders = (*study.folders, folder)
    return get_instrument("toy", "0.2.0", folders=study.folders)


def test_a_group_asked_with_another_version_is_held_against_the_first(crowd, ease, newer):
    crowd.freeze(one_wave(crowd, ease, "Old version", range(20)))
    crowd.instrument = newer
    wave = one_wave(crowd, ease, "New version", range(1, 20))
    assert wave.instrument_version == "0.2.0"
    assert not crowd.view(wave).scale(MENTOR, "AA").level.shown


@pytest.mark.parametrize(("left", "shown"), [(0, True), (1, False), (5, True)])
def test_who_leaves_between_two_versions_is_not_told_by_change_and_levels(study, ease, newer, left, shown):
    cohort = study.cohort("Two versions")
    first = study.wave(cohort, TC)
    study.instrument = newer
    second = study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*triples(12)))
    study.answer(second, MENTOR, {n: row for n, row in ease(*triples(12, 1)).items() if n > left})
    study.freeze(first)
    after = study.view(second).scale(MENTOR, "AA")
    assert (after.change.from_wave, after.change.n, after.level.shown) == (TC, 12 - left, shown)


def test_the_groups_of_one_role_change_nothing_for_the_other(study, ease):
    """What is stored of published groups has no role; nobody stands in groups of both, so it needs none."""
    bodies = []
    for mentees in (0, 12):
        cohort = study.cohort(f"Beside {mentees}")
        first, second = study.wave(cohort, TC), study.wave(cohort, T2)
        for wave, left in ((first, 0), (second, 1)):
            study.answer(wave, MENTOR, ease(*triples(12 - left)))
            study.answer(wave, MENTEE, ease(*triples(mentees)[: max(mentees - 5 * left, 0)]))
        bodies.append([study.freeze(wave).body["roles"]["mentor"] for wave in (first, second)])
    assert bodies[0] == bodies[1]
    people = [set(group.members) for group in study.session.scalars(select(PublishedGroup))]
    mentors = {key for (_cohort, role, _who), key in study.keys.items() if role == "mentor"}
    assert all(group <= mentors or not group & mentors for group in people)


# --- 5, 7 and 8: what is said --------------------------------------------------------------------------------------------

LEVEL = {"shown", "n", "mean", "bound", "low", "high", "interval_kind"}
CHANGE = {*LEVEL, "from", "p", "g", "g_low", "g_high", "verdict"}


@pytest.mark.parametrize(
    ("n", "kind", "decimals", "tested"), [(5, "reference", 1, False), (9, "reference", 1, False), (10, "t", 2, False), (19, "t", 2, False), (20, "t", 2, True)]
)  # fmt: skip
def test_more_people_show_more(study, ease, n, kind, decimals, tested):
    cohort = study.cohort("Tier")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*triples(n)))
    study.answer(second, MENTOR, ease(*triples(n, 1)))
    study.freeze(first)
    scale = study.freeze(second).body["roles"]["mentor"]["scales"]["AA"]
    level, change = scale["level"], scale["change"]
    assert (level["n"], level["interval_kind"], change["interval_kind"]) == (n, kind, kind)
    assert all(value == round(value, 1) for value in (level["mean"], level["low"], level["high"]))
    assert all(value == round(value, decimals) for value in (change["mean"], change["low"], change["high"]))
    assert [change[name] is not None for name in ("p", "g", "g_low", "g_high")] == [tested] * 4
    assert (change["verdict"] == "too few") is (n < 10)
    # Nothing else is said of any scale: no item, no standard deviation, no distribution, no language or age.
    assert set(scale) == {"minimum", "maximum", "level", "change"}
    assert (set(level), set(change)) == (LEVEL, CHANGE)


def test_a_body_holds_roles_scales_and_rates_and_nothing_else(study, ease):
    wave = study.wave(study.cohort("Menu"), T2)
    study.answer(wave, MENTOR, ease(*triples(12)))
    body = study.freeze(wave).body
    assert set(body) == {"wave", "floor", "instrument", "drafts", "reference", "roles"}
    for role in body["roles"].values():
        assert set(role) == {"response_rate", "scales"}
        assert set(role["scales"]) == {"AA", "BB"}
    assert body["roles"]["mentee"]["scales"]["AA"]["level"] == {"shown": False}


@pytest.mark.parametrize(
    ("n_pairs", "n_sent", "rate"),
    [(9, 9, None), (10, 4, None), (10, 5, (50, None)), (10, 9, (90, "at least")), (10, 10, (90, "at least")), (44, 5, (10, None)), (60, 5, (10, "at most"))],
)  # fmt: skip
def test_a_released_rate_pins_nobody(scene, n_pairs, n_sent, rate):
    scene.add_pairs(n_pairs)
    wave = scene.add_wave(T0)
    mentors = [one for one in scene.invite(wave) if one.invitation.participant.role is MENTOR]
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}
    for one in mentors[:n_sent]:
        responses.submit_response(scene.session, one.invitation, {"A1": AnswerValue(code=3)}, **how)
    waves.close_wave(scene.session, wave, now=scene.now)
    body = releases.freeze_release(scene.session, wave, now=scene.now, folders=scene.folders).body
    expected = None if rate is None else dict(zip(("percent", "bound"), rate, strict=True))
    if n_pairs == 44:
        expected = {"percent": 10, "bound": "at most"}
    assert body["roles"]["mentor"]["response_rate"] == expected
    assert body["roles"]["mentee"]["response_rate"] is None


# --- 11 and 12: the auditor, and no noise -----------------------------------------------------------------------------------


@pytest.fixture
def breach(study, ease, monkeypatch):
    """A second wave whose release a hole in the rules would let through: one of twelve has left."""
    without(monkeypatch, Rule.DROPOUT)
    cohort = study.cohort("Leaver")
    first, second = study.wave(cohort, TC), study.wave(cohort, T2)
    study.answer(first, MENTOR, ease(*triples(12)))
    study.answer(second, MENTOR, ease(*triples(11, 1)))
    study.freeze(first)
    return study.close(second)


def test_a_refusal_is_remembered_and_nothing_else_of_it_is_kept(study, breach):
    later = study.now + timedelta(days=90)
    refusal = release_refusals.freeze_or_refuse(study.session, breach, now=later, folders=study.folders)
    study.session.commit()
    assert refusal.withhold == (("level", "mentor", "AA"),)
    assert refusal.betraying[0] == ("level", "mentor", "AA", "TC")
    assert releases.release_of(study.session, breach) is None
    assert release_refusals.was_refused(study.session, breach)
    event = list_events(study.session, limit=1)[0]
    assert (event.action, event.wave_id) == ("release.refused", breach.id)
    assert study.session.scalar(select(func.count()).select_from(PublishedGroup)) == 1


def test_what_was_agreed_to_be_left_out_is_left_out_and_the_rest_is_audited_again(study, breach):
    refusal = release_refusals.freeze_or_refuse(study.session, breach, now=study.now, folders=study.folders)
    names = [release_refusals.read_name(release_refusals.write_name(name)) for name in refusal.withhold]
    # Leaving out something else does not help.
    wrong = release_refusals.freeze_or_refuse(
        study.session, breach, now=study.now, folders=study.folders, withhold=[("level", MENTEE, "AA")]
    )
    assert wrong.withhold == refusal.withhold
    done = release_refusals.freeze_or_refuse(
        study.session, breach, now=study.now, folders=study.folders, withhold=names
    )
    assert done is None
    after = releases.release_of(study.session, breach).scale(MENTOR, "AA")
    assert (after.level.shown, after.change.n) == (False, 11)
    # It looks as if the rule had stopped it.
    assert study.session.scalars(select(Release).where(Release.wave_id == breach.id)).one().body["roles"][
        "mentor"
    ]["scales"]["AA"]["level"] == {"shown": False}


@pytest.mark.parametrize(
    "name", ["", "level", "level:mentor", "sum:mentor:AA", "level:boss:AA", "level:mentor:"]
)
def test_a_name_of_no_number_is_refused(name):
    with pytest.raises(ReleaseAuditError) as caught:
        release_refusals.read_name(name)
    assert caught.value.code == "unknown"


def test_leaving_out_a_number_that_is_not_offered_is_refused_and_no_refusal_of_the_auditor(study, ease):
    wave = study.wave(study.cohort("Other"), TC)
    study.answer(wave, MENTOR, ease(*triples(6)))
    study.close(wave)
    with pytest.raises(ReleaseAuditError):
        release_refusals.freeze_or_refuse(
            study.session, wave, now=study.now, folders=study.folders, withhold=[("level", MENTOR, "ZZ")]
        )
    assert not release_refusals.was_refused(study.session, wave)


def seen_by_the_auditor(monkeypatch):
    """What the auditor is given from now on: every number, with its figures."""
    seen = []
    audit = suppression.audit_release

    def spy(numbers, *args, **options):
        seen.append(numbers)
        return audit(numbers, *args, **options)

    monkeypatch.setattr(suppression, "audit_release", spy)
    return seen


@pytest.mark.parametrize("erased", ["nobody", "mentors", "mentors of a smaller group", "everybody"])
def test_the_auditor_knows_of_old_numbers_whose_they_are(study, ease, monkeypatch, erased):
    """The old cohort's mentors and mentees are as many, and none of them answers in the wave whose release is made."""
    old, cohort = study.cohort("Old"), study.cohort("New")
    before, wave = study.wave(old, TC), study.wave(cohort, TC)
    n_mentors = 6 if erased == "mentors of a smaller group" else 7
    low, high = ease(*[(1, 2, 3)] * n_mentors), ease(*[(4, 4, 3)] * 7)
    study.answer(before, MENTOR, low)
    study.answer(before, MENTEE, high)
    body = study.freeze(before).body
    gone = {"nobody": set(), "everybody": {"mentor", "mentee"}}.get(erased, {"mentor"})
    for (_cohort, role, _who), key in study.keys.items():
        if role in gone:
            study.session.execute(delete(Respondent).where(Respondent.key == key))
    study.session.expire_all()
    study.answer(wave, MENTOR, ease(*triples(7)))
    seen = seen_by_the_auditor(monkeypatch)

    study.freeze(wave)

    mentors = {f"{study.key(old, MENTOR, n)}/{study.key(old, 'pair', n)}" for n in range(1, n_mentors + 1)}
    levels = {
        number.label[1]: number.figures.mean if number.figures else None
        for number in seen[0]
        if number.members <= mentors
    }
    expected = body["roles"]["mentor"]["scales"]["AA"]["level"]["mean"]
    assert levels == ({"": None} if erased == "everybody" else {"mentor": expected})


def test_the_same_answers_give_the_same_numbers_with_nothing_added(study, ease):
    bodies = set()
    for name in ("One", "Another"):
        cohort = study.cohort(name)
        first, second = study.wave(cohort, TC), study.wave(cohort, T2)
        study.answer(first, MENTOR, ease(*triples(20)))
        study.answer(second, MENTOR, ease(*triples(20, 1)))
        study.freeze(first)
        bodies.add(canonical_json(study.freeze(second).body))
    assert len(bodies) == 1
