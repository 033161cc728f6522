"""Reading comments: only by a moderator, only once nobody can answer any more, each question in an order of its own.

A comment is read with its text, its author's tick, and its language where several people answered in it. Neither role nor pair nor day
is read, and no key that two comments of one person would share: who wrote two of them can be told from nothing here.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from surveys.errors import ModerationError
from surveys.models import Cohort, Comment, Invitation, Program, Response, ResponseState, User, Wave
from surveys.open_questions import open_questions
from surveys.pledges import require_reader
from surveys.roles import DatabaseRole, acting_as
from surveys.waves import WaveState, floor_of, instrument_of, wave_state

# measurement.md 5.5: fewer people than this say who they are by what they say.
LEAST_PEOPLE = 10
LEAST_PEOPLE_BEHIND = 3
# In a smaller cohort a style of writing is enough to recognise somebody.
LEAST_PAIRS_QUOTED = 15


@dataclass(frozen=True)
class ReadComment:
    """A comment as a moderator reads it; its random key ties it to a theme and to nothing else.

    `locale` is the language in which the questionnaire was read, empty where so few did so that it would tell their comments apart.
    """

    key: str
    text: str
    locale: str
    may_be_quoted: bool


def commented_waves(session: Session, program: Program, *, reader: User, now: datetime) -> list[Wave]:
    """The waves of a programme in which nobody can answer any more and somebody wrote something, by cohort and time."""
    require_reader(session, reader, program)
    written = (
        select(Response.wave_id)
        .join(Comment, Comment.response_key == Response.key)
        .where(Response.state == ResponseState.SUBMITTED)
    )
    found = session.scalars(
        select(Wave)
        .join(Cohort, Cohort.id == Wave.cohort_id)
        .where(Cohort.program_id == program.id, Wave.id.in_(written))
        .options(joinedload(Wave.cohort))
        .order_by(Cohort.name, Wave.opens_at)
    )
    return [wave for wave in found if wave_state(wave, now) is WaveState.CLOSED]


def read_comments(
    session: Session,
    wave: Wave,
    item_id: str,
    *,
    reader: User,
    now: datetime,
    folders: Sequence[Path] = (),
    rng: random.Random | None = None,
) -> tuple[ReadComment, ...]:
    """Everything that was written on one question of a closed wave and sent, in an order that is drawn anew each time.

    Raises AccessDeniedError or ModerationError. What somebody saved without sending it is read by nobody.
    """
    check_readable(session, wave, item_id, reader=reader, now=now, folders=folders)
    rows = session.execute(
        select(Comment.key, Comment.text, Response.locale, Comment.may_be_quoted)
        .join(Response, Response.key == Comment.response_key)
        .where(*_sent(wave, item_id))
        # By a random key that belongs to this comment alone: even a generator that repeats itself gives two questions orders
        # that have nothing to do with each other.
        .order_by(Comment.key)
    )
    common = _common_locales(session, wave, item_id)
    comments = [
        ReadComment(key, text, locale if locale in common else "", quotable)
        for key, text, locale, quotable in rows
    ]
    (rng or random.SystemRandom()).shuffle(comments)
    return tuple(comments)


def check_readable(
    session: Session, wave: Wave, item_id: str, *, reader: User, now: datetime, folders: Sequence[Path] = ()
) -> None:
    """Raise unless this user may read the comments on this question now."""
    require_reader(session, reader, wave.cohort.program)
    if wave_state(wave, now) is not WaveState.CLOSED:
        raise ModerationError("still_open")
    questions = open_questions(instrument_of(wave, folders=folders), wave)
    if item_id not in {question.item_id for question in questions}:
        raise ModerationError("unknown_question")


def theme_floor(wave: Wave) -> int:
    """How many people must have answered a question before a theme on it is published."""
    return max(LEAST_PEOPLE, floor_of(wave), wave.cohort.program.floor)


def has_enough_people(session: Session, wave: Wave, item_id: str) -> bool:
    """Whether as many people of the wave have answered a question as a theme needs; how many it were is not told."""
    return len(set(authors_of(session, wave, item_id).values())) >= theme_floor(wave)


def least_supporters(session: Session, wave: Wave) -> int:
    """How many comments a theme needs, so that different people stand behind it whichever comments they are.

    Somebody in several pairs may have written several comments. Were the people behind the chosen ones counted, a moderator could try
    comments out and learn which of them come from one person; so the number depends on the pairs that were asked alone.
    """
    asked = select(func.count(Invitation.pair_id.distinct())).where(Invitation.wave_id == wave.id)
    # Who was asked is not the moderator's business either; all that comes back is one number.
    with acting_as(session, DatabaseRole.RELEASES):
        most = sorted(session.scalars(asked.group_by(Invitation.participant_id)), reverse=True)
    others = LEAST_PEOPLE_BEHIND - 1
    return max(LEAST_PEOPLE_BEHIND, sum(most[:others]) + 1)


def may_quote(session: Session, wave: Wave) -> bool:
    """Whether the cohort is large enough for quotes: counted are pairs that the wave asked, as they stand on the programme's side."""
    asked = select(func.count(Invitation.pair_id.distinct())).where(Invitation.wave_id == wave.id)
    return (session.scalar(asked) or 0) >= LEAST_PAIRS_QUOTED


def authors_of(session: Session, wave: Wave, item_id: str) -> Mapping[str, str]:
    """The pseudonym behind each comment on a question, for counting people; it is shown to nobody."""
    rows = session.execute(
        select(Comment.key, Response.respondent_key)
        .join(Response, Response.key == Comment.response_key)
        .where(*_sent(wave, item_id))
    )
    return dict(rows.all())


def _common_locales(session: Session, wave: Wave, item_id: str) -> frozenset[str]:
    """The languages in which so many people answered a question that being one of them tells nobody's comments apart."""
    people = session.execute(
        select(Response.locale, Response.respondent_key)
        .join(Comment, Comment.response_key == Response.key)
        .where(*_sent(wave, item_id))
        .distinct()
    )
    counted = Counter(locale for locale, _ in people)
    least = max(floor_of(wave), wave.cohort.program.floor)
    return frozenset(locale for locale, n_people in counted.items() if n_people >= least)


def _sent(wave: Wave, item_id: str) -> tuple[ColumnElement[bool], ...]:
    """What a comment on a question has to be: of this wave, and sent."""
    return (
        Response.wave_id == wave.id,
        Response.state == ResponseState.SUBMITTED,
        Comment.item_id == item_id,
    )
