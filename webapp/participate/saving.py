"""How a page comes back from being saved: where to go on, what could not be kept, and what goes along until it may be."""

from dataclasses import replace
from typing import Any

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from instruments.answers import AnswerValue, validate_answers
from surveys import responses
from surveys.errors import AnswerError, ResponseError, WaveNotOpenError
from webapp.database import db, instrument_folders, now, pseudonyms
from webapp.errors import status_of, translate_error
from webapp.negotiation import find_locale, language_tag
from webapp.participate import holder
from webapp.participate.forms import PageForm, Wording
from webapp.participate.visit import Visit
from webapp.participate.words import LEVELS


def circumstances(visit: Visit) -> dict[str, Any]:
    """Return what every use case that writes a response is told."""
    return {"pseudonyms": pseudonyms(), "locale": visit.locale, "now": now(), "folders": instrument_folders()}


def read_statement(visit: Visit) -> str | None:
    """Return the digest of the statement that the page was shown with, once the present one is kept."""
    read: str | None = request.form.get("statement")
    if read == visit.privacy.shown.digest:
        visit.privacy.keep()
    return read


def form_of(visit: Visit, number: int) -> PageForm:
    """Return the form of a page, or the page that says there is none."""
    try:
        return visit.page_form(number)
    except IndexError:
        abort(404)


def show_form(visit: Visit, form: PageForm, number: int, problem: tuple[str, str] | None = None) -> str:
    """Return a page of questions."""
    return render_template(
        "participate/page.html", visit=visit, form=form, number=number, levels=LEVELS, problem=problem
    )


def next_address(visit: Visit, number: int) -> str:
    """Return where the pressed button leads once the page is saved."""
    language, go = find_locale(request.form.get("language"), visit.locales), request.form.get("go")
    if language:
        return address_of(visit, number, lang=language_tag(language))
    if go == "stop":
        return url_for("participate.show_welcome", token=visit.token, saved=1)
    if go == "back":
        return address_of(visit, max(1, number - 1))
    if number < len(visit.pages):
        return address_of(visit, number + 1)
    return url_for("participate.show_review", token=visit.token)


def address_of(visit: Visit, number: int, **query: Any) -> str:
    """Return the address of a page."""
    return url_for("participate.show_page", token=visit.token, number=number, **query)


def carried(number: int) -> list[tuple[str, str]]:
    """Return what was typed on a page that this browser may not save yet, to go along with the code for it."""
    fields = [(name, value) for name, value in request.form.items() if name not in {"code", "do", "page"}]
    return [("page", str(number)), *fields]


def go_on(visit: Visit) -> AnyResponse | None:
    """Let the browser send what went along with the code once more, now that it may be saved; None if nothing did."""
    number = request.form.get("page", type=int)
    if number is None or not 1 <= number <= len(visit.pages):
        return None
    return redirect(address_of(visit, number), 307)


def show_both(visit: Visit, form: PageForm, number: int, error: AnswerError) -> AnyResponse:
    """Show a page again of which some answers could not be kept: what was sent stays beside what is stored."""
    saved = responses.load_response(db(), visit.invitation, pseudonyms())
    if saved is None:
        raise error
    form.add_problems(error.problems)
    form.take_over(saved, error.overlaps)
    page = show_form(replace(visit, response=saved), form, number)
    # The good answers of the page are kept, so there is something to hold all the same.
    return holder.hold(make_response(page, 409 if error.overlaps else 400), saved)


def to_welcome(visit: Visit) -> AnyResponse:
    """Lead back to the first page, which knows what can be done now."""
    return redirect(url_for("participate.show_welcome", token=visit.token), 303)


def to_pulse(visit: Visit) -> AnyResponse:
    """Lead to the page on which a pulse is written and sent in one step."""
    return redirect(url_for("pulse.show_pulse", token=visit.token), 303)


def refuse(
    visit: Visit,
    error: WaveNotOpenError | ResponseError,
    answers: dict[str, AnswerValue],
    number: int | None = None,
    *,
    fits: bool | None = True,
) -> Response:
    """Say why nothing was saved, and show what was chosen so that it is not lost.

    `fits` is what became of a code that was typed, if it is not the right one: False, or None for too many tries. The page is then
    the same whether or not anything is saved behind the link.
    """
    if number is not None and error.code == "deleted_meanwhile":
        form = form_of(visit, number)
        form.read_answers(request.form)
        form.read_quotable(request.form)
        return make_response(show_form(visit, form, number, problem=translate_error(error)), 409)
    wording = Wording(visit.instrument, visit.form.role, visit.wave.kind, visit.locale, visit.partner)
    valid = validate_answers(visit.instrument, visit.form, answers).valid
    typed = [(wording.item(item_id), wording.answer(item_id, answer)) for item_id, answer in valid.items()]
    message, remedy = translate_error(error)
    page = render_template(
        "participate/refused.html",
        visit=visit,
        message=message,
        remedy=remedy,
        typed=typed,
        wrong_code=fits is False,
        too_often=fits is None,
        carried=carried(number) if number is not None and (visit.elsewhere or not fits) else [],
    )
    return make_response(page, 429 if fits is None else 400 if fits is False else status_of(error))
