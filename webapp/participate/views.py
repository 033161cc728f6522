"""Pages behind a personal link. A GET never writes; every POST saves first and then goes on."""

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from surveys import pulses, responses, rights, withdrawal
from surveys.database import overwrite_deleted
from surveys.errors import AnswerError, ResponseError, WaveNotOpenError
from surveys.merging import mark_answers
from webapp import papers
from webapp.access import csrf
from webapp.coordinate.words import KINDS
from webapp.database import (
    db,
    discard_changes,
    engine,
    now,
    pseudonyms,
    session_afterwards,
)
from webapp.downloads import send_download
from webapp.errors import status_of, translate_error
from webapp.participate import holder, pacing, scripted
from webapp.participate.saving import (
    address_of,
    circumstances,
    form_of,
    go_on,
    next_address,
    read_statement,
    refuse,
    show_both,
    show_form,
    to_pulse,
    to_welcome,
)
from webapp.participate.trend import HEIGHT, VERDICTS, WIDTH, own_trends
from webapp.participate.visit import open_visit

blueprint = Blueprint("participate", __name__, url_prefix="/s")
# These forms need no cookie: the secret link is the credential, and `refuse_foreign_forms` keeps other sites out.
csrf.exempt(blueprint)
scripted.init_blueprint(blueprint)
TABLE = "text/csv; charset=utf-8"
# What the files of a person's own data are called, and what they are.
FILES = {
    "json": ("my-answers.json", "application/json"),
    "csv": ("my-answers.csv", TABLE),
    "messages": ("my-messages.csv", TABLE),
    "decisions": ("my-decisions.csv", TABLE),
    "goals": ("my-goals.csv", TABLE),
    "meetings": ("my-meetings.csv", TABLE),
}


@blueprint.before_request
def refuse_foreign_forms() -> None:
    """Refuse a form that another site sends, even one that came to know the link."""
    if request.method != "POST":
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        if fetch_site not in {"same-origin", "none"}:
            abort(403)
        return
    # Browsers without Sec-Fetch-Site send Origin; it is "null" where the page's own policy hides the referrer.
    origin = request.headers.get("Origin", "null")
    if origin != "null" and urlsplit(origin).netloc != request.host:
        abort(403)


@blueprint.get("/worker.js")
def show_worker() -> AnyResponse:
    """The script that shows kept pages while there is no connection."""
    return scripted.serve_worker((Path(current_app.static_folder or "") / "worker.js").read_bytes())


@blueprint.get("/<token>")
def show_welcome(token: str) -> str:
    """Show who asks, what for, and what is promised; or why there is nothing to answer now."""
    visit = open_visit(token)
    saved = "saved" in request.args and bool(visit.answers)
    return render_template("participate/welcome.html", visit=visit, saved=saved)


@blueprint.get("/<token>/privacy")
def show_privacy(token: str) -> str:
    """Show everything that is promised about data, in the reader's language."""
    return render_template("participate/privacy.html", visit=open_visit(token))


@blueprint.get("/<token>/<int:number>")
def show_page(token: str, number: int) -> str | AnyResponse:
    """Show one page of questions with what was saved before."""
    visit = open_visit(token)
    form = form_of(visit, number)
    if visit.is_pulse:
        return to_pulse(visit)
    if visit.state != "open":
        return to_welcome(visit)
    form.show_answers(visit.answers, visit.response.quotable if visit.response else frozenset())
    return show_form(visit, form, number)


@blueprint.post("/<token>/<int:number>")
def save_answers(token: str, number: int) -> AnyResponse:
    """Save a page and go where the button says; show it again with every value kept if an answer cannot be saved."""
    visit = open_visit(token)
    form = form_of(visit, number)
    if visit.is_pulse:
        return to_pulse(visit)
    answers, quotable = form.read_answers(request.form), form.read_quotable(request.form)
    if visit.state == "open" and not visit.response and all(map(responses.is_blank, answers.values())):
        # There is nothing to keep; and who only tries a link with an empty page is not told whether its owner has answered.
        return redirect(next_address(visit, number), 303)
    if visit.elsewhere:
        return refuse(visit, ResponseError("begun_elsewhere"), answers, number)
    try:
        saved = responses.save_page(
            db(),
            visit.invitation,
            visit.page(number),
            answers,
            quotable=quotable,
            statement=read_statement(visit),
            seen=request.form.get("seen"),
            claim=holder.read_claim(),
            may_write=holder.is_held,
            **circumstances(visit),
        )
    except (WaveNotOpenError, ResponseError) as error:
        return refuse(visit, error, answers, number)
    except AnswerError as error:
        return show_both(visit, form, number, error)
    answer = scripted.note_seen(
        redirect(next_address(visit, number), 303), mark_answers(form.item_ids, answers, quotable)
    )
    if visit.open_by_page[number] == len(form.item_ids):
        # Whoever comes back to a page does not need the time that it takes.
        write = pacing.collect(
            visit.place_of(number),
            request.form.get("seconds", ""),
            session_afterwards(),
            whose=visit.order_seed,
        )
        if write is not None:
            answer.call_on_close(write)
    # After the first page, and after a new start, this is the browser that may read the answers again.
    return holder.hold(answer, saved)


