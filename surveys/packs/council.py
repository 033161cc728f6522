"""The file for a works council: what is asked of whom, who reads what, and how the council can watch it."""

from collections.abc import Iterator

from instruments.model import Role, WaveKind
from surveys.packages import OPEN_LICENCES
from surveys.packs import parts
from surveys.packs.blocks import Block, Document, Heading, OpenPoint, Paragraph, bullets, table
from surveys.packs.facts import PackFacts, Questionnaire

ROLE_NAMES = {Role.MENTOR: "Mentors (junior)", Role.MENTEE: "Mentees (senior)"}
WAVE_NAMES = {
    WaveKind.T0: "before the first meeting",
    WaveKind.TC: "trial check, after two or three meetings",
    WaveKind.T2: "half-way",
    WaveKind.T3A: "after the last meeting: the pair",
    WaveKind.T3B: "a week later: learning",
    WaveKind.T4: "months later",
    WaveKind.PL: "pulse, after meetings",
}
ORIGINS = {"source": "source language", "machine": "a machine", "human": "people"}
GROUNDS = {
    "approved": "offered",
    "acknowledged": "offered as a draft, acknowledged",
    "before": "offered as a draft, since before this had to be acknowledged",
    "waits": "not offered",
}


def council_document(facts: PackFacts) -> Document:
    """The file for one programme."""
    return Document(
        title="Information for the works council",
        subtitle=f"{facts.privacy.organisation}: {facts.privacy.program}",
        notice=parts.NOTICE,
        blocks=tuple(_blocks(facts)),
    )


def _blocks(facts: PackFacts) -> Iterator[Block]:
    """The parts, what is decided first and the long list of questions last."""
    yield parts.contents_line(facts)
    yield from _purpose(facts)
    yield from _law()
    yield Heading("Who reads what")
    yield parts.roles_table(facts)
    yield from parts.offices_blocks(facts)
    yield Heading("When results are shown")
    yield parts.release_rules(facts.privacy)
    if facts.privacy.asks_for_words:
        yield Heading("What people write in their own words")
        yield parts.comment_rules(facts.privacy)
    yield Heading("Opening one named person's answers")
    yield parts.glass_rules(facts.privacy)
    yield Heading("How long data are kept")
    yield parts.retention_table(facts.privacy)
    yield parts.retention_rules()
    yield from _log(facts)
    yield from _measures()
    yield parts.separation_rules()
    yield Heading("Data packages for researchers")
    yield parts.files_table(facts)
    yield from parts.statement_blocks(facts.privacy)
    yield from _open_points()
    yield Heading("Every question")
    yield parts.waves_table(facts)
    for questionnaire in facts.questionnaires:
        yield from _questions(questionnaire)


def _purpose(facts: PackFacts) -> Iterator[Block]:
    """What the questions are for, and what they may not be used for."""
    yield Heading("Purpose")
    yield Paragraph(
        f"{facts.privacy.organisation} asks both sides of the reverse-mentoring programme “{facts.privacy.program}” how their meetings go, "
        "in order to improve the programme. Taking part is voluntary; every question can be skipped."
    )
    yield bullets(
        "Not used for selection, appraisal, promotion or pay; no score of a person, a pair or a team can be had by anybody.",
        "No monitoring of performance or conduct: nobody in the organisation learns whether somebody answered.",
        "No automated evaluation of people, no inference of emotions, no sending of comments to outside services.",
    )


def _law() -> Iterator[Block]:
    """Where co-determination may be touched; orientation only."""
    yield Heading("Co-determination in Germany: orientation, not advice")
    yield bullets(
        "Sec. 87(1) no. 6 BetrVG: an electronic survey can be a technical device that is suited to monitor, even if it is voluntary "
        "(BAG 11.12.2018, 1 ABR 13/17); a voluntary paper survey without names was not (BAG 21.11.2017, 1 ABR 47/16).",
        "Sec. 94 BetrVG: questionnaires whose answers can be tied to persons may be staff questionnaires that need consent of the council. "
        "Answers here are pseudonymised and could be tied to persons until the key table is destroyed.",
        "Sec. 80(2) BetrVG: the council is informed in time and in full; this file is meant for that.",
        "Elsewhere other rules hold; the measures are the same.",
    )


