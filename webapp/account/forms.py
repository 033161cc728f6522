"""The sign-in form."""

from flask_wtf import FlaskForm
from wtforms.fields import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from webapp.i18n import lazy


class SignInForm(FlaskForm):
    """Address, password, and where to go afterwards."""

    email = StringField(
        lazy("E-mail address"),
        [
            InputRequired(lazy("Please enter your e-mail address.")),
            Length(max=254, message=lazy("This is too long.")),
        ],
        filters=[lambda value: value.strip() if value else value],
    )
    password = PasswordField(
        lazy("Password"),
        [
            InputRequired(lazy("Please enter your password.")),
            Length(max=1000, message=lazy("This is too long.")),
        ],
    )
    next = HiddenField()
