"""One page of a questionnaire as a form: WTForms reads and keeps the values, the instrument decides what is allowed."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from werkzeug.datastructures import MultiDict
from wtforms.fields import RadioField, SelectChoice, TextAreaField
from wtforms.form import BaseForm

from instruments.answers import AnswerValue
from instruments.errors import AnswerProblem
from instruments.model import Instrument, Missing, Role, WaveKind
from surveys.responses import ResponseView
from webapp.i18n import gettext, isolate

CODE = re.compile(r"c:(-?[0-9]{1,4})")
# What the tick under a written answer is called; no item's id has a hyphen.
QUOTABLE = "{}-may-be-quoted"
MISSING = {f"m:{missing.value}": missing for missing in Missing}


class ChoiceAnswer(RadioField):
    """Radio buttons whose value is "c:<code>", "m:<missing>" or empty; keeps what was sent even if it is no choice."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Keep the value sent; nothing sent is the same as nothing chosen."""
        self.data = valuelist[0] if valuelist else ""

    def answer(self) -> AnswerValue | None:
        """Return what was chosen, None for nothing."""
        return parse_choice(self.data or "")


class WrittenAnswer(TextAreaField):
    """An answer in the person's own words."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Count a line break as one character, as the browser's limit does."""
        self.data = valuelist[0].replace("\r\n", "\n").strip() if valuelist else ""

    def answer(self) -> AnswerValue | None:
        """Return what was written, None for nothing."""
        return AnswerValue(text=self.data) if self.data else None


@dataclass(frozen=True)
class Wording:
    """The words of an instrument for one person: role, wave, language and the partner's name."""

    instrument: Instrument
    role: Role
    wave: WaveKind
    locale: str
    partner: str

    def item(self, item_id: str) -> Markup:
        """Return a question with the partner's name in its place."""
        return self._name_partner(self.instrument.text(item_id, self.role, self.wave, self.locale))

    def stem(self, item_id: str) -> Markup:
        """Return the opening that a question shares with others, empty if it has none."""
        return self._name_partner(self.instrument.stem_text(item_id, self.role, self.wave, self.locale))

    def answer(self, item_id: str, answer: AnswerValue) -> str:
        """Return an answer in words."""
        if answer.text is not None:
            return answer.text
        if answer.missing is not None:
            return self.instrument.missing_label(answer.missing, self.locale)
        item = self.instrument.item(item_id)
        return self.instrument.option_label(item.format, answer.code or 0, self.locale)

    def _name_partner(self, text: str) -> Markup:
        """Put the name in, escaped and isolated: it may be hostile, or written in another direction."""
        return escape(text).replace("{P}", isolate(self.partner))


@dataclass(frozen=True)
class Question:
    """One question as the page shows it."""

    item_id: str
    text: Markup
    field: ChoiceAnswer | WrittenAnswer
    kind: str
    options: tuple[SelectChoice, ...]
    others: tuple[SelectChoice, ...]
    maximum_length: int | None
    may_be_quoted: bool = False

    @property
    def quotable_name(self) -> str:
        """The name of the tick that allows this written answer to be quoted."""
        return QUOTABLE.format(self.item_id)


@dataclass(frozen=True)
class Run:
    """Neighbouring questions under the same opening."""

    number: int
    stem: Markup
    questions: tuple[Question, ...]


