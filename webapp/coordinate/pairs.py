"""Ending a pair and matching people anew, by name and without a reason."""

from flask import abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from instruments.model import Role
from surveys import bounces, rematching
from surveys.errors import ProgramError, RematchError, ReportingLineError, SurveyError
from surveys.models import Contact, ReportingLine
from webapp.access import current_user
from webapp.coordinate.finding import check_key, load_cohort
from webapp.coordinate.forms import AddressForm, EndForm, MatchForm, make_choices, put_error
from webapp.coordinate.words import LINES
from webapp.database import db, discard_changes, now
from webapp.i18n import gettext as _

# Which field of the form a refusal is about; whatever is not named is about the two people.
END_FIELD = "ended_on"
MATCH_FIELDS = {"reporting_line": "reporting_line", "dates": "started_on"}


def end_pair(slug: str, cohort_id: str, pair_id: str) -> str | Response | tuple[str, int]:
    """End a pair, on the day of its last meeting."""
    cohort, form = load_cohort(slug, cohort_id), EndForm(data={"ended_on": now().date()})
    pair = rematching.find_pair(db(), cohort, check_key(pair_id))
    if form.validate_on_submit():
        try:
            rematching.end_match(db(), pair, ended_on=form.ended_on.data, now=now(), actor=current_user())
        except (ProgramError, RematchError) as error:
            discard_changes()
            put_error(form, END_FIELD, error)
        else:
            return _to_cohort(slug, cohort_id, "pair_ended")
    people = [pair.mentor.name, pair.mentee.name]
    page = render_template(
        "coordinate/pair_end.html", program=cohort.program, cohort=cohort, pair=pair, people=people, form=form
    )
    return (page, 400) if form.errors else page


def match_anew(slug: str, cohort_id: str) -> str | Response | tuple[str, int]:
    """Match two people of the cohort."""
    cohort, form = load_cohort(slug, cohort_id), MatchForm(data={"started_on": now().date()})
    people = rematching.list_matchable(db(), cohort)
    for role, field in ((Role.MENTOR, form.mentor), (Role.MENTEE, form.mentee)):
        labels = [
            (one.participant_id, one.name if one.is_free else _("%(name)s (has a partner)", name=one.name))
            for one in people
            if one.role is role
        ]
        field.choices = make_choices([("", _("Please choose")), *labels])
    lines = [(line.value, _(words)) for line, words in LINES.items()]
    form.reporting_line.choices = make_choices([("", _("Please choose")), *lines])
    if form.validate_on_submit():
        try:
            rematching.match_anew(
                db(),
                cohort,
                mentor_id=form.mentor.data,
                mentee_id=form.mentee.data,
                started_on=form.started_on.data,
                reporting_line=ReportingLine(form.reporting_line.data),
                allow_reporting_line=form.allow.data,
                now=now(),
                actor=current_user(),
            )
        except (ProgramError, RematchError, ReportingLineError) as error:
            discard_changes()
            put_error(form, _field_of(error), error)
        else:
            return _to_cohort(slug, cohort_id, "pair_matched")
    page = render_template("coordinate/pair_new.html", program=cohort.program, cohort=cohort, form=form)
    return (page, 400) if form.errors else page


def correct_address(slug: str, cohort_id: str, participant_id: str) -> str | Response | tuple[str, int]:
    """Put right an address from which an invitation came back; others are not changed here, so that nobody's mail is led astray."""
    cohort, form = load_cohort(slug, cohort_id), AddressForm()
    contact = db().get(Contact, check_key(participant_id))
    if contact is None or not contact.bounced or contact.participant.program_id != cohort.program_id:
        abort(404)
    if form.validate_on_submit():
        try:
            bounces.correct_address(
                db(),
                cohort.program,
                contact.email,
                form.email.data,
                now=now(),
                actor=current_user(),
            )
        except ProgramError as error:
            discard_changes()
            put_error(form, "email", error)
        else:
            return _to_cohort(slug, cohort_id, "address")
    page = render_template(
        "coordinate/address.html", program=cohort.program, cohort=cohort, contact=contact, form=form
    )
    return (page, 400) if form.errors else page


def _field_of(error: SurveyError) -> str:
    """The field beside which a refusal stands."""
    return MATCH_FIELDS.get(error.code, "mentee")


def _to_cohort(slug: str, cohort_id: str, done: str) -> Response:
    """Lead back to the cohort, which says what was done."""
    return redirect(url_for("coordinate.show_cohort", slug=slug, cohort_id=cohort_id, done=done), 303)
