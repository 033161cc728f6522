"""The way from a person or a pair to its pseudonym, which only the holder of the link key can walk.

`lookup` is an HMAC of the subject's id, `sealed` the pseudonym under a keyed pad that is used once. Whoever has the database
without the key sees two random columns; whoever destroys the row has cut the person off from the answers for good.

What is not sent yet is a draft, and belongs to no pseudonym: its keys are computed from the link key for this one wave, pair and
person, so that nothing stored joins it to anything else. Drafts cannot be cut off; they are deleted instead.
"""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, overload

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from surveys.errors import PseudonymKeyError
from surveys.models import LinkKey, PseudonymLink, Respondent, new_key

MINIMUM_KEY_BYTES = 32
PSEUDONYM_BYTES = 16
KEY_DIGITS = 2 * PSEUDONYM_BYTES
SALT_DIGITS = KEY_DIGITS // 2


@dataclass(frozen=True)
class DraftKeys:
    """What stands in a draft in place of the pseudonyms of its person and pair."""

    respondent: str
    pair: str


class Pseudonyms:
    """Finds, makes and destroys the pseudonyms of participants and pairs under one link key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MINIMUM_KEY_BYTES:
            raise PseudonymKeyError("short", length=len(key), minimum=MINIMUM_KEY_BYTES)
        # One key for one purpose: what leaks of the one says nothing about the others.
        self._lookup_key = _derive(key, b"viceversa link lookup")
        self._seal_key = _derive(key, b"viceversa link seal")
        self._fingerprint = _derive(key, b"viceversa link fingerprint").hex()
        self._draft_key = _derive(key, b"viceversa draft")
        self._final_key = _derive(key, b"viceversa draft to final")

    def __repr__(self) -> str:
        # The keys must not reach a log through a traceback.
        return "Pseudonyms(...)"

    @overload
    def respondent_key(self, session: Session, participant_id: str, *, create: Literal[True]) -> str: ...

    @overload
    def respondent_key(
        self, session: Session, participant_id: str, *, create: bool = False, hold: bool = False
    ) -> str | None: ...

    def respondent_key(
        self, session: Session, participant_id: str, *, create: bool = False, hold: bool = False
    ) -> str | None:
        """The pseudonym under which a participant's answers are kept; None if there is none and none is to be made.

        Whoever is about to write holds it: then it is read afresh, and stays what it is until the transaction ends.
        """
        subject = _participant(participant_id)
        if not create:
            return self._find(session, subject, hold=hold)
        key = self._find(session, subject, hold=True) or self._make(session, subject)
        if session.get(Respondent, key) is None:
            session.add(Respondent(key=key))
            session.flush()
        return key

    @overload
    def pair_key(self, session: Session, pair_id: str, *, create: Literal[True]) -> str: ...

    @overload
    def pair_key(
        self, session: Session, pair_id: str, *, create: bool = False, hold: bool = False
    ) -> str | None: ...

    def pair_key(
        self, session: Session, pair_id: str, *, create: bool = False, hold: bool = False
    ) -> str | None:
        """The pseudonym of a pair, the same for both partners; None if there is none and none is to be made."""
        found = self._find(session, _pair(pair_id), hold=create or hold)
        return found if found is not None or not create else self._make(session, _pair(pair_id))

    def draft_keys(self, wave_id: str, pair_id: str, participant_id: str) -> DraftKeys:
        """Where the draft of a person about a pair in a wave is kept; two drafts share no key, whoever wrote them."""
        subject = f"{wave_id}:{pair_id}:{participant_id}".encode()
        both = hmac.digest(self._draft_key, subject, "sha256").hex()
        return DraftKeys(both[:KEY_DIGITS], both[KEY_DIGITS:])

    def claimed_key(self, wave_id: str, pair_id: str, participant_id: str, claim: str, salt: str = "") -> str:
        """The key of a draft whose beginner said a secret: whoever says it again began it, though nothing of it is stored.

        With a random salt, which then is the key's first half, the same secret never leads to the same key twice.
        """
        subject = ":".join(["claim", wave_id, pair_id, participant_id, claim, *([salt] if salt else [])])
        digest = hmac.digest(self._draft_key, subject.encode(), "sha256").hex()
        return (salt + digest)[:KEY_DIGITS]

    def final_key(self, draft_key: str) -> str:
        """The key that a response gets when it is sent; without the link key nobody joins it to its draft."""
        return hmac.digest(self._final_key, draft_key.encode(), "sha256").hex()[:KEY_DIGITS]

    def destroy_participant(self, session: Session, participant_id: str) -> bool:
        """Cut a participant off from their answers; says whether there was a link."""
        return self._destroy(session, _participant(participant_id))

    def destroy_pair(self, session: Session, pair_id: str) -> bool:
        """Cut a pair off from its partners' answers; says whether there was a link."""
        return self._destroy(session, _pair(pair_id))

    def replace_pair(self, session: Session, pair_id: str) -> tuple[str, str] | None:
        """Give a pair another pseudonym, whose former one then leads nowhere; both of them, or None if there was none.

        Whoever saves answers under the former one holds its link until they are committed, so this waits for them.
        """
        subject = _pair(pair_id)
        former = self._find(session, subject)
        if former is None:
            return None
        fresh = new_key()
        link = session.get_one(
            PseudonymLink, self._lookup(subject), populate_existing=True, with_for_update=True
        )
        former = self._open(subject, link.sealed)
        link.sealed = self._seal(subject, fresh)
        session.flush()
        return former, fresh

    def check_key(self, session: Session) -> None:
        """Raise PseudonymKeyError if this database's links were made with another key."""
        known = session.get(LinkKey, "link")
        if known is not None and not hmac.compare_digest(known.fingerprint, self._fingerprint):
            raise PseudonymKeyError("changed")

    def _lookup(self, subject: str) -> str:
        """Where the link of a subject is kept."""
        return hmac.new(self._lookup_key, subject.encode(), sha256).hexdigest()

    def _pad(self, subject: str, nonce: bytes) -> bytes:
        """Sixteen bytes that only the key's holder can compute, different for each link."""
        return hmac.digest(self._seal_key, nonce + subject.encode(), "sha256")[:PSEUDONYM_BYTES]

    def _seal(self, subject: str, pseudonym: str) -> str:
        """The pseudonym as it is stored: a random nonce, then the pseudonym under its pad."""
        nonce = secrets.token_bytes(PSEUDONYM_BYTES)
        return (nonce + _xor(bytes.fromhex(pseudonym), self._pad(subject, nonce))).hex()

    def _open(self, subject: str, sealed: str) -> str:
        """The pseudonym that was sealed for a subject."""
        raw = bytes.fromhex(sealed)
        if len(raw) != 2 * PSEUDONYM_BYTES:
            raise PseudonymKeyError("damaged")
        nonce, covered = raw[:PSEUDONYM_BYTES], raw[PSEUDONYM_BYTES:]
        return _xor(covered, self._pad(subject, nonce)).hex()

    def _find(self, session: Session, subject: str, *, hold: bool = False) -> str | None:
        """The pseudonym of a subject, on demand read afresh and held; None if it has no link under this key."""
        # Checked whether or not there is a link, so that looking takes as long for those who have never answered.
        self.check_key(session)
        held: dict[str, Any] = {"populate_existing": True, "with_for_update": {"read": True}} if hold else {}
        link = session.get(PseudonymLink, self._lookup(subject), **held)
        if link is None:
            return None
        return self._open(subject, link.sealed)

    def _make(self, session: Session, subject: str) -> str:
        """A new pseudonym for a subject, or the one that somebody else made in the same moment."""
        self.register_key(session)
        pseudonym = new_key()
        try:
            with session.begin_nested():
                session.add(
                    PseudonymLink(lookup=self._lookup(subject), sealed=self._seal(subject, pseudonym))
                )
        except IntegrityError:
            # Another transaction linked the same subject first, and has committed by now.
            found = self._find(session, subject, hold=True)
            if found is None:
                raise
            return found
        return pseudonym

    def register_key(self, session: Session) -> None:
        """Note the fingerprint of the key with the first link, so that a wrong key is noticed later."""
        self.check_key(session)
        if session.get(LinkKey, "link") is not None:
            return
        try:
            with session.begin_nested():
                session.add(LinkKey(name="link", fingerprint=self._fingerprint))
        except IntegrityError:
            self.check_key(session)

    def _destroy(self, session: Session, subject: str) -> bool:
        """Delete the link of a subject and forget it in the session too."""
        self.check_key(session)
        statement = delete(PseudonymLink).where(PseudonymLink.lookup == self._lookup(subject))
        return bool(session.execute(statement.returning(PseudonymLink.lookup)).scalars().all())


def _derive(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose."""
    return hmac.digest(key, purpose, "sha256")


def _participant(participant_id: str) -> str:
    """The subject of a participant's link."""
    return f"participant:{participant_id}"


def _pair(pair_id: str) -> str:
    """The subject of a pair's link."""
    return f"pair:{pair_id}"


def _xor(left: bytes, right: bytes) -> bytes:
    """Both, bit by bit."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