class PageForm:
    """The form of one page: its questions in the order shown, their values and their errors."""

    def __init__(self, wording: Wording, item_ids: Sequence[str]) -> None:
        """Make one field for each question; the field's name is the item's id."""
        self.wording = wording
        self.item_ids = tuple(item_ids)
        self._quotable: frozenset[str] = frozenset()
        self._form = BaseForm({item_id: _make_field(wording, item_id) for item_id in item_ids})

    def show_answers(self, answers: Mapping[str, AnswerValue], quotable: frozenset[str]) -> None:
        """Fill the fields with answers saved before, and tick the written ones that may be quoted."""
        self._quotable = quotable
        self._form.process(data={item_id: _encode(answers.get(item_id)) for item_id in self.item_ids})

    def read_answers(self, sent: MultiDict[str, str]) -> dict[str, AnswerValue]:
        """Read what was sent and return the answers; whether they are allowed the instrument decides."""
        self._form.process(formdata=sent)
        answers = {item_id: self[item_id].answer() for item_id in self.item_ids}
        return {item_id: answer for item_id, answer in answers.items() if answer is not None}

    def read_quotable(self, sent: MultiDict[str, str]) -> frozenset[str]:
        """Read which written answers may be quoted; only the form's own tick counts as a yes."""
        ticked = (item_id for item_id in self.written if sent.get(QUOTABLE.format(item_id)) == "y")
        self._quotable = frozenset(ticked)
        return self._quotable

    @property
    def written(self) -> tuple[str, ...]:
        """The questions of the page that are answered in words."""
        return tuple(item_id for item_id in self.item_ids if isinstance(self[item_id], WrittenAnswer))

    def add_problems(self, problems: Iterable[AnswerProblem]) -> None:
        """Put the instrument's objections beside the fields they belong to."""
        for problem in problems:
            if problem.item_id in self.item_ids:
                field = self[problem.item_id]
                field.process_errors = [*field.process_errors, gettext(problem.message, **problem.params)]

    def take_over(self, saved: ResponseView, overlaps: Collection[str]) -> None:
        """Show what is saved by now, and beside each question that was changed in two places both answers."""
        for item_id in self.item_ids:
            field, stored = self[item_id], saved.answers.get(item_id)
            if item_id in overlaps:
                field.process_errors = [*field.process_errors, self._tell_other(item_id, stored)]
            elif not field.process_errors:
                field.data = _encode(stored)
                self._quotable = (self._quotable - {item_id}) | (saved.quotable & {item_id})

    def _tell_other(self, item_id: str, stored: AnswerValue | None) -> str:
        """What was answered to a question in another place, and what to do now."""
        if stored is None:
            return gettext(
                "It was cleared in another tab or on another device. If what is chosen here is right, save this page again."
            )
        words = escape(
            gettext(
                "In another tab or on another device it was answered with “%(answer)s”. If what is chosen here is right, save this page again."
            )
        )
        return words % {"answer": isolate(self.wording.answer(item_id, stored))}

    @property
    def problems(self) -> list[tuple[str, Markup]]:
        """Return every error after its question, with the id of the input it belongs to, in the order of the page."""
        return [
            (item_id, Markup("{} — {}").format(self.wording.item(item_id), message))
            for item_id in self.item_ids
            for message in self[item_id].process_errors
        ]

    def runs(self) -> list[Run]:
        """Return the questions in order, neighbours with the same opening together."""
        runs: list[Run] = []
        for item_id in self.item_ids:
            stem, question = self.wording.stem(item_id), self._question(item_id)
            if runs and runs[-1].stem == stem:
                runs[-1] = Run(runs[-1].number, stem, (*runs[-1].questions, question))
            else:
                runs.append(Run(len(runs) + 1, stem, (question,)))
        return runs

    def __getitem__(self, item_id: str) -> Any:
        """Return the field of an item."""
        return self._form[item_id]

    def _question(self, item_id: str) -> Question:
        """Return what the template needs to write one question."""
        instrument, locale = self.wording.instrument, self.wording.locale
        response = instrument.format_of(item_id)
        others = tuple(
            SelectChoice(value, instrument.missing_label(missing, locale))
            for value, missing in MISSING.items()
        )
        options = tuple(
            SelectChoice(f"c:{option.code}", instrument.option_label(response.id, option.code, locale))
            for option in response.options
        )
        field = self[item_id]
        return Question(
            item_id,
            self.wording.item(item_id),
            field,
            response.kind,
            options,
            others,
            response.maximum_length,
            item_id in self._quotable,
        )


def parse_choice(value: str) -> AnswerValue | None:
    """Return the answer that a radio button's value stands for, None if it is empty.

    Anything else is handed on as a text, which a question with options refuses: one rule then speaks for page and import.
    """
    if not value:
        return None
    if value in MISSING:
        return AnswerValue(missing=MISSING[value])
    match = CODE.fullmatch(value)
    return AnswerValue(code=int(match.group(1))) if match else AnswerValue(text=value)


def _make_field(wording: Wording, item_id: str) -> Any:
    """Return the unbound field that fits an item's format."""
    if wording.instrument.format_of(item_id).kind == "text":
        return WrittenAnswer()
    return ChoiceAnswer(choices=[])


def _encode(answer: AnswerValue | None) -> str:
    """Return the form value of an answer saved before."""
    if answer is None:
        return ""
    if answer.text is not None:
        return answer.text
    return f"m:{answer.missing.value}" if answer.missing is not None else f"c:{answer.code}"
