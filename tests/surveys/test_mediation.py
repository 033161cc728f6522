"""How mediations ended is told in counts of at least five people that never differ by fewer."""

from typing import Any

import pytest
from sqlalchemy import func, select

from instruments.model import Role, WaveKind
from surveys import mediation, messages
from surveys.errors import MessageError
from surveys.mediation import MediationReport
from surveys.models import MediationOutcome, Message

NOTHING = MediationReport(None, None, None)


@pytest.fixture
def asked(scene: Any) -> Any:
    """Twelve mentors with a link each, who all asked for a mediation that is closed."""
    scene.add_pairs(12)
    links = [
        one.invitation
        for one in scene.invite(scene.add_wave(WaveKind.T2))
        if one.invitation.participant.role is Role.MENTOR
    ]
    for link in links:
        ask(scene, link)
    return scene, links


def ask(scene: Any, link: Any, *, close: bool = True, key: str = "k") -> None:
    messages.send_message(scene.session, link, "mediation", "", form_key=key, now=scene.now)
    message = scene.session.scalars(
        select(Message)
        .where(Message.participant_id == link.participant_id, Message.kind == "mediation")
        .order_by(Message.state.desc())
    ).first()
    if close:
        messages.move_message(scene.session, scene.cohort.program, message.id, "closed", now=scene.now)


def rate(scene: Any, links: list[Any], *results: str) -> MediationReport:
    for link, result in zip(links, results, strict=True):
        mediation.rate_mediation(scene.session, link, result, now=scene.now)
    return mediation.report_mediations(scene.session, scene.cohort.program)


def test_nothing_is_told_below_five_and_then_five_at_a_time(asked: Any) -> None:
    scene, links = asked
    assert rate(scene, links[:4], "resolved", "resolved", "partly", "not") == MediationReport(12, None, None)
    five = rate(scene, links[4:5], "resolved")
    assert five == MediationReport(12, 5, 60)
    # Four more change nothing: the difference would be about four people.
    assert rate(scene, links[5:9], *["not"] * 4) == five
    assert rate(scene, links[9:10], "not") == MediationReport(12, 10, 30)


def test_without_that_rule_one_rating_could_be_read_from_two_counts(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: counting everybody at once shows the sixth person's answer."""
    scene, links = asked

    def count_all(session: Any, _program_id: str) -> None:
        for outcome in session.scalars(select(MediationOutcome)):
            outcome.counted = True
        session.flush()

    monkeypatch.setattr(mediation, "_count_in", count_all)
    five = rate(scene, links[:5], "resolved", "resolved", "resolved", "partly", "not")
    six = rate(scene, links[5:6], "not")

    assert (five.n_rated, six.n_rated) == (5, 6)


def test_five_ratings_of_two_people_are_two_people(scene: Any) -> None:
    scene.add_pairs(2)
    issued = scene.invite(scene.add_wave(WaveKind.T2))
    links = [one.invitation for one in issued if one.invitation.participant.role is Role.MENTOR]
    for number in range(6):
        link = links[number % 2]
        ask(scene, link, key=f"k{number}")
        rate(scene, [link], "resolved")

    assert rate(scene, [], *[]) == NOTHING


def test_a_rating_can_be_changed_until_it_is_counted(asked: Any) -> None:
    scene, links = asked
    rate(scene, links[:1], "not")
    report = rate(scene, [links[0], *links[1:5]], "resolved", "resolved", "partly", "not", "not")
    assert report.percent_resolved == 40

    assert rate(scene, links[:1], "not") == report


@pytest.mark.parametrize(
    ("results", "percent", "bound"), [(["resolved"] * 5, 90, "over"), (["not"] * 5, 10, "under")]
)
def test_that_all_said_the_same_is_not_told(asked: Any, results: list[str], percent: int, bound: str) -> None:
    scene, links = asked

    report = rate(scene, links[:5], *results)

    assert (report.percent_resolved, report.bound) == (percent, bound)


def test_a_raised_floor_holds_here_too(asked: Any) -> None:
    scene, links = asked
    scene.cohort.program.floor = 7

    assert rate(scene, links[:6], *["partly"] * 6).n_rated is None
    assert rate(scene, links[6:7], "resolved").n_rated == 7


def test_without_a_closed_mediation_nothing_is_kept_and_nothing_is_said(scene: Any) -> None:
    scene.add_pairs(1)
    links = [one.invitation for one in scene.invite(scene.add_wave(WaveKind.T2))]
    ask(scene, links[0], close=False)

    for link in links:
        assert mediation.rate_mediation(scene.session, link, "resolved", now=scene.now) is None

    assert scene.session.scalar(select(func.count()).select_from(MediationOutcome)) == 0
    with pytest.raises(MessageError):
        mediation.rate_mediation(scene.session, links[0], "perfect", now=scene.now)
