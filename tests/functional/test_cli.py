"""The command line walks the operator's whole path on a database of its own."""

import csv
import datetime as dt
import io
import re
import socket
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument, latest_version
from surveys import invitations, programs, responses, rights, statements, waves
from surveys.database import make_engine, make_session_factory
from surveys.pseudonyms import Pseudonyms
from tests.functional.killing import Counting, mail_server
from webapp.cli import main

HEADER = "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language"
Run = Callable[..., Result]
KEYS = {"VICEVERSA_SECRET_KEY": "s" * 32, "VICEVERSA_LINK_KEY": (b"k" * 32).hex()}


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cli.db'}"


@pytest.fixture
def run(database: str) -> Run:
    """Run `viceversa` with arguments on the test's own database."""

    def invoke(
        *arguments: str, fails: bool = False, text: str | None = None, env: dict[str, str] | None = None
    ) -> Result:
        result = CliRunner().invoke(
            main,
            list(arguments),
            env={"VICEVERSA_DATABASE_URL": database, **KEYS, **(env or {})},
            input=text,
            catch_exceptions=True,
        )
        assert (result.exit_code != 0) is fails, result.output
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def cohort(run: Run, tmp_path: Path) -> Path:
    """A programme with one cohort; returns a good roster of six pairs."""
    run("db", "upgrade")
    run("program", "add", "spring", "--name", "Spring", "--organisation", "Example Works")
    run("program", "cohort", "spring", "Finance", "--starts", "2026-03-02")
    roster = tmp_path / "pairs.csv"
    lines = [f"Mentor {n},m{n}@example.org,ur,Mentee {n},e{n}@example.org,de" for n in "ABCDEF"]
    roster.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return roster


def answer_all(database: str, links: list[dict[str, str]]) -> None:
    """Everybody with a link agrees with everything."""
    engine = make_engine(database)
    instrument = get_instrument("core-battery", latest_version("core-battery"))
    now = dt.datetime.now(dt.UTC)
    with make_session_factory(engine).begin() as session:
        for number, row in enumerate(links):
            invitation = invitations.find_invitation(session, row["link"].rpartition("/")[2], now=now)
            form = waves.form_of(invitation.wave, invitation.participant.role, instrument)
            answers = {}
            for item in form.item_ids:
                options = instrument.format_of(item).options
                if options:
                    answers[item] = AnswerValue(code=options[number % len(options)].code)
            responses.submit_response(
                session,
                invitation,
                answers,
                pseudonyms=Pseudonyms(b"k" * 32),
                locale=row["language"],
                now=now,
            )
    engine.dispose()


def test_from_an_empty_database_to_a_data_package(
    run: Run, cohort: Path, database: str, tmp_path: Path
) -> None:
    run("user", "add", "ada@example.org", "--name", "Ada", "--coordinates", "spring", "--password-stdin",
        text="a long enough password\n")  # fmt: skip
    assert (
        "Nothing was written" in run("roster", "import", "spring", "Finance", str(cohort), "--check").output
    )
    assert "6 new pairs, 12 new people" in run("roster", "import", "spring", "Finance", str(cohort)).output
    for locale in ("de", "ur"):
        run("program", "offer-draft", "spring", locale)
    links = tmp_path / "links.csv"
    run("wave", "open", "spring", "Finance", "TC", "--links", str(links))
    rows = list(csv.DictReader(io.StringIO(links.read_text(encoding="utf-8"))))
    assert len(rows) == 12
    assert oct(links.stat().st_mode)[-3:] == "600"
    assert "not closed yet" in run("release", "show", "spring", "Finance", "TC", fails=True).output

    answer_all(database, rows)
    run("wave", "close", "spring", "Finance", "TC", "--yes")
    shown = run("release", "show", "spring", "Finance", "TC").output
    package = tmp_path / "package.zip"
    run("export", "spring", str(package), "--purpose", "A test")

    assert "PS " in shown
    assert "Finance: 6 pairs; TC closed" in run("program", "list").output
    with zipfile.ZipFile(package) as opened:
        scores = list(csv.DictReader(io.TextIOWrapper(opened.open("scores_long.csv"), encoding="utf-8")))
        assert not any(b"example.org" in opened.read(name) for name in opened.namelist())
    assert len([row for row in scores if row["scale"] == "PS"]) == 12


