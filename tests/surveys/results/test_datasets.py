"""Answers leave the database complete, pseudonymous, quickly, and only after their wave is closed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from instruments.answers import AnswerValue
from instruments.model import Missing, Role, WaveKind
from scoring.frames import check_item_frame
from surveys import datasets, responses, waves
from surveys.datasets import WaveStillOpenError


def submit(world, pair, role, answers):
    return responses.submit_response(
        world.session,
        world.invitation_of(pair, role).invitation,
        answers,
        pseudonyms=world.pseudonyms,
        locale="de",
        now=world.now,
        folders=world.folders,
    )


def close(world):
    return waves.close_wave(world.session, world.wave, now=world.now + timedelta(hours=1))


def test_frame_holds_submitted_answers_as_raw_codes_and_nothing_else(world):
    first, second = world.pairs
    submit(
        world,
        first,
        Role.MENTOR,
        {
            "A1": AnswerValue(code=4),
            "A2": AnswerValue(missing=Missing.NOT_APPLICABLE),
            "A3": AnswerValue(code=2),
            "B1": AnswerValue(missing=Missing.PREFER_NOT),
        },
    )
    # A draft, and a response that was taken back, are not there.
    draft = world.invitation_of(second, Role.MENTOR).invitation
    page = world.instrument.form(WaveKind.T2, Role.MENTOR).pages[0]
    responses.save_page(
        world.session, draft, page, {"A1": AnswerValue(code=1)},
        pseudonyms=world.pseudonyms, locale="en", now=world.now, folders=world.folders,
    )  # fmt: skip
    submit(world, second, Role.MENTEE, {"A1": AnswerValue(code=5)})
    responses.withdraw_response(
        world.session,
        world.invitation_of(second, Role.MENTEE).invitation,
        pseudonyms=world.pseudonyms,
        now=world.now,
    )
    close(world)

    frame = datasets.item_frame(world.session, [world.wave], folders=world.folders)

    assert list(frame.columns[:6]) == list(datasets.IDENTITY)
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["role"], row["wave"], row["locale"], row["cohort"]) == ("mentor", "T2", "de", world.cohort.id)
    assert row["respondent"] == world.pseudonyms.respondent_key(world.session, first.mentor_id)
    assert row["pair"] == world.pseudonyms.pair_key(world.session, first.id)
    assert (row["A1"], row["A3"]) == (4.0, 2.0)
    assert frame[["A2", "B1", "B2", "X1"]].isna().all(axis=None)
    # The pool's defaults ask mentors X1, X2 and mentees X1, X3; X4 and the open question have no column.
    assert list(frame.columns[6:]) == ["A1", "A2", "A3", "B1", "B2", "X1", "X2", "X3", "S1", "H1"]
    check_item_frame(frame, list(frame.columns[6:]))


def test_long_rows_tell_skipped_from_missing_and_leave_out_what_was_not_asked(world):
    pair = world.pairs[0]
    submit(
        world,
        pair,
        Role.MENTEE,
        {
            "A1": AnswerValue(code=3),
            "A2": AnswerValue(missing=Missing.PREFER_NOT),
            "B1": AnswerValue(missing=Missing.NOT_APPLICABLE),
            "R1": AnswerValue(text="My words."),
        },
    )
    close(world)

    rows = datasets.answer_rows(world.session, [world.wave], folders=world.folders)

    assert {row.item: (row.code, row.missing) for row in rows} == {
        "A1": (3, ""),
        "A2": (None, "prefer_not"),
        "A3": (None, "skipped"),
        "B1": (None, "not_applicable"),
        "B2": (None, "skipped"),
        "X1": (None, "skipped"),
        "X3": (None, "skipped"),
        "H1": (None, "skipped"),
    }
    assert {(row.role, row.wave, row.cohort) for row in rows} == {(Role.MENTEE, WaveKind.T2, world.cohort.id)}


def above_floor(session, waves_read, *, sensitive_floor=10, folders=()):
    return datasets.frame_above_floor(session, waves_read, sensitive_floor=sensitive_floor, folders=folders)


@pytest.mark.parametrize("read", [datasets.item_frame, datasets.answer_rows, above_floor])
def test_an_open_wave_gives_nothing_away(world, read: Callable):
    submit(world, world.pairs[0], Role.MENTOR, {"A1": AnswerValue(code=4)})
    with pytest.raises(WaveStillOpenError) as caught:
        read(world.session, [world.wave], folders=world.folders)
    assert caught.value.code == "wave_still_open"
    assert caught.value.params == {"kind": "T2"}


def test_a_wave_whose_time_is_over_but_that_nobody_closed_counts_as_open(world):
    assert waves.wave_state(world.wave, world.wave.closes_at) is waves.WaveState.CLOSED
    with pytest.raises(WaveStillOpenError):
        datasets.item_frame(world.session, [world.wave], folders=world.folders)


def test_picks_decide_which_items_have_a_column(study):
    cohort = study.cohort("Picked")
    wave = study.wave(cohort, WaveKind.T0, picks={"extras": ["X4", "X2"]})
    study.answer(wave, Role.MENTOR, {1: {"A1": 1, "X4": 5}})
    study.close(wave)
    frame = datasets.item_frame(study.session, [wave], folders=study.folders)
    assert [column for column in frame if column.startswith("X")] == ["X2", "X4"]
    assert frame["X4"].tolist() == [5.0]


def test_a_closed_wave_without_responses_is_an_empty_frame_with_its_columns(study):
    wave = study.close(study.wave(study.cohort("Silent"), WaveKind.TC))
    frame = datasets.item_frame(study.session, [wave], folders=study.folders)
    assert list(frame.columns) == [*datasets.IDENTITY, "A1", "A2", "A3", "B1"]
    assert len(frame) == 0
    check_item_frame(frame, ["A1", "A2", "A3", "B1"])
    assert datasets.answer_rows(study.session, [wave], folders=study.folders) == []


def test_two_queries_read_any_number_of_responses(study, engine: Engine):
    cohort = study.cohort("Large")
    waves_read = []
    for kind in (WaveKind.T0, WaveKind.TC, WaveKind.T2):
        wave = study.wave(cohort, kind)
        for role in Role:
            study.answer(wave, role, {n: {"A1": 1 + n % 5, "A2": 2, "A3": 3} for n in range(40)})
        waves_read.append(study.close(wave))
    statements: list[str] = []
    listener = lambda *args: statements.append(args[2])  # noqa: E731 - the listener is removed by its name
    event.listen(engine, "before_cursor_execute", listener)
    try:
        frame = datasets.item_frame(study.session, waves_read, folders=study.folders)
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    assert len(frame) == 240
    assert len([statement for statement in statements if "confidential_" in statement]) == 2


def test_rows_of_one_wave_stand_in_no_order_of_arrival(study):
    cohort = study.cohort("Order")
    wave = study.wave(cohort, WaveKind.TC)
    study.answer(wave, Role.MENTOR, {n: {"A1": 1} for n in range(12)})
    study.close(wave)
    frame = datasets.item_frame(study.session, [wave], folders=study.folders)
    assert frame["respondent"].tolist() == sorted(frame["respondent"])


@pytest.mark.parametrize("n_mentors", [0, 1, 4])
def test_cells_below_the_floor_are_left_out_whoever_answered(study, n_mentors: int):
    wave = study.wave(study.cohort("Small"), WaveKind.TC)
    study.answer(wave, Role.MENTOR, {n: {"A1": 5} for n in range(n_mentors)})
    study.answer(wave, Role.MENTEE, {n: {"A1": 2} for n in range(5)})
    study.close(wave)
    frame, left_out = above_floor(study.session, [wave], folders=study.folders)
    assert set(frame["role"]) == {"mentee"}
    assert len(frame) == 5
    assert left_out == datasets.LeftOut(frozenset({(wave.cohort_id, Role.MENTOR, WaveKind.TC)}))


@pytest.mark.parametrize(("people", "kept"), [({1: "a", 2: "a"}, False), ({}, True)])
def test_five_answers_need_five_people(study, people: dict, kept: bool):
    wave = study.wave(study.cohort("Several mentees"), WaveKind.TC)
    study.answer(wave, Role.MENTOR, {n: {"A1": 5} for n in range(1, 6)}, people=people)
    study.close(wave)
    frame, _left_out = above_floor(study.session, [wave], folders=study.folders)
    assert bool(len(frame)) is kept


@pytest.mark.parametrize(
    ("n", "floor", "kept"), [(9, 5, False), (10, 5, True), (11, 12, False), (12, 12, True)]
)
def test_sensitive_codes_need_ten_people_or_the_floor_if_that_is_higher(
    study, n: int, floor: int, kept: bool
):
    wave = study.wave(study.cohort("Harm"), WaveKind.T2)
    wave.floor = floor
    study.answer(wave, Role.MENTOR, {number: {"A1": 4, "H1": 1} for number in range(n)})
    study.close(wave)
    frame, left_out = above_floor(study.session, [wave], folders=study.folders)
    cell = (wave.cohort_id, Role.MENTOR, WaveKind.T2)
    assert len(frame) == (0 if n < floor else n)
    assert frame["H1"].dropna().tolist() == [1.0] * (n if kept else 0)
    assert left_out.has_item(cell, "H1") is (cell in left_out.sensitive) is not kept
    assert left_out.has_item(cell, "A1") is (n < floor)


def test_ten_answers_about_sensitive_things_need_ten_people(study):
    wave = study.wave(study.cohort("Several mentees"), WaveKind.T2)
    study.answer(wave, Role.MENTOR, {n: {"A1": 4, "H1": 1} for n in range(10)}, people={1: 0})
    study.close(wave)
    frame, _left_out = above_floor(study.session, [wave], folders=study.folders)
    assert (len(frame), frame["A1"].notna().all(), frame["H1"].isna().all()) == (10, True, True)


def test_what_has_the_higher_floor_spreads_from_items_to_scales_and_back(sensitive_study):
    wave = sensitive_study.wave(sensitive_study.cohort("Spread"), WaveKind.T2)
    parts = datasets.sensitive_parts(sensitive_study.instrument, wave, Role.MENTEE)
    assert parts == datasets.SensitiveParts(("A3", "B1", "B2", "H1"), ("AA", "BB"))
