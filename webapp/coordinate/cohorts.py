"""Programmes and cohorts: lists, a new cohort, its pairs by name, and the import of a roster."""

import csv
import io
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from instruments.catalog import get_instrument
from instruments.errors import InstrumentError
from instruments.model import Instrument
from surveys import meetings, messages, programs, rosters, waves
from surveys.errors import ProgramError
from surveys.models import Cohort, MembershipRole, Program, Release, Wave
from webapp.access import current_user, programs_of
from webapp.coordinate.finding import load_cohort, load_program
from webapp.coordinate.forms import CohortForm, RosterForm, put_error
from webapp.coordinate.words import DONE, FORMATS, KINDS, STATES
from webapp.database import db, discard_changes, instrument_folders, now
from webapp.downloads import send_download
from webapp.i18n import gettext as _

FIELD_OF_ERROR = {"cohort_taken": "name", "name": "name", "dates": "ends_on"}
# A file of the wrong kind may have a problem in every row; nobody reads thousands of them.
MOST_PROBLEMS = 200
EXAMPLE_COLUMNS = (
    "mentor_name",
    "mentor_email",
    "mentor_language",
    "mentee_name",
    "mentee_email",
    "mentee_language",
)
EXAMPLE_ROWS = (
    ("Ayesha Siddiqui", "ayesha@example.org", "ur", "Martina Vogel", "martina@example.org", "de"),
    ("Jonas Weber", "jonas@example.org", "de", "Carlos Medina", "carlos@example.org", "es"),
)


@dataclass(frozen=True)
class WaveLine:
    """A wave in a list, with its state at this moment, whether its results are frozen, and whether it ever has any."""

    wave: Wave
    state: str
    frozen: bool
    released: bool


@dataclass(frozen=True)
class CohortLine:
    """A cohort in a list."""

    cohort: Cohort
    n_pairs: int
    waves: list[WaveLine]


def list_programs() -> str:
    """List the programmes that the user coordinates."""
    rows = [
        (program, len(programs.list_cohorts(db(), program)))
        for program in programs_of(MembershipRole.COORDINATOR)
    ]
    return render_template("coordinate/programs.html", rows=rows)


def show_program(slug: str) -> str:
    """Show a programme: its cohorts with their waves, and the promise under which they are asked."""
    program = load_program(slug)
    frozen = find_frozen(db(), program)
    lines = [
        CohortLine(cohort, programs.count_pairs(db(), cohort), line_up_waves(db(), cohort, frozen))
        for cohort in programs.list_cohorts(db(), program)
    ]
    return render_template(
        "coordinate/program.html",
        program=program,
        lines=lines,
        instrument=_find_instrument(program),
        n_waiting=messages.count_open(db(), program),
        can_compare=any(wave.frozen for line in lines for wave in line.waves),
        kinds=KINDS,
        states=STATES,
    )


def create_cohort(slug: str) -> str | Response | tuple[str, int]:
    """Set up a cohort."""
    program, form = load_program(slug), CohortForm()
    if form.validate_on_submit():
        try:
            cohort = programs.add_cohort(
                db(),
                program,
                name=form.name.data,
                starts_on=form.starts_on.data,
                ends_on=form.ends_on.data,
                now=now(),
                actor=current_user(),
            )
        except ProgramError as error:
            discard_changes()
            put_error(form, FIELD_OF_ERROR.get(error.code, "name"), error)
        else:
            address = url_for("coordinate.show_cohort", slug=program.slug, cohort_id=cohort.id, done="cohort")
            return redirect(address, 303)
    page = render_template("coordinate/cohort_new.html", program=program, form=form)
    return (page, 400) if form.errors else page


def show_cohort(slug: str, cohort_id: str) -> str:
    """Show a cohort's waves and its pairs by name; nothing about answers."""
    cohort = load_cohort(slug, cohort_id)
    return render_template(
        "coordinate/cohort.html",
        program=cohort.program,
        cohort=cohort,
        waves=line_up_waves(db(), cohort, find_frozen(db(), cohort.program)),
        pairs=programs.list_pairs(db(), cohort),
        met=meetings.summarise_meetings(db(), cohort),
        formats=FORMATS,
        done=read_done(),
        kinds=KINDS,
        states=STATES,
    )


def import_roster(slug: str, cohort_id: str) -> str | Response | tuple[str, int]:
    """Check a file of pairs, and import it when that was asked for and everything in it is good."""
    cohort, form = load_cohort(slug, cohort_id), RosterForm()
    plan = None
    if form.validate_on_submit():
        roster = rosters.read_roster(form.file.data.read(), filename=form.file.data.filename or "")
        plan = rosters.plan_import(db(), cohort, roster)
        if not plan.problems and request.form.get("action") == "import":
            rosters.apply_import(db(), plan, now=now(), actor=current_user())
            address = url_for("coordinate.show_cohort", slug=slug, cohort_id=cohort.id, done="imported")
            return redirect(address, 303)
    page = render_template(
        "coordinate/roster.html",
        program=cohort.program,
        cohort=cohort,
        form=form,
        plan=plan,
        columns=EXAMPLE_COLUMNS,
        most=MOST_PROBLEMS,
    )
    return (page, 400) if form.errors or (plan and plan.problems) else page


def download_example() -> Response:
    """Give a file with the right columns to start from."""
    text = io.StringIO()
    csv.writer(text).writerows((EXAMPLE_COLUMNS, *EXAMPLE_ROWS))
    return send_csv(text.getvalue(), "pairs.csv")


def send_csv(text: str, name: str) -> Response:
    """Return a file that a spreadsheet opens in the right letters, and that nobody keeps a copy of on the way."""
    return send_download("\ufeff" + text, "text/csv; charset=utf-8", name)


def find_frozen(session: Session, program: Program) -> frozenset[str]:
    """Return the keys of the programme's waves whose results are frozen."""
    frozen = select(Release.wave_id).join(Wave).join(Cohort).where(Cohort.program_id == program.id)
    return frozenset(session.scalars(frozen))


def line_up_waves(session: Session, cohort: Cohort, frozen: frozenset[str]) -> list[WaveLine]:
    """Return the waves of a cohort in the order in which they open."""
    return [
        WaveLine(wave, waves.wave_state(wave, now()).value, wave.id in frozen, waves.is_released(wave))
        for wave in waves.list_waves(session, cohort)
    ]


def read_done() -> str:
    """Return the sentence about what was just done, "" for nothing."""
    sentence = DONE.get(request.args.get("done", ""))
    return _(sentence) if sentence else ""


def _find_instrument(program: Program) -> Instrument | None:
    """Return the questionnaire that the programme's next waves take, None where it is not at hand."""
    if program.instrument_id is None or program.instrument_version is None:
        return None
    try:
        return get_instrument(program.instrument_id, program.instrument_version, folders=instrument_folders())
    except InstrumentError:
        # The programme can still be looked after; scheduling the next wave will say what is missing.
        return None
