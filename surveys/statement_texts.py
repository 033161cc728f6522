"""What participants are told about their data, in sentences that the facts choose.

A sentence is named by its English text, which the reader's side translates; what varies in it is filled in there. Which statement was
shown, and to whom it was a promise, is kept by `surveys.statements`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from instruments.digests import digest as digest_of
from instruments.errors import N_
from surveys.comments import LEAST_PAIRS_QUOTED, LEAST_PEOPLE, LEAST_PEOPLE_BEHIND
from surveys.models import ContactKind
from surveys.privacy import NamedOffice, PrivacyFacts


@dataclass(frozen=True)
class Days:
    """A number of days, said in the reader's language."""

    number: int


@dataclass(frozen=True)
class Months:
    """A number of months, said in the reader's language."""

    number: int


@dataclass(frozen=True)
class Partner:
    """The partner's name, which no digest covers."""


Value = str | int | Days | Months | Partner


@dataclass(frozen=True)
class Sentence:
    """A sentence to be translated, and what is filled in: texts are names, to be isolated on a page."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """Sentences under a heading."""

    id: str
    heading: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Statement:
    """The promise on the first page, the notes below it, and the sections of the page on privacy."""

    facts: PrivacyFacts
    promise: tuple[Sentence, ...]
    notes: tuple[Sentence, ...]
    sections: tuple[Section, ...]

    @cached_property
    def promise_digest(self) -> str:
        """The digest of what is promised, whatever the language: of the facts and the sentences chosen."""
        return digest_of({"facts": self.facts.as_json(), "sentences": [one.text for one in self.sentences()]})

    def sentences(self) -> Iterator[Sentence]:
        """Every sentence in the order of reading."""
        yield from self.promise
        yield from self.notes
        for section in self.sections:
            yield Sentence(section.heading)
            yield from section.sentences


def statement_of(facts: PrivacyFacts) -> Statement:
    """The statement that the facts call for."""
    return Statement(facts, _promise(facts), _notes(facts), tuple(_sections(facts)))


def _promise(facts: PrivacyFacts) -> tuple[Sentence, ...]:
    """What stands in the box of the first page; where people write in their own words, with the one who reads it."""
    return (
        Sentence(N_("Your answers are confidential.")),
        Sentence(
            N_(
                "Nobody in your organisation, including %(partner)s and the coordinator, can see your answers."
            ),
            {"partner": Partner()},
        ),
        *_words_promise(facts),
        Sentence(
            N_("Results are shown only for groups of at least %(floor)s."),
            {"floor": facts.floor},
        ),
    )


def _words_promise(facts: PrivacyFacts) -> tuple[Sentence, ...]:
    """The same for what is written in one's own words, which somebody reads."""
    if not facts.asks_for_words:
        return ()
    moderator = facts.office(ContactKind.MODERATOR)
    if moderator is None:
        return (
            Sentence(
                N_(
                    "Only what you write in your own words may be read, without your name, by a moderator who signed a rule of "
                    "confidentiality."
                )
            ),
        )
    return (
        Sentence(
            N_(
                "Only what you write in your own words may be read, without your name, by %(moderator)s, who must first sign a rule of "
                "confidentiality."
            ),
            {"moderator": moderator.name},
        ),
    )


def _notes(facts: PrivacyFacts) -> tuple[Sentence, ...]:
    """What has to be known before the first question."""
    return (
        Sentence(
            N_(
                "Taking part is voluntary. You can skip every question, and nobody is told whether you answered."
            )
        ),
        _no_consequence(),
        Sentence(
            N_(
                "This link is yours alone. Whoever else opens it sees an empty questionnaire, never your answers."
            )
        ),
        *_exceptions(facts),
    )


def _no_consequence() -> Sentence:
    """What answers are never used for."""
    return Sentence(
        N_(
            "Neither answers nor refusing to answer has any consequence for you: they may not be used for selection, appraisal, "
            "promotion or pay."
        )
    )


def _exceptions(facts: PrivacyFacts) -> tuple[Sentence, ...]:
    """The exceptions to confidentiality, whole and before the first question."""
    glass = Sentence(
        N_(
            "There are rare exceptions: a court order, serious harm that has to be averted, a security incident, or your own wish. Only "
            "then are answers opened with a name; each time two people named for that have to agree, and it is logged."
        )
    )
    if not facts.asks_for_words:
        return (glass,)
    safeguarding = facts.office(ContactKind.SAFEGUARDING)
    if safeguarding is None:
        told = Sentence(
            N_(
                "If a comment announces serious harm, the moderator passes it on to a person named for that, never to the coordinator; "
                "your organisation has named nobody yet."
            )
        )
    else:
        told = Sentence(
            N_(
                "If a comment announces serious harm, the moderator passes it on to %(name)s, never to the coordinator."
            ),
            {"name": safeguarding.name},
        )
    return (glass, told)


