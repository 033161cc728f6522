"""Who was matched anew answered about two partners: the two are never taken for one, and the rules of release count the person once."""

import pytest

from instruments.model import Role, WaveKind
from surveys import releases
from surveys.release_menu import list_candidates

MENTOR = Role.MENTOR
BEFORE = [(2, 3, 4), (3, 3, 3), (1, 2, 5), (4, 3, 2), (2, 2, 4), (3, 4, 2), (3, 2, 3), (2, 4, 4), (5, 4, 2), (3, 3, 4), (2, 3, 3), (4, 4, 3)]  # fmt: skip
AFTER = [(4, 3, 2), (4, 3, 2), (2, 3, 4), (4, 4, 2), (3, 3, 4), (2, 4, 3), (4, 2, 3), (3, 4, 2), (4, 4, 2), (3, 3, 2), (4, 3, 2), (4, 5, 3)]  # fmt: skip


def measure(study, ease, n_rematched):
    """A trial check about pairs 1 to 12; at mid-programme the last people answer about new pairs, 101 and so on."""
    cohort = study.cohort("Finance")
    first, second = study.wave(cohort, WaveKind.TC), study.wave(cohort, WaveKind.T2)
    study.answer(first, MENTOR, ease(*BEFORE))
    after = ease(*AFTER)
    people = {}
    for person in range(12 - n_rematched + 1, 13):
        after[100 + person] = after.pop(person)
        people[100 + person] = person
    study.answer(second, MENTOR, after, people=people)
    return cohort, first, second


def change_of(study, second):
    """The answers that would stand behind the change of scale AA: respondent and pair."""
    scored = releases._score_cohort(study.session, second, study.folders)
    candidates = {one.name: one for one in list_candidates(scored[WaveKind.T2], scored)}
    return set(candidates["change", MENTOR, "AA"].rows)


@pytest.mark.parametrize("n_rematched", [0, 1, 6])
def test_a_change_is_of_one_person_about_one_partner(study, ease, n_rematched):
    """Who was matched anew answered both waves, about two partners: these are two beginnings, and no change."""
    cohort, first, second = measure(study, ease, n_rematched)
    study.close(first)
    study.close(second)

    kept = range(1, 13 - n_rematched)
    expected = {(study.key(cohort, MENTOR, n), study.key(cohort, "pair", n)) for n in kept}
    assert change_of(study, second) == expected


@pytest.mark.parametrize(("n_rematched", "both"), [(0, True), (2, False)])
def test_a_few_new_pairs_withhold_a_number_rather_than_tell_what_they_changed(study, ease, n_rematched, both):
    """Level and change shown together would tell what the two who were matched anew answered; without them both are shown."""
    _, first, second = measure(study, ease, n_rematched)
    study.view(first)

    shown = study.view(second).scale(MENTOR, "AA")

    assert (shown.level.shown and shown.change.shown) is both


def test_levels_count_people_however_many_partners_they_had(study, ease):
    """Three people answer about their old and about their new partner in one wave: fifteen answers of twelve people."""
    cohort = study.cohort("Finance")
    wave = study.wave(cohort, WaveKind.TC)
    rows = {**ease(*BEFORE), **{100 + n: row for n, row in ease(*AFTER).items() if n <= 3}}
    study.answer(wave, MENTOR, rows, people={101: 1, 102: 2, 103: 3})

    level = study.view(wave).scale(MENTOR, "AA").level

    assert (level.shown, level.n) == (True, 12)
