"""Programmes, cohorts, people and pairs: what is refused, and what a coordinator may see."""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.errors import PicksError
from instruments.model import Instrument, Role
from surveys import accounts, programs
from surveys.errors import NaiveTimeError, ProgramError, ReportingLineError
from surveys.models import Cohort, Pair, Participant, Program, ReportingLine


def create(session: Session, now: datetime, **changes: Any) -> Program:
    given = {"slug": "autumn", "name": "Autumn", "organisation": "Example Works", "now": now} | changes
    return programs.create_program(session, **given)


def test_a_programme_starts_with_the_lowest_floor_and_its_questionnaire(program: Program) -> None:
    assert program.floor == 5
    assert (program.instrument_id, program.instrument_version) == ("toy", "0.1.0")


def test_a_floor_below_five_is_refused_by_the_use_case_and_by_the_database(
    session: Session, program: Program, now: datetime
) -> None:
    for floor in (-1, 0, 1, 4):
        with pytest.raises(ProgramError) as caught:
            create(session, now, floor=floor)
        assert caught.value.code == "floor"

    with pytest.raises(IntegrityError, match="floor_minimum"), session.begin_nested():
        session.execute(update(Program).values(floor=4))


def test_the_floor_can_be_raised_and_never_lowered(session: Session, program: Program, now: datetime) -> None:
    assert programs.raise_floor(session, program, 8, now=now).floor == 8
    assert programs.raise_floor(session, program, 8, now=now).floor == 8

    with pytest.raises(ProgramError) as caught:
        programs.raise_floor(session, program, 7, now=now)

    assert caught.value.code == "floor_lowered"
    assert caught.value.params == {"current": 8, "floor": 7}
    assert program.floor == 8


def test_a_short_name_that_does_not_fit_an_address_is_refused(session: Session, now: datetime) -> None:
    for slug in ("", "a", "Spring", "spring 1", "1spring", "späte", "x" * 65, "a/b", "ab\n"):
        with pytest.raises(ProgramError) as caught:
            create(session, now, slug=slug)
        assert caught.value.code == "slug"


def test_a_short_name_is_taken_once(session: Session, program: Program, now: datetime) -> None:
    with pytest.raises(ProgramError) as caught:
        create(session, now, slug="spring")
    assert caught.value.code == "slug_taken"


def test_picks_that_the_questionnaire_does_not_offer_are_refused(
    session: Session, toy: Instrument, now: datetime
) -> None:
    with pytest.raises(PicksError):
        create(session, now, instrument=toy, picks={"extras": ["A1"]})


def test_a_moment_without_a_zone_is_refused(session: Session, program: Program, now: datetime) -> None:
    with pytest.raises(NaiveTimeError):
        programs.add_cohort(session, program, name="Sales", now=now.replace(tzinfo=None))


def test_a_cohort_needs_a_name_of_its_own_and_an_end_after_its_beginning(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    faults = {
        "cohort_taken": {"name": "Finance"},
        "name": {"name": "  "},
        "dates": {"name": "Sales", "starts_on": date(2026, 3, 2), "ends_on": date(2026, 3, 1)},
    }
    for code, given in faults.items():
        with pytest.raises(ProgramError) as caught:
            programs.add_cohort(session, cohort.program, **given, now=now)
        assert caught.value.code == code


def test_what_cannot_be_an_address_is_refused(session: Session, program: Program, now: datetime) -> None:
    broken = ("", "ada", "@", "a@", "@b", "a b@c", "a@b@c", "a@b\nBcc: c@d", "x" * 251 + "@b.c")
    # An encoded word, and what a roster would not take either.
    encoded = ("=?utf-8?q?a=0d=0abcc:_c?=@b.org", "a.=?utf-8?q?b?=@c.org", "ada@=?utf-8?q?b?=.org")
    for email in (*broken, *encoded, "+ada@b.org", "ädä@b.org", "ada@b"):
        with pytest.raises(ProgramError) as caught:
            programs.add_participant(session, program, role=Role.MENTOR, name="Ada", email=email, now=now)
        assert caught.value.code == "email"


def test_a_person_is_known_by_their_domain_in_any_script(
    session: Session, program: Program, now: datetime
) -> None:
    ada = programs.add_participant(
        session, program, role="mentor", name="Ada", email="ada@Bücher.example", now=now
    )

    assert ada.contact is not None
    assert ada.contact.email == "ada@xn--bcher-kva.example"
    assert programs.find_participant(session, program, Role.MENTOR, "ada@bücher.example") is ada


def test_a_person_is_known_by_their_address_in_any_capitals(
    session: Session, program: Program, now: datetime
) -> None:
    ada = programs.add_participant(
        session, program, role="mentor", name="Ada", email=" Ada@Example.org ", now=now
    )

    assert ada.contact is not None
    assert ada.contact.email == "ada@example.org"
    assert programs.find_participant(session, program, Role.MENTOR, "ADA@example.ORG") is ada
    assert programs.find_participant(session, program, Role.MENTEE, "ada@example.org") is None
    with pytest.raises(ProgramError) as caught:
        programs.add_participant(session, program, role="mentor", name="A.", email="ADA@EXAMPLE.ORG", now=now)
    assert caught.value.code == "person_taken"


def test_one_mentor_may_have_several_mentees(
    session: Session, cohort: Cohort, now: datetime, add_person: Callable[[Role, str], Participant]
) -> None:
    mentor = add_person(Role.MENTOR, "Ada")
    for name in ("Bo", "Cy"):
        programs.add_pair(session, cohort, mentor=mentor, mentee=add_person(Role.MENTEE, name), now=now)

    assert programs.count_pairs(session, cohort) == 2


def test_a_pair_is_a_mentor_and_a_mentee_of_the_programme_once(
    session: Session, cohort: Cohort, now: datetime, add_person: Callable[[Role, str], Participant]
) -> None:
    mentor, mentee = add_person(Role.MENTOR, "Ada"), add_person(Role.MENTEE, "Bo")
    other = create(session, now)
    stranger = programs.add_participant(
        session, other, role=Role.MENTEE, name="Cy", email="cy@example.org", now=now
    )
    programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, now=now)

    for code, people in {
        "pair_taken": {"mentor": mentor, "mentee": mentee},
        "role": {"mentor": mentee, "mentee": mentor},
    }.items():
        with pytest.raises(ProgramError) as caught:
            programs.add_pair(session, cohort, **people, now=now)
        assert caught.value.code == code
    with pytest.raises(ProgramError, match="Cy does not take part"):
        programs.add_pair(session, cohort, mentor=mentor, mentee=stranger, now=now)


