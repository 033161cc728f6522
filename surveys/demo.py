"""A demo organisation simulated from a known truth, entered through the same use cases as real people's data.

Four cohorts of 10, 15, 24 and 40 pairs answered at baseline, after the trial and at mid-programme; the post-pair wave
is open. Answers are skewed five-point ratings after measurement.md 6.1 and 6.2: a stable and an occasion-specific part,
items with a lasting uniqueness, correlated partners, dropout that depends on how safe a person feels. The third
cohort's truth is that nothing changed. The fourth has come to its end, and people wrote what they think (`demo_comments`).
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.model import Form, Instrument, Item, Missing, Role, WaveKind
from surveys import (
    demo_addressed,
    demo_comments,
    demo_meetings,
    invitations,
    languages,
    programs,
    responses,
    waves,
)
from surveys.models.program import Cohort, Pair, Participant, Program, Wave
from surveys.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    import numpy as np

SEED = 20260401
THRESHOLDS = (-2.0, -1.2, -0.45, 0.75)
LOADING = 0.75
STABLE = 0.8
LASTING_UNIQUENESS = 0.35
PARTNER_CORRELATION = 0.3
SKIPPED, NOT_APPLICABLE, PREFER_NOT = 0.015, 0.01, 0.01

# What the programme truly does to a scale, in standard deviations of the latent trait from one wave to the next.
# Baseline to trial, trial to mid; scales that are not named here do not change.
TRUE_SHIFT: Mapping[str, tuple[float, float]] = {
    "PS": (0.0, 0.55),
    "PSG": (0.2, 0.35),
    "TR": (0.0, 0.45),
    "PW_G": (0.0, 0.4),
    "PW_V": (0.0, 0.45),
    "RQ": (0.0, 0.3),
    "OP": (0.1, 0.2),
    "MC": (0.1, 0.3),
}


@dataclass(frozen=True)
class CohortPlan:
    """One simulated cohort: its size, how much of the true shift happens, and when it started."""

    name: str
    n_pairs: int
    effect: float
    weeks_ago: int
    # Whether its last waves are over already; where that is the last cohort, everything before it is drawn as ever.
    finished: bool = False


COHORTS = (
    CohortPlan("Lisbon pilot", 10, 1.0, 19),
    CohortPlan("Finance and Legal", 15, 1.0, 18),
    CohortPlan("Operations North", 24, 0.0, 18),
    CohortPlan("Product and Engineering", 40, 1.2, 17, finished=True),
)


@dataclass(frozen=True)
class Occasion:
    """One wave of the schedule; without `after_days` it opened three days ago and is still open."""

    kind: WaveKind
    response_rate: float
    after_days: int | None = None


WAVES = (
    Occasion(WaveKind.T0, 0.95, after_days=0),
    Occasion(WaveKind.TC, 0.9, after_days=35),
    Occasion(WaveKind.T2, 0.86, after_days=77),
    Occasion(WaveKind.T3A, 0.3),
)
FIELDWORK = dt.timedelta(days=10)
OPEN_SINCE = dt.timedelta(days=3)

# The open wave keeps one unanswered link for each of these.
READY_LINKS = ((Role.MENTOR, "ur"), (Role.MENTEE, "de"))

# (name, the locale they read): invented people; a demo's partner names should be as mixed as real ones.
MENTORS = (
    ("Ayesha Siddiqui", "ur"), ("Jonas Weber", "de"), ("Camille Laurent", "fr"), ("Lucía Romero", "es"),
    ("Omar Haddad", "ar"), ("Priya Nair", "en"), ("Hamza Qureshi", "ur"), ("Grace Okafor", "en"),
    ("Felix Brandt", "de"), ("Noor Al-Masri", "ar"), ("Zainab Mirza", "ur"), ("Mateo Vidal", "es"),
    ("Sofia Lindqvist", "en"), ("Theo Marchand", "fr"), ("Bilal Ahmed", "ur"), ("Ines Carvalho", "en"),
)  # fmt: skip
MENTEES = (
    ("Martina Vogel", "de"), ("Richard Hughes", "en"), ("Hélène Fournier", "fr"), ("Carlos Medina", "es"),
    ("Samira Khalil", "ar"), ("Andreas König", "de"), ("Margaret Doyle", "en"), ("Tariq Mahmood", "ur"),
    ("Ulrike Sommer", "de"), ("Patrick Nolan", "en"), ("Beatriz Navarro", "es"), ("Philippe Girard", "fr"),
    ("Khalid Rahman", "ar"), ("Dorothea Klein", "de"), ("Elizabeth Ward", "en"), ("Asad Farooqi", "ur"),
)  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """The seeded programme, with a token ready for an unanswered invitation of the open wave in each locale wished."""

    program: Program
    mentor_token: str
    mentee_token: str


def seed_demo(
    session: Session,
    instrument: Instrument,
    pseudonyms: Pseudonyms,
    *,
    now: dt.datetime,
    seed: int = SEED,
    freeze: Callable[[Wave, dt.datetime], object],
    cohorts: Sequence[CohortPlan] = COHORTS,
    schedule: Sequence[Occasion] = WAVES,
    progress: Callable[[Iterable[Wave], int], Iterable[Wave]] = lambda items, _total: items,
) -> Demo:
    """Create the demo organisation, answer its waves and close the first three; freeze is called for each closed wave."""
    import numpy as np

    rng = np.random.default_rng(seed)
    program = programs.create_program(
        session,
        slug="demo",
        name="Reverse mentoring 2026",
        organisation="Example Works",
        instrument=instrument,
        now=now,
    )
    # The demo shows every language; a programme for real people would ask somebody who reads them first.
    languages.acknowledge_drafts(
        session, program, instrument, now=now - dt.timedelta(weeks=cohorts[0].weeks_ago)
    )
    tokens: dict[tuple[Role, str], str] = {}
    scheduled: list[tuple[Wave, CohortPlan, Occasion]] = []
    people: dict[str, Simulated] = {}
    for plan in cohorts:
        start = now - dt.timedelta(weeks=plan.weeks_ago)
        cohort = programs.add_cohort(session, program, name=plan.name, starts_on=start.date(), now=start)
        for pair in _add_pairs(session, program, cohort, plan, now=start):
            people.update(simulate_pair(rng, pair.id, instrument))
        for occasion in schedule:
            is_open = occasion.after_days is None
            if is_open and plan.finished:
                continue
            opens = now - OPEN_SINCE if is_open else start + dt.timedelta(days=occasion.after_days or 0)
            wave = waves.schedule_wave(
                session,
                cohort,
                occasion.kind,
                instrument,
                opens_at=opens,
                closes_at=opens + FIELDWORK,
                locales=list(instrument.locales),
                now=opens,
            )
            scheduled.append((wave, plan, occasion))
    plans = {wave.id: (plan, occasion) for wave, plan, occasion in scheduled}
    for wave in progress([wave for wave, _, _ in scheduled], len(scheduled)):
        plan, occasion = plans[wave.id]
        left = _answer_wave(session, wave, plan, occasion, instrument, pseudonyms, people, rng)
        if occasion.after_days is None:
            tokens = {**left, **tokens}
        else:
            demo_addressed.decide_trial(session, wave)
            waves.close_wave(session, wave, now=wave.closes_at)
            session.flush()
            freeze(wave, wave.closes_at)
    for plan in (one for one in cohorts if one.finished):
        _finish_cohort(
            session,
            programs.find_cohort(session, program, plan.name),
            plan,
            instrument,
            pseudonyms,
            people,
            now,
        )
    demo_addressed.seed_addressed(session, program, now=now)
    if not cohorts[0].finished:
        demo_meetings.seed_meetings(session, program, instrument, now=now)
    return Demo(program, *(tokens[link] for link in READY_LINKS))


def _add_pairs(
    session: Session, program: Program, cohort: Cohort, plan: CohortPlan, *, now: dt.datetime
) -> Iterator[Pair]:
    """Match invented people one to one; in the largest cohort one mentor has two mentees."""
    mentors = []
    for number in range(plan.n_pairs):
        mentor = _person(session, program, Role.MENTOR, MENTORS, plan, number, now)
        mentee = _person(session, program, Role.MENTEE, MENTEES, plan, number, now)
        mentors.append(mentor)
        if plan.n_pairs >= 40 and number == 1:
            mentor = mentors[0]
        yield programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, started_on=now.date(), now=now)


def _person(
    session: Session,
    program: Program,
    role: Role,
    names: tuple[tuple[str, str], ...],
    plan: CohortPlan,
    number: int,
    now: dt.datetime,
) -> Participant:
    """One invented participant with an address under the reserved example domain."""
    name, locale = names[(number * 5 + plan.n_pairs) % len(names)] if number else names[0]
    first, _, last = name.partition(" ")
    surname = last if number < len(names) else f"{last}-{'ABCDE'[number // len(names)]}"
    return programs.add_participant(
        session,
        program,
        role=role,
        name=f"{first} {surname}",
        email=f"{role.value}{number + 1}.{plan.n_pairs}@example.org",
        locale=locale,
        now=now,
    )


@dataclass(frozen=True)
class Simulated:
    """The latent truth of one person in one pair: a stable trait a factor and a lasting uniqueness an item."""

    traits: Mapping[str, float]
    uniqueness: Mapping[str, float]


def simulate_pair(rng: "np.random.Generator", pair_id: str, instrument: Instrument) -> dict[str, Simulated]:
    """Draw both partners, by pair and role: factors share one general part, and partners correlate on each."""
    factors = sorted({factor_of(instrument, item.id) for item in instrument.items})
    shared = {factor: rng.standard_normal() for factor in ("", *factors)}
    drawn = {}
    for role in Role:
        own = {
            factor: PARTNER_CORRELATION**0.5 * shared[factor]
            + (1 - PARTNER_CORRELATION) ** 0.5 * rng.standard_normal()
            for factor in ("", *factors)
        }
        traits = {factor: 0.5**0.5 * own[""] + 0.5**0.5 * own[factor] for factor in factors}
        uniqueness = {item.id: float(rng.standard_normal()) for item in instrument.items}
        drawn[f"{pair_id}/{role.value}"] = Simulated(traits, uniqueness)
    return drawn


@cache
def factor_of(instrument: Instrument, item_id: str) -> str:
    """The widest scale that holds an item, or the item itself where it stands alone."""
    holding = [scale for scale in instrument.scales if item_id in scale.keys]
    return max(holding, key=lambda scale: (len(scale.keys), scale.id)).id if holding else item_id


def _answer_wave(
    session: Session,
    wave: Wave,
    plan: CohortPlan,
    occasion: Occasion,
    instrument: Instrument,
    pseudonyms: Pseudonyms,
    people: Mapping[str, Simulated],
    rng: "np.random.Generator",
    writers: demo_comments.Writers | None = None,
) -> dict[tuple[Role, str], str]:
    """Invite everybody and let those who take part answer; returns tokens that stay unanswered, by role and locale."""
    unanswered: dict[tuple[Role, str], str] = {}
    # Keys are random, so their order is too; the draws must not depend on it.
    place = {key: number for number, key in enumerate(people)}
    invited = [
        (issued, programs.get_participant(session, issued.participant_id))
        for issued in invitations.issue_invitations(session, wave, now=wave.opens_at)
    ]
    for issued, person in sorted(invited, key=lambda pair: place[f"{pair[0].pair_id}/{pair[1].role.value}"]):
        role = person.role
        wished = (person.contact.locale if person.contact else None) or instrument.source_locale
        locale = wished if wished in instrument.locales else instrument.source_locale
        simulated = people[f"{issued.pair_id}/{role.value}"]
        reserved = occasion.after_days is None and (role, wished) in READY_LINKS
        takes_part = decide_to_answer(rng, simulated, occasion)
        # The first person of each language that a ready link is wished for is left to whoever tries the demo.
        if (reserved and (role, wished) not in unanswered) or not takes_part:
            unanswered.setdefault((role, wished), issued.token)
            continue
        form = waves.form_of(wave, role, instrument)
        answers = draw_answers(rng, instrument, form, simulated, plan.effect)
        written, quotable = writers.write(rng, form, locale) if writers else ({}, frozenset())
        responses.submit_response(
            session,
            issued.invitation,
            answers | written,
            quotable=quotable,
            pseudonyms=pseudonyms,
            locale=locale,
            now=wave.opens_at + dt.timedelta(days=float(rng.uniform(0.2, 2.8))),
        )
    return unanswered


def _finish_cohort(
    session: Session,
    cohort: Cohort,
    plan: CohortPlan,
    instrument: Instrument,
    pseudonyms: Pseudonyms,
    people: Mapping[str, Simulated],
    now: dt.datetime,
) -> None:
    """Answer a cohort's last waves, with comments; their time is over, and freezing them is left to whoever tries the demo."""
    import numpy as np

    rng, writers = np.random.default_rng(demo_comments.SEED), demo_comments.Writers()
    start = now - dt.timedelta(weeks=plan.weeks_ago)
    for kind, after_days, response_rate in demo_comments.LAST_WAVES:
        opens = start + dt.timedelta(days=after_days)
        wave = waves.schedule_wave(
            session,
            cohort,
            kind,
            instrument,
            opens_at=opens,
            closes_at=opens + demo_comments.FIELDWORK,
            locales=list(instrument.locales),
            now=opens,
        )
        occasion = Occasion(kind, response_rate, after_days)
        _answer_wave(session, wave, plan, occasion, instrument, pseudonyms, people, rng, writers)


