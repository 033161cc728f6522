"""The `viceversa` command: everything an operator, a coordinator or a researcher does without a browser.

Heavy libraries are imported by the commands that need them, so that `viceversa --help` answers at once.
"""

import csv
import datetime as dt
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from instruments.errors import DefinitionError, PinnedVersionError, UnknownInstrumentError
from instruments.parts import WaveKind
from surveys.errors import PseudonymKeyError, SurveyError
from webapp.analyse_change import analyse
from webapp.command_session import DATA_FOLDER, begin_as_operator, open_database
from webapp.command_session import open_session as _session
from webapp.command_session import read_clock as _now
from webapp.config import ConfigError, Settings, build_config, load_settings, read_base_url
from webapp.database_commands import check_protection, db, report_arrival
from webapp.glass import break_glass
from webapp.keys import complete_settings
from webapp.oversight import audit, receipt, retention
from webapp.pack_commands import forget_person, pack, privacy
from webapp.translate_commands import offer_draft, readable_locales, translate
from webapp.work_commands import mail, work

if TYPE_CHECKING:
    from surveys.invitations import IssuedInvitation
    from surveys.models.access import User
    from surveys.models.program import Cohort, Wave


# The values of `surveys.models.ContactKind`, which would load the database for every `--help`.
CONTACT_KINDS = ("neutral", "external", "safeguarding", "moderator", "protection")
WAVE_KIND = click.Choice([kind.value for kind in WaveKind])
Command = TypeVar("Command", bound=Callable[..., Any])


class Group(click.Group):
    """A click group that turns the house's own errors into one sentence and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; only errors that carry a remedy are translated, bugs keep their traceback."""
        try:
            return super().invoke(ctx)
        except DefinitionError as error:
            raise click.ClickException("\n".join(str(problem) for problem in error.problems)) from error
        except (
            ConfigError,
            PseudonymKeyError,
            SurveyError,
            UnknownInstrumentError,
            PinnedVersionError,
        ) as error:
            raise click.ClickException(str(error)) from error
        except (ArgumentError, OperationalError, NoSuchModuleError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise click.ClickException(
                f"The database cannot be reached: {reason}. Without settings it is in ./var of the current folder; run "
                "`viceversa db upgrade` there, or set VICEVERSA_DATABASE_URL."
            ) from error


Thing = TypeVar("Thing")


def _progress(items: Iterable[Thing], total: int, label: str) -> Iterator[Thing]:
    """Yield items behind a progress bar, which stays silent where the output is not a terminal."""
    with click.progressbar(items, length=total, label=label, file=sys.stderr) as bar:
        yield from bar


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="viceversa")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Viceversa: measure what both sides of a reverse-mentoring pair experience.

    Settings come from VICEVERSA_* environment variables; without any, data live in ./var on SQLite.
    """
    ctx.obj = load_settings(os.environ)


main.add_command(analyse)
main.add_command(db)
main.add_command(audit)
main.add_command(break_glass)
main.add_command(retention)
main.add_command(receipt)
main.add_command(pack)
main.add_command(privacy)
main.add_command(work)
main.add_command(mail)


# --- users --------------------------------------------------------------------------------------------------------


@main.group()
def user() -> None:
    """Manage the people who sign in: coordinators, researchers, moderators, overseers and custodians."""


# The option of `viceversa user add` and `grant` for each office, and what it allows.
OFFICES = {
    "coordinator": ("coordinates", "May coordinate this programme; repeatable."),
    "researcher": ("researches", "May download this programme's data; repeatable."),
    "moderator": ("moderates", "May read this programme's comments and write themes; repeatable."),
    "overseer": ("oversees", "May read this programme's audit log and rules; repeatable."),
    "custodian": ("guards", "One of the two that break-glass needs in this programme; repeatable."),
}


def _membership_options(command: Command) -> Command:
    """The options that say what somebody may do in which programmes."""
    for option, text in reversed(OFFICES.values()):
        command = click.option(f"--{option}", multiple=True, metavar="PROGRAM", help=text)(command)
    return command


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The name shown on their pages.")
@_membership_options
@click.option("--locale", default="en", show_default=True, help="The language of their pages.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)
@click.pass_obj
def user_add(
    settings: Settings,
    /,
    email: str,
    name: str,
    locale: str,
    password_stdin: bool,
    **offices: tuple[str, ...],
) -> None:
    """Add somebody who signs in, with their programmes.

    \b
    Example:
      viceversa user add ada@example.org --name "Ada Byron" --coordinates spring
    """
    from surveys import accounts

    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with _session(settings) as session:
        person = accounts.add_user(
            session, email=email, name=name, password=password, locale=locale, now=_now()
        )
        _grant(session, person, offices)
        click.echo(f"{person.email} can sign in.")


@user.command("grant")
@click.argument("email")
@_membership_options
@click.pass_obj
def user_grant(settings: Settings, /, email: str, **offices: tuple[str, ...]) -> None:
    """Give somebody who can sign in already another programme.

    \b
    Example:
      viceversa user grant ada@example.org --researches spring
    """
    with _session(settings) as session:
        _grant(session, _person(session, email), offices)
    click.echo(f"{email} has the programmes named.")


@user.command("revoke")
@click.argument("email")
@_membership_options
@click.pass_obj
def user_revoke(settings: Settings, /, email: str, **offices: tuple[str, ...]) -> None:
    """Take an office in a programme away from somebody; they can still sign in.

    \b
    Example:
      viceversa user revoke ada@example.org --coordinates spring
    """
    from surveys import accounts, programs

    with _session(settings) as session:
        person = _person(session, email)
        for role, (option, _text) in OFFICES.items():
            for slug in offices[option]:
                found = programs.find_program(session, slug)
                accounts.remove_membership(session, person, found, role, now=_now())
    click.echo(f"{email} no longer has the offices named.")


@user.command("disable")
@click.argument("email")
@click.pass_obj
def user_disable(settings: Settings, email: str) -> None:
    """Lock somebody out at once, on every device; what they did stays in the log.

    \b
    Example:
      viceversa user disable ada@example.org
    """
    from surveys import accounts

    with _session(settings) as session:
        accounts.disable_user(session, _person(session, email), now=_now())
    click.echo(f"{email} can no longer sign in.")


def _person(session: Session, email: str) -> "User":
    """Somebody who signs in with this address, or a clear error."""
    from surveys import accounts

    person = accounts.find_user(session, email)
    if person is None:
        raise click.ClickException(f"Nobody signs in as {email}. Add them with: viceversa user add")
    return person


def _grant(session: Session, person: "User", offices: Mapping[str, tuple[str, ...]]) -> None:
    """Add memberships by the programmes' short names."""
    from surveys import accounts, programs

    for role, (option, _text) in OFFICES.items():
        for slug in offices[option]:
            found = programs.find_program(session, slug)
            accounts.add_membership(session, person, found, role, now=_now())


