"""After the trial: the newest choice counts, talks are listed without a reason, and a talk proves nothing."""

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from instruments.model import Role, WaveKind
from surveys import messages, trial, waves
from surveys.errors import MessageError, TrialError
from surveys.models import AuditEvent, Talk, TrialChoice, TrialDecision


class FixedLots(Random):
    """Lots that are known beforehand, in the order of the pairs' keys; when they run out nobody is drawn."""

    def __init__(self, drawn: Iterable[bool] = ()) -> None:
        super().__init__(0)
        self.drawn = iter(drawn)
        self.n_asked = 0

    def random(self) -> float:
        self.n_asked += 1
        return 0.0 if next(self.drawn, False) else 0.99


@pytest.fixture
def trial_wave(scene: Any) -> Any:
    """Six pairs at an open trial check; returns a function that decides for a partner of a pair by its number."""
    pairs = scene.add_pairs(6)
    wave = scene.add_wave(WaveKind.TC)
    issued = {(one.pair_id, one.participant_id): one.invitation for one in scene.invite(wave)}

    def decide(number: int, role: Role, choice: str, text: str = "", **step: float) -> None:
        pair = pairs[number]
        person = pair.mentor_id if role is Role.MENTOR else pair.mentee_id
        when = scene.now + timedelta(**step)
        trial.decide_trial(scene.session, issued[pair.id, person], choice, text, now=when)

    def draw(lots: Random | None = None, **step: float) -> list[tuple[str | None, str | None]]:
        when = wave.closes_at + timedelta(**step)
        trial.draw_talks(scene.session, wave, now=when, lots=lots or FixedLots())
        (listed,) = trial.list_talks(scene.session, scene.cohort.program, now=when)
        return [(talk.mentor, talk.mentee) for talk in listed.talks]

    return scene, wave, pairs, decide, draw


def n_decisions(scene: Any) -> int:
    return scene.session.scalar(select(func.count()).select_from(TrialDecision)) or 0


@pytest.mark.parametrize(
    ("choices", "asks"),
    [
        ([], False),
        (["continue"], False),
        (["continue", "continue"], False),
        (["continue", "help"], True),
        (["end"], True),
        (["talk", "talk"], True),
    ],
)
def test_anything_but_to_continue_asks_for_a_talk_and_a_missing_decision_does_not(
    choices: list[str], asks: bool
) -> None:
    assert trial.asks_for_talk([TrialChoice(choice) for choice in choices]) is asks


def test_the_newest_choice_counts_and_earlier_ones_are_gone(trial_wave: Any) -> None:
    scene, _, _, decide, draw = trial_wave
    decide(0, Role.MENTOR, "end", "I was angry.")
    decide(0, Role.MENTOR, "continue", "", days=1)
    assert n_decisions(scene) == 1
    assert scene.session.scalars(select(TrialDecision.body)).one() == ""

    assert draw() == []
    assert messages.list_messages(scene.session, scene.cohort.program) == []


def test_talks_are_listed_by_name_whoever_asked_and_however(trial_wave: Any) -> None:
    _, _, pairs, decide, draw = trial_wave
    decide(4, Role.MENTEE, "talk")
    decide(1, Role.MENTOR, "help", "No time.")
    decide(1, Role.MENTEE, "continue")
    decide(2, Role.MENTOR, "continue")
    decide(2, Role.MENTEE, "continue")
    by_key = sorted(pairs, key=lambda pair: pair.id)

    listed = draw(FixedLots(pair is pairs[2] for pair in by_key))

    assert listed == [("Junior1", "Senior1"), ("Junior2", "Senior2"), ("Junior4", "Senior4")]
    assert set(Talk.__table__.columns.keys()) == {"id", "wave_id", "pair_id", "held_on"}


def test_the_named_choices_become_messages_and_to_continue_is_told_to_nobody(trial_wave: Any) -> None:
    scene, _, _, decide, draw = trial_wave
    decide(1, Role.MENTOR, "help", "No time.")
    decide(1, Role.MENTEE, "continue", "Looking forward.")
    decide(3, Role.MENTEE, "end", "", days=2)
    assert messages.list_messages(scene.session, scene.cohort.program) == []

    draw()

    lines = messages.list_messages(scene.session, scene.cohort.program)
    assert [(line.name, line.kind.value, line.text, line.partner) for line in lines] == [
        ("Senior3", "trial_end", "", "Junior3"),
        ("Junior1", "trial_help", "No time.", "Senior1"),
    ]
    assert [line.sent_on for line in lines] == [(scene.now + timedelta(days=d)).date() for d in (2, 0)]
    # Nothing is left from which could be read who decided.
    assert n_decisions(scene) == 0


def test_the_list_is_drawn_up_once_and_only_when_the_time_is_over(trial_wave: Any) -> None:
    scene, wave, _, decide, draw = trial_wave
    decide(0, Role.MENTOR, "talk")
    with pytest.raises(TrialError) as caught:
        trial.draw_talks(scene.session, wave, now=scene.now)
    assert caught.value.code == "not_over"

    first = draw(FixedLots([True, False, True]))
    again = draw(FixedLots([True] * 6), days=3)

    assert first == again
    logged = scene.session.scalars(select(AuditEvent.action).where(AuditEvent.action == "talks.drawn"))
    assert len(logged.all()) == 1


def test_pairs_that_ended_or_were_not_asked_are_not_on_the_list(trial_wave: Any) -> None:
    scene, _, pairs, decide, draw = trial_wave
    decide(0, Role.MENTOR, "end")
    pairs[0].ended_on = scene.now.date()
    scene.session.flush()

    assert len(draw(FixedLots([True] * 6))) == 5


