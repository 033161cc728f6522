"""Every address of the coordinator's desk on one page; each is open to coordinators only, and only for their programmes."""

from flask import Blueprint

from scoring.gates import minimum_for
from surveys.models import MembershipRole
from webapp.access import membership_required
from webapp.coordinate import cohorts, languages, links, messages, pairs, results, themes, waves

blueprint = Blueprint("coordinate", __name__, url_prefix="/coordinate")

# (address, view, methods); the view's name is the name of the address.
ADDRESSES = (
    ("/", cohorts.list_programs, "GET"),
    ("/roster-example.csv", cohorts.download_example, "GET"),
    ("/<slug>/", cohorts.show_program, "GET"),
    ("/<slug>/cohorts/new", cohorts.create_cohort, "GET POST"),
    ("/<slug>/cohorts/<cohort_id>/", cohorts.show_cohort, "GET"),
    ("/<slug>/cohorts/<cohort_id>/roster", cohorts.import_roster, "GET POST"),
    ("/<slug>/cohorts/<cohort_id>/pairs/new", pairs.match_anew, "GET POST"),
    ("/<slug>/cohorts/<cohort_id>/pairs/<pair_id>/end", pairs.end_pair, "GET POST"),
    ("/<slug>/cohorts/<cohort_id>/people/<participant_id>/address", pairs.correct_address, "GET POST"),
    ("/<slug>/cohorts/<cohort_id>/waves/new", waves.schedule_wave, "GET POST"),
    ("/<slug>/waves/<wave_id>/", waves.show_wave, "GET"),
    ("/<slug>/waves/<wave_id>/open", waves.open_wave, "POST"),
    ("/<slug>/waves/<wave_id>/close", waves.close_wave, "GET POST"),
    ("/<slug>/waves/<wave_id>/links", links.list_people, "GET"),
    ("/<slug>/waves/<wave_id>/paper.pdf", links.print_paper, "GET"),
    ("/<slug>/waves/<wave_id>/invite", links.invite_by_mail, "POST"),
    ("/<slug>/waves/<wave_id>/links/issue", links.issue_links, "POST"),
    ("/<slug>/waves/<wave_id>/links/<invitation_id>/replace", links.replace_link, "POST"),
    ("/<slug>/waves/<wave_id>/results", results.show_results, "GET"),
    ("/<slug>/waves/<wave_id>/themes", themes.show_themes, "GET"),
    ("/<slug>/languages", languages.list_languages, "GET POST"),
    ("/<slug>/messages", messages.list_messages, "GET"),
    ("/<slug>/messages/<message_id>/move", messages.move_message, "POST"),
    ("/<slug>/talks", messages.list_talks, "GET"),
    ("/<slug>/talks/<talk_id>/held", messages.hold_talk, "POST"),
    ("/<slug>/waves/<wave_id>/talks", messages.draw_talks, "POST"),
    ("/<slug>/compare", results.compare_cohorts, "GET"),
    ("/<slug>/compare.svg", results.draw_comparison, "GET"),
)

for rule, view, methods in ADDRESSES:
    blueprint.add_url_rule(
        rule,
        endpoint=view.__name__,
        view_func=membership_required(MembershipRole.COORDINATOR)(view),
        methods=methods.split(),
    )


@blueprint.app_template_global()
def pairs_to_compare() -> int:
    """The pairs in each of two cohorts from which on they are compared in words."""
    return minimum_for("cohort_contrast")