@blueprint.get("/<token>/review")
def show_review(token: str) -> str | AnyResponse:
    """Show what is still open before the answers are sent."""
    visit = open_visit(token)
    if visit.is_pulse:
        return to_pulse(visit)
    if visit.state != "open":
        return to_welcome(visit)
    return render_template("participate/review.html", visit=visit, problem=None)


@blueprint.post("/<token>/review")
def send_answers(token: str) -> AnyResponse:
    """Send the answers; sending twice is the same as sending once."""
    visit = open_visit(token)
    if visit.is_pulse:
        return to_pulse(visit)
    try:
        responses.submit_response(
            db(),
            visit.invitation,
            statement=read_statement(visit),
            may_write=holder.is_held,
            **circumstances(visit),
        )
    except WaveNotOpenError as error:
        return refuse(visit, error, {})
    except ResponseError as error:
        # A draft in which nothing was answered would keep the person's other browser out.
        discard_changes()
        if error.code == "begun_elsewhere":
            # This browser has nothing to send, and a link must not tell whoever tries whether another one has.
            error = ResponseError("nothing_answered")
        page = render_template("participate/review.html", visit=visit, problem=translate_error(error))
        return make_response(page, status_of(error))
    return redirect(url_for("participate.show_thanks", token=token), 303)


@blueprint.get("/<token>/thanks")
def show_thanks(token: str) -> str | AnyResponse:
    """Say that the answers arrived."""
    visit = open_visit(token)
    if visit.is_pulse:
        return to_pulse(visit)
    if not visit.submitted:
        return to_welcome(visit)
    return render_template("participate/thanks.html", visit=visit, kinds=KINDS)


@blueprint.post("/<token>/elsewhere")
def take_up_answers(token: str) -> AnyResponse:
    """Take up answers that were begun in another browser with their code, or delete them and start over."""
    visit = open_visit(token)
    if request.form.get("do") == "over":
        try:
            if visit.elsewhere:
                responses.withdraw_response(db(), visit.invitation, pseudonyms=pseudonyms(), now=now())
        except (WaveNotOpenError, ResponseError) as error:
            return refuse(visit, error, {})
        return overwrite_afterwards(go_on(visit) or redirect(address_of(visit, 1), 303))
    if visit.response:
        return to_welcome(visit)
    # Where nothing is saved the answer is that of a wrong code.
    tag = visit.elsewhere.tag if visit.elsewhere else None
    fits = holder.try_code(db(), visit.tries_key, tag, request.form.get("code", ""), now=now())
    if fits and visit.elsewhere:
        return holder.hold(go_on(visit) or to_welcome(visit), visit.elsewhere)
    number = request.form.get("page", type=int)
    if number is not None and visit.state == "open" and 1 <= number <= len(visit.pages):
        # What was typed on a page goes along, and stays in sight.
        typed = form_of(visit, number).read_answers(request.form)
        return refuse(
            visit, ResponseError("begun_elsewhere"), typed, number, fits=None if fits is None else False
        )
    page = render_template(
        "participate/welcome.html", visit=visit, wrong_code=fits is not None, too_often=fits is None
    )
    return make_response(page, 429 if fits is None else 400)


@blueprint.get("/<token>/my-data")
def show_my_data(token: str) -> str:
    """Show what is kept, for how long, who has copies, and how to take the own answers along."""
    return render_template("participate/my_data.html", visit=open_visit(token))


