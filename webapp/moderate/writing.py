"""Writing themes beside the comments they come from, and publishing them once."""

from dataclasses import dataclass

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms.fields import SelectChoice

from surveys import comments, theme_publishing, themes
from surveys.errors import ThemeError
from surveys.published_themes import read_theme, themes_of
from surveys.themes import StoredTheme
from webapp.coordinate.finding import check_key
from webapp.coordinate.forms import put_error
from webapp.coordinate.words import KINDS
from webapp.database import db, discard_changes
from webapp.errors import translate_error
from webapp.i18n import get_locale, locale_name
from webapp.moderate.finding import Desk, circumstances, load_desk
from webapp.moderate.forms import (
    PressedForm,
    ThemeForm,
    Ticked,
    form_of_theme,
    read_draft,
    read_number,
    read_ticked,
)
from webapp.negotiation import language_tag

FIELD_OF_ERROR = {"title": "title", "summary": "summary", "locale": "locale"}


@dataclass(frozen=True)
class Writing:
    """A theme that is being written: the form and ticks, the stored theme it changes, and what was wrong with the last try."""

    form: ThemeForm
    ticked: Ticked
    theme: StoredTheme | None = None
    error: ThemeError | None = None


def write_theme(slug: str, wave_id: str, item_id: str) -> str | Response | tuple[str, int]:
    """Show all comments on one question beside an empty theme, and keep the theme when it is sent."""
    desk = load_desk(slug, wave_id)
    desk.question(item_id)
    form, ticked = ThemeForm(), read_ticked()
    _offer_locales(form, desk)
    if request.method == "GET":
        form.locale.data = desk.locale if get_locale() not in desk.instrument.locales else get_locale()
        return _show(desk, item_id, Writing(form, ticked))
    try:
        themes.add_theme(
            db(),
            desk.wave,
            item_id,
            read_draft(form, ticked),
            names_checked=bool(form.names_checked.data),
            **circumstances(),
        )
    except ThemeError as error:
        return _show_again(desk, item_id, Writing(form, ticked, error=error))
    return _to_question(desk, item_id)


def change_theme(slug: str, wave_id: str, item_id: str, key: str) -> str | Response | tuple[str, int]:
    """Show a theme beside the comments, and keep its changes unless somebody else was faster."""
    desk = load_desk(slug, wave_id)
    desk.question(item_id)
    theme = themes.get_theme(db(), desk.wave, item_id, check_key(key), **circumstances())
    if request.method == "GET":
        if theme is None:
            abort(404)
        form, ticked = form_of_theme(theme)
        _offer_locales(form, desk)
        return _show(desk, item_id, Writing(form, ticked, theme))
    form, ticked = ThemeForm(), read_ticked()
    _offer_locales(form, desk)
    try:
        themes.change_theme(
            db(),
            desk.wave,
            item_id,
            key,
            read_draft(form, ticked),
            version=read_number(form.version.data),
            names_checked=bool(form.names_checked.data),
            **circumstances(),
        )
    except ThemeError as error:
        discard_changes()
        # What is stored is read anew: whoever saves again has seen it by then.
        theme = themes.get_theme(db(), desk.wave, item_id, key, **circumstances())
        return _show_again(desk, item_id, Writing(form, ticked, theme, error))
    return _to_question(desk, item_id)


def delete_theme(slug: str, wave_id: str, item_id: str, key: str) -> Response:
    """Delete a theme as it was on the page."""
    desk = load_desk(slug, wave_id)
    desk.question(item_id)
    version = read_number(PressedForm().seen.data)
    themes.delete_theme(db(), desk.wave, item_id, check_key(key), version=version, **circumstances())
    return _to_question(desk, item_id)


def publish(slug: str, wave_id: str) -> str | Response | tuple[str, int]:
    """Show what would be published of a wave, and publish it for good when that is confirmed."""
    desk, form, error = load_desk(slug, wave_id), PressedForm(), None
    if request.method == "POST":
        try:
            theme_publishing.publish_themes(db(), desk.wave, seen=form.seen.data or "", **circumstances())
        except ThemeError as refusal:
            discard_changes()
            error = refusal
        else:
            return redirect(url_for("moderate.show_wave", slug=slug, wave_id=desk.wave.id, published=1), 303)
    publication = None
    try:
        publication = theme_publishing.prepare_publication(db(), desk.wave, **circumstances())
    except ThemeError as refusal:
        error = error or refusal
    shown = [
        (
            desk.words(question),
            [read_theme(theme) for theme in publication.bodies[question.item_id]["themes"]],
        )
        for question in desk.questions
        if publication and question.item_id in publication.bodies
    ]
    page = render_template(
        "moderate/publish.html",
        program=desk.wave.cohort.program,
        wave=desk.wave,
        words=KINDS[desk.wave.kind],
        question_locale=desk.locale,
        shown=shown,
        seen=publication.digest if publication else "",
        problem=translate_error(error) if error else None,
    )
    return (page, 400) if error and request.method == "POST" else page


def _show(desk: Desk, item_id: str, writing: Writing) -> str:
    """Return the page of a question: its comments in a new order, its drafts, and the theme that is being written."""
    published = themes_of(db(), desk.wave)
    return render_template(
        "moderate/question.html",
        program=desk.wave.cohort.program,
        wave=desk.wave,
        words=KINDS[desk.wave.kind],
        item_id=item_id,
        question=desk.words(desk.question(item_id)),
        question_locale=desk.locale,
        comments=comments.read_comments(db(), desk.wave, item_id, **circumstances()),
        drafts=themes.list_themes(db(), desk.wave, item_id, **circumstances()),
        published=published.get(item_id),
        is_over=bool(published),
        enough=comments.has_enough_people(db(), desk.wave, item_id),
        least=comments.theme_floor(desk.wave),
        may_quote=comments.may_quote(db(), desk.wave),
        writing=writing,
        problem=translate_error(writing.error) if writing.error else None,
        limits={
            "title": themes.LONGEST_TITLE,
            "summary": themes.LONGEST_SUMMARY,
            "quote": themes.LONGEST_QUOTE,
        },
        least_supporters=comments.least_supporters(db(), desk.wave),
        least_people=comments.LEAST_PEOPLE_BEHIND,
        least_pairs=comments.LEAST_PAIRS_QUOTED,
    )


def _show_again(desk: Desk, item_id: str, writing: Writing) -> tuple[str, int]:
    """Return the page with everything that was typed, and what was wrong with it."""
    discard_changes()
    if writing.error is not None and writing.error.code in FIELD_OF_ERROR:
        put_error(writing.form, FIELD_OF_ERROR[writing.error.code], writing.error)
    return _show(desk, item_id, writing), 400


def _offer_locales(form: ThemeForm, desk: Desk) -> None:
    """Put the questionnaire's languages into the form."""
    form.locale.choices = [
        SelectChoice(locale, locale_name(locale), {"lang": language_tag(locale)})
        for locale in desk.instrument.locales
    ]


def _to_question(desk: Desk, item_id: str) -> Response:
    """Lead back to the comments of a question."""
    slug = desk.wave.cohort.program.slug
    address = url_for("moderate.write_theme", slug=slug, wave_id=desk.wave.id, item_id=item_id)
    return redirect(address, 303)