def _sections(facts: PrivacyFacts) -> Iterator[Section]:
    """The page on privacy."""
    yield Section("purpose", N_("Who asks, and what for"), _purpose(facts))
    yield Section("readers", N_("Who can see what"), tuple(_readers(facts)))
    yield Section("release", N_("When results are shown"), tuple(_release(facts)))
    yield Section("exceptions", N_("Exceptions"), _exceptions(facts))
    yield Section("retention", N_("How long it is kept"), tuple(retention_sentences(facts)))
    yield Section("rights", N_("Your rights"), _rights())
    offices = tuple(_offices(facts))
    if offices:
        yield Section("contacts", N_("Whom you can turn to"), offices)


def _purpose(facts: PrivacyFacts) -> tuple[Sentence, ...]:
    """Who is responsible, for what, and on which ground."""
    return (
        Sentence(
            N_("%(organisation)s asks these questions for the programme “%(program)s”."),
            {"organisation": facts.organisation, "program": facts.program},
        ),
        Sentence(
            N_("The questionnaire is %(instrument)s, version %(version)s."),
            {"instrument": facts.instrument_id, "version": facts.instrument_version},
        ),
        Sentence(
            N_("The answers show how the meetings go for both sides, so that the programme can be improved.")
        ),
        _no_consequence(),
        Sentence(N_("No machine decides anything about you, and no feelings are read from what you write.")),
        Sentence(
            N_(
                "Your organisation relies on its legitimate interest in a programme that works for both sides (in the European Union: "
                "Art. 6(1)(f) GDPR), not on your consent: at work, nobody could be sure that it is freely given."
            )
        ),
    )


def _readers(facts: PrivacyFacts) -> Iterator[Sentence]:
    """Who reads what, stream by stream and role by role."""
    yield Sentence(
        N_(
            "Your answers with your name: you alone. They are kept under a random code; your name is not beside them, and the key to "
            "the code is kept apart."
        )
    )
    if facts.asks_for_words:
        moderator = facts.office(ContactKind.MODERATOR)
        if moderator is None:
            yield Sentence(
                N_(
                    "What you write in your own words: only a moderator who has signed a rule of confidentiality, and without your name."
                )
            )
        else:
            yield Sentence(
                N_(
                    "What you write in your own words: only %(name)s, under a signed rule of confidentiality, and without your name."
                ),
                {"name": moderator.name},
            )
    yield Sentence(N_("What you write to the coordinator: the coordinator, with your name."))
    yield Sentence(
        N_(
            "What you share in your pair, such as goals: you and %(partner)s; the coordinator only if both of you say so."
        ),
        {"partner": Partner()},
    )
    yield Sentence(
        N_(
            "What you log of your meetings: day, format and minutes the coordinator too, your notes only you and %(partner)s."
        ),
        {"partner": Partner()},
    )
    yield Sentence(
        N_(
            "Your coordinator sees names, pairs, dates and published results, but no answers, and not who has answered."
        )
    )
    yield Sentence(
        N_("Those who lead the organisation see published results only. Your manager is told nothing.")
    )
    yield Sentence(
        N_(
            "Researchers get answers under codes made for one file, without names and without what was written, of groups of at least "
            "%(floor)s only."
        ),
        {"floor": facts.floor},
    )
    yield Sentence(
        N_(
            "A works council or a data protection officer may read the log of what was done with data. It holds no answers."
        )
    )
    yield Sentence(
        N_(
            "If mails are sent to you, those who run the mail server see them, and in a reminder that you had not answered. They may tell nobody."
        )
    )
    yield Sentence(
        N_(
            "Those who run the service look after the data and, apart from them, the key to the codes. Whoever had both could find out "
            "whose answers are whose; that is why different people should keep them."
        )
    )


def _release(facts: PrivacyFacts) -> Iterator[Sentence]:
    """When a result is shown, in plain words."""
    yield Sentence(N_("Nothing is shown before the questionnaire is closed, and then once and for all."))
    yield Sentence(
        N_(
            "A result needs at least %(floor)s people from as many pairs; on sensitive questions at least %(sensitive)s."
        ),
        {"floor": facts.floor, "sensitive": facts.sensitive_floor},
    )
    yield Sentence(
        N_("These numbers are fixed once the first person has been asked. They are never made smaller.")
    )
    yield Sentence(
        N_(
            "Each result is checked against everything shown before, so that nobody can be found by subtraction (rules %(version)s)."
        ),
        {"version": facts.rules_version},
    )
    yield Sentence(N_("What is not shown looks the same whether nobody answered or a few did."))
    if facts.asks_for_words:
        yield Sentence(
            N_(
                "From what people wrote the moderator makes themes in other words. A theme needs at least %(people)s people who answered "
                "the question, and %(supporters)s of them who say the same."
            ),
            {"people": max(facts.floor, LEAST_PEOPLE), "supporters": LEAST_PEOPLE_BEHIND},
        )
        yield Sentence(
            N_(
                "Your own words are quoted only if you allow it with a tick, without what could tell who you are, and only in groups of "
                "%(pairs)s pairs or more. What was published cannot be taken back."
            ),
            {"pairs": LEAST_PAIRS_QUOTED},
        )


