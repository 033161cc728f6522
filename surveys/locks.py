"""Who waits for whom: the locks of a transaction, and the one order in which they are taken.

First the wave (`surveys.waves.lock_wave`), then the person, the pair, the programme, the links to pseudonyms, and last, at the commit, the
log. Two that took them in another order would wait for each other forever. SQLite needs none: its writers already stand in line.

A lock on a row is noted in the row. On PostgreSQL the row of a link or a pair would then name the transaction that wrote its owner's
answers or a wish, to whoever can read it, and a coordinator could tell from it who has written. So people and pairs are locked by number.
"""

from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from surveys.models import Program


def lock_person(session: Session, participant_id: str) -> None:
    """Let nobody else save, leave or change links for this person until the transaction ends; after `lock_wave`, never before."""
    _lock_number(session, f"viceversa person {participant_id}")


def lock_pair(session: Session, pair_id: str) -> None:
    """Let the partners of a pair write what they share, or decide about it, one after the other; after `lock_person`."""
    _lock_number(session, f"viceversa pair {pair_id}")


def lock_program(session: Session, program_id: str) -> Program:
    """Let those who decide something about a whole programme take turns, and give the programme to them.

    Rows that only name the programme, such as a message, are written meanwhile and wait for nobody.
    """
    turn = select(Program).where(Program.id == program_id)
    return session.scalars(turn.with_for_update(key_share=True)).one()


def _lock_number(session: Session, subject: str) -> None:
    """Hold a number that stands for a subject."""
    if session.get_bind().dialect.name == "postgresql":
        digest = sha256(subject.encode()).digest()
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(digest[:8], "big", signed=True))))
