"""What people wrote to the coordinator, the talks to hold after a trial, and pairs that go on together.

Everything here was written on purpose and with a name. Nothing tells who has answered a questionnaire, or who has decided.
"""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from surveys import extensions, mediation, messages, trial
from webapp.access import current_user
from webapp.coordinate.cohorts import read_done
from webapp.coordinate.finding import check_key, load_program, load_wave
from webapp.coordinate.words import MESSAGES, MOVES, PROGRESS
from webapp.database import db, now


def list_messages(slug: str) -> str:
    """Show the messages, first those that wait, and what may be told about mediations."""
    program = load_program(slug)
    lines = messages.list_messages(db(), program)
    return render_template(
        "coordinate/messages.html",
        program=program,
        waiting=[line for line in lines if line.state != "closed"],
        closed=[line for line in lines if line.state == "closed"],
        report=mediation.report_mediations(db(), program),
        extensions=extensions.list_extensions(db(), program),
        next_states=messages.next_states,
        kinds=MESSAGES,
        progress=PROGRESS,
        moves=MOVES,
        done=read_done(),
    )


def move_message(slug: str, message_id: str) -> Response:
    """Note how far a message has come."""
    program = load_program(slug)
    messages.move_message(
        db(),
        program,
        check_key(message_id),
        request.form.get("state", ""),
        now=now(),
        actor=current_user(),
    )
    return redirect(url_for("coordinate.list_messages", slug=program.slug, done="moved"), 303)


def list_talks(slug: str) -> str:
    """Show the pairs to talk to, by name and without a reason."""
    program = load_program(slug)
    return render_template(
        "coordinate/talks.html",
        program=program,
        trials=trial.list_talks(db(), program, now=now()),
        done=read_done(),
    )


def draw_talks(slug: str, wave_id: str) -> Response:
    """Draw up the list after a trial, once."""
    wave = load_wave(slug, wave_id)
    trial.draw_talks(db(), wave, now=now(), actor=current_user())
    return redirect(url_for("coordinate.list_talks", slug=slug, done="drawn"), 303)


def hold_talk(slug: str, talk_id: str) -> Response:
    """Note that a talk was held."""
    program = load_program(slug)
    trial.hold_talk(db(), program, check_key(talk_id), now=now(), actor=current_user())
    return redirect(url_for("coordinate.list_talks", slug=program.slug, done="held"), 303)