def retention_sentences(facts: PrivacyFacts) -> Iterator[Sentence]:
    """How long each kind of data is kept, by the times in force."""
    kept = facts.retention
    lines: tuple[tuple[str, Days | Months], ...] = (
        (
            N_(
                "The connection between your name and your answers: until %(time)s after the last questionnaire, at the latest."
            ),
            Days(kept.link_days),
        ),
        (
            N_("What you wrote in your own words: %(time)s after your meetings end, at the latest."),
            Months(kept.comments_months),
        ),
        (
            N_("Your other answers, without your name: %(time)s after your meetings end, at the latest."),
            Months(kept.answers_months),
        ),
        (
            N_("What you share in your pair: %(time)s after the end of the programme, at the latest."),
            Days(kept.goals_days),
        ),
        (
            N_("What you wrote to the coordinator: %(time)s after the end of the programme, at the latest."),
            Months(kept.messages_months),
        ),
        (
            N_(
                "Your name and address: %(time)s after the end of the programme, at the latest; earlier if you ask the coordinator."
            ),
            Months(kept.contacts_months),
        ),
        (
            N_("The log of what was done, without names of participants and without answers: %(time)s."),
            Months(facts.log_months),
        ),
    )
    for text, time in lines:
        yield Sentence(text, {"time": time})
    yield Sentence(
        N_("What you have not sent yet is kept on your device only if you allow it there, until it is sent.")
    )
    yield backup_sentence(facts)
    yield Sentence(
        N_("Results that were already published stay as they are; they show groups, never single people.")
    )
    if facts.asks_for_words:
        yield Sentence(
            N_("Themes that were already published stay too, with the quotes that their writers allowed.")
        )
    yield Sentence(N_("These times can be made shorter, never longer than you were told."))


def backup_sentence(facts: PrivacyFacts) -> Sentence:
    """When what was erased is gone from backups too."""
    return Sentence(
        N_("Copies made for safety are replaced within %(time)s."), {"time": Days(facts.backup_days)}
    )


def _rights() -> tuple[Sentence, ...]:
    """What a person may do, without asking anybody."""
    return (
        Sentence(
            N_(
                "You can download your answers with their questions, what you wrote and what you decided, in the browser where you "
                "answered."
            )
        ),
        Sentence(
            N_(
                "There you can have your answers deleted at once and without a reason: those to one questionnaire while it is open, all "
                "of them as long as they can be found by your name. For all of them you get a receipt that only you can use."
            )
        ),
        Sentence(
            N_(
                "Leaving the questionnaires changes nothing about your mentoring, and leaving the mentoring needs no reason either."
            )
        ),
        Sentence(
            N_(
                "If a person leaves, the answers of their partner stay, but no longer lead to the person who left."
            )
        ),
        Sentence(
            N_(
                "What %(partner)s answers is protected as your answers are: you cannot read it, even where it is about your meetings."
            ),
            {"partner": Partner()},
        ),
        Sentence(
            N_("You can see in which files for researchers your answers may be, and what the files are for.")
        ),
        Sentence(N_("You can object, and complain to the data protection authority.")),
    )


OFFICES: Mapping[ContactKind, str] = {
    ContactKind.NEUTRAL: N_("Inside the organisation, and no party to the programme: %(name)s, %(reach)s."),
    ContactKind.EXTERNAL: N_("Outside the organisation: %(name)s, %(reach)s."),
    ContactKind.SAFEGUARDING: N_("When somebody is in danger: %(name)s, %(reach)s."),
    ContactKind.MODERATOR: N_("Reads what was written in people's own words: %(name)s, %(reach)s."),
    ContactKind.PROTECTION: N_("Data protection officer: %(name)s, %(reach)s."),
}


def _offices(facts: PrivacyFacts) -> Iterator[Sentence]:
    """The people named; who reads comments only where there are any."""
    for office in facts.offices:
        if office.kind is not ContactKind.MODERATOR or facts.asks_for_words:
            yield Sentence(OFFICES[office.kind], _named(office))


def _named(office: NamedOffice) -> dict[str, Value]:
    """What is filled in of an office; a full stop at its end would come twice."""
    return {"name": office.name, "reach": office.reach.rstrip(".")}
