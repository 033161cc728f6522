"""Commands for those who watch over the promise: heads of the log, a downloaded log, and the opening of one person's answers."""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from surveys import accounts, audit_files, break_glass, invitations, programs, responses
from surveys.database import make_engine, make_session_factory
from surveys.models import AuditEvent
from surveys.pseudonyms import Pseudonyms
from webapp.cli import main

KEYS = {"VICEVERSA_SECRET_KEY": "s" * 32, "VICEVERSA_LINK_KEY": (b"k" * 32).hex()}
PASSWORD = "a long enough password"
ROSTER = (
    "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language\n"
    "Mentor A,ma@example.org,en,Mentee A,ea@example.org,en\n"
)
Run = Callable[..., Result]
Sessions = Callable[[], Session]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cli.db'}"


@pytest.fixture
def run(database: str) -> Run:
    """Run `viceversa` with arguments on the test's own database."""

    def invoke(*arguments: str, fails: bool = False, text: str | None = None) -> Result:
        environment = {"VICEVERSA_DATABASE_URL": database, **KEYS}
        result = CliRunner().invoke(main, list(arguments), env=environment, input=text)
        assert (result.exit_code != 0) is fails, result.output
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def begin(database: str, run: Run, tmp_path: Path) -> Iterator[Sessions]:
    """A programme with one answered link and two custodians; begins transactions on its database."""
    run("db", "upgrade")
    run("program", "add", "spring", "--name", "Spring", "--organisation", "Example Works")
    run("program", "cohort", "spring", "Finance", "--starts", "2026-03-02")
    roster, links = tmp_path / "pairs.csv", tmp_path / "links.csv"
    roster.write_text(ROSTER, encoding="utf-8")
    run("roster", "import", "spring", "Finance", str(roster))
    run("wave", "open", "spring", "Finance", "T2", "--links", str(links))
    for name in ("ines", "jonas"):
        add = ("user", "add", f"{name}@example.org", "--name", name.title(), "--guards", "spring")
        run(*add, "--password-stdin", text=f"{PASSWORD}\n")
    engine = make_engine(database)
    factory = make_session_factory(engine)
    now = dt.datetime.now(dt.UTC)
    token = next(csv.DictReader(io.StringIO(links.read_text(encoding="utf-8"))))["link"].rpartition("/")[2]
    with factory.begin() as session:
        invitation = invitations.find_invitation(session, token, now=now)
        assert invitation.participant.contact.email == "ma@example.org"
        responses.submit_response(
            session, invitation, answer_first(invitation),
            pseudonyms=Pseudonyms(b"k" * 32), locale="en", now=now,
        )  # fmt: skip
    yield factory.begin
    engine.dispose()


def answer_first(invitation: invitations.Invitation) -> dict[str, AnswerValue]:
    """An answer to the first question that offers options."""
    from surveys.waves import form_of, instrument_of

    instrument = instrument_of(invitation.wave)
    for item in form_of(invitation.wave, invitation.participant.role, instrument).item_ids:
        options = instrument.format_of(item).options
        if options:
            return {item: AnswerValue(code=options[0].code)}
    raise AssertionError("no question with options")


def ask(begin: Sessions, *, email: str = "ma@example.org", decision: str | None = "approved") -> str:
    """A request of Ines on which Jonas decided."""
    now = dt.datetime.now(dt.UTC)
    with begin() as session:
        program = programs.find_program(session, "spring")
        ines, jonas = (accounts.find_user(session, f"{name}@example.org") for name in ("ines", "jonas"))
        role = "mentor" if email.startswith("m") else "mentee"
        request = break_glass.request_access(
            session, program, ines, email=email, role=role, ground="data_subject", reference="DS-1", password=PASSWORD, now=now
        )  # fmt: skip
        if decision is not None:
            break_glass.decide_request(
                session, program, request.id, jonas, decision, password=PASSWORD, now=now
            )
        return request.id


def actions(begin: Sessions) -> list[str]:
    with begin() as session:
        return list(
            session.scalars(select(AuditEvent.action).where(AuditEvent.action.startswith("break_glass")))
        )


def test_the_answers_are_written_once_into_a_private_file(run: Run, begin: Sessions, tmp_path: Path) -> None:
    request, out = ask(begin), tmp_path / "answers.json"
    command = ("break-glass", "open", request, "--password-stdin", "--out")

    wrong = run(*command, str(out), fails=True, text="a wrong password\n").output
    assert "do not match" in wrong
    assert not out.exists()
    assert "Ines opened them" in run(*command, str(out), text=f"{PASSWORD}\n").output

    assert oct(out.stat().st_mode)[-3:] == "600"
    (response,) = json.loads(out.read_text(encoding="utf-8"))["responses"]
    assert (response["wave"], len(response["answers"])) == ("T2", 1)
    again = run(*command, str(tmp_path / "again.json"), fails=True, text=f"{PASSWORD}\n").output
    assert "can be done once" in again
    assert not (tmp_path / "again.json").exists()
    assert actions(begin).count("break_glass.opened") == 1
    assert "The log holds." in run("audit", "verify").output