def test_a_bad_roster_names_every_bad_row_and_writes_nothing(run: Run, cohort: Path) -> None:
    cohort.write_text(
        f"{HEADER}\nA,not-an-address,ur,B,b@example.org,de\nC,c@example.org,xx,C,c@example.org,de\n",
        encoding="utf-8",
    )

    output = run("roster", "import", "spring", "Finance", str(cohort), fails=True).output

    assert "line 2" in output
    assert "line 3" in output
    assert "nothing was written" in output
    assert "Finance: 0 pairs" in run("program", "list").output


def test_links_are_never_written_over_others(run: Run, cohort: Path, tmp_path: Path) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))
    links = tmp_path / "links.csv"
    links.write_text("earlier links", encoding="utf-8")

    output = run("wave", "open", "spring", "Finance", "T0", "--links", str(links), fails=True).output

    assert "exists already" in output
    assert links.read_text(encoding="utf-8") == "earlier links"
    assert "no waves" in run("program", "list").output


def test_links_that_cannot_be_written_are_not_issued(run: Run, cohort: Path, tmp_path: Path) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))
    wave = ("wave", "open", "spring", "Finance", "T0", "--links")

    refused = run(*wave, str(tmp_path / "missing" / "links.csv"), fails=True).output
    issued = run(*wave, str(tmp_path / "links.csv"), "--base-url", "https://survey.example.org/").output
    again = run(*wave, str(tmp_path / "more.csv"), fails=True).output

    assert "no link was issued" in refused
    assert "12 links are in" in issued
    assert "https://survey.example.org/s/" in (tmp_path / "links.csv").read_text(encoding="utf-8")
    assert "Everybody has a link" in again
    assert not (tmp_path / "more.csv").exists()


def test_somebody_who_signs_in_can_be_given_another_programme(run: Run, cohort: Path) -> None:
    run(
        "user", "add", "ada@example.org", "--name", "Ada", "--password-stdin", text="a long enough password\n"
    )

    assert "has the programmes" in run("user", "grant", "ada@example.org", "--researches", "spring").output
    assert (
        "Nobody signs in"
        in run("user", "grant", "eve@example.org", "--researches", "spring", fails=True).output
    )


def test_nobody_is_made_coordinator_and_moderator_of_one_programme(run: Run, cohort: Path) -> None:
    password = {"text": "a long enough password\n"}
    add = ("user", "add", "ada@example.org", "--name", "Ada", "--password-stdin")
    both = run(*add, "--coordinates", "spring", "--moderates", "spring", fails=True, **password).output

    assert "therefore cannot read its comments as a moderator" in both
    # Nothing half-done: the account was not made either.
    assert "can sign in" in run(*add, "--moderates", "spring", **password).output
    refused = run("user", "grant", "ada@example.org", "--coordinates", "spring", fails=True).output
    assert "therefore cannot coordinate it" in refused
    assert "Traceback" not in both + refused


def test_a_port_in_use_is_said_before_anything_is_seeded(run: Run, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        output = run("demo", "--port", port, "--folder", str(tmp_path / "demo"), fails=True).output

    assert f"port {port}" in output
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("program", "cohort", "winter", "Finance", "--starts", "2026-03-02"),
        ("wave", "close", "spring", "Finance", "T0", "--yes"),
        ("wave", "open", "spring", "Sales", "T0"),
        ("program", "add", "summer", "--name", "S", "--organisation", "E", "--instrument", "no-such"),
        ("program", "add", "spring", "--name", "S", "--organisation", "E"),
        ("export", "spring", "package.zip", "--purpose", "x"),
        ("user", "add", "nobody", "--name", "N", "--password-stdin"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    run: Run, cohort: Path, arguments: tuple[str, ...]
) -> None:
    output = run(*arguments, fails=True, text="a long enough password\n").output

    assert "Error:" in output
    assert "{" not in output


def test_a_database_that_is_not_there_yet_names_the_remedy(run: Run) -> None:
    assert "db upgrade" in run("program", "list", fails=True).output


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////no/such/folder/x.db", "The database cannot be reached"),
        ("sqlite+nodriver:///x.db", "The database cannot be reached"),
        ("mysql://x", "no database that this software knows"),
    ],
)
def test_a_database_that_cannot_be_reached_is_said_in_a_sentence(url: str, said: str) -> None:
    result = CliRunner().invoke(main, ["program", "list"], env={"VICEVERSA_DATABASE_URL": url})

    assert result.exit_code == 1
    assert said in result.output


