"""Nothing in the database leads from an answer to a person without the link key."""

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Column, Date, DateTime, ForeignKey, Integer, MetaData, String, Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.model import Missing, Role
from surveys.database import UTCDateTime
from surveys.errors import PseudonymKeyError
from surveys.models import (
    AuditEvent,
    Base,
    Comment,
    Goal,
    Invitation,
    Pair,
    Participant,
    Respondent,
    Response,
)
from surveys.pseudonyms import Pseudonyms
from surveys.responses import save_page, submit_response

CONFIDENTIAL = "confidential_"
PEOPLE = frozenset({"participant", "pair", "contact", "invitation"})
FORBIDDEN_WORDS = (
    "participant",
    "contact",
    "invitation",
    "token",
    "email",
    "name",
    "user",
    "pair_id",
    "mentor",
    "mentee",
)


def reachable(metadata: MetaData, table: str) -> set[str]:
    """The tables to which foreign keys lead from a table, directly or on."""
    found: set[str] = set()
    waiting = [table]
    while waiting:
        for key in metadata.tables[waiting.pop()].foreign_keys:
            target = key.column.table.name
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def leaks_in_schema(metadata: MetaData) -> set[str]:
    """Every confidential column that names a person, tells a time of day, or counts; every way of keys to a person."""
    leaks: set[str] = set()
    for table in metadata.tables.values():
        if not table.name.startswith(CONFIDENTIAL):
            continue
        leaks |= {f"{table.name} -> {target}" for target in reachable(metadata, table.name) & PEOPLE}
        for column in table.columns:
            named = any(word in column.name for word in FORBIDDEN_WORDS)
            timed = isinstance(column.type, (DateTime, UTCDateTime)) and not isinstance(column.type, Date)
            counted = column.primary_key and isinstance(column.type, Integer)
            if named or timed or counted:
                leaks.add(f"{table.name}.{column.name}")
    return leaks


def dump(session: Session, *, confidential: bool) -> list[tuple[str, str]]:
    """Every value of one side of the database as text, with its place."""
    values = []
    for table in Base.metadata.sorted_tables:
        if table.name.startswith(CONFIDENTIAL) is confidential:
            for row in session.execute(select(table)).mappings():
                values += [
                    (f"{table.name}.{name}", str(value).lower())
                    for name, value in row.items()
                    if value is not None
                ]
    return values


def places_holding(values: Iterable[tuple[str, str]], keys: Iterable[str]) -> set[str]:
    """Where one of the keys equals, or is contained in, a value."""
    wanted = set(keys)
    return {place for place, value in values if any(key in value for key in wanted)}


@pytest.fixture
def answered(world: Any) -> Any:
    """Everybody has answered, one of them in words."""
    for issued in world.issued:
        role = world.session.get_one(Participant, issued.participant_id).role
        given = {
            "A1": AnswerValue(code=4),
            "A2": AnswerValue(missing=Missing.PREFER_NOT),
            "R1": AnswerValue(text="All is well." if role is Role.MENTOR else "So far."),
        }
        submit_response(
            world.session,
            issued.invitation,
            given,
            pseudonyms=world.pseudonyms,
            locale="en",
            now=world.now,
            folders=world.folders,
        )
    world.session.commit()
    return world


def test_no_key_and_no_column_leads_from_a_confidential_table_to_a_person() -> None:
    assert {name for name in Base.metadata.tables if name.startswith(CONFIDENTIAL)}
    assert leaks_in_schema(Base.metadata) == set()


@pytest.mark.parametrize(
    ("column", "leak"),
    [
        (Column("owner", String(32), ForeignKey("participant.id")), "confidential_planted -> participant"),
        (Column("goal", String(32), ForeignKey("shared_goal.id")), "confidential_planted -> pair"),
        (Column("participant_hash", String(32)), "confidential_planted.participant_hash"),
        (Column("saved_at", UTCDateTime()), "confidential_planted.saved_at"),
        (Column("number", Integer, primary_key=True), "confidential_planted.number"),
    ],
)
def test_a_planted_leak_in_the_schema_is_found(column: Column[Any], leak: str) -> None:
    metadata = MetaData()
    for table in Base.metadata.tables.values():
        table.to_metadata(metadata)
    Table("confidential_planted", metadata, Column("key", String(32), primary_key=True), column)

    assert leak in leaks_in_schema(metadata)