def decide_to_answer(rng: "np.random.Generator", person: Simulated, occasion: Occasion) -> bool:
    """Draw whether a person takes part: those who feel safer do so a little more often."""
    return bool(rng.random() < min(0.99, occasion.response_rate + 0.05 * person.traits.get("PS", 0.0)))


def draw_answers(
    rng: "np.random.Generator", instrument: Instrument, form: Form, person: Simulated, effect: float
) -> dict[str, AnswerValue]:
    """Draw one person's answers to one form."""
    occasion: dict[str, float] = {}
    answers: dict[str, AnswerValue] = {}
    for item_id in form.item_ids:
        item = instrument.item(item_id)
        chance = rng.random()
        if item.id not in answers and chance < SKIPPED:
            continue
        if chance < SKIPPED + NOT_APPLICABLE:
            answers[item_id] = AnswerValue(missing=Missing.NOT_APPLICABLE)
        elif chance < SKIPPED + NOT_APPLICABLE + PREFER_NOT:
            answers[item_id] = AnswerValue(missing=Missing.PREFER_NOT)
        else:
            factor = factor_of(instrument, item_id)
            state = occasion.setdefault(factor, float(rng.standard_normal()))
            shift = true_shift(factor, form.wave, effect)
            latent = STABLE**0.5 * person.traits[factor] + (1 - STABLE) ** 0.5 * state + shift
            noise = (
                LASTING_UNIQUENESS**0.5 * person.uniqueness[item_id]
                + (1 - LASTING_UNIQUENESS) ** 0.5 * rng.standard_normal()
            )
            value = LOADING * latent + (1 - LOADING**2) ** 0.5 * float(noise)
            drawn = _answer_of(rng, instrument, item, value)
            if drawn is not None:
                answers[item_id] = drawn
    return answers


