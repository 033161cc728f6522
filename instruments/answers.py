"""What an answer set must obey, whether it comes from a page, a file or an interface."""

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.errors import N_, AnswerProblem
from instruments.model import Form, FrozenMap, Instrument, Missing, ResponseFormat


@dataclass(frozen=True)
class AnswerValue:
    """One answer: a code, a kind of missing answer, or a text; exactly one of the three."""

    code: int | None = None
    missing: Missing | None = None
    text: str | None = None


@dataclass(frozen=True)
class AnswerCheck:
    """The answers that hold, in the form's order, and what is wrong with the others."""

    valid: Mapping[str, AnswerValue]
    problems: tuple[AnswerProblem, ...]

    @property
    def ok(self) -> bool:
        """Whether every answer holds."""
        return not self.problems


def validate_answers(instrument: Instrument, form: Form, raw: Mapping[str, AnswerValue]) -> AnswerCheck:
    """Sort the answers into those that hold and those that do not; an item without an answer is simply not there.

    The form must be one that `instrument.form()` gave, so that its pools are expanded.
    """
    asked = {item_id: instrument.format_of(item_id) for item_id in form.item_ids}
    valid: dict[str, AnswerValue] = {}
    problems: list[AnswerProblem] = []
    for item_id, response_format in asked.items():
        if item_id not in raw:
            continue
        answer = _normalized(raw[item_id])
        problem = _find_fault(item_id, response_format, answer)
        if problem is None:
            valid[item_id] = answer
        else:
            problems.append(problem)
    for item_id in raw:
        if item_id not in asked:
            message = N_("This question is not part of the questionnaire.")
            problems.append(AnswerProblem(str(item_id)[:80], "unknown-item", message))
    return AnswerCheck(FrozenMap(valid), tuple(problems))


def _normalized(answer: AnswerValue) -> AnswerValue:
    """The answer with the line ends of its text made one character, as its length is counted."""
    if isinstance(answer.text, str):
        text = answer.text.replace("\r\n", "\n").replace("\r", "\n").strip()
        return AnswerValue(code=answer.code, missing=answer.missing, text=text)
    return answer


def _find_fault(item_id: str, response_format: ResponseFormat, answer: AnswerValue) -> AnswerProblem | None:
    """The first thing wrong with one answer, or None."""
    n_given = sum(part is not None for part in (answer.code, answer.missing, answer.text))
    if n_given == 0:
        return AnswerProblem(
            item_id, "no-answer", N_("There is no answer here. Leave the question out to skip it.")
        )
    if n_given > 1:
        return AnswerProblem(item_id, "two-answers", N_("Give one answer to this question, not two."))
    if answer.missing is not None and not _is_missing(answer.missing):
        message = N_("This is not one of the ways to leave a question unanswered.")
        return AnswerProblem(item_id, "unknown-missing", message)
    if answer.text is not None:
        return _find_text_fault(item_id, response_format, answer.text)
    if answer.code is not None and not _is_code(answer.code, response_format):
        return AnswerProblem(item_id, "unknown-code", N_("Choose one of the answers shown."))
    return None


def _is_missing(value: object) -> bool:
    """Whether this is a member of Missing; a plain string may compare equal to one without being it."""
    return isinstance(value, Missing)


def _is_code(value: object, response_format: ResponseFormat) -> bool:
    """Whether this is a code of the format; asked by exact type, for True equals 1 and 3.0 equals 3."""
    return type(value) is int and value in response_format.codes


def _find_text_fault(item_id: str, response_format: ResponseFormat, text: str) -> AnswerProblem | None:
    """What is wrong with an answer in the person's own words, or None."""
    if response_format.kind != "text" or response_format.maximum_length is None or not isinstance(text, str):
        return AnswerProblem(item_id, "unknown-code", N_("Choose one of the answers shown."))
    if not text:
        return AnswerProblem(
            item_id, "no-answer", N_("There is no answer here. Leave the question out to skip it.")
        )
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        message = N_("The text holds characters that cannot be stored. Please type it again.")
        return AnswerProblem(item_id, "unreadable-text", message)
    if len(text) > response_format.maximum_length:
        return AnswerProblem(
            item_id,
            "text-too-long",
            N_("The text is %(length)s characters long. Please shorten it to %(maximum)s."),
            {"length": len(text), "maximum": response_format.maximum_length},
        )
    return None
