"""The questions of a wave that are answered in words: known from its questionnaire alone, whatever anybody wrote."""

from dataclasses import dataclass

from instruments.model import Form, Instrument, Role
from surveys.models import Wave
from surveys.waves import form_of


@dataclass(frozen=True)
class OpenQuestion:
    """A question that people answer in their own words, and how it is put to each role, where that differs."""

    item_id: str
    roles: tuple[Role, ...]

    def wordings(self, instrument: Instrument, wave: Wave, locale: str) -> tuple[str, ...]:
        """The question in a language, once where all roles are asked in the same words."""
        texts = (instrument.text(self.item_id, role, wave.kind, locale) for role in self.roles)
        return tuple(dict.fromkeys(texts))


def open_questions(instrument: Instrument, wave: Wave) -> tuple[OpenQuestion, ...]:
    """The questions of a wave that are answered in words, in the order of the form; what was answered plays no part."""
    asked: dict[str, list[Role]] = {}
    for role in instrument.roles_asked(wave.kind):
        for item_id in written_items(instrument, form_of(wave, role, instrument)):
            asked.setdefault(item_id, []).append(role)
    return tuple(OpenQuestion(item_id, tuple(roles)) for item_id, roles in asked.items())


def written_items(instrument: Instrument, form: Form) -> list[str]:
    """The questions of a form that are answered in words."""
    return [item_id for item_id in form.item_ids if instrument.format_of(item_id).kind == "text"]
