"""What people of the worlds write beside their answers: messages, decisions, wishes and comments, and what became of some of it.

A base has what a coordinator may know: messages with names, mediations that are counted, a list of talks, a pair that goes on, themes that
were published, meetings that pairs entered, and people who were matched anew. `write_quietly` adds to a copy what must not be seen: nine
comments, pulses, one partner's yes, decisions to continue, and ratings of fewer than five people.
"""

from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.digests import digest as digest_of
from instruments.model import Role, WaveKind
from surveys import (
    extensions,
    goals,
    invitations,
    mediation,
    meetings,
    messages,
    programs,
    pulses,
    rematching,
    responses,
    trial,
    waves,
)
from surveys.models import (
    Cohort,
    Comment,
    Invitation,
    MediationResult,
    MessageKind,
    Pair,
    Participant,
    Response,
    Theme,
    TrialChoice,
    Wave,
    WaveThemes,
)
from tests.webapp.worlds import HOW, START, TOY_FOLDERS, Seeds, add_pairs, writing

MENTOR, MENTEE = Role.MENTOR, Role.MENTEE
T3A = WaveKind.T3A
DAY = timedelta(days=1)
RESULTS = (*["resolved"] * 3, "partly", "not")
# Five of the ten who asked for a mediation have told how it ended; in some worlds four more have.
N_MEDIATIONS, N_COUNTED, N_WAITING = 10, 5, 4
N_COMMENTS = 9
THEME = {
    "locale": "en",
    "title": "About 11 of our meetings",
    "summary": "Several would rather meet for 45 minutes than for 90.",
    "quotes": ["We met on 17 days."],
}


def seed_written(session: Session, seeds: Seeds) -> None:
    """Add what a coordinator may read to the programme of `worlds.seed`, and two cohorts more."""
    north = session.get_one(Cohort, seeds.cohorts["North"])
    add_trial(session, seeds, north)
    add_last(session, seeds, north)
    write_letters(session, seeds)
    write_meetings(session, seeds)
    add_pulses(session, seeds)
    first = session.get_one(Wave, seeds.waves["North TC"])
    trial.draw_talks(session, first, now=START - 3 * DAY, lots=Random(2))
    held = trial.list_talks(session, north.program, now=START)[0].talks[0]
    trial.hold_talk(session, north.program, held.talk_id, now=START - 2 * DAY)
    publish(session, seeds)


def add_trial(session: Session, seeds: Seeds, beside: Cohort) -> None:
    """A cohort whose trial check is open."""
    cohort = programs.add_cohort(session, beside.program, name="Trial", starts_on=START.date(), now=START)
    seeds.cohorts["Trial"] = cohort.id
    add_pairs(session, cohort, 5)
    toy = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    open_wave(session, seeds, cohort, waves.schedule_wave(session, cohort, "TC", toy, **window()))


def add_last(session: Session, seeds: Seeds, beside: Cohort) -> None:
    """A cohort at its end: the first pair goes on, and of two pairs that have ended two people were matched anew."""
    cohort = programs.add_cohort(session, beside.program, name="Last", starts_on=START.date(), now=START)
    seeds.cohorts["Last"] = cohort.id
    add_pairs(session, cohort, 6)
    ended = [pair_of(session, cohort, number) for number in (4, 5)]
    for pair in ended:
        pair.started_on = (START - 50 * DAY).date()
    session.flush()
    for pair in ended:
        rematching.end_match(session, pair, ended_on=(START - 9 * DAY).date(), now=START - 8 * DAY)
    rematching.match_anew(
        session, cohort, mentor_id=ended[0].mentor_id, mentee_id=ended[1].mentee_id, reporting_line="none",
        started_on=(START - 8 * DAY).date(), now=START - 8 * DAY,
    )  # fmt: skip
    core = get_instrument("core-battery", "0.1.0")
    open_wave(session, seeds, cohort, waves.schedule_wave(session, cohort, T3A, core, **window()))
    for role in Role:
        extensions.wish_extension(session, find(session, seeds, "Last", role, 0), "yes", now=START - DAY)


def window() -> dict[str, object]:
    """The times of a wave that has been open for three days."""
    return {"opens_at": START - 3 * DAY, "closes_at": START + 7 * DAY, "now": START - 3 * DAY}


def open_wave(session: Session, seeds: Seeds, cohort: Cohort, wave: Wave) -> None:
    """Issue the links of a wave and keep them; who was matched anew keeps the newest."""
    seeds.waves[f"{cohort.name} {wave.kind.value}"] = wave.id
    issued = invitations.issue_invitations(session, wave, now=wave.opens_at, folders=TOY_FOLDERS)
    for one in issued:
        person = session.get_one(Participant, one.participant_id)
        assert person.contact is not None
        seeds.links[cohort.name, person.role, int(person.contact.name.split(" ")[-1])] = one.token


def pair_of(session: Session, cohort: Cohort, number: int) -> Pair:
    """A pair by the number of its mentor."""
    pairs = session.scalars(select(Pair).where(Pair.cohort_id == cohort.id))
    return next(
        pair for pair in pairs if pair.mentor.contact and pair.mentor.contact.name.endswith(f" {number}")
    )