def test_a_file_that_is_there_wastes_no_opening(run: Run, begin: Sessions, tmp_path: Path) -> None:
    request, out = ask(begin), tmp_path / "answers.json"
    out.write_text("earlier", encoding="utf-8")
    command = ("break-glass", "open", request, "--password-stdin", "--out")

    assert "exists already" in run(*command, str(out), fails=True, text=f"{PASSWORD}\n").output
    missing = str(tmp_path / "no" / "folder.json")
    assert "nothing was opened" in run(*command, missing, fails=True, text=f"{PASSWORD}\n").output
    assert out.read_text(encoding="utf-8") == "earlier"
    assert "break_glass.opened" not in actions(begin)


def test_where_nothing_is_found_no_file_is_left_and_the_opening_counts(
    run: Run, begin: Sessions, tmp_path: Path
) -> None:
    request, out = ask(begin, email="ea@example.org"), tmp_path / "answers.json"
    output = run(
        "break-glass",
        "open",
        request,
        "--password-stdin",
        "--out",
        str(out),
        fails=True,
        text=f"{PASSWORD}\n",
    ).output

    assert "can no longer be found" in output
    assert not out.exists()
    assert "break_glass.opened" in actions(begin)


@pytest.mark.parametrize(("decision", "sentence"), [(None, "has not approved"), ("refused", "has refused")])
def test_what_two_have_not_agreed_on_is_not_opened(
    run: Run, begin: Sessions, tmp_path: Path, decision: str | None, sentence: str
) -> None:
    request = ask(begin, decision=decision)
    command = ("break-glass", "open", request, "--password-stdin", "--out", str(tmp_path / "x.json"))

    assert sentence in run(*command, fails=True, text=f"{PASSWORD}\n").output
    assert "no such request" in run(*command[:2], "nonsense", *command[3:], fails=True, text="\n").output
    assert not (tmp_path / "x.json").exists()


def test_the_heads_are_one_line_that_verify_knows_again(run: Run, begin: Sessions) -> None:
    line = run("audit", "head").output
    found = re.fullmatch(r"timed=([0-9a-f]{64}) by_day=([0-9a-f]{64})\n", line)
    assert found is not None, line
    run("program", "cohort", "spring", "Sales", "--starts", "2026-03-02")

    assert run("audit", "head").output != line
    assert "The log holds." in run("audit", "verify", "--known", found[1]).output


def test_a_downloaded_log_is_checked_without_the_database(run: Run, begin: Sessions, tmp_path: Path) -> None:
    with begin() as session:
        program = programs.find_program(session, "spring")
        lines = list(audit_files.write_lines(session, program, now=dt.datetime.now(dt.UTC)))
    path = tmp_path / "log.jsonl"

    def verify(text: list[str], *more: str, fails: bool = True) -> str:
        path.write_text("\n".join(text), encoding="utf-8")
        return run("audit", "verify", "--file", str(path), *more, fails=fails).output

    head = json.loads(lines[-1])["digest"]
    assert "The log holds." in verify(lines, "--known", head, fails=False)
    assert "something was changed or removed" in verify([*lines[:2], *lines[3:]])
    assert "is not what was written" in verify([lines[0].replace("operator", "somebody"), *lines[1:]])
    # A file that was cut off at its end shows only beside a digest that was noted.
    assert "The log holds." in verify(lines[:-1], fails=False)
    assert "no longer in the log" in verify(lines[:-1], "--known", head)
    assert "claim the same place" in verify([*lines, lines[-1]])
    for nonsense in (
        ["{}"],
        ["[]"],
        ["1"],
        ["when,what"],
        ['{"chain": "timed", "previous": 1, "digest": "x"}'],
    ):
        assert "Line 1 is no entry" in verify(nonsense)
    assert "holds no entry" in verify([""])


def test_an_office_is_taken_away_and_an_account_locked(run: Run, begin: Sessions) -> None:
    run("user", "revoke", "ines@example.org", "--guards", "spring")
    run("user", "disable", "jonas@example.org")
    refused = run("user", "grant", "jonas@example.org", "--coordinates", "spring", fails=True).output

    assert "nobody can be custodian and coordinator" in " ".join(refused.split())
    shown = run("audit", "show").output
    for action in (
        "membership.custodian_named",
        "membership.custodian_dismissed",
        "user.added",
        "user.disabled",
    ):
        assert re.search(rf"{action} +operator", shown)
    assert "membership.coordinator_named" not in shown