def test_serving_begins_with_good_settings_and_a_current_database_or_not_at_all(run: Run) -> None:
    assert "db upgrade" in run("serve", fails=True).output
    run("db", "upgrade")
    for name, value in (("TIMEZONE", "Mars/One"), ("RETENTION", "link_days=6000"), ("SECRET_KEY", "short")):
        output = run("serve", fails=True, env={f"VICEVERSA_{name}": value}).output
        assert f"VICEVERSA_{name}" in output
        assert "Serving at" not in output


def test_every_command_has_help_with_an_example(run: Run) -> None:
    def walk(command: object, path: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(inner, (*path, name))
        elif path not in {("program", "list"), ("instrument", "list")}:
            assert "Example:" in run(*path, "--help").output, path

    walk(main, ())


def test_the_log_is_shown_and_checked(run: Run, cohort: Path, database: str) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))
    shown = run("audit", "show", "--program", "spring").output
    held = run("audit", "verify").output
    digest = re.search(r"timed: 3 entries; whole, newest digest ([0-9a-f]{64})", held)

    assert digest is not None, held
    assert [line.split()[3] for line in shown.splitlines()] == [
        "roster.imported",
        "cohort.added",
        "program.created",
    ]
    assert "example.org" not in shown
    assert "The log holds." in run("audit", "verify", "--known", digest[1]).output
    assert "no longer in the log" in run("audit", "verify", "--known", "0" * 64, fails=True).output
    assert "64 digits" in run("audit", "verify", "--known", "abc", fails=True).output

    engine = make_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_event_unchanged")
        connection.exec_driver_sql("UPDATE audit_event SET actor = 'nobody' WHERE action = 'roster.imported'")
    engine.dispose()
    broken = run("audit", "verify", fails=True).output

    assert "is not what was written" in broken
    assert "does not hold" in broken


def test_the_retention_clock_counts_first_and_deletes_then(
    run: Run, cohort: Path, database: str, tmp_path: Path
) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))
    for locale in ("de", "ur"):
        run("program", "offer-draft", "spring", locale)
    links = tmp_path / "links.csv"
    run("wave", "open", "spring", "Finance", "T3b", "--links", str(links))
    answer_all(database, list(csv.DictReader(io.StringIO(links.read_text(encoding="utf-8")))))
    run("wave", "close", "spring", "Finance", "T3b", "--yes")
    in_two_years = (dt.datetime.now(dt.UTC) + dt.timedelta(days=732)).date().isoformat()

    planned = run("retention", "run", "--dry-run", "--now", in_two_years).output
    refused = run("retention", "run", "--now", in_two_years, fails=True).output
    now = run("retention", "run").output
    longer = run("retention", "run", env={"VICEVERSA_RETENTION": "link_days=91"}, fails=True).output
    unread = run("retention", "run", env={"VICEVERSA_RETENTION": "link_days"}, fails=True).output
    sooner = run("retention", "run", env={"VICEVERSA_RETENTION": "link_days=0, answers_months=0"}).output
    again = run("retention", "run", env={"VICEVERSA_RETENTION": "link_days=0, answers_months=0"}).output

    assert "spring: link 18, comments 0, answers 12, goals 0, messages 0, contacts 12" in planned
    assert "Nothing was deleted" in planned
    assert "only be tried with --dry-run" in " ".join(refused.split())
    assert "spring: link 0, comments 0, answers 0, goals 0, messages 0, contacts 0" in now
    assert "Choose a number from 0 to 90." in longer
    assert "VICEVERSA_RETENTION" in unread
    assert "spring: link 18, comments 0, answers 12, goals 0, messages 0, contacts 0" in sooner
    assert "spring: link 0, comments 0, answers 0, goals 0, messages 0, contacts 0" in again
    assert "The log holds." in run("audit", "verify").output
    shown = run("audit", "show").output
    assert shown.count("retention.link_destroyed") == shown.count("retention.answers_deleted") == 1


def test_a_cohort_whose_clock_does_not_run_is_named(run: Run, cohort: Path) -> None:
    run("program", "cohort", "spring", "Sales", "--starts", "2026-03-02", "--ends", "2026-06-30")

    output = run("retention", "run", "--dry-run").output

    assert "the clock does not run for Finance," in output
    assert cohort.exists()


def test_a_receipt_is_checked(run: Run, cohort: Path, database: str) -> None:
    engine = make_engine(database)
    with make_session_factory(engine).begin() as session:
        code = rights.issue_receipt(session, rights.ReceiptCounts(2, 40, 1), now=dt.datetime.now(dt.UTC))
    engine.dispose()

    assert cohort.exists()
    assert "2 responses with 40 answers and 1 comments" in run("receipt", "check", code.lower()).output
    assert "No receipt has this code" in run("receipt", "check", "ABCD", fails=True).output


