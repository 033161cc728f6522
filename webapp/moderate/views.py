"""Every address of the moderator's room on one page; each is open to moderators only, and only for their programmes."""

from flask import Blueprint

from surveys.models import MembershipRole
from webapp.access import membership_required
from webapp.moderate import reading, writing
from webapp.moderate.finding import signed_only

blueprint = Blueprint("moderate", __name__, url_prefix="/moderate")

# (address, view, methods) that can be opened before the rule is signed; the view's name is the name of the address.
BEFORE_SIGNING = (
    ("/", reading.list_programs, "GET"),
    ("/<slug>/pledge", reading.sign_pledge, "GET POST"),
)
QUESTION = "/<slug>/waves/<wave_id>/questions/<item_id>/"
AFTER_SIGNING = (
    ("/<slug>/", reading.show_program, "GET"),
    ("/<slug>/harm", reading.pass_on, "GET POST"),
    ("/<slug>/waves/<wave_id>/", reading.show_wave, "GET"),
    ("/<slug>/waves/<wave_id>/publish", writing.publish, "GET POST"),
    (QUESTION, writing.write_theme, "GET POST"),
    (f"{QUESTION}themes/<key>", writing.change_theme, "GET POST"),
    (f"{QUESTION}themes/<key>/delete", writing.delete_theme, "POST"),
)

for addresses, guard in ((BEFORE_SIGNING, None), (AFTER_SIGNING, signed_only)):
    for rule, view, methods in addresses:
        blueprint.add_url_rule(
            rule,
            endpoint=view.__name__,
            view_func=membership_required(MembershipRole.MODERATOR)(guard(view) if guard else view),
            methods=methods.split(),
        )
