"""The overseer's pages: the log, whether it is whole, the rules in force, who holds which office, and what left the house.

Every address only reads. Nothing on these pages comes from an answer, names a participant, or counts how many there are.
"""

import csv
import datetime as dt
import io
from typing import Any

from babel.dates import format_skeleton
from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from scoring.disclosure import SENSITIVE_FLOOR
from surveys import audit_files, oversight
from surveys.audit import KEPT_MONTHS
from surveys.models import MembershipRole, Program
from surveys.oversight import LogLine, LogPage
from surveys.published import RULES_VERSION
from surveys.retention import RetentionPolicy, promised_retention
from webapp.access import get_program, membership_required, programs_of
from webapp.coordinate.cohorts import send_csv
from webapp.coordinate.forms import make_choices
from webapp.coordinate.links import disarm_cell
from webapp.coordinate.words import KINDS
from webapp.database import db, now, retention_policy
from webapp.downloads import send_download
from webapp.i18n import get_locale, ngettext
from webapp.i18n import gettext as _
from webapp.oversee import words
from webapp.oversee.forms import FilterForm

blueprint = Blueprint("oversee", __name__, url_prefix="/oversee")

COLUMNS = ("when", "told", "action", "what", "who", "cohort", "wave", "digest")


@blueprint.get("/")
@membership_required(MembershipRole.OVERSEER)
def list_programs() -> str:
    """List the programmes that the user oversees."""
    return render_template("oversee/programs.html", programs=programs_of(MembershipRole.OVERSEER))


@blueprint.get("/<slug>/")
@membership_required(MembershipRole.OVERSEER)
def show_program(slug: str) -> str:
    """Show whether the log is whole, and the rules and offices of a programme."""
    program = _load(slug)
    return render_template(
        "oversee/program.html",
        program=program,
        chains=oversight.chain_states(db(), now=now()),
        sensitive=max(program.floor, SENSITIVE_FLOOR),
        rules_version=RULES_VERSION,
        # Shorter times that were once promised stay in force, whatever the settings say.
        retention=_describe_retention(promised_retention(db(), program.id, retention_policy())),
        offices=oversight.list_offices(db(), program),
        packages=oversight.list_packages(db(), program),
        requests=oversight.list_glass(db(), program, now=now()),
        words=words,
    )


@blueprint.get("/<slug>/log")
@membership_required(MembershipRole.OVERSEER)
def show_log(slug: str) -> str:
    """Show the log, the newest entries first, page by page."""
    program = _load(slug)
    asked = {name: request.args.get(name, "") for name in ("action", "month")}
    number = request.args.get("page", "1")
    page = _read(program, asked, int(number) if number.isdecimal() and len(number) < 7 else 1)
    form = FilterForm(data=asked)
    everything = [("", _("Everything"))]
    form.action.choices = make_choices(everything + [(one, describe_action(one)) for one in page.actions])
    form.month.choices = make_choices(
        [("", _("All months")), *((one, _name_month(one)) for one in page.months)]
    )
    return render_template(
        "oversee/log.html", program=program, page=page, form=form, asked=asked, kinds=KINDS
    )


@blueprint.get("/<slug>/log.csv")
@membership_required(MembershipRole.OVERSEER)
def download_table(slug: str) -> Response:
    """Send the whole log of a programme as a table; a cell that a spreadsheet would compute begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in oversight.all_lines(db(), _load(slug), now=now()):
        writer.writerow([disarm_cell(cell) for cell in _cells(line)])
    return send_csv(text.getvalue(), f"audit-{slug}.csv")


@blueprint.get("/<slug>/log.jsonl")
@membership_required(MembershipRole.OVERSEER)
def download_lines(slug: str) -> Response:
    """Send the log with its digests, to be checked elsewhere; of other programmes' entries the digests only."""
    lines = audit_files.write_lines(db(), _load(slug), now=now())
    text = "".join(f"{line}\n" for line in lines)
    return send_download(text, "application/x-ndjson; charset=utf-8", f"audit-{slug}.jsonl")


@blueprint.app_template_global()
def describe_action(action: str) -> str:
    """Return what was done in a sentence; an action that this version has no words for stays as it is."""
    return _(words.ACTIONS[action]) if action in words.ACTIONS else action


@blueprint.app_template_global()
def describe_actor(line: LogLine) -> str:
    """Return who did something: a name, or what stands in its place."""
    return line.name or _(words.ACTORS[line.actor])


def _load(slug: str) -> Program:
    """Return a programme that the user oversees."""
    return get_program(slug, MembershipRole.OVERSEER)


def _read(program: Program, asked: dict[str, str], number: int) -> LogPage:
    """Return a page of the log; what is asked for and does not exist is taken as not asked for."""

    def read() -> LogPage:
        given: dict[str, Any] = {name: value or None for name, value in asked.items()}
        return oversight.read_log(db(), program, now=now(), page=number, **given)

    page = read()
    unknown = {
        name
        for name, offered in (("action", page.actions), ("month", page.months))
        if asked[name] not in offered
    }
    if any(asked[name] for name in unknown):
        asked |= dict.fromkeys(unknown, "")
        page = read()
    return page


def _cells(line: LogLine) -> tuple[str, ...]:
    """Return an entry as a row of the table."""
    return (
        line.happened_at.date().isoformat()
        if line.by_day
        else line.happened_at.isoformat(timespec="seconds"),
        "by the day" if line.by_day else "to the second",
        line.action,
        describe_action(line.action),
        describe_actor(line),
        line.cohort,
        line.wave.value if line.wave is not None else "",
        line.digest,
    )


def _name_month(month: str) -> str:
    """Return a month in words."""
    first = dt.date.fromisoformat(f"{month}-01")
    return format_skeleton("yMMMM", first, locale=get_locale())


def _describe_retention(policy: RetentionPolicy) -> list[tuple[str, str]]:
    """Return what is kept and for how long, as this server is set."""

    def days(number: int) -> str:
        return ngettext("%(num)s day", "%(num)s days", number)

    def months(number: int) -> str:
        return ngettext("%(num)s month", "%(num)s months", number)

    return [
        (_("Names and addresses, after the end of the programme"), months(policy.contacts_months)),
        (_("The connection between people and their answers, after their last wave"), days(policy.link_days)),
        (_("Goals of a pair, after the end of the programme"), days(policy.goals_days)),
        (_("Comments, after the last wave on the pair or on learning"), months(policy.comments_months)),
        (_("Answers under pseudonyms, after that wave"), months(policy.answers_months)),
        (_("Messages to the coordinator, after the end of the programme"), months(policy.messages_months)),
        (_("Sessions and attempts of people who sign in"), months(policy.access_months)),
        (_("This log, and requests to break the glass"), months(KEPT_MONTHS)),
        (_("Published results"), _("for good")),
    ]


@blueprint.app_template_global()
def address_of_log(slug: str, asked: dict[str, str], page: int) -> str:
    """Return the address of a page of the log with the same filter."""
    query: dict[str, Any] = {name: value for name, value in asked.items() if value}
    return url_for("oversee.show_log", slug=slug, page=page, **query)