def find(session: Session, seeds: Seeds, cohort: str, role: Role, number: int) -> Invitation:
    """Somebody's link."""
    return invitations.find_invitation(session, seeds.links[cohort, role, number], now=START)


def write_letters(session: Session, seeds: Seeds) -> None:
    """Two messages that wait, and ten mediations that are done, of which five people have told how they ended."""
    letters = [
        (0, MessageKind.CONTACT, "Could we talk at 14:30, in room 208?"),
        (1, MessageKind.FREE, "Is there a budget of 75 for books?"),
        *((number, MessageKind.MEDIATION, "") for number in range(N_MEDIATIONS)),
    ]
    for place, (number, kind, text) in enumerate(letters):
        sent = START - (20 - place) * DAY
        person = find(session, seeds, "North", MENTOR, number)
        messages.send_message(session, person, kind.value, text, form_key=f"letter {place}", now=sent)
    program = session.get_one(Cohort, seeds.cohorts["North"]).program
    for line in messages.list_messages(session, program):
        if line.kind is MessageKind.MEDIATION:
            messages.move_message(session, program, line.message_id, "closed", now=START)
    for number, result in enumerate(RESULTS):
        person = find(session, seeds, "North", MENTOR, number)
        mediation.rate_mediation(session, person, MediationResult(result).value, now=START - DAY)


def write_meetings(session: Session, seeds: Seeds) -> None:
    """Meetings of two pairs, one of which fell through, with notes and a goal that no coordinator reads."""
    held = {"took_place": "yes", "format": "hybrid", "minutes": "55"}
    entered = [
        (0, held | {"held_on": "2026-01-15"}),
        (0, held | {"held_on": "2026-02-19", "minutes": "35"}),
        (0, {"held_on": "2026-02-25", "took_place": "no"}),
        (1, held | {"held_on": "2026-02-13", "format": "virtual"}),
    ]
    for place, (number, given) in enumerate(entered):
        person = find(session, seeds, "North", MENTOR, number)
        met = meetings.log_meeting(session, person, given, form_key=f"{place}", now=START)
        note = {"notes": "We read 61 pages.", "n_agreed": "7"}
        meetings.save_note(session, person, met.meeting_id, note, version="0", now=START)
        goals.add_goal(session, person, {"text": "Present 62 slides."}, form_key=f"{place}", now=START)


def add_pulses(session: Session, seeds: Seeds) -> None:
    """A wave of pulses, open as long as the others are looked at."""
    cohort, battery = session.get_one(Cohort, seeds.cohorts["North"]), get_instrument("core-battery", "0.1.0")
    window = {"opens_at": START - 30 * DAY, "closes_at": START + 90 * DAY}
    wave = waves.schedule_wave(session, cohort, WaveKind.PL, battery, **window, now=START - 40 * DAY)
    seeds.waves["North PL"] = wave.id
    for one in invitations.issue_invitations(session, wave, now=wave.opens_at):
        person = session.get_one(Participant, one.participant_id)
        number = int(person.contact.name.split(" ")[-1]) if person.contact else 0
        seeds.links["North pulses", person.role, number] = one.token


def publish(session: Session, seeds: Seeds) -> None:
    """Comments on two waves that are closed; the themes of one were published, and those of the other are drafts."""
    for name in ("North T2", "Seven T2"):
        answered = session.scalars(select(Response).where(Response.wave_id == seeds.waves[name]))
        for place, response in enumerate(answered):
            session.add(Comment(response_key=response.key, item_id="R1", text=f"Comment {place + 300}"))
    day, body = START.date() - timedelta(days=6), {"rules": "1", "themes": [THEME]}
    session.add(
        WaveThemes(
            wave_id=seeds.waves["North T2"], item_id="R1", published_on=day, body=body, digest=digest_of(body)
        )
    )
    draft = {"locale": "en", "title": "31 secrets", "summary": "Drafts hold 32 words.", "version": 1}
    session.add(Theme(wave_id=seeds.waves["Seven T2"], item_id="R1", **draft))
    session.flush()


def write_quietly(path: Path, seeds: Seeds) -> Path:
    """Add to a world what no coordinator, and no partner, may be able to tell from its absence."""
    with writing(path) as session:
        for number in range(N_COMMENTS):
            # Every mentee of the cohort has answered; these say something in their own words as well.
            wide = find(session, seeds, "Wide", MENTEE, number)
            comment = {"R1": AnswerValue(text=f"Comment {number}")}
            responses.submit_response(session, wide, comment, now=START - DAY, **HOW)
        for number in range(12):
            asked = find(session, seeds, "North pulses", MENTOR, number)
            for key in "ab":
                given = {"PL5": AnswerValue(code=1 + number % 5)}
                pulses.send_pulse(session, asked, given, form_key=key, now=START - DAY, **HOW)
        extensions.wish_extension(session, find(session, seeds, "Last", MENTOR, 1), "yes", now=START - DAY)
        for number in range(4):
            person = find(session, seeds, "Trial", MENTOR, number)
            trial.decide_trial(session, person, TrialChoice.CONTINUE.value, now=START - DAY)
        for number in range(N_COUNTED, N_COUNTED + N_WAITING):
            asked = find(session, seeds, "North", MENTOR, number)
            mediation.rate_mediation(session, asked, "resolved", now=START - DAY)
    return path
