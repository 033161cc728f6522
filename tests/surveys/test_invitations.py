"""Links open what they should, say why when they do not, and are kept as hashes only."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from instruments.model import Role, WaveKind
from surveys import invitations, programs, waves, withdrawal
from surveys.errors import InvitationError, WaveError
from surveys.models import AuditEvent, Base, Invitation

DAY = timedelta(days=1)


def test_everybody_gets_one_link_for_each_pair(scene: Any) -> None:
    mentor = scene.add_person(Role.MENTOR, "Ada")
    mentees = [scene.add_person(Role.MENTEE, name) for name in ("Bo", "Cy")]
    pairs = [
        programs.add_pair(scene.session, scene.cohort, mentor=mentor, mentee=mentee, now=scene.now)
        for mentee in mentees
    ]

    issued = scene.invite(scene.add_wave())

    assert {(one.pair_id, one.participant_id) for one in issued} == {
        (pair.id, person) for pair in pairs for person in (mentor.id, pair.mentee_id)
    }
    assert len({one.token for one in issued}) == 4


def test_only_a_hash_of_the_token_is_kept(world: Any) -> None:
    issued = world.issued[0]
    stored = [
        str(value)
        for table in Base.metadata.sorted_tables
        for row in world.session.execute(select(table))
        for value in row
    ]

    assert len(issued.token) == 32  # 24 random bytes
    assert not any(issued.token in value for value in stored)
    assert any(issued.invitation.token_hash in value for value in stored)
    assert issued.token not in repr(issued)


def test_a_second_call_invites_only_those_who_came_later(scene: Any, world: Any) -> None:
    assert scene.invite(world.wave) == []

    people = {
        "mentor": scene.add_person(Role.MENTOR, "Late"),
        "mentee": scene.add_person(Role.MENTEE, "Later"),
    }
    late = programs.add_pair(scene.session, scene.cohort, **people, now=scene.now)

    assert {one.pair_id for one in scene.invite(world.wave)} == {late.id}


def test_two_active_links_for_the_same_person_pair_and_wave_are_impossible(world: Any) -> None:
    first = world.issued[0].invitation
    twin = Invitation(
        wave_id=first.wave_id,
        pair_id=first.pair_id,
        participant_id=first.participant_id,
        token_hash="0" * 64,
        issued_at=world.now,
    )
    with pytest.raises(IntegrityError), world.session.begin_nested():
        world.session.add(twin)


def test_a_pair_that_has_ended_is_not_asked_about_its_meetings(scene: Any) -> None:
    ended, going_on = scene.add_pairs(2)
    programs.end_pair(scene.session, ended, ended_on=scene.now.date(), now=scene.now)

    invited_later = scene.invite(scene.add_wave(WaveKind.T2, opens_in=2 * DAY))
    invited_before = scene.invite(scene.add_wave(WaveKind.T0, opens_in=-2 * DAY))

    assert {one.pair_id for one in invited_later} == {going_on.id}
    assert {one.pair_id for one in invited_before} == {ended.id, going_on.id}


def test_after_the_end_everybody_who_was_paired_is_asked(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy questionnaire has no wave after the end, so its first wave is taken for one."""
    ended, _ = scene.add_pairs(2)
    programs.end_pair(scene.session, ended, ended_on=scene.now.date(), now=scene.now)
    wave = scene.add_wave(WaveKind.T0, opens_in=2 * DAY)
    assert WaveKind.T3A in invitations.AFTER_THE_END

    monkeypatch.setattr(invitations, "AFTER_THE_END", {WaveKind.T0})

    assert len(scene.invite(wave)) == 4


def test_nobody_is_invited_without_an_address_or_against_their_will(scene: Any) -> None:
    first, second = scene.add_pairs(2)
    first.mentor.contact = None
    second.mentee.surveys_ended_on = scene.now.date()

    issued = scene.invite(scene.add_wave())

    assert {one.participant_id for one in issued} == {first.mentee_id, second.mentor_id}


def test_inviting_nobody_or_to_a_closed_wave_is_refused(scene: Any) -> None:
    wave = scene.add_wave()
    with pytest.raises(WaveError) as caught:
        scene.invite(wave)
    assert caught.value.code == "nobody"
    assert wave.floor is None

    scene.add_pairs(1)
    waves.close_wave(scene.session, wave, now=scene.now)
    with pytest.raises(WaveError) as caught:
        scene.invite(wave)
    assert caught.value.code == "closed"


def test_a_link_opens_its_invitation_also_before_and_shortly_after_the_wave(world: Any) -> None:
    issued = world.issued[0]
    for moment in (world.now - 30 * DAY, world.now, world.wave.closes_at, world.wave.closes_at + 29 * DAY):
        assert invitations.find_invitation(world.session, issued.token, now=moment) is issued.invitation