def test_nobody_can_decide_before_or_after_the_trial_check_or_at_another_wave(
    trial_wave: Any,
) -> None:
    scene, wave, _, decide, _ = trial_wave
    other = scene.invite(scene.add_wave(WaveKind.T0))[0].invitation
    with pytest.raises(TrialError) as caught:
        trial.decide_trial(scene.session, other, "talk", now=scene.now)
    assert caught.value.code == "not_offered"
    with pytest.raises(TrialError) as caught:
        decide(0, Role.MENTOR, "talk", hours=-2)
    assert caught.value.code == "over"

    waves.close_wave(scene.session, wave, now=scene.now)
    with pytest.raises(TrialError) as caught:
        decide(0, Role.MENTOR, "talk")
    assert caught.value.code == "over"
    assert n_decisions(scene) == 0


def test_a_choice_that_is_not_offered_and_too_many_words_are_refused(trial_wave: Any) -> None:
    _, _, _, decide, _ = trial_wave
    for choice in ("", "END", "x" * 100):
        with pytest.raises(TrialError) as caught:
            decide(0, Role.MENTOR, choice)
        assert caught.value.code == "choice"
    with pytest.raises(MessageError):
        decide(0, Role.MENTOR, "talk", "x" * (messages.LONGEST_TEXT + 1))


def test_that_a_talk_was_held_is_noted_once(trial_wave: Any) -> None:
    scene, _, _, decide, draw = trial_wave
    decide(0, Role.MENTOR, "talk")
    draw()
    program, when = scene.cohort.program, scene.now + timedelta(days=10)
    (listed,) = trial.list_talks(scene.session, program, now=when)

    for days in (0, 5):
        trial.hold_talk(scene.session, program, listed.talks[0].talk_id, now=when + timedelta(days=days))

    (listed,) = trial.list_talks(scene.session, program, now=when)
    assert listed.talks[0].held_on == when.date()
    with pytest.raises(TrialError):
        trial.hold_talk(scene.session, program, "f" * 32, now=when)


class TestATalkProvesNothing:
    """Whoever continues and is talked to cannot know whether the partner asked: lots are as likely whatever happens elsewhere."""

    def test_every_pair_has_a_lot_of_its_own_also_where_nobody_decided(self, trial_wave: Any) -> None:
        _, _, _, decide, draw = trial_wave
        decide(0, Role.MENTOR, "end")
        lots = FixedLots([True] * 6)

        listed = draw(lots)

        assert (lots.n_asked, len(listed)) == (6, 6)

    def test_a_pair_on_the_list_without_a_message_need_not_have_decided(self, trial_wave: Any) -> None:
        """Were only pairs drawn that decided twice, such a place would tell that both partners had answered."""
        scene, _, _, _, draw = trial_wave

        assert len(draw(FixedLots([True] * 6))) == 6
        assert messages.list_messages(scene.session, scene.cohort.program) == []

    def test_the_lots_come_from_the_system_and_one_in_five_is_drawn(self, trial_wave: Any) -> None:
        scene, wave, _, _, _ = trial_wave
        assert trial.ROUTINE_SHARE == 0.2
        used = []

        class Watched(secrets.SystemRandom):
            def random(self) -> float:
                used.append(super().random())
                return used[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(secrets, "SystemRandom", Watched)
            trial.draw_talks(scene.session, wave, now=wave.closes_at)

        n_talks = scene.session.scalar(select(func.count()).select_from(Talk))
        assert n_talks == sum(lot < 0.2 for lot in used)
        assert len(used) == 6

    @pytest.mark.parametrize("n_pairs", [5, 10])
    def test_what_is_known_of_other_pairs_tells_nothing_about_ones_own(self, n_pairs: int) -> None:
        """Of 40,000 cohorts: how often the partner asked, given a talk, whatever the number of talks with others."""
        shares = suspicion(n_pairs, separate_lots)

        # Bayes: .1 / (.1 + .9 * .2); a talk raises the odds, and leaves it more likely than not that nobody asked.
        assert all(abs(share - 0.357) < 0.04 for share in shares.values())

    @pytest.mark.parametrize("n_pairs", [5, 10])
    def test_a_fixed_number_of_routine_talks_would_betray(self, n_pairs: int) -> None:
        """The control: one pair in five, rounded up, ties the lots together, and the number of talks tells on them."""
        shares = suspicion(n_pairs, fixed_number)

        assert max(shares.values()) - min(shares.values()) > 0.3

    def test_a_list_without_routine_talks_is_recognised(self) -> None:
        """The control: without lots every talk proves that somebody asked."""
        assert set(suspicion(5, lambda rng, asked: asked).values()) == {1.0}


def separate_lots(rng: Random, asked: list[bool]) -> list[bool]:
    """Talks as they are drawn."""
    return [one or rng.random() < trial.ROUTINE_SHARE for one in asked]


def fixed_number(rng: Random, asked: list[bool]) -> list[bool]:
    """Talks if one in five of the other pairs, rounded up, were drawn."""
    others = [number for number, one in enumerate(asked) if not one]
    drawn = set(rng.sample(others, -(-len(others) // 5)))
    return [one or number in drawn for number, one in enumerate(asked)]


def suspicion(n_pairs: int, draw: Any, n_cohorts: int = 40_000) -> dict[int, float]:
    """How often the first pair asked, given that it is talked to, by the number of talks with others; rare numbers left out."""
    rng, talked, had_asked = Random(20260401), Counter[int](), Counter[int]()
    for _ in range(n_cohorts):
        asked = [rng.random() < 0.1 for _ in range(n_pairs)]
        talks = draw(rng, asked)
        if talks[0]:
            others = sum(talks[1:])
            talked[others] += 1
            had_asked[others] += asked[0]
    return {others: had_asked[others] / n for others, n in talked.items() if n >= 1500}
