"""The moderator's forms: they read and keep what was typed; the use cases decide what is allowed."""

from dataclasses import dataclass, field

from flask import request
from flask_wtf import FlaskForm
from wtforms.fields import BooleanField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired

from surveys.themes import StoredTheme, ThemeDraft
from webapp.coordinate.forms import ChoiceField
from webapp.i18n import lazy

SUPPORT, QUOTE = "support", "quote-"


class PledgeForm(FlaskForm):
    """The signature under the rule of confidentiality: the text that was shown, and a tick."""

    digest = HiddenField()
    agreed = BooleanField(
        lazy("I have read this rule and will keep to it."),
        [InputRequired(lazy("Please tick the box if you agree. Without it no comment can be read."))],
    )


class ThemeForm(FlaskForm):
    """The words of a theme; which comments support it is read beside it, because each comment has a tick of its own."""

    title = StringField(lazy("Title"))
    summary = TextAreaField(lazy("Summary"))
    locale = ChoiceField(lazy("Language of this theme"))
    version = HiddenField()
    names_checked = BooleanField(lazy("I have looked: nobody can be recognised by these words."))


class PressedForm(FlaskForm):
    """A button, and what was on the page when it was pressed."""

    seen = HiddenField()


@dataclass(frozen=True)
class Ticked:
    """Which comments are ticked, and what is quoted of them, on a page that is being filled in."""

    supporters: frozenset[str] = frozenset()
    quotes: dict[str, str] = field(default_factory=dict)


def read_ticked() -> Ticked:
    """Return the ticks and quotes that were sent."""
    quotes = {
        name.removeprefix(QUOTE): text
        for name, text in request.form.items()
        if name.startswith(QUOTE) and text.strip()
    }
    return Ticked(frozenset(request.form.getlist(SUPPORT)), quotes)


def read_draft(form: ThemeForm, ticked: Ticked) -> ThemeDraft:
    """Return the theme as it was typed."""
    return ThemeDraft(
        form.locale.data or "",
        form.title.data or "",
        form.summary.data or "",
        ticked.supporters,
        ticked.quotes,
    )


def form_of_theme(theme: StoredTheme) -> tuple[ThemeForm, Ticked]:
    """Return a form filled with a stored theme."""
    draft = theme.draft
    values = {
        "title": draft.title,
        "summary": draft.summary,
        "locale": draft.locale,
        "version": theme.version,
    }
    return ThemeForm(data=values), Ticked(draft.supporters, dict(draft.quotes))


def read_number(text: str | None) -> int:
    """Return a version as it was sent; anything that is none fits no version."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
