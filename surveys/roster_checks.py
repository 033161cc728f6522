"""What the rows of a roster say together: one person per address, one role per person, no pair twice."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from instruments.errors import N_
from surveys.roster_files import RosterNote, RosterProblem

SIDES = ("mentor", "mentee")


@dataclass
class RowDraft:
    """A row on its way: the values of the cells that could be read, and the problems found so far."""

    line: int
    row: int
    column_names: Mapping[str, str]
    values: dict[str, str | dt.date | None] = field(default_factory=dict)
    problems: list[RosterProblem] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """A value that is text, or None when it is missing or could not be read."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def report(self, name: str, code: str, message: str, remedy: str, /, **params: str | int) -> None:
        """Add a problem with a field of this row, or with the row as a whole when the name is empty."""
        column = self.column_names.get(name, "")
        self.problems.append(
            RosterProblem(self.line, column, code, message, params, row=self.row, remedy=remedy)
        )


@dataclass
class PersonSeen:
    """What the file has said so far about the person behind an address."""

    line: int
    side: str
    name: str | None
    locale: str | None
    time_zone: str | None


def check_people(drafts: Sequence[RowDraft]) -> dict[str, PersonSeen]:
    """Report addresses that do not mean one person in one role throughout; returns what is known of each address."""
    seen: dict[str, PersonSeen] = {}
    for draft in drafts:
        if draft.text("mentor_email") and draft.text("mentor_email") == draft.text("mentee_email"):
            draft.report(
                "mentee_email",
                "same_person",
                N_("%(email)s is both mentor and mentee of this pair."),
                N_("A pair is two people: correct one of the two addresses."),
                email=draft.text("mentor_email") or "",
            )
            continue
        for side in SIDES:
            email = draft.text(f"{side}_email")
            if email:
                said = (draft.text(f"{side}_{what}") for what in ("name", "language", "timezone"))
                now = PersonSeen(draft.line, side, *said)
                _compare(draft, email, seen.setdefault(email, now), now)
    return seen


def _compare(draft: RowDraft, email: str, first: PersonSeen, now: PersonSeen) -> None:
    """Report where this row contradicts an earlier one about the same person, and remember what it adds."""
    if first.side != now.side:
        draft.report(
            f"{now.side}_email",
            "role_differs",
            N_("%(email)s is a mentee here and a mentor in line %(line)s.")
            if now.side == "mentee"
            else N_("%(email)s is a mentor here and a mentee in line %(line)s."),
            N_(
                "A person has one role in a programme: correct one row, or make a second programme for the other role."
            ),
            email=email,
            line=first.line,
        )
        return
    if first.name and now.name and first.name.casefold() != now.name.casefold():
        draft.report(
            f"{now.side}_name",
            "name_differs",
            N_("%(email)s is “%(name)s” here and “%(other)s” in line %(line)s."),
            N_("Write the name the same way in both rows, or give each person an address of their own."),
            email=email,
            name=now.name,
            other=first.name,
            line=first.line,
        )
    if first.locale and now.locale and first.locale != now.locale:
        draft.report(
            f"{now.side}_language",
            "language_differs",
            N_("%(email)s has the language %(language)s here and %(other)s in line %(line)s."),
            N_("Write the same language in both rows."),
            email=email,
            language=now.locale,
            other=first.locale,
            line=first.line,
        )
    first.name = first.name or now.name
    first.locale = first.locale or now.locale
    # Of two zones the first one holds: a mail at eight here is at nine there, which is no reason to refuse a file.
    first.time_zone = first.time_zone or now.time_zone


def check_pairs(drafts: Sequence[RowDraft]) -> None:
    """Report pairs that stand in the file twice."""
    lines: dict[tuple[str, str], int] = {}
    for draft in drafts:
        mentor, mentee = draft.text("mentor_email"), draft.text("mentee_email")
        if mentor and mentee and lines.setdefault((mentor, mentee), draft.line) != draft.line:
            draft.report(
                "mentee_email",
                "pair_twice",
                N_("The pair of %(mentor)s and %(mentee)s already stands in line %(line)s."),
                N_("Delete one of the two rows."),
                mentor=mentor,
                mentee=mentee,
                line=lines[mentor, mentee],
            )


def note_people(drafts: Sequence[RowDraft], seen: Mapping[str, PersonSeen]) -> list[RosterNote]:
    """Who stands in several pairs, and who may be one person under two addresses."""
    partners: dict[str, set[str]] = {}
    for draft in drafts:
        mentor, mentee = draft.text("mentor_email"), draft.text("mentee_email")
        if mentor and mentee:
            partners.setdefault(mentor, set()).add(mentee)
            partners.setdefault(mentee, set()).add(mentor)
    notes: list[RosterNote] = []
    addresses: dict[tuple[str, str], str] = {}
    for email, person in seen.items():
        name = person.name or email
        number = len(partners.get(email, ()))
        if number > 1:
            message = (
                N_("%(name)s is a mentor with several mentees: %(number)s.")
                if person.side == "mentor"
                else N_("%(name)s is a mentee with several mentors: %(number)s.")
            )
            code = f"{person.side}_in_several_pairs"
            notes.append(RosterNote(person.line, "", code, message, {"name": name, "number": number}))
        other = addresses.setdefault((person.side, name.casefold()), email)
        if other != email:
            message = N_("%(name)s has two addresses, %(email)s and %(other)s. Are these two people?")
            params = {"name": name, "email": email, "other": other}
            notes.append(RosterNote(person.line, "", "name_with_two_addresses", message, params))
    return notes