# --- programmes, rosters, waves -----------------------------------------------------------------------------------


@main.group()
def program() -> None:
    """Set up programmes and cohorts."""


@program.command("add")
@click.argument("slug")
@click.option("--name", required=True)
@click.option("--organisation", required=True)
@click.option(
    "--floor", default=5, show_default=True, type=click.IntRange(min=5), help="Smallest group ever shown."
)
@click.option(
    "--instrument", "instrument_id", default="core-battery", show_default=True, metavar="ID[@VERSION]"
)
@click.option(
    "--locale", default="en", show_default=True, help="Language of people whose language is not known."
)
@click.pass_obj
def program_add(
    settings: Settings, slug: str, name: str, organisation: str, floor: int, instrument_id: str, locale: str
) -> None:
    """Add a programme; SLUG is its short name in addresses and commands.

    \b
    Example:
      viceversa program add spring --name "Spring 2027" --organisation "Example Works" --floor 6
    """
    from surveys import programs

    with _session(settings) as session:
        programs.create_program(
            session,
            slug=slug,
            name=name,
            organisation=organisation,
            instrument=_instrument(settings, instrument_id),
            floor=floor,
            default_locale=locale,
            now=_now(),
        )
    click.echo(f"Programme {slug} is ready. Next: viceversa program cohort {slug} NAME --starts YYYY-MM-DD")


@program.command("list")
@click.pass_obj
def program_list(settings: Settings) -> None:
    """List programmes with their cohorts and waves."""
    from surveys import programs, waves

    now = _now()
    with _session(settings) as session:
        for found in programs.list_programs(session):
            click.echo(f"{found.slug}  {found.name} ({found.organisation}), floor {found.floor}")
            for cohort in programs.list_cohorts(session, found):
                states = ", ".join(
                    f"{wave.kind} {waves.wave_state(wave, now)}" for wave in waves.list_waves(session, cohort)
                )
                click.echo(
                    f"  {cohort.name}: {programs.count_pairs(session, cohort)} pairs; {states or 'no waves'}"
                )


