"""The custodians' forms; the use cases decide what is allowed."""

from flask_wtf import FlaskForm
from wtforms.fields import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from webapp.coordinate.forms import NOT_OFFERED, ChoiceField
from webapp.i18n import lazy

TOO_LONG = lazy("This is too long.")


class PasswordForm(FlaskForm):
    """The custodian's own password, typed again for each step."""

    password = PasswordField(
        lazy("Your password"),
        [
            InputRequired(lazy("Please enter your password.")),
            Length(max=1000, message=TOO_LONG),
        ],
    )


class RequestForm(PasswordForm):
    """Whose answers are to be read, and on what ground."""

    email = StringField(
        lazy("E-mail address of the person"),
        [InputRequired(lazy("Please enter the person's e-mail address.")), Length(max=254, message=TOO_LONG)],
        filters=[lambda value: value.strip() if value else value],
    )
    role = ChoiceField(lazy("Role of the person"), [InputRequired(NOT_OFFERED)])
    ground = ChoiceField(lazy("Ground"), [InputRequired(NOT_OFFERED)])
    reference = StringField(
        lazy("Reference of the paper file"),
        [
            InputRequired(lazy("Please enter the reference of the paper file.")),
            Length(max=24, message=TOO_LONG),
        ],
        filters=[lambda value: value.strip() if value else value],
    )
