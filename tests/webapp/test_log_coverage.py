"""Whatever a coordinator or researcher changes by a page leaves an entry with their name; so does a stopped sign-in."""

import io
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import invitations, messages, programs, trial, waves
from surveys.audit import AuditAction
from surveys.models import (
    AuditEvent,
    Cohort,
    Contact,
    Invitation,
    Message,
    Pair,
    Program,
    Talk,
    User,
    Wave,
    new_key,
)
from tests.webapp.conftest import TOY_FOLDERS
from webapp.account.views import LIMIT_BOTH
from webapp.mail_settings import SmtpSettings

ROOMS = ("coordinate", "research")
# Routes that change nothing worth remembering, each with its reason: so far there is none.
EXCEPTIONS: Mapping[str, str] = {}
ROSTER = (
    "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language\n"
    "New Junior,new.junior@x.org,en,New Senior,new.senior@x.org,en\n"
)


class Desk:
    """The seeded programme, and the keys that addresses need."""

    def __init__(self, write: Callable[[], Session], clock: Callable) -> None:
        self.write, self.clock = write, clock

    def cohort(self, name: str) -> str:
        with self.write() as session:
            return session.scalars(select(Cohort.id).where(Cohort.name == name)).one()

    def wave(self, name: str) -> str:
        with self.write() as session:
            return session.scalars(select(Wave.id).where(Wave.cohort_id == self.cohort(name))).one()

    def invitation(self, name: str) -> str:
        with self.write() as session:
            return session.scalars(select(Invitation.id).where(Invitation.wave_id == self.wave(name))).first()

    def add_pair(self, name: str) -> None:
        with self.write() as session:
            cohort = session.get_one(Cohort, self.cohort(name))
            people = {
                role: programs.add_participant(
                    session,
                    cohort.program,
                    role=role,
                    name=role,
                    email=f"late.{role}@x.org",
                    now=self.clock(),
                )
                for role in ("mentor", "mentee")
            }
            programs.add_pair(session, cohort, **people, now=self.clock())

    def trial(self, *, drawn: bool) -> str:
        """A trial check that is over, in which one of the pair asked for a talk."""
        past = self.clock() - timedelta(days=20)
        with self.write() as session:
            cohort = session.get_one(Cohort, self.cohort("open"))
            instrument = get_instrument("core-battery", "0.1.0")
            wave = waves.schedule_wave(
                session, cohort, "TC", instrument, opens_at=past, closes_at=past + timedelta(days=9), now=past
            )
            issued = invitations.issue_invitations(session, wave, now=past)
            trial.decide_trial(session, issued[0].invitation, "talk", now=past)
            if drawn:
                trial.draw_talks(session, wave, now=self.clock())
            return wave.id

    def close(self, name: str) -> None:
        with self.write() as session:
            waves.close_wave(session, session.get_one(Wave, self.wave(name)), now=self.clock())


def create_cohort(desk: Desk) -> tuple[str, dict]:
    return "cohorts/new", {"name": "Another", "starts_on": "2026-04-01"}


def import_roster(desk: Desk) -> tuple[str, dict]:
    file = (io.BytesIO(ROSTER.encode()), "pairs.csv")
    return f"cohorts/{desk.cohort('open')}/roster", {"file": file, "action": "import"}


def schedule_wave(desk: Desk) -> tuple[str, dict]:
    moments = {"opens_at": "2026-04-01T09:00", "closes_at": "2026-04-10T09:00"}
    return f"cohorts/{desk.cohort('open')}/waves/new", {"kind": "TC", **moments}


def issue_links(desk: Desk) -> tuple[str, dict]:
    desk.add_pair("open")
    return f"waves/{desk.wave('open')}/links/issue", {}


def download_package(desk: Desk) -> tuple[str, dict]:
    desk.close("open")
    return "package", {"purpose": "A test"}


def end_pair(desk: Desk) -> tuple[str, dict]:
    with desk.write() as session:
        pair = session.scalars(select(Pair.id).where(Pair.cohort_id == desk.cohort("open"))).one()
    return f"cohorts/{desk.cohort('open')}/pairs/{pair}/end", {"ended_on": f"{desk.clock():%Y-%m-%d}"}


def match_anew(desk: Desk) -> tuple[str, dict]:
    desk.add_pair("open")
    with desk.write() as session:
        pairs = session.scalars(select(Pair).where(Pair.cohort_id == desk.cohort("open"))).all()
        people = {"mentor": pairs[0].mentor_id, "mentee": pairs[1].mentee_id}
    day = f"{desk.clock():%Y-%m-%d}"
    path = f"cohorts/{desk.cohort('open')}/pairs/new"
    return path, {**people, "started_on": day, "reporting_line": "none"}


def move_message(desk: Desk) -> tuple[str, dict]:
    with desk.write() as session:
        invitation = session.get_one(Invitation, desk.invitation("open"))
        messages.send_message(
            session, invitation, "contact", "Call me.", form_key=new_key(), now=desk.clock()
        )
        message = session.scalars(select(Message.id)).one()
    return f"messages/{message}/move", {"state": "closed"}