@blueprint.get("/<token>/my-data/<any(json, csv, messages, decisions, goals, meetings):kind>")
def download_my_data(token: str, kind: str) -> AnyResponse:
    """Send what the person wrote in this browser, as a file; without any, lead to the page that says why not."""
    visit = open_visit(token)
    if not (visit.own_responses or visit.has_own_words):
        return redirect(url_for("participate.show_my_data", token=token), 303)
    if kind == "json":
        content = rights.answers_as_json(
            visit.program.name,
            visit.own_responses,
            visit.own_messages,
            visit.own_goals,
            visit.own_decisions,
            visit.own_meetings,
            now=now(),
        )
    elif kind == "messages":
        content = rights.messages_as_csv(visit.own_messages)
    elif kind == "decisions":
        content = rights.decisions_as_csv(visit.own_decisions)
    elif kind == "goals":
        content = rights.goals_as_csv(visit.own_goals)
    elif kind == "meetings":
        content = rights.meetings_as_csv(visit.own_meetings)
    else:
        content = rights.answers_as_csv(visit.own_responses)
    name, content_type = FILES[kind]
    return send_download(content, content_type, name)


@blueprint.get("/<token>/over-time")
def show_trend(token: str) -> str:
    """Show the person's own scores over the waves, with the band within which a change says nothing."""
    visit = open_visit(token)
    trends = own_trends(visit.own_waves, visit.locale)
    return render_template(
        "participate/trend.html",
        visit=visit,
        trends=trends,
        verdicts=VERDICTS,
        kinds=KINDS,
        size=(WIDTH, HEIGHT),
    )


@blueprint.get("/<token>/paper.pdf")
def print_paper(token: str) -> AnyResponse:
    """Send the questionnaire as a paper with the person's own link on it; no answer is in it."""
    visit = open_visit(token, with_answers=False)
    paper = papers.print_questionnaire(
        visit.instrument,
        visit.form,
        visit.wave.kind,
        program=visit.program.name,
        partner=visit.partner,
        link=url_for("participate.show_welcome", token=token, _external=True),
        today=now().date(),
    )
    return papers.send_pdf(paper, "questionnaire.pdf")


@blueprint.get("/<token>/certificate.pdf")
def print_certificate(token: str) -> AnyResponse:
    """Send the certificate of participation once the programme has ended for the pair."""
    visit = open_visit(token, with_answers=False)
    if visit.certificate is None:
        return to_welcome(visit)
    return papers.send_pdf(papers.print_certificate(visit.certificate, today=now().date()), "certificate.pdf")


@blueprint.get("/<token>/withdraw")
def show_withdrawal(token: str) -> str:
    """Ask before anything is deleted."""
    return render_template("participate/withdraw.html", visit=open_visit(token))


@blueprint.post("/<token>/withdraw")
def withdraw_answers(token: str) -> AnyResponse:
    """Delete the answers to this questionnaire; doing it twice is harmless."""
    visit = open_visit(token)
    if visit.response is not None and not visit.withdrawn:
        withdraw = pulses.withdraw_pulses if visit.is_pulse else responses.withdraw_response
        try:
            withdraw(db(), visit.invitation, pseudonyms=pseudonyms(), now=now(), may_write=holder.is_held)
        except (WaveNotOpenError, ResponseError) as error:
            return refuse(visit, error, {})
    return overwrite_afterwards(to_welcome(visit))


@blueprint.post("/<token>/leave")
def leave_surveys(token: str) -> AnyResponse:
    """Delete everything that was answered in this browser; if that is everything there is, never ask again."""
    visit = open_visit(token)
    if not visit.may_leave:
        # A link alone, which others may have seen, is not enough to delete anything.
        return to_welcome(visit)
    # Counted is what this browser gave: how much the person answered elsewhere is not told to whoever holds a link.
    counted, packages = rights.count_own(visit.own_responses), visit.packages
    erased = withdrawal.leave_surveys(
        db(),
        visit.invitation,
        pseudonyms=pseudonyms(),
        now=now(),
        may_write=holder.is_held,
        counted=counted,
    )
    page = render_template(
        "participate/left.html", visit=visit, erased=erased, counted=counted, packages=packages
    )
    return overwrite_afterwards(make_response(page))


def overwrite_afterwards(answer: AnyResponse) -> AnyResponse:
    """Once the answer is on its way, and the erasure committed, let nothing of it stay beside the database."""
    answer.call_on_close(partial(overwrite_deleted, engine()))
    return answer