def true_shift(factor: str, wave: WaveKind, effect: float) -> float:
    """How far a cohort's latent trait has moved by a wave, in standard deviations."""
    steps = TRUE_SHIFT.get(factor, (0.0, 0.0))
    happened = steps if wave not in {WaveKind.T0, WaveKind.TC} else steps[: wave == WaveKind.TC]
    return effect * sum(happened)


def _answer_of(
    rng: "np.random.Generator", instrument: Instrument, item: Item, value: float
) -> AnswerValue | None:
    """Cut a latent value into the codes of the item's format."""
    response_format = instrument.format_of(item.id)
    if response_format.kind == "text":
        return None
    if len(response_format.options) == 2:
        unlikely = rng.random() < 0.04
        return AnswerValue(code=response_format.options[unlikely].code)
    return AnswerValue(code=codes_by_step(instrument, item.id)[sum(value > cut for cut in THRESHOLDS)])


@cache
def codes_by_step(instrument: Instrument, item_id: str) -> tuple[int, ...]:
    """The code for each number of thresholds that a latent value has passed; problem items are cut from the other side."""
    codes = [option.code for option in instrument.format_of(item_id).options]
    if any(scale.direction == "problem" and item_id in scale.keys for scale in instrument.scales):
        codes.reverse()
    last = len(THRESHOLDS)
    return tuple(codes[round(step * (len(codes) - 1) / last)] for step in range(last + 1))