def test_a_reporting_line_inside_a_pair_needs_an_explicit_word(scene: Any) -> None:
    session, cohort, now = scene.session, scene.cohort, scene.now
    for line in ReportingLine.DIRECT, ReportingLine.INDIRECT:
        people = {
            "mentor": scene.add_person(Role.MENTOR, line),
            "mentee": scene.add_person(Role.MENTEE, line),
        }
        before = programs.count_pairs(session, cohort)

        with pytest.raises(ReportingLineError):
            programs.add_pair(session, cohort, **people, reporting_line=line.value, now=now)
        assert programs.count_pairs(session, cohort) == before

        pair = programs.add_pair(
            session, cohort, **people, reporting_line=line, allow_reporting_line=True, now=now
        )
        assert pair.reporting_line is line


def test_a_pair_cannot_end_before_it_began(
    session: Session, now: datetime, add_pairs: Callable[[int], list[Pair]]
) -> None:
    (pair,) = add_pairs(1)
    with pytest.raises(ProgramError) as caught:
        programs.end_pair(session, pair, ended_on=now.date() - timedelta(days=1), now=now)
    assert caught.value.code == "dates"

    assert programs.end_pair(session, pair, ended_on=now.date(), now=now).ended_on == now.date()


def test_a_coordinator_sees_names_and_dates_of_pairs_and_nothing_about_answers(
    session: Session, cohort: Cohort, add_pairs: Callable[[int], list[Pair]]
) -> None:
    add_pairs(2)

    listed = programs.list_pairs(session, cohort)

    assert [(pair.mentor_name, pair.mentee_name) for pair in listed] == [
        ("Junior0", "Senior0"),
        ("Junior1", "Senior1"),
    ]
    assert {field.name for field in fields(listed[0])} == {
        "pair_id",
        "mentor_name",
        "mentee_name",
        "started_on",
        "ended_on",
        "reporting_line",
        "unreachable_mentor",
        "unreachable_mentee",
    }


def test_a_destroyed_name_leaves_the_pair_in_the_list(
    session: Session, cohort: Cohort, add_pairs: Callable[[int], list[Pair]]
) -> None:
    (pair,) = add_pairs(1)
    pair.mentor.contact = None
    session.flush()

    assert [(row.mentor_name, row.mentee_name) for row in programs.list_pairs(session, cohort)] == [
        (None, "Senior0")
    ]


def test_a_user_sees_only_their_own_programmes(
    session: Session, program: Program, now: datetime, cheap_hasher: accounts.Hasher
) -> None:
    create(session, now)
    user = accounts.add_user(
        session, email="c@example.org", name="C", password="a long password", now=now, hasher=cheap_hasher
    )
    accounts.add_membership(session, user, program, "coordinator", now=now)

    assert [found.slug for found in programs.list_programs(session)] == ["autumn", "spring"]
    assert programs.list_programs(session, user=user) == [program]
    assert programs.list_programs(session, user=user, role="researcher") == []


def test_what_is_not_there_is_named(
    session: Session, program: Program, cohort: Cohort, now: datetime
) -> None:
    other = programs.add_cohort(session, create(session, now), name="Sales", now=now)

    assert programs.find_cohort(session, program, "Finance") is cohort
    assert programs.get_cohort(session, program, cohort.id) is cohort
    for find in (
        lambda: programs.find_program(session, "winter"),
        lambda: programs.find_cohort(session, program, "Sales"),
        lambda: programs.get_cohort(session, program, other.id),
        lambda: programs.get_participant(session, "0" * 32),
    ):
        with pytest.raises(ProgramError) as caught:
            find()
        assert caught.value.code == "not_found"


def test_deleting_a_programme_without_answers_takes_its_names_along(
    session: Session, program: Program, add_pairs: Callable[[int], list[Pair]]
) -> None:
    add_pairs(1)
    session.execute(Program.__table__.delete())

    assert session.execute(select(Participant.id)).all() == []