@program.command("cohort")
@click.argument("slug")
@click.argument("name")
@click.option(
    "--starts", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First day of the programme."
)
@click.option("--ends", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the programme.")
@click.pass_obj
def program_cohort(
    settings: Settings, slug: str, name: str, starts: dt.datetime, ends: dt.datetime | None
) -> None:
    """Add a cohort: pairs that start together.

    \b
    Example:
      viceversa program cohort spring "Finance" --starts 2027-03-01 --ends 2027-08-31
    """
    from surveys import programs

    with _session(settings) as session:
        programs.add_cohort(
            session,
            programs.find_program(session, slug),
            name=name,
            starts_on=starts.date(),
            ends_on=ends.date() if ends else None,
            now=_now(),
        )
    click.echo(f'Cohort {name} is ready. Next: viceversa roster import {slug} "{name}" FILE --check')


@program.command("contact")
@click.argument("slug")
@click.argument("kind", type=click.Choice(CONTACT_KINDS))
@click.option("--name", required=True, help="Who it is, as participants will read it.")
@click.option("--reach", required=True, help="How to get to them: a number, an address or a sentence.")
@click.pass_obj
def program_contact(settings: Settings, slug: str, kind: str, name: str, reach: str) -> None:
    """Name whom participants may turn to, who reads their comments, and who watches over their data.

    \b
    KIND is one of
      neutral       somebody inside the organisation who is no party to the programme
      external      a service outside, such as an ombudsperson or an employee helpline
      safeguarding  who is told when a comment announces serious harm
      moderator     who reads comments, under a signed rule of confidentiality; name everybody who does
      protection    the data protection officer

    Example:
      viceversa program contact spring external --name "Employee helpline" --reach "0800 555 0100, day and night"
    """
    from surveys import programs
    from surveys.models import ContactKind
    from surveys.program_contacts import set_program_contact

    with _session(settings) as session:
        found = programs.find_program(session, slug)
        set_program_contact(session, found, ContactKind(kind), name=name, reach=reach, now=_now())
    click.echo(f"{name} is named to the participants of {slug}.")


program.add_command(forget_person)
program.add_command(offer_draft)


@main.group()
def roster() -> None:
    """Bring people and pairs in from a file."""


@roster.command("import")
@click.argument("slug")
@click.argument("cohort_name", metavar="COHORT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only report; write nothing.")
@click.pass_obj
def roster_import(settings: Settings, slug: str, cohort_name: str, file: Path, check: bool) -> None:
    """Import pairs from a CSV file; nothing is written unless every row is good.

    \b
    The file has one row a pair, with the columns
      mentor_name, mentor_email, mentor_language, mentee_name, mentee_email, mentee_language
    and, if you like, started_on and reporting_line.

    Example:
      viceversa roster import spring "Finance" pairs.csv --check
    """
    from surveys import rosters

    with _session(settings) as session:
        cohort = _cohort(session, slug, cohort_name)
        plan = rosters.plan_import(
            session, cohort, rosters.read_roster(file.read_bytes(), filename=file.name)
        )
        for problem in plan.problems:
            click.echo(str(problem), err=True)
        for note in plan.notes:
            click.echo(f"Note: {note}", err=True)
        if plan.problems:
            raise click.ClickException(f"{len(plan.problems)} problems in {file.name}; nothing was written.")
        counts = f"{len(plan.pairs_new)} new pairs, {len(plan.people_new)} new people"
        if check:
            click.echo(f"{file.name} is good: {counts}. Nothing was written (--check).")
            return
        rosters.apply_import(session, plan, now=_now())
    click.echo(f"Imported {counts}.")


@main.group()
def wave() -> None:
    """Open and close measurement occasions."""


@wave.command("open")
@click.argument("slug")
@click.argument("cohort_name", metavar="COHORT")
@click.argument("kind", type=WAVE_KIND)
@click.option(
    "--days", default=10, show_default=True, type=click.IntRange(1, 120), help="Length of the window."
)
@click.option(
    "--links", type=click.Path(dir_okay=False, path_type=Path), help="Write the personal links to this CSV."
)
@click.option("--base-url", help="Address of the service in the links; default: VICEVERSA_BASE_URL.")
@click.option(
    "--by-mail", is_flag=True, help="Let `viceversa work` mail everybody their link; none is shown."
)
@click.pass_obj
def wave_open(
    settings: Settings,
    slug: str,
    cohort_name: str,
    kind: str,
    days: int,
    links: Path | None,
    base_url: str | None,
    by_mail: bool,
) -> None:
    """Open a wave now and issue its personal links, which are shown once: only their hashes are kept.

    \b
    Example:
      viceversa wave open spring "Finance" T0 --days 10 --links links.csv
      viceversa wave open spring "Finance" T0 --days 10 --by-mail
    """
    from surveys import invitations, outbox
    from webapp.work_commands import check_mail_settings, link_maker

    now = _now()
    address = read_base_url("--base-url", base_url or "") or settings.base_url
    if by_mail:
        if links is not None or base_url is not None:
            raise click.UsageError(
                "With --by-mail no link is shown, and VICEVERSA_BASE_URL says where they lead."
            )
        check_mail_settings(settings)
    folders = settings.instrument_folders
    # The file is opened first and filled before anything is committed: links that could not be written were never issued.
    with _session(settings) as session, nullcontext() if by_mail else _links_file(links) as stream:
        cohort = _cohort(session, slug, cohort_name)
        opened = _open_or_plan(session, settings, cohort, kind, days, now=now)
        if stream is None:
            count = outbox.invite_by_mail(
                session, opened, make_token=link_maker(settings), now=now, folders=folders
            )
        else:
            issued = invitations.issue_invitations(
                session, opened, make_token=link_maker(settings), now=now, folders=folders
            )
            if settings.smtp is not None:
                outbox.plan_reminders(session, issued, now=now)
            _write_links(session, stream, issued, address)
            count = len(issued)
        if not count:
            raise click.ClickException(
                "Everybody has a link to this wave already. A lost one is replaced on the wave's page."
            )
        early = cohort.starts_on is not None and now.date() < cohort.starts_on
        closes = f"{opened.closes_at:%Y-%m-%d %H:%M} UTC"
    if early:
        click.echo(f"Note: the cohort starts on {cohort.starts_on}; this wave is open before that.", err=True)
    click.echo(f"{kind} of {cohort_name} is open until {closes}; its links lead to {address}.", err=True)
    if by_mail:
        click.echo(f"{count} invitations wait for: viceversa work", err=True)
    elif links is not None:
        click.echo(f"{count} links are in {links}. They cannot be shown again.", err=True)


def _open_or_plan(
    session: Session, settings: Settings, cohort: "Cohort", kind: str, days: int, *, now: dt.datetime
) -> "Wave":
    """The wave of this kind, open from now on."""
    from surveys import languages, waves

    opened = waves.find_wave(session, cohort, kind)
    if opened is not None:
        waves.open_wave(session, opened, now=now)
        return opened
    identifier = f"{cohort.program.instrument_id}@{cohort.program.instrument_version}"
    instrument = _instrument(settings, identifier)
    locales = languages.offered_next(session, cohort.program, instrument, readable=readable_locales())
    opened = waves.schedule_wave(
        session,
        cohort,
        kind,
        instrument,
        opens_at=now,
        closes_at=now + dt.timedelta(days=days),
        locales=locales,
        now=now,
    )
    if left := [name for name in instrument.locales if name not in locales]:
        click.echo(
            f"Note: drafts that the programme has not acknowledged are not offered: {', '.join(left)}. See: "
            "viceversa program offer-draft --help",
            err=True,
        )
    return opened


def _write_links(
    session: Session, stream: IO[str], issued: "Iterable[IssuedInvitation]", address: str
) -> None:
    """Write each person's link with name, address, role and language."""
    from surveys import programs

    writer = csv.writer(stream)
    writer.writerow(("name", "email", "role", "language", "link"))
    for invitation in issued:
        person = programs.get_participant(session, invitation.participant_id)
        contact = person.contact
        if contact is not None:
            link = f"{address}/s/{invitation.token}"
            writer.writerow((contact.name, contact.email, person.role.value, contact.locale or "", link))


@contextmanager
def _links_file(target: Path | None) -> Iterator[IO[str]]:
    """A new private file for personal links, taken away again if anything fails; standard output without a name."""
    if target is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise click.ClickException(
            f"{target} exists already; name another file, so that no links are lost."
        ) from error
    except OSError as error:
        raise click.ClickException(
            f"{target} cannot be written ({error.strerror}); no link was issued."
        ) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@wave.command("close")
@click.argument("slug")
@click.argument("cohort_name", metavar="COHORT")
@click.argument("kind", type=WAVE_KIND)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--without",
    "names",
    multiple=True,
    metavar="NUMBER",
    help="Leave out a number that a refusal named, such as level:mentor:PS; repeatable.",
)
@click.pass_obj
def wave_close(
    settings: Settings, slug: str, cohort_name: str, kind: str, yes: bool, names: tuple[str, ...]
) -> None:
    """Close a wave and freeze its one release.

    Should the auditor block the release, the wave is closed, nothing is published, and the message names the fewest numbers
    without which it would be safe; the same command with --without publishes the rest.

    \b
    Example:
      viceversa wave close spring "Finance" T0
      viceversa wave close spring "Finance" T2 --without level:mentor:PS
    """
    from surveys import release_refusals, waves
    from surveys.arrival import forget_arrival

    if not yes:
        click.confirm(
            "Closing is final: nobody can answer afterwards and the results are frozen. Close?", abort=True
        )
    with open_database(settings) as factory:
        with begin_as_operator(factory) as session:
            closing = _wave(session, slug, cohort_name, kind)
            waves.close_wave(session, closing, now=_now())
            released = waves.is_released(closing)
            refusal = (
                None
                if not released
                else release_refusals.freeze_or_refuse(
                    session,
                    closing,
                    now=_now(),
                    folders=settings.instrument_folders,
                    withhold=[release_refusals.read_name(name) for name in names],
                )
            )
        report_arrival(forget_arrival(factory.kw["bind"]))
    if refusal is not None:
        # Raised only now, so that the log remembers the refusal.
        proposal = sorted({*names, *(release_refusals.write_name(name) for name in refusal.withhold)})
        again = " ".join(f"--without {name}" for name in proposal) if refusal.withhold else ""
        command = f'viceversa wave close {slug} "{cohort_name}" {kind} {again}'
        raise click.ClickException(f"{refusal}\nTo publish the rest: {command}" if again else str(refusal))
    if not released:
        click.echo(f"{kind} is closed. Pulses are not shown as numbers in this version.")
        return
    click.echo(f'{kind} is closed. Next: viceversa release show {slug} "{cohort_name}" {kind}')


