"""Who is asking: the server-side session behind a cookie, memberships, and protection of forms against forgery."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, abort, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import select
from werkzeug.wrappers import Response

from surveys import accounts
from surveys.errors import AccessDeniedError
from surveys.models import Membership, MembershipRole, Program, User
from surveys.roles import DatabaseRole, acting_as
from webapp.database import db, now

COOKIE = "viceversa_session"
csrf = CSRFProtect()
P = ParamSpec("P")
R = TypeVar("R")


class SecureWhereverPossible(SecureCookieSessionInterface):
    """Flask's signed cookie, which here only holds the forgery token; marked Secure on every https request."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether the cookie may travel over https only."""
        return request.is_secure or super().get_cookie_secure(app)


def init_app(app: Flask) -> None:
    """Protect every form, and let templates ask who is signed in."""
    app.session_interface = SecureWhereverPossible()
    csrf.init_app(app)
    app.jinja_env.globals["current_user"] = current_user
    app.jinja_env.globals["has_role"] = has_role


def current_user() -> User | None:
    """Return the signed-in user, None for nobody; looked up once a request."""
    if "user" not in g:
        token = request.cookies.get(COOKIE)
        g.user = None
        if token:
            # Sessions are read by no other room, whichever page asks who is there.
            with acting_as(db(), DatabaseRole.ACCOUNT):
                g.user = accounts.find_session(db(), token, now=now())
    user: User | None = g.user
    return user


def has_role(role: MembershipRole | str) -> bool:
    """Return whether the signed-in user has a role in any programme."""
    user = current_user()
    return user is not None and any(membership.role == role for membership in user.memberships)


def login_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Send a visitor who is not signed in to the sign-in page, and back afterwards."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if current_user() is None:
            return redirect(url_for("account.sign_in", next=_here()), 303)
        return view(*args, **kwargs)

    return guarded


def membership_required(role: MembershipRole) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Let in only users who have the role in at least one programme."""

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @login_required
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not has_role(role):
                raise AccessDeniedError
            return view(*args, **kwargs)

        return guarded

    return decorate


def programs_of(role: MembershipRole) -> Sequence[Program]:
    """Return the programmes in which the signed-in user has the role, by name."""
    user = current_user()
    if user is None:
        return ()
    query = select(Program).join(Membership, Membership.program_id == Program.id)
    mine = query.where(Membership.user_id == user.id, Membership.role == role)
    return db().scalars(mine.order_by(Program.name)).all()


def get_program(slug: str, role: MembershipRole) -> Program:
    """Return one of the user's programmes; whether a programme of others exists is not said, so both answer 404."""
    mine = {program.slug: program for program in programs_of(role)}
    if slug not in mine:
        abort(404)
    return mine[slug]


def sign_in_user(response: Response, user: User) -> Response:
    """Begin a session for the user, under a new token, and put it into the browser's cookie."""
    token = accounts.start_session(db(), user, now=now())
    # The forgery token of the visitor before must not outlive the change of person.
    session.clear()
    response.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=request.is_secure, path="/")
    return response


def sign_out_user(response: Response) -> Response:
    """End the session on the server, so that a copied cookie is worth nothing, and forget the cookie."""
    token = request.cookies.get(COOKIE)
    if token:
        accounts.end_session(db(), token, now=now())
    session.clear()
    response.delete_cookie(COOKIE, path="/")
    return response


def _here() -> str | None:
    """Return the address to come back to; a form that was sent cannot be sent again by a link."""
    if request.method != "GET":
        return None
    return request.full_path.rstrip("?")
