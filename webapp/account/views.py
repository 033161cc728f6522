"""Sign-in and sign-out."""

from urllib.parse import urlsplit

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from surveys import accounts
from surveys.errors import SignInError
from surveys.models import MembershipRole, User
from webapp.access import current_user, sign_in_user, sign_out_user
from webapp.account.forms import SignInForm
from webapp.database import db, now
from webapp.errors import translate_error

blueprint = Blueprint("account", __name__, url_prefix="/account")
