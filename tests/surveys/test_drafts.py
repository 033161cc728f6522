"""What is not sent yet lies under keys of its own: nothing stored joins it to a pseudonym, or to what is sent in the end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, make_url, select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.model import Role
from surveys import responses, retention, withdrawal
from surveys.arrival import forget_arrival
from surveys.errors import PseudonymKeyError
from surveys.models import (
    Answer,
    Base,
    Comment,
    PseudonymLink,
    Respondent,
    Response,
    ResponseState,
    RetentionKind,
)
from surveys.pseudonyms import Pseudonyms
from surveys.responses import ResponseView, Submission

GIVEN = {"A1": AnswerValue(code=4), "A2": AnswerValue(code=2), "A3": AnswerValue(code=1)}
WORDS = {"R1": AnswerValue(text="A remark.")}
KEYS = ("key", "respondent_key", "pair_key", "response_key")


class Desk:
    """One person in front of their questionnaire."""

    def __init__(self, world: Any, role: Role = Role.MENTOR, pair: int = 0) -> None:
        self.world = world
        self.invitation = world.invitation_of(world.pairs[pair], role).invitation

    def how(self, **changes: Any) -> dict[str, Any]:
        world = self.world
        given = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        return given | changes

    def save(self, **changes: Any) -> ResponseView:
        view = responses.save_page(
            self.world.session, self.invitation, "meetings", GIVEN, **self.how(**changes)
        )
        responses.save_page(self.world.session, self.invitation, "close", WORDS, **self.how(**changes))
        self.world.session.commit()
        return view

    def send(self, **changes: Any) -> Submission:
        sent = responses.submit_response(self.world.session, self.invitation, **self.how(**changes))
        self.world.session.commit()
        return sent

    def load(self) -> ResponseView | None:
        return responses.load_response(self.world.session, self.invitation, self.world.pseudonyms)


@pytest.fixture
def desk(world: Any) -> Desk:
    """The mentor of the first pair."""
    return Desk(world)


def keys_in(session: Session) -> set[str]:
    """Every key that a confidential row holds."""
    session.expire_all()
    return {
        str(value)
        for table in Base.metadata.sorted_tables
        if table.name.startswith("confidential_")
        for row in session.execute(select(table)).mappings()
        for name, value in row.items()
        if name in KEYS
    }


def dump(session: Session) -> str:
    """Every value of the whole database."""
    session.expire_all()
    return "\n".join(
        str(value)
        for table in Base.metadata.sorted_tables
        for row in session.execute(select(table)).mappings()
        for value in row.values()
    )


def test_a_draft_and_what_was_sent_have_no_key_in_common(desk: Desk) -> None:
    session = desk.world.session
    desk.save()
    with_draft, drafted = dump(session), keys_in(session)
    desk.send()
    with_sent, sent = dump(session), keys_in(session)

    assert len(drafted) == len(sent) == 4
    assert {key for key in drafted if key in with_sent} == set()
    assert {key for key in sent if key in with_draft} == set()
    assert session.scalar(select(func.count()).select_from(Answer)) == 3
    assert session.scalars(select(Comment.text)).all() == ["A remark."]


def test_changing_an_answer_keeps_the_keys(desk: Desk) -> None:
    """The control of the comparison above: without a new key the two would be joined."""
    session = desk.world.session
    desk.save()
    before = keys_in(session)
    desk.save()

    assert keys_in(session) == before


def test_a_draft_makes_no_pseudonym(desk: Desk) -> None:
    desk.save()
    assert desk.world.session.scalars(select(PseudonymLink)).all() == []

    desk.send()
    assert len(desk.world.session.scalars(select(PseudonymLink)).all()) == 2


def test_no_two_drafts_share_a_key_whoever_wrote_them(world: Any) -> None:
    """Partners do not, nor one person in two waves; what they send does."""
    holder = world.pseudonyms
    people, pairs, waves = ("p", "q"), ("x", "y"), ("v", "w")
    drawn = [holder.draft_keys(w, x, p) for w in waves for x in pairs for p in people]
    assert len({key for one in drawn for key in (one.respondent, one.pair)}) == 16
    assert all(len(key) == 32 for one in drawn for key in (one.respondent, one.pair))

    mentor, mentee = Desk(world), Desk(world, Role.MENTEE)
    for desk in (mentor, mentee):
        desk.save()
    assert len(set(world.session.scalars(select(Response.pair_key)))) == 2
    for desk in (mentor, mentee):
        desk.send()
    assert len(set(world.session.scalars(select(Response.pair_key)))) == 1


def test_without_the_link_key_nobody_computes_where_a_draft_went(world: Any) -> None:
    other = Pseudonyms(b"k" * 32)

    assert other.draft_keys("w", "x", "p") != world.pseudonyms.draft_keys("w", "x", "p")
    assert other.final_key("0" * 32) != world.pseudonyms.final_key("0" * 32)
    assert world.pseudonyms.final_key("0" * 32) == Pseudonyms(bytes(range(32))).final_key("0" * 32)


def test_another_link_key_is_noticed_at_the_first_page(desk: Desk) -> None:
    """Or the next page would be saved where nobody finds it again."""
    desk.save()

    with pytest.raises(PseudonymKeyError):
        desk.save(pseudonyms=Pseudonyms(b"k" * 32))


def test_the_browser_knows_the_response_again_after_sending_and_not_after_a_new_start(desk: Desk) -> None:
    begun = desk.save()
    sent = desk.send()
    changed = desk.save()
    assert begun.tag == sent.response.tag == changed.tag

    responses.withdraw_response(
        desk.world.session, desk.invitation, pseudonyms=desk.world.pseudonyms, now=desk.world.now
    )
    withdrawn = desk.load()
    assert withdrawn is not None
    assert withdrawn.tag == begun.tag
    assert desk.save().tag != begun.tag


def test_when_somebody_began_is_not_kept(desk: Desk) -> None:
    desk.save()
    sent = desk.send(now=desk.world.now + timedelta(days=2))

    assert sent.response.started_on == sent.response.submitted_on
    assert sent.response.started_on == (desk.world.now + timedelta(days=2)).date()


def test_leaving_deletes_drafts_too(world: Any) -> None:
    mine, partners = Desk(world), Desk(world, Role.MENTEE)
    mine.save()
    partners.save()

    left = withdrawal.withdraw_from_surveys(
        world.session, world.pairs[0].mentor, pseudonyms=world.pseudonyms, now=world.now
    )
    world.session.commit()

    assert (left.n_responses, left.n_answers, left.n_comments) == (1, 3, 1)
    assert left.receipt
    assert len(world.session.scalars(select(Respondent)).all()) == 1
    assert world.session.scalar(select(func.count()).select_from(Answer)) == 3
    assert partners.load() is not None


def test_drafts_go_when_the_links_go(world: Any) -> None:
    """Nobody can be cut off from a draft, so it must not outlive the links."""
    begun, sent = Desk(world), Desk(world, Role.MENTEE)
    begun.save()
    sent.save()
    sent.send()
    world.cohort.ends_on = world.wave.closes_at.date()
    world.session.commit()
    later = world.wave.closes_at + timedelta(days=120)

    def run(*, dry_run: bool) -> int:
        done = retention.apply_retention(
            world.session, world.program, pseudonyms=world.pseudonyms, now=later, dry_run=dry_run
        )
        return done.counts[RetentionKind.LINK]

    # One draft, and the links of the person and of the pair that sent something.
    assert run(dry_run=True) == run(dry_run=False) == 3
    assert world.session.scalars(select(Response.state)).all() == [ResponseState.SUBMITTED]
    assert len(world.session.scalars(select(Respondent)).all()) == 1
    assert begun.load() is None


def test_what_an_earlier_version_left_under_the_pseudonym_is_resumed_and_sent(desk: Desk) -> None:
    session, world = desk.world.session, desk.world
    toy = world.instrument
    session.add(
        Response(
            key="a" * 32,
            respondent_key=world.pseudonyms.respondent_key(
                session, desk.invitation.participant_id, create=True
            ),
            pair_key=world.pseudonyms.pair_key(session, desk.invitation.pair_id, create=True),
            wave_id=world.wave.id,
            role=Role.MENTOR,
            locale="en",
            locale_digest=toy.locales["en"].digest,
            instrument_version=toy.version,
            instrument_digest=toy.digests.whole,
            state=ResponseState.DRAFT,
            started_on=world.now.date() - timedelta(days=1),
        )
    )
    session.commit()
    found = desk.load()
    assert found is not None

    desk.save()
    sent = desk.send()

    assert (sent.response.tag, sent.response.answers) == (found.tag, GIVEN | WORDS)
    assert sent.response.started_on == world.now.date()
    assert len(session.scalars(select(Response)).all()) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_file_holds_nothing_of_a_draft_that_was_sent(
    desk: Desk, engine: Engine, database_url: str
) -> None:
    path = Path(str(make_url(database_url).database))

    def read() -> bytes:
        return b"".join(found.read_bytes() for found in path.parent.glob(f"{path.name}*"))

    desk.save()
    drafted = keys_in(desk.world.session)
    assert all(key.encode() in read() for key in drafted)
    desk.send()
    desk.world.session.close()

    forget_arrival(engine)

    assert [key for key in drafted if key.encode() in read()] == []
