"""The coordinator's forms: they read and keep what was typed; the use cases decide what is allowed."""

import datetime as dt
import zoneinfo
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms.fields import BooleanField, DateField, DateTimeLocalField, SelectChoice, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from surveys.errors import SurveyError
from webapp.errors import translate_error
from webapp.i18n import lazy

NOT_OFFERED = lazy("Please choose one of the list.")
NOT_A_DATE = lazy("This is no date. Write it as year-month-day, such as 2027-03-01.")
NOT_A_TIME = lazy("This is no date with a time. Write it as 2027-03-01T09:00.")


class DayField(DateField):
    """A day, with its complaint in the reader's language."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day that was sent."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(str(NOT_A_DATE)) from error


class MomentField(DateTimeLocalField):
    """A day and time in the time zone of the deployment, with its complaint in the reader's language."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the moment that was sent."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(str(NOT_A_TIME)) from error

    @property
    def moment(self) -> dt.datetime:
        """The moment with its time zone."""
        naive: dt.datetime = self.data
        return naive.replace(tzinfo=zone_of_forms())


class ChoiceField(SelectField):
    """One of a list, with its complaint in the reader's language."""

    def pre_validate(self, form: BaseForm) -> None:
        """Refuse what the list does not offer."""
        del form
        if self.data not in {choice.value for choice in self.iter_choices()}:
            raise ValidationError(str(NOT_OFFERED))


class CohortForm(FlaskForm):
    """A new cohort."""

    name = StringField(
        lazy("Name of the cohort"),
        [
            InputRequired(lazy("Please give the cohort a name.")),
            Length(max=200, message=lazy("This is too long.")),
        ],
        filters=[lambda value: value.strip() if value else value],
    )
    starts_on = DayField(lazy("First day"), [InputRequired(lazy("Please enter the first day."))])
    ends_on = DayField(lazy("Last day (may stay empty)"), [Optional()])


class WaveForm(FlaskForm):
    """A new wave: its kind and its window."""

    kind = ChoiceField(lazy("Kind of wave"), [InputRequired(NOT_OFFERED)])
    opens_at = MomentField(
        lazy("Opens"), [InputRequired(lazy("Please say when the wave opens."))], format="%Y-%m-%dT%H:%M"
    )
    closes_at = MomentField(
        lazy("Closes"), [InputRequired(lazy("Please say when the wave closes."))], format="%Y-%m-%dT%H:%M"
    )
    by_mail = BooleanField(lazy("Invite everybody by mail when it opens"), default=True)


class AddressForm(FlaskForm):
    """The right address of somebody to whom mail does not get through."""

    email = StringField(lazy("The right address"), [InputRequired(lazy("Please enter the address."))])


class DraftForm(FlaskForm):
    """A draft to offer, with the word that its risk is understood."""

    draft = ChoiceField(lazy("Language"), [InputRequired(NOT_OFFERED)])
    agreed = BooleanField(
        lazy("I have read what a draft means, and offer it all the same"),
        [InputRequired(lazy("Please tick this first."))],
    )


class RosterForm(FlaskForm):
    """A file with pairs."""

    file = FileField(lazy("File with the pairs"), [FileRequired(lazy("Please choose a file."))])


class EndForm(FlaskForm):
    """The end of a pair; there is no field for a reason."""

    ended_on = DayField(lazy("Day of the last meeting"), [InputRequired(lazy("Please enter the day."))])


class MatchForm(FlaskForm):
    """A new pair of people who are in the cohort already."""

    mentor = ChoiceField(lazy("Mentor (junior)"), [InputRequired(NOT_OFFERED)])
    mentee = ChoiceField(lazy("Mentee (senior)"), [InputRequired(NOT_OFFERED)])
    started_on = DayField(lazy("First day"), [InputRequired(lazy("Please enter the first day."))])
    reporting_line = ChoiceField(lazy("Does one of them report to the other?"), [InputRequired(NOT_OFFERED)])
    allow = BooleanField(lazy("We know of the reporting line, and match them all the same"))


class CompareForm(FlaskForm):
    """What to compare; read from the address, so that a comparison can be kept as a bookmark."""

    class Meta:
        """A form that only reads needs no token."""

        csrf = False

    scale = SelectField(lazy("Scale"))
    role = SelectField(lazy("Role"))
    wave = SelectField(lazy("Wave"))


def make_choices(pairs: list[tuple[str, str]]) -> list[Any]:
    """Return values with their labels as the select field wants them."""
    return [SelectChoice(value=value, label=label) for value, label in pairs]


def zone_of_forms() -> dt.tzinfo:
    """Return the time zone in which times are typed and shown."""
    return zoneinfo.ZoneInfo(current_app.config["TIMEZONE"])


def put_error(form: FlaskForm, field_name: str, error: SurveyError) -> None:
    """Put a refusal of the domain beside the field it is about, with its remedy."""
    field = form[field_name]
    field.errors = [*field.errors, " ".join(translate_error(error))]
