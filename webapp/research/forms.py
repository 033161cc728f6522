"""The researcher's form."""

from flask_wtf import FlaskForm
from wtforms.fields import TextAreaField
from wtforms.validators import InputRequired

from webapp.i18n import lazy


class PackageForm(FlaskForm):
    """What the data are for; the export decides whether that is enough said."""

    purpose = TextAreaField(
        lazy("What are the data for?"), [InputRequired(lazy("Say in a sentence what the data are for."))]
    )