def draw_talks(desk: Desk) -> tuple[str, dict]:
    return f"waves/{desk.trial(drawn=False)}/talks", {}


def hold_talk(desk: Desk) -> tuple[str, dict]:
    """The entry is talk.held: nothing else is written by this route."""
    desk.trial(drawn=True)
    with desk.write() as session:
        talk = session.scalars(select(Talk.id)).first()
    return f"talks/{talk}/held", {}


def correct_address(desk: Desk) -> tuple[str, dict]:
    with desk.write() as session:
        contact = session.scalars(select(Contact).where(Contact.email == "m-open@x.org")).one()
        contact.bounced = True
    path = f"cohorts/{desk.cohort('open')}/people/{contact.participant_id}/address"
    return path, {"email": "right@x.org"}


def invite_by_mail(desk: Desk) -> tuple[str, dict]:
    desk.add_pair("open")
    return f"waves/{desk.wave('open')}/invite", {}


def acknowledge_draft(desk: Desk) -> tuple[str, dict]:
    """A draft that waits, as in a programme whose waves offer the source only."""
    info = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS).locales["de"]
    with desk.write() as session:
        session.execute(update(Wave).values(locales=["en"]))
    return "languages", {"draft": f"de:{info.digest}", "agreed": "y"}


WAYS: Mapping[str, Callable[[Desk], tuple[str, dict]]] = {
    "coordinate.correct_address": correct_address,
    "coordinate.create_cohort": create_cohort,
    "coordinate.invite_by_mail": invite_by_mail,
    "coordinate.import_roster": import_roster,
    "coordinate.schedule_wave": schedule_wave,
    "coordinate.open_wave": lambda desk: (f"waves/{desk.wave('scheduled')}/open", {}),
    "coordinate.close_wave": lambda desk: (f"waves/{desk.wave('open')}/close", {}),
    "coordinate.issue_links": issue_links,
    "coordinate.replace_link": lambda desk: (
        f"waves/{desk.wave('open')}/links/{desk.invitation('open')}/replace",
        {},
    ),
    "coordinate.end_pair": end_pair,
    "coordinate.match_anew": match_anew,
    "coordinate.move_message": move_message,
    "coordinate.list_languages": acknowledge_draft,
    "coordinate.draw_talks": draw_talks,
    "coordinate.hold_talk": hold_talk,
    "research.download_package": download_package,
}


def changing_routes(app: Flask) -> set[str]:
    """The addresses of the work rooms that take a form."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint.partition(".")[0] in ROOMS
    }


def entries_of(write: Callable[[], Session], email: str) -> int:
    with write() as session:
        user = select(User.id).where(User.email == email).scalar_subquery()
        return len(session.scalars(select(AuditEvent.id).where(AuditEvent.actor == user)).all())


def test_every_route_that_changes_something_is_known_here(app: Flask) -> None:
    assert changing_routes(app) == set(WAYS) | set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize("route", sorted(WAYS))
def test_what_a_page_changes_leaves_an_entry_with_a_name(
    client: FlaskClient, seeded, sign_in: Callable, read_token: Callable, write: Callable, clock, route: str
) -> None:
    room = route.partition(".")[0]
    email = "coordinator@example.org" if room == "coordinate" else "researcher@example.org"
    sign_in(client, email)
    client.application.config["SMTP"] = SmtpSettings("localhost", 25, "none")
    path, data = WAYS[route](Desk(write, clock))
    token = read_token(client.get("/").text)
    before = entries_of(write, email)
    client.get(f"/{room}/spring/")
    looked = entries_of(write, email)

    answer = client.post(f"/{room}/spring/{path}", data={**data, "csrf_token": token})

    assert answer.status_code in {200, 303}, answer.text
    # The control: only looking leaves none.
    assert (looked - before, entries_of(write, email) > before) == (0, True)


def test_a_sign_in_leaves_an_entry_and_tries_without_end_leave_one(
    client: FlaskClient, seeded, sign_in: Callable, write: Callable, clock
) -> None:
    def count(action: AuditAction) -> int:
        with write() as session:
            return len(session.scalars(select(AuditEvent.id).where(AuditEvent.action == action.value)).all())

    for _ in range(LIMIT_BOTH):
        sign_in(client, password="a wrong guess")
    assert (count(AuditAction.SIGN_IN_STOPPED), count(AuditAction.SIGNED_IN)) == (0, 0)
    for _ in range(5):
        sign_in(client, password="a wrong guess")
    assert (count(AuditAction.SIGN_IN_STOPPED), count(AuditAction.SIGNED_IN)) == (1, 0)
    clock.forward(minutes=16)
    sign_in(client)
    assert (count(AuditAction.SIGN_IN_STOPPED), count(AuditAction.SIGNED_IN)) == (1, 1)


def test_the_seeded_programme_is_what_the_ways_need(write: Callable, seeded, clock) -> None:
    with write() as session:
        program = session.scalars(select(Program)).one()
        opens = {wave.cohort.name: wave.opens_at for wave in session.scalars(select(Wave))}
    assert program.slug == "spring"
    assert opens["scheduled"] > clock() + timedelta(days=1)
