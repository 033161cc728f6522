"""How far a released number is rounded, and what keeps a small or unanimous group from showing in it."""

import pytest

from instruments.digests import canonical_json
from instruments.model import Role, WaveKind
from surveys.published import (
    ChangeCell,
    Figures,
    ReleaseDamagedError,
    as_text,
    publish_change,
    publish_level,
    read_release,
)


def level(*, n=12, mean=3.3333, low=3.0123, high=3.6543, kind="t", floor_half=0.1):
    return publish_level(Figures(n, mean, low, high, kind, floor_half), 1.0, 5.0)


def change(*, n=12, mean=0.4567, low=0.1111, high=0.8023, kind="t", floor_half=0.1, **more):
    given = {"p": 0.0312, "effect": (0.5678, 0.1234, 1.0123), **more}
    return publish_change(Figures(n, mean, low, high, kind, floor_half), 4.0, from_wave=WaveKind.TC, **given)


def test_levels_have_one_decimal_at_every_size():
    assert (level()["mean"], level()["low"], level()["high"]) == (3.3, 3.0, 3.7)
    assert level(n=40)["mean"] == 3.3


def test_changes_have_one_decimal_below_ten_people_and_two_from_ten_on():
    small = change(n=9, kind="reference")
    assert (small["mean"], small["low"], small["high"]) == (0.5, 0.1, 0.8)
    assert (small["p"], small["g"], small["g_low"], small["g_high"]) == (None,) * 4
    large = change(n=10)
    assert (large["mean"], large["low"], large["high"]) == (0.46, 0.11, 0.8)


def test_p_and_effect_size_are_published_from_twenty_people_on():
    fewer, enough = change(n=19), change(n=20)
    assert (fewer["p"], fewer["g"], fewer["g_low"], fewer["g_high"]) == (None,) * 4
    assert (enough["p"], enough["g"], enough["g_low"], enough["g_high"]) == (0.031, 0.57, 0.12, 1.01)
    assert fewer["low"] == enough["low"]


def test_a_spread_of_fewer_than_ten_people_is_never_published():
    # Several answers of one person can make ten answers of nine people.
    assert (level(n=9, kind="t")["low"], level(n=9, kind="t")["interval_kind"]) == (None, None)
    assert (change(n=9, kind="t")["high"], change(n=9, kind="t")["g"]) == (None, None)


@pytest.mark.parametrize(
    ("mean", "shown", "bound"),
    [
        (5.0, 4.8, "at least"),
        (4.8, 4.8, "at least"),
        (4.79, 4.8, None),
        (1.0, 1.2, "at most"),
        (1.21, 1.2, None),
    ],
)
def test_a_level_at_the_end_of_the_range_is_only_bounded(mean, shown, bound):
    body = level(mean=mean, low=mean - 0.1, high=mean + 0.1)
    assert (body["mean"], body["bound"]) == (shown, bound)
    # The interval has the mean in its middle, so it may not stand beside a bound.
    assert (body["low"] is None) == (bound is not None)


def test_a_change_over_nearly_the_whole_range_is_only_bounded():
    assert (change(mean=3.9)["mean"], change(mean=3.9)["bound"]) == (3.6, "at least")
    assert (change(mean=-4.0)["mean"], change(mean=-4.0)["bound"]) == (-3.6, "at most")
    assert [change(mean=3.9)[name] for name in ("low", "high", "p", "g")] == [None] * 4


def test_equal_answers_do_not_show_in_the_width_of_an_interval():
    same = change(mean=0.5, low=None, high=None, kind="none", floor_half=0.14)
    nearly = change(mean=0.5, low=0.45, high=0.55, floor_half=0.14)
    assert same == nearly
    assert (same["low"], same["high"], same["p"], same["g"]) == (0.36, 0.64, None, None)
    # A spread wide enough keeps its own interval.
    assert change(mean=0.5, low=0.1, high=0.9, floor_half=0.14)["low"] == 0.1


def test_an_interval_stays_inside_the_range():
    body = level(n=6, mean=4.6, low=4.0, high=5.2, kind="reference")
    assert (body["low"], body["high"], body["interval_kind"]) == (4.0, 5.0, "reference")


def test_there_is_no_minus_zero_and_no_p_of_zero():
    body = change(n=20, mean=-0.001, low=-0.3, high=0.3, p=0.0001)
    assert str(body["mean"]) == "0.0"
    assert body["p"] == 0.001


def test_equal_bodies_are_equal_byte_for_byte():
    assert canonical_json({"b": 1.0, "a": [None, "ü"]}) == '{"a":[null,"ü"],"b":1.0}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_a_release_that_was_changed_afterwards_is_not_read(study):
    wave = study.wave(study.cohort("Damaged"), WaveKind.TC)
    release = study.freeze(wave)
    read_release(release)
    body = dict(release.body)
    body["floor"] = 4
    release.body = body
    study.session.flush()
    with pytest.raises(ReleaseDamagedError) as caught:
        read_release(release)
    assert caught.value.params == {"kind": "TC"}


def test_the_terminal_says_the_same_of_nobody_and_of_four(study, ease):
    texts = []
    for n in (0, 4):
        wave = study.wave(study.cohort(f"Silent {n}"), WaveKind.TC)
        study.answer(wave, Role.MENTEE, ease(*[(4, 3, 2)] * 6))
        study.answer(wave, Role.MENTOR, ease(*[(2, 1, 5)] * n))
        texts.append(as_text(study.view(wave)))
    assert texts[0] == texts[1]
    assert "not shown" in texts[0]
    assert "3.7" in texts[0]


def test_a_cell_that_is_not_shown_has_no_other_field():
    assert all(value is None for name, value in vars(ChangeCell(shown=False)).items() if name != "shown")
