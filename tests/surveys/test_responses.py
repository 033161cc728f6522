"""Answers are saved page by page, resumed, sent once, changed until the wave closes, and taken back."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from instruments.answers import AnswerValue
from instruments.errors import PinnedVersionError
from instruments.model import Missing, Role
from surveys import invitations, programs, responses, waves
from surveys.errors import AnswerError, InvitationError, NaiveTimeError, ResponseError, WaveNotOpenError
from surveys.models import Answer, Comment, Respondent, Response, ResponseState
from surveys.responses import ResponseView, Submission

Given = Mapping[str, AnswerValue | None]


def code(number: int) -> AnswerValue:
    return AnswerValue(code=number)


class Desk:
    """One person in front of their questionnaire."""

    def __init__(self, world: Any, role: Role = Role.MENTOR, pair: int = 0) -> None:
        self.world = world
        self.invitation = world.invitation_of(world.pairs[pair], role).invitation

    def how(self, **changes: Any) -> dict[str, Any]:
        world = self.world
        given = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        return given | changes

    def save(self, page: str, answers: Given, **changes: Any) -> ResponseView:
        return responses.save_page(self.world.session, self.invitation, page, answers, **self.how(**changes))

    def submit(self, answers: Given | None = None, **changes: Any) -> Submission:
        return responses.submit_response(self.world.session, self.invitation, answers, **self.how(**changes))

    def withdraw(self, **changes: Any) -> None:
        given = {"pseudonyms": self.world.pseudonyms, "now": self.world.now} | changes
        responses.withdraw_response(self.world.session, self.invitation, **given)

    def load(self) -> ResponseView | None:
        return responses.load_response(self.world.session, self.invitation, self.world.pseudonyms)

    def answers(self) -> Mapping[str, AnswerValue]:
        view = self.load()
        assert view is not None
        return view.answers


@pytest.fixture
def desk(world: Any) -> Desk:
    """The mentor of the first pair."""
    return Desk(world)


def count(world: Any, table: type) -> int:
    return world.session.scalar(select(func.count()).select_from(table))


def test_a_page_is_saved_and_resumed(desk: Desk) -> None:
    assert desk.load() is None
    given = {"A1": code(4), "A2": AnswerValue(missing=Missing.NOT_APPLICABLE)}

    view = desk.save("meetings", given, locale="ur")

    assert view == desk.load()
    assert (view.state, view.role, view.locale) == (ResponseState.DRAFT, Role.MENTOR, "ur")
    assert view.answers == given
    assert (view.started_on, view.submitted_on) == (date(2026, 3, 2), None)


def test_reading_makes_no_pseudonym(desk: Desk) -> None:
    desk.load()

    assert count(desk.world, Respondent) == 0


def test_saving_a_page_again_changes_adds_and_clears_answers_of_this_page_only(desk: Desk) -> None:
    desk.save("levels", {"B1": code(2)})
    desk.save("meetings", {"A1": code(4), "A2": code(5), "A3": code(1)})

    desk.save("meetings", {"A1": code(3), "A2": None, "A3": AnswerValue(missing=Missing.PREFER_NOT)})

    assert desk.answers() == {
        "A1": code(3),
        "A3": AnswerValue(missing=Missing.PREFER_NOT),
        "B1": code(2),
    }
    assert count(desk.world, Answer) == 3

    desk.save("meetings", {})
    assert desk.answers() == {"B1": code(2)}


def test_words_are_kept_apart_from_codes_and_can_be_taken_back(desk: Desk) -> None:
    desk.save("close", {"R1": AnswerValue(text="  Gut so.\r\nDanke "), "S1": code(-1)})
    assert desk.answers() == {"R1": AnswerValue(text="Gut so.\nDanke"), "S1": code(-1)}
    assert (count(desk.world, Answer), count(desk.world, Comment)) == (1, 1)

    desk.save("close", {"R1": AnswerValue(missing=Missing.PREFER_NOT)})
    assert desk.answers() == {"R1": AnswerValue(missing=Missing.PREFER_NOT)}
    assert (count(desk.world, Answer), count(desk.world, Comment)) == (1, 0)

    desk.save("close", {"R1": AnswerValue(text="Doch.")})
    assert desk.answers() == {"R1": AnswerValue(text="Doch.")}
    assert (count(desk.world, Answer), count(desk.world, Comment)) == (0, 1)

    desk.save("close", {"R1": AnswerValue(text=" \n ")})
    assert desk.answers() == {}


def test_an_invalid_answer_is_named_and_the_valid_ones_of_the_page_are_kept(desk: Desk) -> None:
    desk.save("meetings", {"A1": code(2), "A2": code(2)})

    with pytest.raises(AnswerError) as caught:
        desk.save(
            "meetings", {"A1": code(9), "A2": code(4), "A3": code(5), "B1": code(1), "nonsense": code(1)}
        )
    desk.world.session.commit()

    assert {problem.item_id: problem.code for problem in caught.value.problems} == {
        "A1": "unknown-code",
        "B1": "unknown-item",  # it is on another page
        "nonsense": "unknown-item",
    }
    assert desk.answers() == {"A1": code(2), "A2": code(4), "A3": code(5)}


def test_an_unknown_page_or_language_is_refused_with_nothing_stored(desk: Desk) -> None:
    for call, expected in (
        (lambda: desk.save("nowhere", {"A1": code(1)}), "unknown_page"),
        (lambda: desk.save("meetings", {"A1": code(1)}, locale="tlh"), "unknown_locale"),
    ):
        with pytest.raises(ResponseError) as caught:
            call()
        desk.world.session.rollback()
        assert caught.value.code == expected
        assert count(desk.world, Response) == 0


def test_a_naive_clock_is_refused(desk: Desk) -> None:
    with pytest.raises(NaiveTimeError):
        desk.save("meetings", {}, now=desk.world.now.replace(tzinfo=None))


def test_what_is_stored_names_the_exact_questionnaire_and_language(desk: Desk) -> None:
    toy = desk.world.instrument
    desk.save("meetings", {"A1": code(1)}, locale="ur")
    row = desk.world.session.scalars(select(Response)).one()
    assert (row.instrument_version, row.instrument_digest) == ("0.1.0", toy.digests.whole)
    assert (row.locale, row.locale_digest) == ("ur", toy.locales["ur"].digest)

    desk.save("levels", {"B1": code(1)}, locale="de")
    assert (row.locale, row.locale_digest) == ("de", toy.locales["de"].digest)


def test_a_response_is_sent_once_and_a_second_time_without_harm(desk: Desk) -> None:
    desk.save("meetings", {"A1": code(1)})

    first = desk.submit()
    second = desk.submit(now=desk.world.now + timedelta(days=1))

    assert (first.already_submitted, second.already_submitted) == (False, True)
    assert first.response.is_submitted
    assert second.response.submitted_on == first.response.submitted_on == date(2026, 3, 2)
    assert count(desk.world, Response) == 1


def test_sending_takes_further_answers_and_leaves_the_others_alone(desk: Desk) -> None:
    desk.save("meetings", {"A1": code(1), "A2": code(1)})

    sent = desk.submit({"A2": None, "B1": code(5), "R1": AnswerValue(text="Fine.")})

    assert sent.response.answers == {"A1": code(1), "B1": code(5), "R1": AnswerValue(text="Fine.")}


def test_an_invalid_answer_keeps_the_response_from_being_sent(desk: Desk) -> None:
    with pytest.raises(AnswerError):
        desk.submit({"A1": code(3), "A2": code(77)})
    desk.world.session.commit()

    view = desk.load()
    assert view is not None
    assert view.state is ResponseState.DRAFT
    assert view.answers == {"A1": code(3)}


def test_an_empty_response_is_not_sent(desk: Desk) -> None:
    for given in (None, {}, {"A1": None}):
        with pytest.raises(ResponseError) as caught:
            desk.submit(given)
        assert caught.value.code == "nothing_answered"


@pytest.mark.parametrize(
    "answers", [{"A1": AnswerValue(missing=Missing.PREFER_NOT)}, {"R1": AnswerValue(text="No.")}]
)
def test_declining_or_a_remark_alone_is_an_answer(desk: Desk, answers: Given) -> None:
    assert desk.submit(answers).response.is_submitted


def test_a_sent_response_can_be_changed_until_the_wave_closes(desk: Desk) -> None:
    desk.submit({"A1": code(1)})

    view = desk.save("meetings", {"A1": code(2)}, now=desk.world.wave.closes_at - timedelta(seconds=1))

    assert view.is_submitted
    assert view.answers == {"A1": code(2)}
    with pytest.raises(WaveNotOpenError):
        desk.save("meetings", {"A1": code(3)}, now=desk.world.wave.closes_at)


@pytest.mark.parametrize("action", ["save", "submit", "withdraw"])
def test_before_opening_and_after_closing_nothing_is_stored(desk: Desk, action: str) -> None:
    desk.save("meetings", {"A1": code(1)})
    desk.world.session.commit()
    calls: dict[str, Callable[..., object]] = {
        "save": lambda now: desk.save("meetings", {"A1": code(5)}, now=now),
        "submit": lambda now: desk.submit({"A1": code(5)}, now=now),
        "withdraw": lambda now: desk.withdraw(now=now),
    }
    wave = desk.world.wave
    for moment, state in ((wave.opens_at - timedelta(seconds=1), "scheduled"), (wave.closes_at, "closed")):
        with pytest.raises(WaveNotOpenError) as caught:
            calls[action](moment)
        desk.world.session.rollback()
        assert (caught.value.state, caught.value.code) == (state, f"wave_{state}")
        view = desk.load()
        assert view is not None
        assert (view.state, view.answers) == (ResponseState.DRAFT, {"A1": code(1)})


def test_a_wave_closed_while_the_page_was_open_refuses_the_page(desk: Desk) -> None:
    """The session has read the wave as open, and somebody else closes it."""
    world = desk.world
    desk.save("meetings", {"A1": code(1)})
    world.session.commit()
    assert waves.wave_state(world.wave, world.now) == "open"
    with type(world.session)(world.session.get_bind()) as other:
        waves.close_wave(other, other.get_one(type(world.wave), world.wave.id), now=world.now)
        other.commit()

    with pytest.raises(WaveNotOpenError):
        desk.save("meetings", {"A1": code(5)})
    world.session.rollback()

    assert desk.answers() == {"A1": code(1)}


def test_a_link_revoked_while_the_page_was_open_refuses_the_page(desk: Desk) -> None:
    invitations.revoke_invitation(desk.world.session, desk.invitation, now=desk.world.now)

    with pytest.raises(InvitationError) as caught:
        desk.save("meetings", {"A1": code(1)})
    assert caught.value.code == "revoked"


def test_a_new_link_leads_to_the_same_response(desk: Desk) -> None:
    desk.save("meetings", {"A1": code(1)})
    desk.invitation = invitations.reissue_invitation(
        desk.world.session, desk.invitation, now=desk.world.now
    ).invitation

    desk.submit({"A2": code(2)})

    assert desk.answers() == {"A1": code(1), "A2": code(2)}
    assert count(desk.world, Response) == 1


def test_withdrawing_deletes_every_answer_and_allows_a_new_start(desk: Desk) -> None:
    desk.submit({"A1": code(1), "R1": AnswerValue(text="Delete me.")})

    desk.withdraw()

    view = desk.load()
    assert view is not None
    assert (view.state, view.answers, view.submitted_on) == (ResponseState.WITHDRAWN, {}, None)
    assert (count(desk.world, Answer), count(desk.world, Comment)) == (0, 0)
    with pytest.raises(ResponseError) as caught:
        desk.withdraw()
    assert caught.value.code == "nothing_saved"

    again = desk.save("meetings", {"A1": code(2)}, now=desk.world.now + timedelta(days=1))
    assert again.tag != view.tag
    assert (again.state, again.answers, again.started_on) == (
        ResponseState.DRAFT,
        {"A1": code(2)},
        date(2026, 3, 3),
    )


def test_withdrawing_where_nothing_was_saved_says_so(desk: Desk) -> None:
    with pytest.raises(ResponseError) as caught:
        desk.withdraw()
    assert caught.value.code == "nothing_saved"


def test_partners_and_other_pairs_are_not_touched(world: Any) -> None:
    mentor, mentee, other = Desk(world), Desk(world, Role.MENTEE), Desk(world, Role.MENTOR, 1)
    for number, person in enumerate((mentor, mentee, other), start=1):
        person.submit({"A1": code(number)})

    mentor.withdraw()
    mentee.save("meetings", {"A1": code(5)})

    assert (mentor.answers(), mentee.answers(), other.answers()) == ({}, {"A1": code(5)}, {"A1": code(3)})


def test_one_mentor_in_two_pairs_is_one_respondent_with_two_responses(scene: Any) -> None:
    mentor = scene.add_person(Role.MENTOR, "Ada")
    for name in ("Bo", "Cy"):
        people = {"mentor": mentor, "mentee": scene.add_person(Role.MENTEE, name)}
        programs.add_pair(scene.session, scene.cohort, **people, now=scene.now)
    links = [one for one in scene.invite(scene.add_wave()) if one.participant_id == mentor.id]
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}

    for number, link in enumerate(links, start=1):
        responses.submit_response(scene.session, link.invitation, {"A1": code(number)}, **how)

    rows = scene.session.scalars(select(Response)).all()
    assert len({row.respondent_key for row in rows}) == 1
    assert len({row.pair_key for row in rows}) == 2
    kept = [responses.load_response(scene.session, link.invitation, scene.pseudonyms) for link in links]
    assert [view.answers["A1"].code for view in kept if view] == [1, 2]


def test_a_role_is_asked_its_own_form(world: Any) -> None:
    """Only mentors are asked S1."""
    assert Desk(world, Role.MENTOR).save("close", {"S1": code(1)}).answers
    with pytest.raises(AnswerError):
        Desk(world, Role.MENTEE).save("close", {"S1": code(1)})


def test_a_questionnaire_changed_under_the_wave_stores_nothing(desk: Desk) -> None:
    desk.world.wave.instrument_digest = "0" * 64
    desk.world.session.commit()

    with pytest.raises(PinnedVersionError):
        desk.save("meetings", {"A1": code(1)})
    desk.world.session.rollback()
    assert count(desk.world, Response) == 0
