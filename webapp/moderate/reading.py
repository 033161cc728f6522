"""Programmes, the rule to be signed, the waves with comments, and what to do when a comment announces harm."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from surveys import comments, pledges, themes
from surveys.models import ContactKind, MembershipRole
from surveys.program_contacts import program_contacts
from surveys.published_themes import themes_of
from webapp.access import programs_of
from webapp.coordinate.words import KINDS
from webapp.database import db, now
from webapp.moderate.finding import circumstances, load_desk, load_program, moderator
from webapp.moderate.forms import PledgeForm


def list_programs() -> str:
    """List the programmes that the user moderates."""
    return render_template("moderate/programs.html", programs=programs_of(MembershipRole.MODERATOR))


def sign_pledge(slug: str) -> str | Response | tuple[str, int]:
    """Show the rule of confidentiality, and take the signature under it."""
    program = load_program(slug)
    if pledges.has_signed(db(), moderator(), program):
        return redirect(url_for("moderate.show_program", slug=slug), 303)
    form = PledgeForm()
    if form.validate_on_submit():
        pledges.sign_pledge(db(), moderator(), program, digest=form.digest.data or "", now=now())
        return redirect(url_for("moderate.show_program", slug=slug), 303)
    page = render_template(
        "moderate/pledge.html",
        program=program,
        form=form,
        sentences=pledges.PLEDGE,
        version=pledges.PLEDGE_VERSION,
        digest=pledges.pledge_digest(),
    )
    return (page, 400) if form.errors else page


def show_program(slug: str) -> str:
    """List the closed waves in which somebody wrote something."""
    program = load_program(slug)
    waves = comments.commented_waves(db(), program, reader=moderator(), now=now())
    named = program_contacts(db(), program).get(ContactKind.MODERATOR)
    return render_template(
        "moderate/program.html",
        program=program,
        waves=[(wave, themes.is_published(db(), wave)) for wave in waves],
        named=named,
        kinds=KINDS,
    )


def show_wave(slug: str, wave_id: str) -> str:
    """Show the open questions of a wave, with the drafts on each, or what was published."""
    desk = load_desk(slug, wave_id)
    published = themes_of(db(), desk.wave)
    questions = [
        (
            question.item_id,
            desk.words(question),
            themes.list_themes(db(), desk.wave, question.item_id, **circumstances()),
            comments.has_enough_people(db(), desk.wave, question.item_id),
        )
        for question in desk.questions
    ]
    return render_template(
        "moderate/wave.html",
        program=desk.wave.cohort.program,
        wave=desk.wave,
        words=KINDS[desk.wave.kind],
        questions=questions,
        question_locale=desk.locale,
        published=published,
        has_drafts=any(drafts for _, _, drafts, _ in questions),
        just_published="published" in request.args,
    )


def pass_on(slug: str) -> str | Response:
    """Show whom to tell when a comment announces serious harm, and note on request that it was done."""
    program = load_program(slug)
    if request.method == "POST":
        pledges.pass_on(db(), moderator(), program, now=now())
        return redirect(url_for("moderate.pass_on", slug=slug, done=1), 303)
    return render_template(
        "moderate/harm.html",
        program=program,
        contact=program_contacts(db(), program).get(ContactKind.SAFEGUARDING),
        done="done" in request.args,
    )
