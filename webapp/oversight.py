"""Commands for whoever watches over the promise: a works council, a data protection officer, the operator."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webapp.command_session import DATA_FOLDER, open_database, open_session, read_clock
from webapp.config import Settings
from webapp.database_commands import report_arrival
from webapp.keys import complete_settings

if TYPE_CHECKING:
    from surveys.audit import ChainReport

DIGEST = re.compile(r"[0-9a-f]{64}")


@click.group()
def audit() -> None:
    """Read and check the log of what was done; it holds no answers and no names."""


@audit.command("show")
@click.option("--program", "slug", metavar="SLUG", help="Only what was done in this programme.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many entries."
)
@click.pass_obj
def show_log(settings: Settings, slug: str | None, limit: int) -> None:
    """Print the newest entries: when, what, by whom, where; what people decide about their answers has a day only.

    \b
    Example:
      viceversa audit show --program spring --limit 20
    """
    from surveys import programs
    from surveys.audit import list_events
    from surveys.models import AuditChain, Program

    with open_session(settings) as session:
        program = programs.find_program(session, slug) if slug is not None else None
        for entry in list_events(session, program=program, limit=limit):
            moment = f"{entry.happened_at:%Y-%m-%d %H:%M} UTC"
            when = f"{entry.happened_at:%Y-%m-%d}" if entry.chain is AuditChain.BY_DAY else moment
            named = session.get(Program, entry.program_id) if entry.program_id else None
            where = named.slug if named is not None else (entry.program_id or "-")
            click.echo(f"{when:<20}  {entry.action:<34}  {entry.actor:<32}  {where}")


@audit.command("verify")
@click.option(
    "--known", multiple=True, metavar="DIGEST", help="A digest noted earlier; it must still be there."
)
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A log that an overseer downloaded (JSON), instead of the database.",
)
@click.pass_obj
def verify_log(settings: Settings, known: tuple[str, ...], path: Path | None) -> None:
    """Check that no entry of the log was changed, removed or slipped in; note the digests it prints outside the database.

    \b
    Example:
      viceversa audit verify
      viceversa audit verify --file audit-spring.jsonl
      viceversa audit verify --known 5d41402abc4b2a76b9719d911017c592ae3f1c0b5f2d6c1a9e8b7f6a5d4c3b2a
    """
    from surveys import audit as audit_log

    for digest in known:
        if not DIGEST.fullmatch(digest):
            raise click.BadParameter("a digest has 64 digits 0-9 and a-f", param_hint="--known")
    if path is not None:
        reports = _verify_file(path)
    else:
        with open_session(settings) as session:
            reports = audit_log.verify_log(session)
    for report in reports:
        click.echo(_describe(report))
    held = {digest for report in reports for digest in (*report.digests, report.head)}
    lost = [digest for digest in known if digest not in held]
    for digest in lost:
        click.echo(
            f"{digest} is no longer in the log: it was written anew since, or the entry is older than "
            f"{audit_log.KEPT_MONTHS} months."
        )
    if lost or any(report.problem for report in reports):
        raise click.ClickException(
            "The log does not hold. Compare it with a backup and tell those who watch over it."
        )
    click.echo("The log holds.")


@audit.command("head")
@click.pass_obj
def print_head(settings: Settings) -> None:
    """Print the two newest digests in one line, for a scheduler that mails them to whoever keeps them outside.

    What people decide about their own answers is told by the day, so mail it once a day, to people without access to the database.

    \b
    Example:
      viceversa audit head
      viceversa audit head | mail -s "Viceversa log" works-council@example.org
    """
    from surveys.audit import genesis, read_heads
    from surveys.models import AuditChain

    with open_session(settings) as session:
        heads = read_heads(session)
    click.echo(" ".join(f"{chain.value}={heads.get(chain, genesis(chain))}" for chain in AuditChain))


@click.group()
def retention() -> None:
    """Delete what was promised to be kept no longer."""


@retention.command("run")
@click.option("--dry-run", is_flag=True, help="Only count; delete nothing.")
@click.option(
    "--now",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="As if it were this day; a day to come only with --dry-run.",
)
@click.pass_obj
def run_retention(settings: Settings, dry_run: bool, day: dt.datetime | None) -> None:
    """Delete whatever has been kept for long enough, one programme after the other; run it once a day.

    Times can be shortened, never lengthened: VICEVERSA_RETENTION="link_days=60, comments_months=6". The defaults are link_days 90
    and goals_days 90; comments_months 12, answers_months 24, messages_months 12, contacts_months 12 (names and addresses) and
    access_months 12. The audit log is kept for 36 months and published results for ever. In the end the order in which answers
    came in is destroyed (see `viceversa db shuffle`).

    \b
    Example:
      viceversa retention run --dry-run
      viceversa retention run --dry-run --now 2029-01-31
      viceversa retention run
    """
    from surveys import audit as audit_log
    from surveys import programs
    from surveys.arrival import forget_arrival
    from surveys.break_glass import expire_requests
    from surveys.pseudonyms import Pseudonyms
    from surveys.retention import RetentionPolicy, apply_house_retention, apply_retention

    now = read_clock() if day is None else day.replace(tzinfo=dt.UTC)
    if now > read_clock() and not dry_run:
        raise click.BadParameter("a day to come can only be tried with --dry-run", param_hint="--now")
    policy = RetentionPolicy.from_settings(settings.retention)
    holder = Pseudonyms(complete_settings(settings, DATA_FOLDER).link_key or b"")
    with open_database(settings) as factory:
        with factory() as session:
            slugs = [program.slug for program in programs.list_programs(session)]
        for slug in slugs:
            with factory.begin() as session:
                program = programs.find_program(session, slug)
                done = apply_retention(
                    session, program, pseudonyms=holder, now=now, policy=policy, dry_run=dry_run
                )
            click.echo(f"{slug}: " + _count({kind.value: n for kind, n in done.counts.items()}))
            kept = asdict(policy)
            shorter = [f"{name}={time}" for name, time in asdict(done.policy).items() if time < kept[name]]
            if shorter:
                click.echo(
                    f"{slug}: kept for no longer than people were once told: {', '.join(shorter)}.", err=True
                )
            if done.undated:
                click.echo(
                    f"{slug}: the clock does not run for {', '.join(done.undated)}, which have neither a last wave nor an "
                    "end date. Close their last wave, or give them an end, so that their data are deleted in time.",
                    err=True,
                )
        with factory.begin() as session:
            house = apply_house_retention(session, now=now, policy=policy, dry_run=dry_run)
            if not dry_run:
                expire_requests(session, now=now)
            n_pruned = audit_log.prune_log(session, now=now, dry_run=dry_run)
        if not dry_run:
            # Also lets nothing of what was deleted stay beside the database.
            report_arrival(forget_arrival(factory.kw["bind"]))
    counts = {"access": house.access, "receipts": house.receipts, "requests": house.requests, "log": n_pruned}
    click.echo("house: " + _count(counts))
    click.echo("Nothing was deleted (--dry-run)." if dry_run else "Done.")


@click.group()
def receipt() -> None:
    """Check the receipt of an erasure."""


@receipt.command("check")
@click.argument("code")
@click.pass_obj
def check_receipt(settings: Settings, code: str) -> None:
    """Say what was erased, and when, under the CODE that a participant was shown; to whom it belongs is not known.

    \b
    Example:
      viceversa receipt check ABCD-EFGH-IJKL-MNOP-QRST-UVWX
    """
    from surveys.rights import find_receipt

    with open_session(settings) as session:
        found = find_receipt(session, code)
    if found is None:
        raise click.ClickException("No receipt has this code. Compare it sign by sign.")
    click.echo(
        f"On {found.erased_on} all answers of a person were erased. Given in the browser that was shown this code: "
        f"{found.n_responses} responses with {found.n_answers} answers and {found.n_comments} comments."
    )


def _verify_file(path: Path) -> "tuple[ChainReport, ...]":
    """Check a downloaded log, for which no database is needed."""
    from surveys.audit_files import verify_lines
    from surveys.errors import AuditFileError

    try:
        return verify_lines(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise AuditFileError("line", line=1) from error


def _count(counts: Mapping[str, int]) -> str:
    """Counts in a line."""
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def _describe(report: "ChainReport") -> str:
    """One chain in a line."""
    cut = ", the oldest cut off after their time" if report.pruned else ""
    state = str(report.problem) if report.problem else f"whole, newest digest {report.head}"
    return f"{report.chain.value}: {report.n_entries} entries{cut}; {state}"