# --- results ------------------------------------------------------------------------------------------------------


@main.group()
def release() -> None:
    """Read the frozen results of closed waves."""


@release.command("show")
@click.argument("slug")
@click.argument("cohort_name", metavar="COHORT")
@click.argument("kind", type=WAVE_KIND)
@click.option("--json", "as_json", is_flag=True, help="The stored release as JSON.")
@click.pass_obj
def release_show(settings: Settings, slug: str, cohort_name: str, kind: str, as_json: bool) -> None:
    """Print what may be shown of a closed wave; what may not looks the same for nobody and for four.

    \b
    Example:
      viceversa release show spring "Finance" T2 --json
    """
    from surveys import releases

    with _session(settings) as session:
        view = releases.release_of(session, _wave(session, slug, cohort_name, kind))
        if view is None:
            raise click.ClickException(
                f"{kind} of {cohort_name} is not closed yet. Results exist only after that."
            )
        click.echo(json.dumps(view.body, ensure_ascii=False, indent=2) if as_json else releases.as_text(view))


@main.command()
@click.argument("slug")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--purpose",
    required=True,
    help="What the data are for; it stands in the manifest, and participants can read it.",
)
@click.pass_obj
def export(settings: Settings, slug: str, target: Path, purpose: str) -> None:
    """Write the researcher's data package of all closed waves to TARGET (.zip or a new folder).

    \b
    Example:
      viceversa export spring package.zip --purpose "Evaluation report 2027"
    """
    from surveys import exports, programs

    with _session(settings) as session:
        manifest = exports.write_data_package(
            session,
            programs.find_program(session, slug),
            target,
            purpose=purpose,
            now=_now(),
            folders=settings.instrument_folders,
        )
    for name, entry in manifest.files.items():
        click.echo(f"{name}: {entry.rows} rows, sha256 {entry.sha256[:12]}…")
    for note in manifest.notes:
        click.echo(note)


