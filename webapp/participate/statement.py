"""The statement of privacy in the reader's language: on pages with names set apart, and as the plain text that is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flask import current_app
from markupsafe import Markup, escape

from surveys import statement_texts, statements
from surveys.models import Program, Wave
from surveys.privacy import wave_facts
from surveys.statement_texts import Days, Months, Partner, Sentence, Statement, Value
from surveys.statements import ShownStatement
from webapp import i18n
from webapp.database import db, instrument_folders, now, retention_policy
from webapp.i18n import InterfaceCatalogue

WORDED = "viceversa.statements"


@dataclass(frozen=True)
class StatementPage:
    """What a page needs of the statement of its wave."""

    statement: Statement
    program: Program
    locale: str
    locales: Sequence[str]
    partner: str

    @property
    def promise(self) -> list[Markup]:
        """The box of the first page."""
        return [self._write(sentence) for sentence in self.statement.promise]

    @property
    def notes(self) -> list[Markup]:
        """The list below the box."""
        return [self._write(sentence) for sentence in self.statement.notes]

    @property
    def sections(self) -> list[tuple[str, Markup, list[Markup]]]:
        """The page on privacy: each section's id, heading and sentences."""
        return [
            (
                section.id,
                self._write(Sentence(section.heading)),
                [self._write(one) for one in section.sentences],
            )
            for section in self.statement.sections
        ]

    @property
    def retention(self) -> list[Markup]:
        """How long each kind of data is kept."""
        return [self._write(one) for one in statement_texts.retention_sentences(self.statement.facts)]

    @property
    def backups(self) -> Markup:
        """When what was erased is gone from backups too."""
        return self._write(statement_texts.backup_sentence(self.statement.facts))

    @cached_property
    def shown(self) -> ShownStatement:
        """The statement in the language of the page."""
        return self._in_words(self.locale)

    def keep(self) -> None:
        """Keep the statement in every language of the questionnaire: one alone would tell who reads it."""
        shown = [self._in_words(locale) for locale in self.locales]
        statements.keep_statements(db(), self.program.id, shown, now=now())

    def _in_words(self, locale: str) -> ShownStatement:
        """The statement in one language; what is promised changes seldom, and every page that is saved asks for all languages."""
        worded: dict[tuple[str, InterfaceCatalogue], ShownStatement]
        worded = current_app.extensions.setdefault(WORDED, {})
        # A catalogue that is read anew after a change is another one.
        place = (self.statement.promise_digest, i18n.get_catalogue(locale))
        if place not in worded:
            with i18n.force_locale(locale):
                worded[place] = statements.put_into_words(self.statement, locale, say_plainly)
        return worded[place]

    def _write(self, sentence: Sentence) -> Markup:
        """A sentence for a page, its names escaped and isolated."""
        values = {name: self._fill(value) for name, value in sentence.values.items()}
        return escape(i18n.gettext(sentence.text)) % values

    def _fill(self, value: Value) -> Markup | str:
        """A value for a page."""
        if isinstance(value, Partner):
            return i18n.isolate(self.partner)
        return i18n.isolate(value) if isinstance(value, str) else _say_value(value)


def open_statement(
    wave: Wave, program: Program, locale: str, locales: Sequence[str], partner: str
) -> StatementPage:
    """Return the statement of a wave as the configuration stands now."""
    facts = wave_facts(db(), wave, retention_policy(), folders=instrument_folders())
    return StatementPage(statement_texts.statement_of(facts), program, locale, locales, partner)


def say_plainly(sentence: Sentence) -> str:
    """A sentence as plain text, with "your partner" in place of a name."""
    values = {name: _say_value(value) for name, value in sentence.values.items()}
    return i18n.gettext(sentence.text, **values)


def _say_value(value: Value) -> str:
    """A value as plain text."""
    if isinstance(value, Days):
        return i18n.ngettext("%(num)s day", "%(num)s days", value.number)
    if isinstance(value, Months):
        return i18n.ngettext("%(num)s month", "%(num)s months", value.number)
    if isinstance(value, Partner):
        return i18n.gettext("your partner")
    return str(value)
