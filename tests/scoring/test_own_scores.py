"""A person's own scores agree with the scores of everybody, and the band is that of the retest correlation."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import ScoringError
from scoring.own_scores import noise_band, read_change, score_person
from scoring.scales import score_scale

KEYS = {"A": 1, "B": 1, "C": -1, "D": 1, "E": -1}


@given(st.lists(st.one_of(st.none(), st.integers(1, 5)), min_size=5, max_size=5))
def test_one_person_gets_the_score_that_the_frame_gives(codes):
    row = dict(zip(KEYS, codes, strict=True))
    frame = pd.DataFrame([row], dtype="float64")

    own = score_person({k: v for k, v in row.items() if v is not None}, KEYS, minimum=1, maximum=5)

    (everybody,) = score_scale(frame, KEYS, minimum=1, maximum=5).scores
    assert (own is None) == math.isnan(everybody)
    if own is not None:
        assert float(own) == pytest.approx(everybody, abs=1e-12)
        # Negative control: with its keys forgotten the score differs as soon as a reversed item is off the middle.
        plain = score_person(
            {k: v for k, v in row.items() if v is not None}, dict.fromkeys(KEYS, 1), minimum=1, maximum=5
        )
        reversed_off = sum((row[k] or 3) - 3 for k in ("C", "E"))
        assert (plain == own) == (reversed_off == 0)


def test_two_thirds_of_the_items_make_a_score():
    three = dict.fromkeys(("A", "B", "C"), 1)

    assert score_person({"A": 4, "B": 5}, three, minimum=1, maximum=5) == 4.5
    assert score_person({"A": 4}, three, minimum=1, maximum=5) is None
    assert score_person({}, three, minimum=1, maximum=5) is None


def test_the_band_is_the_one_of_the_measurement_plan():
    """Measurement plan 4.5: with a twelve-week retest of .71 the MDC95 of a five-item scale is 1.1 points."""
    band = noise_band("PS", "mentor", 4)

    assert round(band, 1) == 1.1
    # Hand-computed from the reference file: 1.96 * .75 * sqrt(2 * (1 - .70)).
    assert band == pytest.approx(1.96 * 0.75 * math.sqrt(0.6), abs=1e-12)
    assert noise_band("PS", "mentor", 5) == pytest.approx(band * 5 / 4)
    # Negative control: alpha (.83 in the same simulation) in the place of the retest correlation gives too narrow a band.
    assert 1.96 * 0.75 * math.sqrt(2 * (1 - 0.83)) < band - 0.2


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(3, 4.5, "higher"), (4.5, 3, "lower"), (3, 4, "unclear"), (3, 3, "unclear"), (2, 3.25, "unclear")],
)
def test_only_beyond_the_band_is_a_change_clear(before, after, verdict):
    assert read_change(before, after, 1.25) == verdict


def test_codes_and_scales_that_cannot_be_are_refused():
    with pytest.raises(ScoringError, match="outside 1 to 5"):
        score_person({"A": 6}, {"A": 1}, minimum=1, maximum=5)
    with pytest.raises(ScoringError, match="at least one item"):
        score_person({}, {}, minimum=1, maximum=5)
