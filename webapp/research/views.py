"""The researcher's pages: versions and digests, review status of translations, reliability, and the data package."""

import datetime as dt
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, render_template, send_file, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from instruments.catalog import get_instrument
from instruments.errors import InstrumentError
from instruments.model import Instrument, WaveKind
from surveys import exports, reports
from surveys.audit import AuditAction
from surveys.models import AuditEvent, Cohort, MembershipRole, Program, User, Wave
from surveys.packages import ExportError
from surveys.reports import ReliabilityRow
from webapp.access import current_user, get_program, membership_required, programs_of
from webapp.coordinate.figures import choose_locale_of, format_plain
from webapp.coordinate.words import GROUP, KINDS
from webapp.database import db, discard_changes, instrument_folders, now
from webapp.errors import translate_error
from webapp.i18n import gettext as _
from webapp.research.forms import PackageForm
from webapp.words import ORIGINS, REVIEWS

blueprint = Blueprint("research", __name__, url_prefix="/research")


@dataclass(frozen=True)
class UsedInstrument:
    """A questionnaire that waves of the programme pin; `instrument` is None where its folder is missing or has changed."""

    identifier: str
    version: str
    digest: str
    n_waves: int
    n_closed: int
    instrument: Instrument | None


@dataclass(frozen=True)
class Export:
    """One data package that was made."""

    made_at: dt.datetime
    by: str


@dataclass(frozen=True)
class ReliabilityTable:
    """The rows of one questionnaire and wave."""

    instrument: Instrument
    wave: WaveKind
    rows: tuple[ReliabilityRow, ...]


@blueprint.get("/")
@membership_required(MembershipRole.RESEARCHER)
def list_programs() -> str:
    """List the programmes whose data the user may read."""
    return render_template("research/programs.html", programs=programs_of(MembershipRole.RESEARCHER))


@blueprint.get("/<slug>/")
@membership_required(MembershipRole.RESEARCHER)
def show_program(slug: str) -> str:
    """Show the questionnaires of a programme, the form for its data package, and the packages made before."""
    return _show(get_program(slug, MembershipRole.RESEARCHER), PackageForm())


@blueprint.get("/<slug>/reliability")
@membership_required(MembershipRole.RESEARCHER)
def show_reliability(slug: str) -> str:
    """Show how reliable each scale is, by questionnaire, wave and role."""
    program = get_program(slug, MembershipRole.RESEARCHER)
    report = reports.reliability_report(db(), program, folders=instrument_folders())
    grouped: dict[tuple[str, str, WaveKind], list[ReliabilityRow]] = {}
    for row in report.rows:
        grouped.setdefault((row.instrument_id, row.instrument_version, row.wave), []).append(row)
    tables = [
        ReliabilityTable(get_instrument(identifier, version, folders=instrument_folders()), wave, tuple(rows))
        for (identifier, version, wave), rows in grouped.items()
    ]
    return render_template(
        "research/reliability.html",
        program=program,
        tables=tables,
        kinds=KINDS,
        roles=GROUP,
        format_plain=format_plain,
        adequate=reports.ADEQUATE,
        locale_of=choose_locale_of,
    )


@blueprint.post("/<slug>/package")
@membership_required(MembershipRole.RESEARCHER)
def download_package(slug: str) -> Response | tuple[str, int]:
    """Make a data package and send it; that it was made, when and by whom stays in the log."""
    program, form = get_program(slug, MembershipRole.RESEARCHER), PackageForm()
    if not form.validate():
        return _show(program, form), 400
    name = f"{program.slug}-data-{now().date().isoformat()}.zip"
    try:
        # The writer holds the tables in memory anyway, so nothing of them needs to stay on the disk until it is sent.
        with tempfile.TemporaryDirectory(prefix="viceversa-") as scratch:
            target = Path(scratch) / name
            exports.write_data_package(
                db(),
                program,
                target,
                purpose=form.purpose.data,
                now=now(),
                folders=instrument_folders(),
                actor=current_user(),
            )
            content = target.read_bytes()
    except ExportError as error:
        discard_changes()
        form.purpose.errors = [" ".join(translate_error(error))]
        return _show(program, form), 400
    return send_file(io.BytesIO(content), mimetype="application/zip", as_attachment=True, download_name=name)


def _show(program: Program, form: PackageForm) -> str:
    """Return the programme's page."""
    return render_template(
        "research/program.html",
        program=program,
        form=form,
        action=url_for("research.download_package", slug=program.slug),
        used=_find_used(db(), program),
        exports=_list_exports(db(), program),
        locale_of=choose_locale_of,
        origins=ORIGINS,
        reviews=REVIEWS,
    )


def _find_used(session: Session, program: Program) -> list[UsedInstrument]:
    """Return the questionnaires that the programme's waves pin, each once."""
    pinned: dict[tuple[str, str, str], list[Wave]] = {}
    waves = session.scalars(select(Wave).join(Wave.cohort).where(Cohort.program_id == program.id))
    for wave in waves:
        key = (wave.instrument_id, wave.instrument_version, wave.instrument_digest)
        pinned.setdefault(key, []).append(wave)
    used = []
    for (identifier, version, digest), of_key in sorted(pinned.items()):
        try:
            instrument = get_instrument(identifier, version, folders=instrument_folders(), digest=digest)
        except InstrumentError:
            instrument = None
        n_closed = sum(wave.closed_at is not None for wave in of_key)
        used.append(UsedInstrument(identifier, version, digest, len(of_key), n_closed, instrument))
    return used


def _list_exports(session: Session, program: Program) -> list[Export]:
    """Return the packages made before, the newest first."""
    found = session.execute(
        select(AuditEvent.happened_at, AuditEvent.actor, User.name)
        .outerjoin(User, User.id == AuditEvent.actor)
        .where(AuditEvent.program_id == program.id, AuditEvent.action == AuditAction.DATA_EXPORTED.value)
        .order_by(AuditEvent.happened_at.desc())
    )
    return [Export(moment, name or _("command line")) for moment, _actor, name in found]
