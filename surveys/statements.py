"""The record of what participants were told: each statement word for word, and which one a response was given under.

The digest of a statement covers the facts, the sentences, the language and the words as they were shown, with "your partner" for the
partner's name: any change of promise or wording gives another digest, and the digest is the same for everybody who is shown the statement.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.digests import digest as digest_of
from surveys.database import as_utc
from surveys.errors import StatementError
from surveys.models import PrivacyStatement, Response
from surveys.statement_texts import Sentence, Statement

SHORTEST_PREFIX = 8
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class ShownStatement:
    """A statement as it is read in one language."""

    digest: str
    promise: str
    locale: str
    facts: Mapping[str, Any]
    body: str


def put_into_words(statement: Statement, locale: str, say: Callable[[Sentence], str]) -> ShownStatement:
    """The statement in one language; `say` translates a sentence and fills it in, with no partner's name."""
    first = [*map(say, statement.promise), *(f"- {say(note)}" for note in statement.notes)]
    rest = [
        "\n".join([f"## {say(Sentence(section.heading))}", *(f"- {say(one)}" for one in section.sentences)])
        for section in statement.sections
    ]
    body = "\n\n".join(["\n".join(first), *rest]) + "\n"
    promise = statement.promise_digest
    digest = digest_of({"promise": promise, "locale": locale, "body": body})
    return ShownStatement(digest, promise, locale, statement.facts.as_json(), body)


def keep_statements(
    session: Session, program_id: str, shown: Iterable[ShownStatement], *, now: datetime
) -> None:
    """Keep statements word for word, each once, whoever comes first."""
    today = as_utc(now).date()
    # Always in the same order, so that two who come at once wait for each other at the first only.
    for one in sorted(shown, key=lambda one: one.digest):
        if session.get(PrivacyStatement, one.digest) is not None:
            continue
        row = PrivacyStatement(
            digest=one.digest,
            promise=one.promise,
            program_id=program_id,
            locale=one.locale,
            shown_first_on=today,
            facts=dict(one.facts),
            body=one.body,
        )
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            # Somebody else has kept the same words in this moment.
            continue


def note_statement(session: Session, response: Response, digest: str | None) -> None:
    """Note which statement somebody had read when they saved answers; another wording of the same promise changes nothing.

    A digest that was never kept is not noted: the response then says of no statement that it was read, and the page shows it again.
    """
    shown = session.get(PrivacyStatement, digest) if digest else None
    if shown is None:
        return
    known = session.get(PrivacyStatement, response.statement_digest) if response.statement_digest else None
    if known is None or known.promise != shown.promise:
        response.statement_digest = shown.digest
        session.flush()


def was_read(session: Session, digest: str | None, statement: Statement) -> bool:
    """Whether a response was given under what the statement promises, in whatever language and wording."""
    known = session.get(PrivacyStatement, digest) if digest else None
    return known is not None and known.promise == statement.promise_digest


def find_statement(session: Session, typed: str) -> PrivacyStatement:
    """The statement of a digest, or of its first signs if they fit one only; raises StatementError."""
    start = typed.strip().lower()
    if not SHORTEST_PREFIX <= len(start) <= 64 or not set(start) <= HEX:
        raise StatementError("digest", shortest=SHORTEST_PREFIX)
    found = session.scalars(
        select(PrivacyStatement).where(PrivacyStatement.digest.startswith(start)).limit(2)
    ).all()
    if len(found) != 1:
        raise StatementError("several" if found else "unknown", digest=start)
    return found[0]
