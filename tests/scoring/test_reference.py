import datetime
import math

import pytest

from scoring.errors import ScoringError
from scoring.reference import find_reference, load_references

ENTRY = """
[[entries]]
scale = "{scale}"
role = "{role}"
language = "*"
width = 4
sd = {sd}
retest = 0.7
interval_weeks = 12
provenance = "field"
n = 80
date = 2026-05-01
note = ""
"""


def test_the_shipped_reference_is_the_provisional_one_of_the_plan():
    # Measurement plan, section 6.5: provisional SD .75, 12-week retest .70.
    reference = find_reference("PS", "mentor", "en")

    assert (reference.sd, reference.retest, reference.interval_weeks) == (0.75, 0.70, 12)
    assert (reference.provenance, reference.n) == ("synthetic", 0)
    assert isinstance(reference.date, datetime.date)
    assert reference.version
    assert reference.sd_change == pytest.approx(0.75 * math.sqrt(0.6), abs=1e-12)


def test_the_spread_grows_with_the_range_and_the_retest_does_not():
    percent = find_reference().rescaled(100)

    assert percent.sd == pytest.approx(18.75)
    assert percent.retest == 0.70
    with pytest.raises(ScoringError, match="range"):
        percent.rescaled(0)


def test_the_most_specific_entry_wins_and_the_scale_counts_first(tmp_path):
    path = tmp_path / "reference.toml"
    entries = [("*", "*", 0.5), ("*", "mentor", 0.6), ("PS", "*", 0.7)]
    path.write_text('version = "9"\n' + "".join(ENTRY.format(scale=s, role=r, sd=sd) for s, r, sd in entries))

    assert find_reference("PS", "mentor", "en", path=path).sd == 0.7
    assert find_reference("TR", "mentor", "en", path=path).sd == 0.6
    assert find_reference("TR", "mentee", "en", path=path).sd == 0.5


def test_nothing_fits(tmp_path):
    path = tmp_path / "reference.toml"
    path.write_text('version = "9"\n' + ENTRY.format(scale="PS", role="*", sd=0.7))

    with pytest.raises(ScoringError, match="no entry for scale TR"):
        find_reference("TR", path=path)


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("sd = 0.7", "sd = 0", "sd must be above 0"),
        ("sd = 0.7", 'sd = "0.7"', "must be numbers"),
        ("retest = 0.7", "retest = 1.0", "retest from 0"),
        ('provenance = "field"', 'provenance = "guess"', "provenance must be one of"),
        ("n = 80", "n = 0", "synthetic values have n = 0"),
        ("date = 2026-05-01", 'date = "May"', "date must be a date"),
        ('note = ""', 'remark = ""', "note, remark"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, wrong, right, says):
    path = tmp_path / "reference.toml"
    path.write_text('version = "9"\n' + ENTRY.format(scale="*", role="*", sd=0.7).replace(wrong, right))

    with pytest.raises(ScoringError, match=says) as caught:
        load_references(path)

    assert caught.value.code == "reference.entry"
    assert caught.value.params["position"] == 1


@pytest.mark.parametrize("text", ["", "version = ", 'version = "1"'])
def test_an_unreadable_file_is_named(tmp_path, text):
    path = tmp_path / "broken.toml"
    path.write_text(text)

    with pytest.raises(ScoringError, match=r"broken\.toml"):
        load_references(path)
    with pytest.raises(ScoringError, match=r"absent\.toml"):
        load_references(tmp_path / "absent.toml")
