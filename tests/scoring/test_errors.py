import pickle

import pytest

from scoring.errors import FrameError, ScoringError


def test_an_error_says_what_is_wrong_and_what_to_do():
    error = FrameError("frame.column", "Column %(column)s is missing.", "Add %(column)s.", column="role")

    assert str(error) == "Column role is missing. Add role."
    assert (error.code, error.params) == ("frame.column", {"column": "role"})
    assert (error.message, error.remedy) == ("Column %(column)s is missing.", "Add %(column)s.")


@pytest.mark.parametrize("kind", [ScoringError, FrameError])
def test_an_error_survives_pickling(kind):
    copy = pickle.loads(pickle.dumps(kind("a.b", "%(n)d rows.", "Fewer.", n=3)))

    assert type(copy) is kind
    assert (copy.code, str(copy), copy.params) == ("a.b", "3 rows. Fewer.", {"n": 3})
