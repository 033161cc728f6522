"""Reliability as researchers read it: pooled within cohorts, closed waves only, and nothing about few people."""

import numpy as np
import pytest

from instruments.model import Role, WaveKind
from surveys.reports import reliability_report

MENTOR, MENTEE = Role.MENTOR, Role.MENTEE
TC = WaveKind.TC


def simulate(seed, n, shift=0):
    """Three items that share a common part, A3 reversed, on codes 1 to 5."""
    rng = np.random.default_rng(seed)
    values = rng.normal(3 + shift, 0.8, size=(n, 1)) + rng.normal(0, 0.7, size=(n, 3))
    codes = np.clip(np.round(values), 1, 5).astype(int)
    return [(int(a), int(b), int(6 - c)) for a, b, c in codes]


def keyed(triples):
    return np.array([(a, b, 6 - c) for a, b, c in triples], dtype=float)


def alpha_of(values):
    """Cronbach (1951): k / (k - 1) * (1 - sum of item variances / variance of the sum)."""
    k = values.shape[1]
    return k / (k - 1) * (1 - values.var(axis=0, ddof=1).sum() / values.sum(axis=1).var(ddof=1))


def row_of(report, role=MENTOR, scale="AA", wave=TC):
    found = [row for row in report.rows if (row.role, row.scale_id, row.wave) == (role, scale, wave)]
    assert len(found) == 1
    return found[0]


def answer(study, ease, triples, *, name="Finance", role=MENTOR):
    wave = study.wave(study.cohort(name), TC)
    study.answer(wave, role, ease(*triples))
    return study.close(wave)


def test_alpha_of_one_cohort_is_the_textbook_formula_on_complete_rows(study, ease):
    triples = simulate(1, 24)
    wave = study.wave(study.cohort("Finance"), TC)
    rows = ease(*triples)
    rows[1]["A2"] = None
    study.answer(wave, MENTOR, rows)
    study.close(wave)
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    assert row.alpha == pytest.approx(alpha_of(keyed(triples)[1:]), abs=1e-12)
    assert (row.shown, row.n_used, row.n_dropped, row.k_items, row.n_cohorts) == (True, 23, 1, 3, 1)
    assert row.low < row.alpha < row.high
    # Below 40 there is a number with its interval and no verdict.
    assert row.verdict is None


def test_a_difference_between_cohorts_does_not_pass_for_consistency(study, ease):
    low = [tuple(np.clip((a - 1, b - 1, c + 1), 1, 5).tolist()) for a, b, c in simulate(2, 20)]
    high = [tuple(np.clip((a + 1, b + 1, c - 1), 1, 5).tolist()) for a, b, c in simulate(3, 20)]
    answer(study, ease, low, name="Low")
    answer(study, ease, high, name="High")
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    parts = [keyed(part) - keyed(part).mean(axis=0) for part in (low, high)]
    assert row.alpha == pytest.approx(alpha_of(np.concatenate(parts)), abs=1e-12)
    assert (row.n_used, row.n_cohorts) == (40, 2)
    # Pooled as they are, the same answers look far more consistent.
    assert alpha_of(np.concatenate([keyed(low), keyed(high)])) > row.alpha + 0.03
    assert row.verdict in {"adequate", "not shown"}


@pytest.mark.parametrize("n", [0, 4, 9])
def test_fewer_than_ten_people_give_the_same_row_as_nobody(study, ease, n):
    answer(study, ease, simulate(4, n))
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    numbers = (row.alpha, row.low, row.high, row.n_used, row.n_dropped, row.n_cohorts, row.verdict)
    assert not row.shown
    assert numbers == (None,) * 7
    assert [note.code for note in row.notes] == ["reliability.few"]
    assert str(row.notes[0]) == (
        "Reliability is shown where at least 10 people answered every question of the scale."
    )


def test_cohorts_below_the_floor_do_not_count(study, ease):
    large, small = simulate(5, 15), [(1, 5, 5), (5, 1, 1), (1, 5, 1), (5, 1, 5)]
    answer(study, ease, large, name="Large")
    answer(study, ease, small, name="Small")
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    assert (row.n_used, row.n_cohorts) == (15, 1)
    assert row.alpha == pytest.approx(alpha_of(keyed(large)), abs=1e-12)


@pytest.mark.parametrize(("n", "counted"), [(9, 1), (10, 2)])
def test_of_a_sensitive_scale_only_cohorts_of_ten_count(sensitive_study, ease, n, counted):
    study, parts = sensitive_study, [simulate(7, 15), simulate(8, n)]
    for name, triples in zip(("Large", "Small"), parts, strict=True):
        answer(study, ease, triples, name=name)
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    within = [keyed(part) - keyed(part).mean(axis=0) for part in parts[:counted]]
    assert row.alpha == pytest.approx(alpha_of(np.concatenate(within)), abs=1e-12)
    # Nobody who is left out is counted as somebody who skipped a question.
    assert (row.n_used, row.n_dropped, row.n_cohorts) == (15 if counted == 1 else 25, 0, counted)


def test_two_small_cohorts_do_not_make_the_reliability_of_a_sensitive_scale(sensitive_study, ease):
    study = sensitive_study
    for name in ("One", "Two"):
        answer(study, ease, simulate(9, 9), name=name)
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    assert (row.shown, row.n_used, row.n_dropped, row.n_cohorts) == (False, None, None, None)


def test_two_small_cohorts_do_make_the_reliability_of_another_scale(study, ease):
    """The control of the test before: the same answers, to questions that are not sensitive."""
    for name in ("One", "Two"):
        answer(study, ease, simulate(9, 9), name=name)
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    assert (row.shown, row.n_used, row.n_cohorts) == (True, 18, 2)


def test_open_waves_are_not_reported(study, ease):
    wave = study.wave(study.cohort("Open"), TC)
    study.answer(wave, MENTOR, ease(*simulate(6, 20)))
    assert reliability_report(study.session, study.program, folders=study.folders).rows == ()


def test_equal_answers_have_a_note_instead_of_a_number(study, ease):
    answer(study, ease, [(4, 4, 2)] * 12)
    row = row_of(reliability_report(study.session, study.program, folders=study.folders))
    assert (row.shown, row.alpha, row.n_used) == (True, None, 12)
    assert [note.code for note in row.notes] == ["alpha.constant"]


def test_each_role_and_wave_has_its_rows_and_other_programmes_none(study, ease):
    cohort = study.cohort("Both")
    for kind in (WaveKind.T0, TC):
        wave = study.wave(cohort, kind)
        for seed, role in enumerate(Role):
            study.answer(wave, role, ease(*simulate(seed, 12)))
        study.close(wave)
    rows = reliability_report(study.session, study.program, folders=study.folders).rows
    assert [(row.wave, row.role, row.scale_id) for row in rows] == [
        (WaveKind.T0, MENTOR, "AA"), (WaveKind.T0, MENTOR, "BB"), (WaveKind.T0, MENTEE, "AA"), (WaveKind.T0, MENTEE, "BB"),
        (TC, MENTOR, "AA"), (TC, MENTEE, "AA"),
    ]  # fmt: skip
    assert [row.shown for row in rows] == [True, False, True, False, True, True]