def test_a_forged_link_is_unknown(world: Any) -> None:
    for token in ("", "x", "ä" * 32, "\ud800", "\x00", "A" * 100_000):
        with pytest.raises(InvitationError) as caught:
            invitations.find_invitation(world.session, token, now=world.now)
        assert caught.value.code == "unknown"


def test_the_stored_hash_itself_opens_nothing(world: Any) -> None:
    with pytest.raises(InvitationError):
        invitations.find_invitation(world.session, world.issued[0].invitation.token_hash, now=world.now)


def test_a_link_expires_a_while_after_its_wave_or_at_its_own_time(world: Any) -> None:
    issued = world.issued[0]
    end = world.wave.closes_at + invitations.LINK_GRACE

    def code_at(moment: datetime) -> str:
        with pytest.raises(InvitationError) as caught:
            invitations.find_invitation(world.session, issued.token, now=moment)
        return caught.value.code

    assert code_at(end) == "expired"
    invitations.find_invitation(world.session, issued.token, now=end - timedelta(seconds=1))

    issued.invitation.expires_at = world.now
    assert code_at(world.now) == "expired"
    invitations.find_invitation(world.session, issued.token, now=world.now - timedelta(seconds=1))


def test_a_wave_closed_early_lets_its_links_expire_early(world: Any) -> None:
    waves.close_wave(world.session, world.wave, now=world.now)

    with pytest.raises(InvitationError):
        invitations.find_invitation(
            world.session, world.issued[0].token, now=world.now + invitations.LINK_GRACE
        )


def test_a_new_link_replaces_the_old_one(world: Any) -> None:
    old = world.issued[0]

    new = invitations.reissue_invitation(world.session, old.invitation, now=world.now)

    assert invitations.find_invitation(world.session, new.token, now=world.now) is new.invitation
    assert (new.pair_id, new.participant_id) == (old.pair_id, old.participant_id)
    with pytest.raises(InvitationError) as caught:
        invitations.find_invitation(world.session, old.token, now=world.now)
    assert caught.value.code == "revoked"

    # Replacing the old one once more replaces the one in use.
    newest = invitations.reissue_invitation(world.session, old.invitation, now=world.now)
    active = select(Invitation.id).where(
        Invitation.revoked_at.is_(None), Invitation.participant_id == old.participant_id
    )
    assert world.session.scalars(active).all() == [newest.invitation.id]


def test_a_new_link_for_somebody_who_left_is_given_like_any_other_and_opens_nothing(world: Any) -> None:
    invitation = world.issued[0].invitation
    withdrawal.withdraw_from_surveys(
        world.session, invitation.participant, pseudonyms=world.pseudonyms, now=world.now
    )
    fresh = invitations.reissue_invitation(world.session, invitation, now=world.now)
    with pytest.raises(InvitationError) as caught:
        invitations.find_invitation(world.session, fresh.token, now=world.now)
    assert caught.value.code == "revoked"


def test_no_new_link_for_a_closed_wave(world: Any) -> None:
    waves.close_wave(world.session, world.wave, now=world.now)
    with pytest.raises(WaveError):
        invitations.reissue_invitation(world.session, world.issued[1].invitation, now=world.now)


def test_a_revoked_link_opens_nothing_any_more(world: Any) -> None:
    issued = world.issued[0]
    for _ in range(2):
        invitations.revoke_invitation(world.session, issued.invitation, now=world.now)

    with pytest.raises(InvitationError) as caught:
        invitations.find_invitation(world.session, issued.token, now=world.now)
    assert caught.value.code == "revoked"
    logged = select(AuditEvent.action).where(AuditEvent.action == "invitation.revoked")
    assert len(world.session.scalars(logged).all()) == 1


def test_the_link_of_somebody_who_left_opens_nothing_even_if_it_was_issued_meanwhile(world: Any) -> None:
    issued = world.issued[0]
    issued.invitation.participant.surveys_ended_on = world.now.date()

    with pytest.raises(InvitationError) as caught:
        invitations.find_invitation(world.session, issued.token, now=world.now)
    assert caught.value.code == "revoked"


def test_each_partner_is_told_the_others_name(world: Any) -> None:
    pair = world.pairs[0]
    mentor, mentee = (world.invitation_of(pair, role).invitation for role in (Role.MENTOR, Role.MENTEE))

    assert invitations.partner_name(world.session, mentor) == "Senior0"
    assert invitations.partner_name(world.session, mentee) == "Junior0"
    pair.mentee.contact = None
    assert invitations.partner_name(world.session, mentor) == ""