def test_no_table_anywhere_has_serial_numbers() -> None:
    serial = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.primary_key
        if isinstance(column.type, Integer)
    ]

    assert serial == []


def test_a_dump_joins_no_pseudonym_to_a_person(answered: Any) -> None:
    session = answered.session
    keys = [*session.scalars(select(Respondent.key)), *session.scalars(select(Response.pair_key))]
    keys += [*session.scalars(select(Response.key)), *session.scalars(select(Comment.key))]
    people = [*session.scalars(select(Participant.id)), *session.scalars(select(Pair.id))]
    people += [*session.scalars(select(Invitation.id)), *session.scalars(select(Invitation.token_hash))]
    assert len(keys) == 4 + 4 + 4 + 4
    assert len(people) == 4 + 2 + 4 + 4

    assert places_holding(dump(session, confidential=False), keys) == set()
    assert places_holding(dump(session, confidential=True), people) == set()


def test_the_search_in_the_dump_finds_a_planted_leak(answered: Any) -> None:
    key = answered.session.scalars(select(Respondent.key)).first()
    planted = Goal(pair_id=answered.pairs[0].id, position=1, text=f"see {key.upper()}", levels=[], weight=1)
    answered.session.add(planted)
    answered.session.flush()

    assert places_holding(dump(answered.session, confidential=False), [key]) == {"shared_goal.text"}


def test_with_the_key_the_way_exists_and_with_another_key_it_does_not(answered: Any) -> None:
    mentor = answered.pairs[0].mentor_id
    respondents = set(answered.session.scalars(select(Respondent.key)))

    assert answered.pseudonyms.respondent_key(answered.session, mentor) in respondents
    stolen = Pseudonyms(b"x" * 32)
    with pytest.raises(PseudonymKeyError):
        stolen.respondent_key(answered.session, mentor)


def test_both_partners_share_the_pair_and_nothing_else(answered: Any) -> None:
    rows = answered.session.execute(select(Response.pair_key, Response.respondent_key, Response.role)).all()

    assert sorted(role for _, _, role in rows) == ["mentee", "mentee", "mentor", "mentor"]
    assert len({pair for pair, _, _ in rows}) == 2
    assert len({respondent for _, respondent, _ in rows}) == 4


def test_answering_leaves_no_trace_on_the_programme_side(world: Any) -> None:
    """The whole programme side, the log and the links included, is the same before and after; only the key is noted, once."""
    before = dump(world.session, confidential=False)
    link = world.issued[0]

    def save() -> None:
        save_page(
            world.session,
            link.invitation,
            "meetings",
            {"A1": AnswerValue(code=5)},
            pseudonyms=world.pseudonyms,
            locale="de",
            now=world.now,
            folders=world.folders,
        )
        world.session.commit()

    save()
    after = dump(world.session, confidential=False)

    new = sorted(set(after) - set(before))
    assert {place.partition(".")[0] for place, _ in new} == {"pseudonym_key"}
    assert set(before) <= set(after)
    assert (
        world.session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("%response%"))).all()
        == []
    )


def test_an_answer_is_a_code_or_a_reason_never_both_and_never_neither(answered: Any) -> None:
    table = Base.metadata.tables["confidential_answer"]
    key = answered.session.scalars(select(Response.key)).first()
    for code, missing in ((3, Missing.PREFER_NOT), (None, None)):
        with pytest.raises(IntegrityError, match="code_or_missing"), answered.session.begin_nested():
            answered.session.execute(
                table.insert().values(response_key=key, item_id="B1", code=code, missing=missing)
            )


def test_one_respondent_has_one_response_to_a_wave_about_a_pair(answered: Any) -> None:
    table = Base.metadata.tables["confidential_response"]
    row = dict(answered.session.execute(select(table)).mappings().first())

    with pytest.raises(IntegrityError):
        answered.session.execute(table.insert().values(row | {"key": "f" * 32}))