# --- instruments --------------------------------------------------------------------------------------------------


@main.group()
def instrument() -> None:
    """List, check, compare and translate questionnaires."""


instrument.add_command(translate)


@instrument.command("list")
@click.pass_obj
def instrument_list(settings: Settings) -> None:
    """List the instruments at hand, with their languages and review status."""
    from instruments.catalog import list_instruments

    for found in list_instruments(settings.instrument_folders):
        label = "development version, no norms" if found.development else "released"
        click.echo(f"{found.id} {found.version}  {found.title} ({label}, {len(found.items)} items)")
        for locale in found.locales.values():
            status = (
                locale.origin if locale.origin == "source" else f"{locale.origin}, {locale.review_status}"
            )
            click.echo(f"  {locale.locale}: {status}")


@instrument.command("check")
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def instrument_check(ctx: click.Context, folders: tuple[Path, ...]) -> None:
    """Name every problem of the instruments in FOLDERS, or of those shipped.

    \b
    Example:
      viceversa instrument check my-instruments/feedback/1.0.0
    """
    from instruments.__main__ import main as instruments_main

    ctx.exit(instruments_main(["check", *map(str, folders)]))


@instrument.command("diff")
@click.argument("old", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def instrument_diff(ctx: click.Context, old: Path, new: Path) -> None:
    """Say what changed between two versions and the smallest version bump allowed.

    \b
    Example:
      viceversa instrument diff library/core-battery/0.1.0 library/core-battery/0.2.0
    """
    from instruments.__main__ import main as instruments_main

    ctx.exit(instruments_main(["diff", str(old), str(new)]))


# --- serving ------------------------------------------------------------------------------------------------------


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1, 64))
@click.pass_obj
def serve(settings: Settings, host: str, port: int, workers: int, threads: int) -> None:
    """Serve the pages with a production server (gunicorn, threaded workers).

    \b
    Example:
      viceversa serve --host 0.0.0.0 --port 8000 --workers 4
    """
    from webapp.serving import run_server

    complete = complete_settings(settings, DATA_FOLDER)
    # Before anything is started, so that a bad setting is one line and no worker's traceback.
    build_config(complete.app_config(), {})
    with open_database(settings):
        pass
    if not settings.database_url.startswith("sqlite"):
        click.echo(check_protection(settings), err=True)
    click.echo(f"Serving at http://{host}:{port}. Stop with Ctrl-C.")
    run_server(complete, host=host, port=port, workers=workers, threads=threads)


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--folder", default=Path("var/demo"), show_default=True, type=click.Path(file_okay=False, path_type=Path)
)
@click.option("--fresh", is_flag=True, help="Throw the demo's data away and seed it again.")
@click.option(
    "--serve/--no-serve", "serving", default=True, help="Keep serving, or only seed and print the links."
)
def demo(port: int, folder: Path, fresh: bool, serving: bool) -> None:
    """Seed a demo organisation on SQLite, print ready links and keep serving.

    \b
    Example:
      viceversa demo --port 8080
    """
    from webapp.demo import prepare_demo
    from webapp.serving import check_free, run_server

    if serving:
        check_free("127.0.0.1", port)
    prepared = prepare_demo(folder, port=port, fresh=fresh, progress=_progress)
    click.echo(prepared.text)
    if serving:
        run_server(prepared.settings, host="127.0.0.1", port=port, workers=2, threads=2)


# --- helpers ------------------------------------------------------------------------------------------------------


def _instrument(settings: Settings, name: str) -> Any:
    """The instrument ID or ID@VERSION; without a version, the newest at hand."""
    from instruments.catalog import get_instrument, latest_version

    identifier, _, version = name.partition("@")
    folders = settings.instrument_folders
    return get_instrument(identifier, version or latest_version(identifier, folders=folders), folders=folders)


def _cohort(session: Session, slug: str, name: str) -> "Cohort":
    """The cohort of a programme by its name."""
    from surveys import programs

    return programs.find_cohort(session, programs.find_program(session, slug), name)


def _wave(session: Session, slug: str, cohort_name: str, kind: str) -> "Wave":
    """The wave of a cohort by its kind, or a clear error."""
    from surveys import waves

    found = waves.find_wave(session, _cohort(session, slug, cohort_name), kind)
    if found is None:
        raise click.ClickException(f"{cohort_name} has no wave {kind}. See: viceversa program list")
    return found


if __name__ == "__main__":
    main()
