"""Sign-in and sign-out."""

from collections.abc import Mapping

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from surveys import accounts
from surveys.errors import SignInError
from surveys.models import MembershipRole, User
from webapp.access import current_user, sign_in_user, sign_out_user
from webapp.account.forms import SignInForm
from webapp.database import db, password_hasher
from webapp.errors import translate_error
from webapp.tries import count_try

blueprint = Blueprint("account", __name__, url_prefix="/account")

# Where an office leads after signing in; whoever holds several begins with the first.
ROOMS: Mapping[MembershipRole, str] = {
    MembershipRole.COORDINATOR: "/coordinate/",
    MembershipRole.MODERATOR: "/moderate/",
    MembershipRole.RESEARCHER: "/research/",
    MembershipRole.OVERSEER: "/oversee/",
    MembershipRole.CUSTODIAN: "/custody/",
}
# The middle one stops a guesser who goes through many accounts, the last one many guessers of one account, at a number
# at which nobody is locked out by a stranger's mischief alone.
LIMIT_BOTH, LIMIT_SOURCE, LIMIT_ADDRESS = 10, 50, 100


@blueprint.get("/sign-in")
def sign_in() -> str | Response:
    """Show the sign-in form, or go on if somebody is signed in."""
    user = current_user()
    target = request.args.get("next", "")
    if user is not None:
        return redirect(_next_address(target, user), 303)
    form = SignInForm(data={"next": target if is_local(target) else ""})
    return render_template(
        "account/sign_in.html", form=form, problem=None, signed_out="signed_out" in request.args
    )


@blueprint.post("/sign-in")
def check_sign_in() -> Response:
    """Check address and password; which of the two was wrong is never said."""
    form = SignInForm()
    if not form.validate():
        return _show_again(form, None)
    _count_try(form.email.data)
    try:
        user = accounts.verify(db(), form.email.data, form.password.data, hasher=password_hasher())
    except SignInError as error:
        return _show_again(form, translate_error(error))
    return sign_in_user(redirect(_next_address(form.next.data or "", user), 303), user)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session."""
    return sign_out_user(redirect(url_for("account.sign_in", signed_out=1), 303))


def is_local(target: str) -> bool:
    """Return whether an address stays on this site, in the reading of every browser."""
    # Browsers drop tabs and line breaks and read a backslash as a slash, so "/\\evil" and "/\t/evil" lead away.
    if not target.startswith("/") or any(character in target for character in "\\\t\r\n"):
        return False
    return not target.startswith("//")


def _count_try(email: str) -> None:
    """Count this try and stop after too many; the count is kept whatever comes of the try."""
    source, address = request.remote_addr or "", email.strip().lower()
    limits = {
        f"sign-in:both:{source}:{address}": LIMIT_BOTH,
        f"sign-in:source:{source}": LIMIT_SOURCE,
        f"sign-in:address:{address}": LIMIT_ADDRESS,
    }
    count_try(limits)


def _show_again(form: SignInForm, problem: tuple[str, str] | None) -> Response:
    """Show the form again; the password is not sent back."""
    page = render_template("account/sign_in.html", form=form, problem=problem, signed_out=False)
    return make_response(page, 400)


def _next_address(target: str, user: User) -> str:
    """Return the local address asked for, else the room of the user's first role."""
    if is_local(target):
        return target
    roles = {membership.role for membership in user.memberships}
    return next((room for role, room in ROOMS.items() if role in roles), url_for("front.show_front"))
