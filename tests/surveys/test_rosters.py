"""A roster is imported as a whole or not at all, on both databases, and importing it again adds nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Session, sessionmaker

from surveys import programs, rosters
from surveys.audit import AuditAction, list_events
from surveys.errors import ProgramError
from surveys.models import Base, Cohort, Contact, Pair, Participant, Program
from surveys.rosters import ImportPlan, ImportResult, RosterError, apply_import, plan_import, read_roster

HEADER = "mentor,mentor e-mail,mentor language,mentee,mentee e-mail,mentee language,started on\n"
ROWS = (
    "Ada,ada@x.org,ur,Bo,bo@x.org,de,2026-03-01\n",
    "Ada,ADA@x.org,,Cy,cy@x.org,,\n",
    "Di,di@x.org,,Ed,ed@x.org,fr,\n",
)


@pytest.fixture
def cohort(session: Session, now: datetime) -> Cohort:
    """A cohort without pairs, in a programme whose own language is Spanish."""
    program = programs.create_program(
        session, slug="reverse", name="Reverse", organisation="Example", default_locale="es", now=now
    )
    cohort = programs.add_cohort(session, program, name="Spring", now=now)
    session.commit()
    return cohort


def plan(session: Session, cohort: Cohort, *rows: str) -> ImportPlan:
    """The plan for a roster of these rows."""
    return plan_import(session, cohort, read_roster((HEADER + "".join(rows)).encode()))


def count(session: Session) -> dict[str, int]:
    """How many rows there are of what an import writes."""
    tables = (Participant, Contact, Pair)
    return {
        table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
    }


def found(plan: ImportPlan) -> list[tuple[int, str, str]]:
    """Line, column and code of each problem; every sentence can be filled in."""
    assert all(str(problem).isprintable() for problem in plan.problems)
    return [(problem.line, problem.column, problem.code) for problem in plan.problems]


def notes(plan: ImportPlan) -> list[tuple[int, str]]:
    """Line and code of each note."""
    assert all(str(note).isprintable() for note in plan.notes)
    return [(note.line, note.code) for note in plan.notes]


def add_person(
    session: Session, program: Program, role: str, name: str, email: str, *, now: datetime
) -> Participant:
    """A person who is in the programme before the import."""
    return programs.add_participant(session, program, role=role, name=name, email=email, locale="ar", now=now)


NOTHING = {"participant": 0, "contact": 0, "pair": 0}


def test_a_plan_says_what_would_be_added_and_writes_nothing(session: Session, cohort: Cohort) -> None:
    planned = plan(session, cohort, *ROWS)
    session.commit()

    assert planned.problems == ()
    assert [(person.role, person.email) for person in planned.people_new] == [
        ("mentor", "ada@x.org"),
        ("mentee", "bo@x.org"),
        ("mentee", "cy@x.org"),
        ("mentor", "di@x.org"),
        ("mentee", "ed@x.org"),
    ]
    assert [(pair.line, pair.mentor_email, pair.mentee_email) for pair in planned.pairs_new] == [
        (2, "ada@x.org", "bo@x.org"),
        (3, "ada@x.org", "cy@x.org"),
        (4, "di@x.org", "ed@x.org"),
    ]
    assert planned.people_known == planned.pairs_known == ()
    assert notes(planned) == [(2, "mentor_in_several_pairs")]
    assert count(session) == NOTHING


def test_an_import_adds_people_and_pairs(session: Session, cohort: Cohort, now: datetime) -> None:
    result = apply_import(session, plan(session, cohort, *ROWS), now=now)
    session.commit()

    assert result == ImportResult(n_people_added=5, n_people_reused=0, n_pairs_added=3, n_pairs_skipped=0)
    contacts = session.execute(
        select(Contact.name, Contact.email, Contact.locale).order_by(Contact.email)
    ).all()
    assert [tuple(contact) for contact in contacts] == [
        ("Ada", "ada@x.org", "ur"),
        ("Bo", "bo@x.org", "de"),
        ("Cy", "cy@x.org", "es"),
        ("Di", "di@x.org", "es"),
        ("Ed", "ed@x.org", "fr"),
    ]
    pairs = programs.list_pairs(session, cohort)
    assert [(pair.mentor_name, pair.mentee_name, pair.started_on) for pair in pairs] == [
        ("Ada", "Bo", date(2026, 3, 1)),
        ("Ada", "Cy", None),
        ("Di", "Ed", None),
    ]
    events = [event.action for event in list_events(session, program=cohort.program)]
    assert events.count(AuditAction.ROSTER_IMPORTED) == 1


def columns(row: Base) -> dict[str, object]:
    """The values of a row, without its random keys."""
    return {
        column.key: getattr(row, column.key)
        for column in sa_inspect(type(row)).columns
        if column.key not in {"id", "participant_id", "mentor_id", "mentee_id"}
    }


def test_what_is_imported_is_what_is_added_by_hand(session: Session, cohort: Cohort, now: datetime) -> None:
    program = cohort.program
    mentor = programs.add_participant(
        session, program, role="mentor", name="Ada", email="ada@x.org", locale="ur", now=now
    )
    mentee = programs.add_participant(
        session, program, role="mentee", name="Bo", email="bo@x.org", locale="de", now=now
    )
    pair = programs.add_pair(
        session, cohort, mentor=mentor, mentee=mentee, started_on=date(2026, 3, 1), now=now
    )
    by_hand = [columns(row) for row in (mentor, mentor.contact, mentee, mentee.contact, pair) if row]
    session.rollback()

    apply_import(session, plan(session, cohort, ROWS[0]), now=now)
    session.commit()

    pair = session.scalars(select(Pair)).one()
    rows = (pair.mentor, pair.mentor.contact, pair.mentee, pair.mentee.contact, pair)
    assert [columns(row) for row in rows if row] == by_hand
    assert len(by_hand) == 5


def test_a_long_list_takes_as_many_statements_as_a_short_one(
    session: Session, engine: Engine, cohort: Cohort, now: datetime
) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def cost(first: int, last: int) -> int:
        rows = [f"Ada,a{n}@x.org,,Bo,b{n}@x.org,,\n" for n in range(first, last)]
        planned = plan(session, cohort, *rows)
        statements.clear()
        apply_import(session, planned, now=now)
        session.commit()
        return len(statements)

    assert cost(0, 3) == cost(3, 153)
    assert cost(153, 156) > 3


def test_importing_the_same_file_twice_adds_nothing(session: Session, cohort: Cohort, now: datetime) -> None:
    apply_import(session, plan(session, cohort, *ROWS), now=now)
    session.commit()
    before = count(session)

    again = plan(session, cohort, *ROWS)
    result = apply_import(session, again, now=now)
    session.commit()

    assert notes(again) == [
        (2, "mentor_in_several_pairs"),
        (2, "pair_known"),
        (3, "pair_known"),
        (4, "pair_known"),
    ]
    assert result == ImportResult(n_people_added=0, n_people_reused=5, n_pairs_added=0, n_pairs_skipped=3)
    assert count(session) == before == {"participant": 5, "contact": 5, "pair": 3}
    events = [event.action for event in list_events(session, program=cohort.program)]
    assert events.count(AuditAction.ROSTER_IMPORTED) == 1


def test_a_longer_file_adds_what_is_new(session: Session, cohort: Cohort, now: datetime) -> None:
    apply_import(session, plan(session, cohort, ROWS[0]), now=now)
    session.commit()

    result = apply_import(session, plan(session, cohort, *ROWS), now=now)

    assert result == ImportResult(n_people_added=3, n_people_reused=2, n_pairs_added=2, n_pairs_skipped=1)


def test_the_file_may_be_imported_into_a_second_cohort(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    apply_import(session, plan(session, cohort, *ROWS), now=now)
    autumn = programs.add_cohort(session, cohort.program, name="Autumn", now=now)

    result = apply_import(session, plan(session, autumn, *ROWS), now=now)

    assert result == ImportResult(n_people_added=0, n_people_reused=5, n_pairs_added=3, n_pairs_skipped=0)


def test_people_of_another_programme_are_other_people(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    other = programs.create_program(session, slug="other", name="Other", organisation="Example", now=now)
    add_person(session, other, "mentee", "Ada", "ada@x.org", now=now)

    planned = plan(session, cohort, *ROWS)

    assert (planned.problems, planned.people_known) == ((), ())


def test_a_person_who_is_there_is_reused_as_they_are(session: Session, cohort: Cohort, now: datetime) -> None:
    ada = add_person(session, cohort.program, "mentor", "Ada Lovelace", "ada@x.org", now=now)
    session.commit()

    planned = plan(session, cohort, *ROWS)
    apply_import(session, planned, now=now)
    session.commit()

    assert [person.participant_id for person in planned.people_known] == [ada.id]
    assert (2, "known_by_other_name") in notes(planned)
    contact = session.get_one(Contact, ada.id)
    assert (contact.name, contact.locale) == ("Ada Lovelace", "ar")


def test_a_person_who_is_there_in_the_other_role_is_a_problem(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    add_person(session, cohort.program, "mentee", "Ada", "ada@x.org", now=now)
    add_person(session, cohort.program, "mentor", "Ed", "ed@x.org", now=now)

    planned = plan(session, cohort, *ROWS)

    assert found(planned) == [
        (2, "mentor e-mail", "known_in_other_role"),
        (4, "mentee e-mail", "known_in_other_role"),
    ]
    assert str(planned.problems[0]).startswith(
        "line 2, column 'mentor e-mail': ada@x.org already takes part in this programme as a mentee, not as a mentor."
    )


def test_a_person_whose_contact_was_erased_is_added_anew(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    ada = add_person(session, cohort.program, "mentor", "Ada", "ada@x.org", now=now)
    ada.contact = None
    session.commit()

    assert "ada@x.org" in {person.email for person in plan(session, cohort, *ROWS).people_new}


BAD = "Flo,flo@x,,Guy,guy@x.org,,\n"


def test_nothing_is_written_when_one_row_is_bad(session: Session, cohort: Cohort, now: datetime) -> None:
    planned = plan(session, cohort, *ROWS, BAD)

    with pytest.raises(RosterError) as caught:
        apply_import(session, planned, now=now)
    session.commit()

    assert caught.value.code == "problems"
    assert caught.value.problems == planned.problems
    assert found(planned) == [(5, "mentor e-mail", "malformed_email")]
    assert count(session) == NOTHING


def test_problems_of_the_file_and_of_the_programme_are_reported_together(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    add_person(session, cohort.program, "mentor", "Ed", "ed@x.org", now=now)

    assert found(plan(session, cohort, *ROWS, BAD)) == [
        (4, "mentee e-mail", "known_in_other_role"),
        (5, "mentor e-mail", "malformed_email"),
    ]


def test_an_unreadable_file_gives_a_plan_that_cannot_be_applied(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    planned = plan_import(session, cohort, read_roster(b"%PDF-1.7"))

    with pytest.raises(RosterError, match="problems"):
        apply_import(session, planned, now=now)
    assert planned.problems[0].code == "pdf"


def add_one_pair(session: Session, cohort: Cohort, now: datetime) -> None:
    """Somebody else imports one of the pairs."""
    apply_import(session, plan(session, cohort, ROWS[0]), now=now)


def take_the_other_role(session: Session, cohort: Cohort, now: datetime) -> None:
    """Somebody else adds a person of the file in the other role."""
    add_person(session, cohort.program, "mentor", "Bo", "bo@x.org", now=now)


def add_one_person(session: Session, cohort: Cohort, now: datetime) -> None:
    """Somebody else adds a person of the file in the same role."""
    add_person(session, cohort.program, "mentor", "Ada", "ada@x.org", now=now)


@pytest.mark.parametrize("change", [add_one_pair, take_the_other_role, add_one_person])
def test_a_plan_that_the_programme_has_outrun_is_refused(
    session: Session, cohort: Cohort, now: datetime, change: Callable[[Session, Cohort, datetime], None]
) -> None:
    planned = plan(session, cohort, *ROWS)
    change(session, cohort, now)
    session.commit()
    before = count(session)

    with pytest.raises(RosterError) as caught:
        apply_import(session, planned, now=now)
    session.commit()

    assert caught.value.code == "stale"
    assert count(session) == before


def test_a_change_that_does_not_matter_does_not_make_a_plan_stale(
    session: Session, cohort: Cohort, now: datetime
) -> None:
    planned = plan(session, cohort, *ROWS)
    add_person(session, cohort.program, "mentor", "Zoe", "zoe@x.org", now=now)
    session.commit()

    assert apply_import(session, planned, now=now).n_pairs_added == 3


def test_a_cohort_that_is_gone_is_told(session: Session, cohort: Cohort, now: datetime) -> None:
    planned = plan(session, cohort, *ROWS)
    session.delete(cohort)
    session.commit()

    with pytest.raises(RosterError) as caught:
        apply_import(session, planned, now=now)
    assert caught.value.code == "no_cohort"


def test_a_failure_half_way_leaves_nothing_even_if_the_caller_commits(
    session: Session, cohort: Cohort, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(session, cohort, *ROWS)
    written: list[int] = []

    def fail_after_writing(session: Session, *_args: object, **_options: object) -> None:
        written.append(count(session)["pair"])
        raise ProgramError("name")

    monkeypatch.setattr(rosters, "record_event", fail_after_writing)
    with pytest.raises(ProgramError):
        apply_import(session, planned, now=now)
    session.commit()
    assert written == [3]
    assert count(session) == NOTHING

    # The same plan does write once nothing fails, so what was left out above was left out by the failure.
    monkeypatch.undo()
    apply_import(session, planned, now=now)
    session.commit()
    assert count(session) == {"participant": 5, "contact": 5, "pair": 3}


def test_of_two_imports_at_the_same_time_one_is_refused_and_nobody_is_added_twice(
    session: Session, session_factory: sessionmaker[Session], cohort: Cohort, now: datetime
) -> None:
    planned = plan(session, cohort, *ROWS)
    session.commit()

    def import_it(_number: int) -> str:
        with session_factory.begin() as own:
            try:
                apply_import(own, planned, now=now)
            except RosterError as error:
                return error.code
        return "imported"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(import_it, range(4)))

    assert outcomes == ["imported", "stale", "stale", "stale"]
    assert count(session) == {"participant": 5, "contact": 5, "pair": 3}


def test_the_same_file_in_two_encodings_gives_the_same_plan(session: Session, cohort: Cohort) -> None:
    text = (HEADER + "Jürgen Müller,jm@x.org,de,Renée Été,re@x.org,fr,\n").replace(",", ";")

    plans = [
        plan_import(session, cohort, read_roster(data))
        for data in (
            text.encode("utf-8-sig"),
            text.replace("\n", "\r\n").encode("utf-16"),
            text.encode("cp1252"),
        )
    ]

    assert plans[0].would_do_the_same(plans[1])
    assert plans[0].would_do_the_same(plans[2])
    assert [person.name for person in plans[0].people_new] == ["Jürgen Müller", "Renée Été"]
    assert not plans[0].would_do_the_same(plan(session, cohort, *ROWS))


def test_formulas_never_reach_the_database(session: Session, cohort: Cohort, now: datetime) -> None:
    planned = plan(session, cohort, '"=HYPERLINK(""http://evil.example"")",ada@x.org,,@SUM(1),bo@x.org,,\n')

    with pytest.raises(RosterError):
        apply_import(session, planned, now=now)
    assert [code for _, _, code in found(planned)] == ["formula", "formula"]
    assert count(session) == NOTHING
