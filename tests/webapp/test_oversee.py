"""An overseer reads what was done and by which rules, changes nothing, and learns nothing about who answered, or when."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from surveys import accounts, audit, audit_files, break_glass, programs
from surveys.audit import AuditAction
from surveys.models import AuditEvent, Membership, Participant, PrivacyStatement, Program, User
from surveys.published import RULES_VERSION
from webapp.oversee import words
from webapp.oversee.views import describe_action

PASSWORD = "correct horse battery"
PAGES = ("", "log", "log.csv", "log.jsonl")


@pytest.fixture
def overseer(app: Flask, seeded, write: Callable[[], Session], clock, sign_in: Callable) -> FlaskClient:
    """A signed-in overseer of the seeded programme; another programme is not theirs."""
    with write() as session:
        hasher = app.config["PASSWORD_HASHER"]
        program = session.scalars(select(Program).where(Program.slug == "spring")).one()
        user = accounts.add_user(
            session, email="olga@example.org", name="Olga", password=PASSWORD, now=clock(), hasher=hasher
        )
        accounts.add_membership(session, user, program, "overseer", now=clock())
        other = programs.create_program(
            session, slug="other", name="Other programme", organisation="Elsewhere", now=clock()
        )
        programs.raise_floor(session, other, 17, now=clock())
    client = app.test_client()
    sign_in(client, "olga@example.org")
    return client


@pytest.fixture
def everything(overseer: FlaskClient) -> Callable[[], Mapping[str, str]]:
    """Reads every page an overseer has, without the forgery token, which is new each time."""

    def read() -> Mapping[str, str]:
        pages = {}
        for address in ("/oversee/", *(f"/oversee/spring/{page}" for page in PAGES)):
            answer = overseer.get(address)
            assert answer.status_code == 200, address
            pages[address] = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text)
        return pages

    return read


def answer_questions(app: Flask, link: str) -> None:
    """Save a page, send it, and change it again, as a person would."""
    browser = app.test_client()
    for step in ("/1", "/review", "/1"):
        page = browser.get(f"{link}/1")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        data = {"A1": "c:1"} | ({"csrf_token": token[1]} if token else {})
        assert browser.post(link + step, data=data).status_code == 303


class TestReadingOnly:
    def test_every_address_only_reads(self, app: Flask, overseer: FlaskClient) -> None:
        rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("oversee.")]
        assert len(rules) == 5
        for rule in rules:
            address = str(rule).replace("<slug>", "spring")
            assert overseer.get(address).status_code == 200
            for method in ("post", "put", "patch", "delete"):
                assert getattr(overseer, method)(address).status_code == 405, (method, address)

    @pytest.mark.parametrize("email", ["coordinator@example.org", "researcher@example.org"])
    def test_others_are_not_let_in(
        self, app: Flask, overseer: FlaskClient, sign_in: Callable, email: str
    ) -> None:
        other = app.test_client()
        assert other.get("/oversee/").status_code == 303
        sign_in(other, email)
        assert other.get("/oversee/").status_code == 403
        assert other.get("/oversee/spring/log.jsonl").status_code == 403

    def test_an_overseer_enters_no_other_room_and_no_other_programme(self, overseer: FlaskClient) -> None:
        assert overseer.get("/account/sign-in").location == "/oversee/"
        for room in ("/coordinate/", "/coordinate/spring/", "/research/spring/", "/custody/"):
            assert overseer.get(room).status_code == 403
        for page in PAGES:
            assert overseer.get(f"/oversee/other/{page}").status_code == 404
        assert 'href="/oversee/"' in overseer.get("/").text
        assert 'href="/coordinate/"' not in overseer.get("/").text


class TestNothingOfPeople:
    def test_no_participant_is_named(
        self, app: Flask, everything: Callable, sign_in: Callable, write: Callable
    ) -> None:
        with write() as session:
            people = session.scalars(select(Participant)).all()
            secrets = {"Amina", "Siddiqui", "Söhne", "@x.org", *(person.id for person in people)}
        pages = everything()

        assert not {secret for secret in secrets for page in pages.values() if secret in page}
        # The control: the search finds them where they may stand.
        desk = app.test_client()
        sign_in(desk)
        listed = re.search(
            r'href="(/coordinate/spring/cohorts/[0-9a-f]{32}/)"', desk.get("/coordinate/spring/").text
        )
        assert "Amina" in desk.get(listed[1]).text

    def test_that_somebody_answers_changes_no_page(
        self, app: Flask, everything: Callable, mentor: str, write: Callable, clock
    ) -> None:
        before = everything()
        answer_questions(app, mentor)
        assert everything() == before

        # The control: what a coordinator does at the same moment shows.
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            programs.add_cohort(session, program, name="Late", now=clock())
        after = everything()
        assert {address for address in before if after[address] != before[address]} == {
            "/oversee/spring/",
            "/oversee/spring/log",
            "/oversee/spring/log.csv",
            "/oversee/spring/log.jsonl",
        }

    def test_that_somebody_leaves_shows_on_the_next_day_only(
        self, app: Flask, everything: Callable, mentor: str, write: Callable, clock
    ) -> None:
        """Whoever looks every minute must not learn the minute."""
        before = everything()
        with write() as session:
            leaver = session.scalars(select(Participant)).first()
            audit.record_event(session, AuditAction.SURVEYS_ENDED, now=clock(), program=leaver.program)
        assert everything() == before
        clock.forward(hours=11)
        assert "left the surveys" not in everything()["/oversee/spring/log"]

        clock.forward(hours=4)
        # The overseer's session has ended meanwhile.
        client = app.test_client()
        with write() as session:
            user = session.scalars(select(User).where(User.email == "olga@example.org")).one()
            client.set_cookie("viceversa_session", accounts.start_session(session, user, now=clock()))
        page = client.get("/oversee/spring/log").text

        assert "Somebody left the surveys and had all their answers erased." in page
        (row,) = re.findall(r"<tr>(?:(?!</tr>).)*left the surveys.*?</tr>", page, re.DOTALL)
        assert "March 2, 2026" in row
        assert "a participant" in row
        assert not re.search(r"\d:\d\d", row)
        assert "surveys_ended" in client.get("/oversee/spring/log.jsonl").text


class TestProgramme:
    def test_rules_offices_and_packages_stand_on_one_page(self, everything: Callable) -> None:
        page = everything()["/oversee/spring/"]

        assert "The log is whole." in page
        for sentence in (
            "6 people",
            "10 people",
            f"Version {RULES_VERSION}",
            "90 days",
            "24 months",
            "36 months",
            "Olga",
            "Overseer",
        ):
            assert sentence in page
        assert "There was no request so far." in page

    def test_shorter_times_of_this_server_are_shown(self, app: Flask, everything: Callable) -> None:
        app.config["RETENTION"] = {"link_days": 31}
        assert "31 days" in everything()["/oversee/spring/"]

    def test_a_shorter_time_that_people_were_once_told_is_the_one_in_force(
        self, everything: Callable, write: Callable, clock
    ) -> None:
        assert "90 days" in everything()["/oversee/spring/"]
        with write() as session:
            session.add(
                PrivacyStatement(
                    digest="d" * 64,
                    program_id=programs.find_program(session, "spring").id,
                    promise="p" * 64,
                    locale="en",
                    body="Told",
                    facts={"retention": {"link_days": 17}},
                    shown_first_on=clock().date(),
                )
            )

        assert "17 days" in everything()["/oversee/spring/"]

    def test_a_log_that_was_tampered_with_is_said_to_be(self, everything: Callable, write: Callable) -> None:
        with write() as session:
            place = " ON audit_event" if session.get_bind().dialect.name == "postgresql" else ""
            session.execute(text(f"DROP TRIGGER audit_event_unchanged{place}"))
            session.execute(text("UPDATE audit_event SET actor = 'x' WHERE action = 'program.floor_raised'"))
        page = everything()["/oversee/spring/"]

        assert "The log does not hold." in page
        assert "An entry was changed afterwards." in page
        assert "The log is whole." not in page

    def test_broken_glass_shows_with_its_ground_and_without_the_person(
        self, app: Flask, everything: Callable, write: Callable, clock
    ) -> None:
        hasher = app.config["PASSWORD_HASHER"]
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            ines = accounts.add_user(
                session, email="ines@example.org", name="Ines", password=PASSWORD, now=clock(), hasher=hasher
            )
            accounts.add_membership(session, ines, program, "custodian", now=clock())
            break_glass.request_access(
                session, program, ines, email="m-open@x.org", role="mentor", ground="safeguarding", reference="SG-7",
                password=PASSWORD, now=clock(), hasher=hasher,
            )  # fmt: skip
        pages = everything()

        page = pages["/oversee/spring/"]
        for sentence in (
            "Serious harm to somebody has to be averted",
            "SG-7",
            "Waits for a second custodian",
            "Ines",
        ):
            assert sentence in page
        assert "A custodian asked to read one person" in pages["/oversee/spring/log"]
        assert not any("Amina" in page or "m-open" in page for page in pages.values())


class TestLog:
    def test_every_action_has_a_sentence_and_an_unknown_one_stays_as_it_is(self, app: Flask) -> None:
        assert set(words.ACTIONS) == set(AuditAction)
        assert len(set(words.ACTIONS.values())) == len(AuditAction)
        with app.test_request_context():
            assert describe_action("of.tomorrow") == "of.tomorrow"
        assert set(words.OFFICES) == set(Membership.role.type.python_type)
        assert set(words.PROBLEMS) == {"unsealed", "changed", "gap", "end_missing"}

    def test_who_did_it_is_a_name_or_a_word(self, everything: Callable, write: Callable, clock) -> None:
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            carla = session.scalars(select(User).where(User.email == "coordinator@example.org")).one()
            stranger = accounts.add_user(
                session, email="s@example.org", name="Stranger", password=PASSWORD, now=clock()
            )
            programs.raise_floor(session, program, 8, now=clock(), actor=carla)
            accounts.start_session(session, stranger, now=clock())
        with write() as session:
            audit.act_as(session, audit.OPERATOR)
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            programs.raise_floor(session, program, 9, now=clock())
        page = everything()["/oversee/spring/log"]

        assert "<bdi>Coordinator</bdi>" in page
        for word in (
            "the system",
            "the operator, by command",
            "somebody without an office in this programme",
        ):
            assert word in page
        assert "Stranger" not in page
        # Of two entries of the same moment the later one stands first.
        raised = page.split("The smallest group that is shown was raised.")[2:]
        assert ["the operator" in raised[0], "<bdi>Coordinator</bdi>" in raised[1]] == [True, True]
        # What was done in another programme is not here, what was done in the house is.
        assert page.count("The smallest group that is shown was raised.") == 3
        assert "Somebody signed in." in page

    def test_it_is_filtered_by_action_and_month_and_paged(
        self, overseer: FlaskClient, write: Callable, clock
    ) -> None:
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            for floor in range(7, 70):
                programs.raise_floor(session, program, floor, now=clock())
            clock.forward(days=40)
            programs.raise_floor(session, program, 70, now=clock())
            user = session.scalars(select(User).where(User.email == "olga@example.org")).one()
            overseer.set_cookie("viceversa_session", accounts.start_session(session, user, now=clock()))

        def rows(query: str) -> int:
            return overseer.get(f"/oversee/spring/log?{query}").text.count('<th scope="row">')

        raised = "action=program.floor_raised"
        assert (rows(raised), rows(f"{raised}&page=2"), rows(f"{raised}&page=999")) == (50, 14, 14)
        assert (rows(f"{raised}&month=2026-04"), rows(f"{raised}&month=2026-03&page=2")) == (1, 13)
        first = overseer.get(f"/oversee/spring/log?{raised}&month=2026-03").text
        assert "Page 1 of 2" in first
        assert "Older entries" in first
        assert "Newer entries" not in first
        assert "action=program.floor_raised" in first.partition("Older entries")[0].rpartition("<a ")[2]
        # Nonsense is taken as not asked for, and does no harm.
        for nonsense in (
            "page=-1",
            "page=x",
            "page=99999999999999999999",
            "month=2026-13",
            "month=x-y",
            "action=%00'",
        ):
            assert rows(nonsense) == 50

    def test_a_wave_is_named_with_its_cohort(self, everything: Callable) -> None:
        page = everything()["/oversee/spring/log"]
        assert re.search(
            r"A wave was planned\.<span class=\"range\">Mid-programme · <bdi>(open|scheduled|brief)</bdi>",
            page,
        )


class TestDownloads:
    def test_the_table_is_safe_for_spreadsheets(self, overseer: FlaskClient, write: Callable, clock) -> None:
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            carla = session.scalars(select(User).where(User.email == "coordinator@example.org")).one()
            carla.name = '=HYPERLINK("evil")'
            programs.raise_floor(session, program, 8, now=clock(), actor=carla)
        answer = overseer.get("/oversee/spring/log.csv")

        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert answer.headers["Cache-Control"] == "no-store"
        assert [row["who"] for row in rows if row["action"] == "program.floor_raised"] == [
            '\'=HYPERLINK("evil")'
        ]
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
        with write() as session:
            mine = session.scalars(select(AuditEvent).where(AuditEvent.program_id == program.id)).all()
        assert {entry.digest for entry in mine} <= {row["digest"] for row in rows}

    def test_the_lines_can_be_checked_elsewhere_and_hold_digests_only_of_other_programmes(
        self, overseer: FlaskClient, write: Callable
    ) -> None:
        lines = overseer.get("/oversee/spring/log.jsonl").text
        with write() as session:
            other = session.scalars(select(Program).where(Program.slug == "other")).one()
            heads = audit.read_heads(session)

        reports = audit_files.verify_lines(lines)
        assert all(report.problem is None for report in reports)
        assert {report.chain: report.head for report in reports} == heads
        assert other.id not in lines
        opaque = [json.loads(line) for line in lines.splitlines() if "action" not in line]
        assert len(opaque) == 2
        assert all(set(line) == {"chain", "previous", "digest"} for line in opaque)

        tampered = lines.replace('"action": "program.created"', '"action": "program.destroyed"')
        assert {report.problem.code for report in audit_files.verify_lines(tampered) if report.problem} == {
            "changed"
        }
