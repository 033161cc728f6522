"""The custodians' pages: one asks to read one named person's answers, another agrees or refuses. The answers appear on no page."""

from dataclasses import dataclass

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from surveys import break_glass
from surveys.break_glass import GlassState
from surveys.errors import BreakGlassError, SignInError
from surveys.models import BreakGlassRequest, GlassDecision, MembershipRole, Participant, Program, User
from webapp.access import current_user, get_program, membership_required, programs_of
from webapp.coordinate.finding import check_key
from webapp.coordinate.forms import make_choices, put_error
from webapp.coordinate.words import PERSON
from webapp.custody.forms import PasswordForm, RequestForm
from webapp.database import db, discard_changes, now, password_hasher
from webapp.errors import translate_error
from webapp.i18n import gettext as _
from webapp.oversee.words import GLASS_STATES, GROUNDS
from webapp.tries import count_try

blueprint = Blueprint("custody", __name__, url_prefix="/custody")

LIMIT = 10
FIELD_OF_ERROR = {"reference": "reference", "person": "email", "destroyed": "email"}


@dataclass(frozen=True)
class RequestLine:
    """A request as custodians see it, with the person's name as long as it is there."""

    request: BreakGlassRequest
    state: str
    person: str
    role: str
    asked_by: str
    decided_by: str
    mine: bool


@blueprint.get("/")
@membership_required(MembershipRole.CUSTODIAN)
def list_programs() -> str:
    """List the programmes of which the user is a custodian."""
    return render_template("custody/programs.html", programs=programs_of(MembershipRole.CUSTODIAN))


@blueprint.get("/<slug>/")
@membership_required(MembershipRole.CUSTODIAN)
def show_program(slug: str) -> str:
    """Show the requests of a programme and the form for a new one."""
    return _show_program(_load(slug), _new_form())


@blueprint.post("/<slug>/")
@membership_required(MembershipRole.CUSTODIAN)
def make_request(slug: str) -> Response | tuple[str, int]:
    """Ask to read one person's answers."""
    program, form, custodian = _load(slug), _new_form(), _me()
    if form.validate():
        _prepare(custodian)
        try:
            break_glass.request_access(
                db(),
                program,
                custodian,
                email=form.email.data,
                role=form.role.data,
                ground=form.ground.data,
                reference=form.reference.data,
                password=form.password.data,
                now=now(),
                hasher=password_hasher(),
            )
        except SignInError:
            _refuse_password(form)
        except BreakGlassError as error:
            discard_changes()
            put_error(form, FIELD_OF_ERROR.get(error.code, "email"), error)
        else:
            return redirect(url_for("custody.show_program", slug=slug, done="requested"), 303)
    return _show_program(program, form), 400


@blueprint.get("/<slug>/<request_id>/")
@membership_required(MembershipRole.CUSTODIAN)
def show_request(slug: str, request_id: str) -> str:
    """Show one request, and the form for the decision of a second custodian."""
    program = _load(slug)
    return _show_request(program, _find(program, request_id), PasswordForm(), None)


@blueprint.post("/<slug>/<request_id>/")
@membership_required(MembershipRole.CUSTODIAN)
def decide_request(slug: str, request_id: str) -> Response | tuple[str, int]:
    """Approve or refuse somebody else's request."""
    program, form, custodian = _load(slug), PasswordForm(), _me()
    found = _find(program, request_id)
    decision = request.form.get("decision", "")
    if decision not in set(GlassDecision):
        abort(400)
    problem = None
    if form.validate():
        _prepare(custodian)
        try:
            break_glass.decide_request(
                db(),
                program,
                found.id,
                custodian,
                decision,
                password=form.password.data,
                now=now(),
                hasher=password_hasher(),
            )
        except SignInError:
            _refuse_password(form)
        except BreakGlassError as error:
            discard_changes()
            problem = translate_error(error)
        else:
            return redirect(url_for("custody.show_program", slug=slug, done=decision), 303)
    return _show_request(program, _find(program, request_id), form, problem), 400


def _show_program(program: Program, form: RequestForm) -> str:
    """Return the page of a programme."""
    lines = [_describe(one) for one in break_glass.list_requests(db(), program)]
    done = {
        "requested": _("The request is made. Another custodian of this programme has 72 hours to decide."),
        "approved": _(
            "You have approved the request. Whoever made it has 24 hours to open the answers, once."
        ),
        "refused": _("You have refused the request."),
    }
    return render_template(
        "custody/program.html",
        program=program,
        form=form,
        lines=lines,
        done=done.get(request.args.get("done", "")),
        grounds=GROUNDS,
        states=GLASS_STATES,
    )


def _show_request(
    program: Program, found: BreakGlassRequest, form: PasswordForm, problem: tuple[str, str] | None
) -> str:
    """Return the page of one request."""
    return render_template(
        "custody/request.html",
        program=program,
        line=_describe(found),
        form=form,
        problem=problem,
        ends_at=break_glass.ends_at(found),
        grounds=GROUNDS,
        states=GLASS_STATES,
    )


def _describe(found: BreakGlassRequest) -> RequestLine:
    """Return a request with its names."""
    person = db().get(Participant, found.participant_id)
    decided_by = db().get(User, found.decided_by) if found.decided_by is not None else None
    return RequestLine(
        request=found,
        state=break_glass.state_of(found, now()).value,
        person=(person.name or "") if person is not None else "",
        role=PERSON[person.role] if person is not None else "",
        asked_by=db().get_one(User, found.requested_by).name,
        decided_by=decided_by.name if decided_by is not None else "",
        mine=found.requested_by == _me().id,
    )


def _prepare(custodian: User) -> None:
    """Count a try of the password, and let the log know of requests whose time is over; both stay whatever follows."""
    count_try({f"custody:{custodian.id}": LIMIT}, actor=custodian)
    break_glass.expire_requests(db(), now=now())
    db().commit()


def _refuse_password(form: PasswordForm) -> None:
    """Say that the password is wrong."""
    discard_changes()
    form.password.errors = [_("This is not your password. Please check it and try again.")]


def _new_form() -> RequestForm:
    """Return the form for a request with its choices."""
    form = RequestForm()
    form.role.choices = make_choices(
        [("", _("Please choose")), *((r, _(name)) for r, name in PERSON.items())]
    )
    form.ground.choices = make_choices(
        [("", _("Please choose")), *((ground.value, _(name)) for ground, name in GROUNDS.items())]
    )
    return form


def _find(program: Program, request_id: str) -> BreakGlassRequest:
    """Return a request of a programme."""
    found = db().get(BreakGlassRequest, check_key(request_id))
    if found is None or found.program_id != program.id:
        abort(404)
    return found


def _load(slug: str) -> Program:
    """Return a programme of which the user is a custodian."""
    return get_program(slug, MembershipRole.CUSTODIAN)


def _me() -> User:
    """Return the custodian who is signed in."""
    user = current_user()
    if user is None:
        abort(403)
    return user


@blueprint.app_template_test("waiting")
def is_waiting(line: RequestLine) -> bool:
    """Whether a request waits for a decision that this custodian may take."""
    return line.state == GlassState.REQUESTED.value and not line.mine
