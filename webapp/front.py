"""The front page: what this is, in plain words, for the three kinds of people who come here."""

from flask import Blueprint, render_template

blueprint = Blueprint("front", __name__)


@blueprint.get("/")
def show_front() -> str:
    """Show the front page."""
    return render_template("front.html")
