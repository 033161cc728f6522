"""What leaving does to a pair: the partner goes on as before, what was published stays, and nothing leads from one to the other."""

from typing import Any

import pytest
from sqlalchemy import select, update

from instruments.answers import AnswerValue
from instruments.digests import canonical_json
from instruments.model import Role, WaveKind
from surveys import releases, responses, waves, withdrawal
from surveys.models import PublishedGroup, Response, Wave
from surveys.withdrawal import withdraw_from_surveys

MENTOR, MENTEE = Role.MENTOR, Role.MENTEE
N_PAIRS = 12


class Programme:
    """Twelve pairs that answered a first wave, of which a release is frozen."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.session = scene.session
        self.pairs = scene.add_pairs(N_PAIRS)
        self.first = scene.add_wave(WaveKind.TC)
        self.answer(self.first)
        self.body = canonical_json(self.freeze(self.first).body)

    def answer(self, wave: Wave) -> None:
        for link in self.scene.invite(wave):
            self.answer_link(link.invitation, wave)

    def answer_link(self, invitation: Any, wave: Wave) -> None:
        """Answers that differ from person to person and between the waves."""
        number = [pair.id for pair in self.pairs].index(invitation.pair_id)
        shift = 1 if wave.kind is WaveKind.T2 else 0
        given = {
            item: AnswerValue(code=(number * step + shift) % 4 + 1)
            for item, step in (("A1", 1), ("A2", 3), ("A3", 5))
        }
        responses.submit_response(
            self.session, invitation, given, pseudonyms=self.scene.pseudonyms, locale="en", now=self.scene.now,
            folders=self.scene.folders,
        )  # fmt: skip

    def freeze(self, wave: Wave) -> Any:
        waves.close_wave(self.session, wave, now=self.scene.now)
        release = releases.freeze_release(self.session, wave, now=self.scene.now, folders=self.scene.folders)
        self.session.commit()
        return release

    def leave(self, number: int = 0) -> None:
        person = self.pairs[number].mentor
        withdraw_from_surveys(self.session, person, pseudonyms=self.scene.pseudonyms, now=self.scene.now)
        self.session.commit()

    def second(self) -> Any:
        """The release of a second wave, answered by all who are still asked."""
        wave = self.scene.add_wave(WaveKind.T2)
        self.answer(wave)
        self.freeze(wave)
        view = releases.release_of(self.session, wave)
        assert view is not None
        return view

    def groups(self) -> dict[str, set[tuple[str, str]]]:
        """Who stands behind each number that was published."""
        found: dict[str, set[tuple[str, str]]] = {}
        for group in self.session.scalars(select(PublishedGroup)):
            found.setdefault(group.quantity, set()).update(zip(group.members, group.pairs, strict=True))
        return found


@pytest.fixture
def programme(scene: Any) -> Programme:
    return Programme(scene)


def keys(programme: Programme, number: int = 0) -> tuple[str | None, str | None, str | None]:
    holder, pair = programme.scene.pseudonyms, programme.pairs[number]
    return (
        holder.respondent_key(programme.session, pair.mentor_id),
        holder.respondent_key(programme.session, pair.mentee_id),
        holder.pair_key(programme.session, pair.id),
    )


def test_published_numbers_stay_and_the_next_release_does_without_the_leaver(programme: Programme) -> None:
    programme.leave()

    view = programme.second()
    again = releases.release_of(programme.session, programme.first)

    assert again is not None
    assert canonical_json(again.body) == programme.body
    assert view.scale(MENTOR, "AA").change.n == N_PAIRS - 1
    partners = view.scale(MENTEE, "AA")
    assert (partners.level.shown, partners.level.n, partners.change.n) == (True, N_PAIRS, N_PAIRS)


def test_without_moving_what_was_published_the_partners_would_look_like_other_people(
    programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: one that only gives the answers a new pseudonym."""

    def move_answers_only(session: Any, person: Any, _key: str, pseudonyms: Any) -> None:
        former, fresh = pseudonyms.replace_pair(session, programme.pairs[0].id)
        session.execute(update(Response).where(Response.pair_key == former).values(pair_key=fresh))

    monkeypatch.setattr(withdrawal, "_break_pairs", move_answers_only)
    programme.leave()

    assert not programme.second().scale(MENTEE, "AA").level.shown


def test_nothing_that_stays_of_the_leaver_leads_to_the_partner(programme: Programme) -> None:
    leaver, partner, former = keys(programme)
    before = {pair for rows in programme.groups().values() for who, pair in rows if who in {leaver, partner}}

    programme.leave()

    gone, still, fresh = keys(programme)
    of_leaver = {pair for rows in programme.groups().values() for who, pair in rows if who == leaver}
    of_partner = {pair for rows in programme.groups().values() for who, pair in rows if who == partner}
    assert before == {former}
    assert (gone, still) == (None, partner)
    assert of_leaver == {former}
    assert of_partner == {fresh}
    assert former not in programme.session.scalars(select(Response.pair_key)).all()


def test_everybody_else_stands_behind_the_same_numbers(programme: Programme) -> None:
    leaver, partner, _ = keys(programme)
    before = {
        name: {row for row in rows if row[0] not in {leaver, partner}}
        for name, rows in programme.groups().items()
    }

    programme.leave()

    after = {
        name: {row for row in rows if row[0] not in {leaver, partner}}
        for name, rows in programme.groups().items()
    }
    assert after == before


def test_the_partner_goes_on_with_their_answers_and_none_is_made_twice(scene: Any) -> None:
    (pair,) = scene.add_pairs(1)
    wave = scene.add_wave(WaveKind.T2)
    links = {link.participant_id: link.invitation for link in scene.invite(wave)}
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}
    for invitation in links.values():
        responses.submit_response(scene.session, invitation, {"A1": AnswerValue(code=4)}, **how)
    before = responses.load_response(scene.session, links[pair.mentee_id], scene.pseudonyms)

    withdraw_from_surveys(scene.session, pair.mentor, pseudonyms=scene.pseudonyms, now=scene.now)
    after = responses.load_response(scene.session, links[pair.mentee_id], scene.pseudonyms)
    sent = responses.submit_response(scene.session, links[pair.mentee_id], {"A2": AnswerValue(code=2)}, **how)

    assert before is not None
    assert after == before
    assert sent.already_submitted
    assert set(sent.response.answers) == {"A1", "A2"}
    assert len(scene.session.scalars(select(Response.key)).all()) == 1


def test_both_may_leave_one_after_the_other(programme: Programme) -> None:
    programme.leave()
    partner = programme.pairs[0].mentee
    withdraw_from_surveys(
        programme.session, partner, pseudonyms=programme.scene.pseudonyms, now=programme.scene.now
    )
    programme.session.commit()

    assert len(programme.session.scalars(select(Response.key)).all()) == 2 * N_PAIRS - 2
    assert programme.second().scale(MENTEE, "AA").change.n == N_PAIRS - 1