def test_packs_are_made_and_compared_with_the_configuration(run: Run, cohort: Path, tmp_path: Path) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))
    for kind in ("dpia", "works-council"):
        folder = tmp_path / kind
        made = run("pack", kind, "spring", "--out", str(folder)).output
        assert "not legal advice" in made
        assert (folder / f"{kind}.pdf").read_bytes().startswith(b"%PDF-")
        assert "Example Works" in (folder / f"{kind}.md").read_text(encoding="utf-8")
        assert "matches the configuration" in run("pack", kind, "spring", "--check", str(folder)).output
        assert "is already there" in run("pack", kind, "spring", "--out", str(folder), fails=True).output
    shorter = run(
        "pack", "dpia", "spring", "--check", str(tmp_path / "dpia"), fails=True,
        env={"VICEVERSA_RETENTION": "link_days=30"},
    ).output  # fmt: skip

    assert "changed since: privacy.retention.link_days" in shorter
    assert (
        "holds the pack"
        in run("pack", "dpia", "spring", "--check", str(tmp_path / "works-council"), fails=True).output
    )
    assert (
        "no pack that can be read"
        in run("pack", "dpia", "spring", "--check", str(tmp_path), fails=True).output
    )
    assert "Give either" in run("pack", "dpia", "spring", fails=True).output


def test_a_statement_is_shown_by_its_digest(run: Run, cohort: Path, database: str) -> None:
    engine = make_engine(database)
    with make_session_factory(engine).begin() as session:
        shown = statements.ShownStatement(
            "ab" * 32, "cd" * 32, "en", {"retention": {"link_days": 45}}, "Word for word.\n"
        )
        program = programs.find_program(session, "spring")
        statements.keep_statements(session, program.id, [shown], now=dt.datetime.now(dt.UTC))
    engine.dispose()

    assert cohort.exists()
    assert "Word for word." in run("privacy", "show", "abababab").output
    assert "was shown to anybody" in run("privacy", "show", "00000000", fails=True).output
    assert "no digest" in run("privacy", "show", "xyz", fails=True).output
    assert "no longer than people were once told: link_days=45" in run("retention", "run", "--dry-run").output


def test_a_name_is_forgotten_on_request(run: Run, cohort: Path) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))

    assert "0 messages" in run("program", "forget", "spring", "mA@example.org", "--yes").output
    assert (
        "could not find" in run("program", "forget", "spring", "ma@example.org", "--yes", fails=True).output
    )
    assert "participant.contact_forgotten" in run("audit", "show").output


def test_mail_is_sent_by_command_and_addresses_are_put_right(
    run: Run, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("roster", "import", "spring", "Finance", str(cohort))
    assert "VICEVERSA_SMTP_URL" in run("work", "--once", fails=True).output
    counting, links = Counting(), tmp_path / "links.csv"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with mail_server(counting) as port:
        server = {
            "VICEVERSA_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "VICEVERSA_MAIL_FROM": "surveys@example.org",
        }
        assert "VICEVERSA_BASE_URL" in run("work", "--once", fails=True, env=server).output
        server["VICEVERSA_BASE_URL"] = "https://survey.example.org"
        opening = ("wave", "open", "spring", "Finance", "T0")
        bad = run(*opening, "--base-url", "survey.example.org", fails=True, env=server).output
        assert "no address to which links can lead" in bad
        run(*opening, "--links", str(links), env=server)
        run("work", "--once", env=server)
        # Links in a file are the coordinator's to send, and reminders are not due before the fifth day.
        assert counting.ids == {}
    # Links of the command can be made again, so that reminders can bring them.
    assert re.search(r"/s/[\w-]{43}\b", links.read_text(encoding="utf-8"))
    later = run("wave", "open", "spring", "Finance", "TC", "--by-mail", env=server).output
    assert "2 invitations wait for: viceversa work" in later
    assert "/s/" not in later
    assert (
        "VICEVERSA_SMTP_URL" in run("wave", "open", "spring", "Finance", "T2", "--by-mail", fails=True).output
    )
    assert "unknown here" in run("mail", "bounced", "nobody@example.org", fails=True).output
    assert "mA@example.org: noted." in run("mail", "bounced", "mA@example.org").output
    run("mail", "address", "spring", "ma@example.org", "new@example.org")
    assert (
        "ma@example.org"
        in run("mail", "address", "spring", "ma@example.org", "x@example.org", fails=True).output
    )
    assert "participant.address_corrected" in run("audit", "show").output
