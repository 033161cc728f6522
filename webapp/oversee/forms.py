"""The overseer's form: what to see of the log."""

from flask_wtf import FlaskForm
from wtforms.fields import SelectField

from webapp.i18n import lazy


class FilterForm(FlaskForm):
    """One action or one month of the log; read from the address."""

    class Meta:
        """A form that only reads needs no token."""

        csrf = False

    action = SelectField(lazy("What was done"))
    month = SelectField(lazy("Month"))
