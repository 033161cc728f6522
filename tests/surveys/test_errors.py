"""Every refusal is a plain sentence with a remedy that can be translated."""

import re

import pytest

from surveys import errors
from surveys.errors import AnswerError, CodedError, SurveyError, WaveNotOpenError

PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")


def subclasses(kind: type[SurveyError]) -> set[type[SurveyError]]:
    return {kind, *(below for direct in kind.__subclasses__() for below in subclasses(direct))}


def sentences() -> list[tuple[str, str]]:
    """Every message and remedy of this module, with where it stands."""
    found = []
    for kind in sorted(subclasses(SurveyError), key=lambda one: one.__name__):
        if kind.__module__ != errors.__name__:
            continue
        if issubclass(kind, CodedError):
            found += [
                (f"{kind.__name__}.{code}", text) for code, pair in kind.sentences.items() for text in pair
            ]
        else:
            found += [(f"{kind.__name__}.{part}", getattr(kind, part)) for part in ("message", "remedy")]
    for state in ("scheduled", "closed"):
        error = WaveNotOpenError(state)
        found += [(f"WaveNotOpenError.{state}", error.message), (f"WaveNotOpenError.{state}", error.remedy)]
    return found


@pytest.mark.parametrize(("place", "text"), sentences())
def test_a_sentence_is_whole_and_free_of_jargon_and_of_false_promises(place: str, text: str) -> None:
    assert text[0].isupper() or text[0] in "“%", place
    assert text.rstrip("”")[-1] in ".?" or text.endswith("viceversa db upgrade"), place
    assert not re.search(r"anonym|invalid|illegal|forbidden|token|exception|null", text, re.IGNORECASE), place
    # A lone percent sign would break the translation's own formatting.
    assert "%" not in PLACEHOLDER.sub("", text), place


def test_a_coded_error_takes_its_words_from_its_code() -> None:
    error = errors.ProgramError("floor", floor=3, minimum=5)

    assert (error.code, error.params) == ("floor", {"floor": 3, "minimum": 5})
    assert str(error) == (
        "Results of groups smaller than 5 people are never shown, so 3 is too low. Choose 5 or more."
    )


def test_an_unknown_code_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        errors.WaveError("no such code")


def test_an_answer_error_carries_every_problem() -> None:
    assert AnswerError([]).problems == ()
    assert AnswerError([]).code == "answers"