def _log(facts: PackFacts) -> Iterator[Block]:
    """How the council can watch what is done."""
    yield Heading("Access to the log")
    yield Paragraph(
        "The log holds who did what and when, never what an answer said. Each entry carries the digest of the one before it, so that a change, "
        "a gap or a removed end is noticed. A member of the council can be given the office of overseer, who reads the log and the rules "
        "and nothing else:"
    )
    yield bullets(
        f"viceversa user add NAME@EXAMPLE.ORG --name NAME --oversees {facts.slug} (the log then stands on the page /oversee/)",
        f"viceversa audit show --program {facts.slug}",
        "viceversa audit verify (note the digests it prints, and ask for them again with --known)",
    )


def _measures() -> Iterator[Block]:
    """What technique does, so that rules need not be trusted alone."""
    yield Heading("Technical measures")
    yield bullets(
        "Confidential, addressed and shared data lie in tables of their own; no column leads from an answer to a person.",
        "The only way from a name to a pseudonym is one keyed table; its key is not in the database, and the table is destroyed in time.",
        "Answers have no time of day, no order and no serial number. Erased rows are overwritten.",
        "A personal link opens an empty questionnaire for anybody; saved answers are shown only in the browser that gave them.",
        "Pages that ask for data load nothing from elsewhere and set no cookie for tracking.",
        "Every release is attacked by an auditor before it is frozen; all rules are covered by tests that must fail when a protection is off.",
    )


def _open_points() -> Iterator[Block]:
    """What is to be agreed."""
    yield Heading("To be agreed")
    yield OpenPoint("Works agreement or procedure, parties and date.")
    yield OpenPoint("Who of the council becomes overseer.")
    yield OpenPoint("Who are the custodians (at least two), and where the paper files of their requests lie.")
    yield OpenPoint("Who moderates comments, and whether the rule of confidentiality is agreed as it stands.")
    yield OpenPoint("Whether the floor is raised above the number given here.")
    yield OpenPoint("Whether times are shortened (VICEVERSA_RETENTION).")
    yield OpenPoint("How results are reported to the council and to the staff.")


def _questions(questionnaire: Questionnaire) -> Iterator[Block]:
    """Every question of a questionnaire, as each role reads it in each wave."""
    instrument = questionnaire.instrument
    locale = instrument.source_locale
    yield Heading(f"{instrument.title_in(locale)} ({instrument.id} {instrument.version})", 2)
    yield Paragraph(
        f"Digest of all wordings: {instrument.digests.whole}. {{P}} stands for the partner's first name. Every question can also be answered "
        f"with “{instrument.missing_label('not_applicable', locale)}” or “{instrument.missing_label('prefer_not', locale)}”, or be skipped."
    )
    yield Heading("Languages", 3)
    yield Paragraph(
        "A translation is offered once it is approved, or once the programme has acknowledged that it is a draft. Answers given in a "
        "draft are not compared with those in other languages."
    )
    yield table(
        ("Language", "Translated by", "Review", "In this programme"),
        (
            (one.info.locale, ORIGINS[one.info.origin], one.info.review_status, GROUNDS[one.ground])
            for one in questionnaire.languages
        ),
    )
    yield Heading("Kinds of answers", 3)
    yield table(
        ("Kind", "Answers offered"),
        (
            (
                one.id,
                " / ".join(instrument.option_label(one.id, option.code, locale) for option in one.options),
            )
            for one in instrument.formats
            if one.options
        ),
    )
    if not instrument.license.startswith(OPEN_LICENCES):
        yield Paragraph(
            "The licence of this questionnaire does not allow its wording to be passed on in a file. The council reads the questions on the pages "
            "themselves; here they are listed by their short names."
        )
    for kind in questionnaire.kinds:
        for role in instrument.roles_asked(kind):
            yield Heading(f"{kind.value}, {WAVE_NAMES[kind]}: {ROLE_NAMES[role]}", 3)
            yield table(("Item", "Question", "Kind of answer"), _items(questionnaire, kind, role))


def _items(questionnaire: Questionnaire, kind: WaveKind, role: Role) -> Iterator[tuple[str, str, str]]:
    """The questions of one form in their order, with the kind of answer they offer."""
    instrument = questionnaire.instrument
    locale = instrument.source_locale
    is_open = instrument.license.startswith(OPEN_LICENCES)
    for item_id in instrument.form(kind, role, questionnaire.picks).item_ids:
        response = instrument.format_of(item_id)
        words = (
            instrument.stem_text(item_id, role, kind, locale),
            instrument.text(item_id, role, kind, locale),
        )
        answers = response.id if response.options else "in one's own words"
        mark = " (sensitive)" if instrument.item(item_id).sensitive else ""
        yield item_id + mark, " ".join(filter(None, words)) if is_open else "—", answers
