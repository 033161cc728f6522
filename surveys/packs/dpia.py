"""The draft of a data protection impact assessment (Art. 35 GDPR), as far as the configuration of a programme can tell it."""

from collections.abc import Iterator

from surveys.packs import parts
from surveys.packs.blocks import Block, Bullets, Document, Heading, OpenPoint, Paragraph, bullets, table
from surveys.packs.facts import PackFacts

RISKS = (
    (
        "Re-identification in small groups",
        ("Floor for people and pairs, higher for sensitive scales; complement and overlap rules; open ends; an auditor for every release; "
        "no results while a wave is open"),
    ),
    (
        "The partner guesses an answer: in a pair there is nobody else",
        ("Nothing is ever shown about one pair, not even if both agree; questions ask for one's own experience; no trigger or label leads "
        "from an answer to the partner or the coordinator"),
    ),
    (
        "Coercion to take part or to answer in a certain way",
        ("Voluntary, every question may be skipped; nobody is told who answered; leaving needs no reason and does not end the mentoring; "
        "rates only in steps of ten"),
    ),
    (
        "Retaliation by a senior partner or a manager",
        ("Reporting lines inside a pair are refused by default; answers are not attributable; excluded uses are stated to everybody; neutral "
        "and external contacts"),
    ),
    (
        "Linkage with other data: links, times, languages, exports",
        ("No column leads from an answer to a person; dates without times; random keys without order; codes drawn anew for each data package, "
        "no dates, languages or comments in it"),
    ),
    (
        "Insiders: coordinators, researchers, administrators",
        ("Separate offices, and on PostgreSQL separate database roles; a personal link opens an empty questionnaire for anybody but the browser "
        "that answered; the link key lies apart from the database; two custodians for one person's answers; a chained audit log that an "
        "overseer can read"),
    ),
    (
        "Somebody with another's link answers in their name",
        ("Saved answers stay unreadable to them and nothing tells whether there are any; the person notices, because answers begun elsewhere "
        "cannot be changed unseen; a link can be replaced"),
    ),
    (
        "Discovery in a lawsuit, or a request of an authority",
        "Short times, counted from the end; the key table is destroyed first, so that what is left cannot be tied to a name",
    ),
    (
        "Identification by writing style or by a story that is told",
        ("Comments only where the questionnaire asks for them, with a warning beside the box; read only by moderators who signed a rule; themes "
        "in other words with a floor for people and supporters; quotes only with a tick, masked, in large cohorts; deleted earlier than other "
        "answers"),
    ),
    (
        "Whoever runs the mail server, or entered an address of their own for somebody, learns from a reminder who has not answered",
        ("Mails are sent only if a server is configured; its operators may tell nobody; at most two reminders; a link opens an empty form, never answers"),
    ),
    (
        "Somebody learns what a partner wished: to end, to talk, or not to go on",
        ("Talks are also held by lot, and the list gives no reason; a no to going on is kept nowhere; pages say beforehand what can be inferred"),
    ),
    (
        "Results used against people: selection, appraisal, promotion, pay",
        "Excluded in the statement, and technically: no score of a person, pair or team can be had by anybody in the organisation",
    ),
)  # fmt: skip


def dpia_document(facts: PackFacts) -> Document:
    """The draft for one programme."""
    return Document(
        title="Data protection impact assessment",
        subtitle=f"{facts.privacy.organisation}: {facts.privacy.program}",
        notice=parts.NOTICE,
        blocks=tuple(_blocks(facts)),
    )


def _blocks(facts: PackFacts) -> Iterator[Block]:
    """The parts in the order in which an assessment is read."""
    yield parts.contents_line(facts)
    yield from _purpose(facts)
    yield from _processing(facts)
    yield from _necessity(facts)
    yield from _risks()
    yield from _rights()
    yield Heading("How long data are kept")
    yield parts.retention_table(facts.privacy)
    yield parts.retention_rules()
    yield from _recipients(facts)
    yield from parts.statement_blocks(facts.privacy)
    yield from _decision()


def _purpose(facts: PackFacts) -> Iterator[Block]:
    """Why an assessment is made, for what, and by whom."""
    yield Heading("Purpose and responsibility")
    yield Paragraph(
        "The programme pairs junior mentors with senior mentees. Both sides are asked at fixed occasions how the meetings go, so that the "
        "organisation can improve the programme. Results are made for groups only."
    )
    yield Paragraph(
        "An assessment is called for because employees are vulnerable data subjects, both sides evaluate an experience with a named "
        "colleague, and people are matched."
    )
    yield OpenPoint(f"Controller, representative and contact details of {facts.privacy.organisation}.")
    yield OpenPoint("Processors (hosting, mail, support) and the contracts with them (Art. 28 GDPR).")
    yield OpenPoint("Countries in which the data lie, and the ground of any transfer.")
    yield from parts.offices_blocks(facts)


def _processing(facts: PackFacts) -> Iterator[Block]:
    """What is processed, stream by stream."""
    yield Heading("Description of the processing")
    yield table(
        ("Stream", "Categories of data", "Who can read a single value"),
        (
            ("A, confidential", "ratings, reasons for not answering, and comments where they are asked; pseudonymised personal data", "the respondent; researchers under codes of one file, without comments; moderators comments without names; two custodians together in the four cases named below"),
            ("B, addressed", "what a participant writes to the coordinator, with their name; trial decisions; how mediations ended; day, format and minutes of a pair's meetings", "the coordinator; of meetings both partners too; how a mediation ended and a decision to continue: nobody"),
            ("C, shared in the pair", "goals of a pair; its notes of meetings; wishes to go on", "both partners, with the key of the pair; that both wish to go on: the coordinator too; a wish that stays alone: nobody"),
            ("Programme", "names, addresses, languages, roles, pairs, dates, reporting lines", "the coordinator"),
            ("Access and log", "accounts of people with an office; what was done, by whom and when, without content", "overseers; those who run the service"),
        ),
    )  # fmt: skip
    yield Paragraph(
        "Answers are kept under random pseudonyms of 128 bits, one per programme. Answers of a pair are linked with each other, so they are "
        "personal data: pseudonymised, and called confidential everywhere. Only released aggregates may be treated as no longer personal, after "
        "the audit of each release. No value is copied, derived or triggered from stream A into B or C; there is no “at risk” label."
    )
    yield Heading("Questionnaires and waves", 2)
    yield table(
        ("Questionnaire", "Waves", "Questions", "Digest"),
        (
            (
                f"{one.instrument.id} {one.instrument.version}",
                ", ".join(kind.value for kind in one.kinds),
                str(len(one.instrument.items)),
                one.instrument.digests.whole[:16],
            )
            for one in facts.questionnaires
        ),
    )
    yield parts.waves_table(facts)
    yield Heading("Special categories and sensitive scales", 2)
    yield Paragraph(
        "The questions ask for no special categories of data (Art. 9 GDPR); comments may hold some unasked. The following scales and "
        f"questions are treated as sensitive: they are shown of {facts.privacy.sensitive_floor} people or more only."
    )
    yield Bullets(tuple(parts.sensitive_parts(facts)) or ("none",))
    yield OpenPoint("Whether a private questionnaire or an added question touches Art. 9 GDPR.")


def _necessity(facts: PackFacts) -> Iterator[Block]:
    """The legal basis with its balancing test, and why less would not do."""
    yield Heading("Necessity and proportionality")
    yield Heading("Legal basis, with a draft of the balancing test", 2)
    yield Paragraph(
        "Orientation: consent is usually no valid basis at work, because refusal without fear is unlikely (EDPB Guidelines 05/2020; "
        "Art. 29 Working Party 2/2017). The draft assumes legitimate interest, Art. 6(1)(f) GDPR, together with genuine voluntariness. "
        "Separate consent is needed only for extras: a research bank, quotes, optional traits."
    )
    yield table(
        ("Step", "Draft"),
        (
            ("Interest", "To know whether a programme that takes people's time helps both sides, and to notice where it harms."),
            ("Necessity", "Without both sides' answers over time, change cannot be told from mood; groups suffice, so single values are never shown. Fewer waves, fewer questions and skipping are possible at any time."),
            ("Balance", "Against the interest stand the subordination of juniors, the closeness of a pair, and the fear of consequences. The measures below, voluntariness, erasure at any time and short times weigh on the other side."),
            ("Expectation", "Participants read the statement before the first question; it names exceptions, times and people to turn to."),
        ),
    )  # fmt: skip
    yield OpenPoint(
        "Result of the balancing test, by whom and when; objections (Art. 21 GDPR) and how they are met."
    )
    yield Heading("Data minimisation", 2)
    yield bullets(
        "No answer has a time of day; the languages and dates of people are in no data package.",
        "Whether somebody answered is known nowhere on the side of names.",
        "Baseline answers are not available for matching.",
        f"The smallest group shown is {facts.privacy.floor}; it can be raised.",
    )
    yield Heading("Excluded uses", 2)
    yield Paragraph(
        "Selection, appraisal, promotion and pay are excluded, by the statement that everybody reads and because no score of a person exists "
        "outside the respondent's own browser. There is no automated evaluation of workers and no inference of emotions."
    )
    yield OpenPoint("The sponsor's signed terms that answers and refusal have no consequence.")


def _risks() -> Iterator[Block]:
    """The risks, with what is done about each."""
    yield Heading("Risks and measures")
    yield table(
        ("Risk", "Measures in the software", "Likelihood and severity left (controller)"),
        ((risk, measures, "") for risk, measures in RISKS),
    )
    yield Heading("Answers about the partner", 2)
    yield Paragraph(
        "Answers about the other partner are probably also that person's personal data (CJEU C-434/16, Nowak, on opinions). Access by the "
        "partner is limited by the rights of others, Art. 15(4) GDPR: the answers are not handed out. Questions are worded as the respondent's "
        "own experience, which reduces the matter; it should be weighed here."
    )
    yield OpenPoint("The controller's view on requests of a partner for answers about them.")


def _rights() -> Iterator[Block]:
    """What people can do themselves, and what is left to the controller."""
    yield Heading("Rights of participants")
    yield bullets(
        "Access and portability (Art. 15, 20): self-service download as JSON and CSV of answers with their questions, messages to the coordinator, "
        "how mediations ended, decisions about the pair and its goals, in the browser that gave the answers. The list of talks tells of two "
        "people and gives no reason; the coordinator answers whoever asks about it.",
        "Name, address, messages and decisions of a person are deleted at their request with `viceversa program forget`; the answers are theirs "
        "to erase with their own link.",
        "Erasure (Art. 17): self-service, at once in the live data, with a receipt that only the person can use. Published results are not computed "
        "again, because the difference would show who left; the next release and the next data package leave the person out.",
        "After an erasure the partner's answers stay; the pair gets another pseudonym, so that nothing that is left of the person leads to the partner.",
        "Data packages that may still hold the person's answers are listed to them before and after an erasure.",
        "Withdrawal from questionnaires does not end the mentoring; withdrawal from the programme needs no reason.",
        "Once the key table is destroyed nobody can find a person's answers (Art. 11 GDPR); pages say so with the day.",
    )
    yield OpenPoint(
        "How requests that do not come through the pages are answered within one month (Art. 12(3))."
    )


def _recipients(facts: PackFacts) -> Iterator[Block]:
    """Who gets what, and which files were made."""
    yield Heading("Recipients")
    yield parts.roles_table(facts)
    yield Heading("When results are shown", 2)
    yield parts.release_rules(facts.privacy)
    if facts.privacy.asks_for_words:
        yield Heading("What people write in their own words", 2)
        yield parts.comment_rules(facts.privacy)
    yield Heading("Opening one named person's answers", 2)
    yield parts.glass_rules(facts.privacy)
    yield Heading("Separation in the database", 2)
    yield parts.separation_rules()
    yield Heading("Data packages for researchers", 2)
    yield Paragraph(
        "Each package has a purpose that participants can read. A package that left the house can no longer be erased from here."
    )
    yield parts.files_table(facts)
    yield OpenPoint("Data-use agreements with researchers: purpose, end date, place of storage.")


def _decision() -> Iterator[Block]:
    """What the controller decides in the end."""
    yield Heading("Opinion and decision")
    yield OpenPoint("Advice of the data protection officer (Art. 35(2)).")
    yield OpenPoint("Views of participants or their representatives (Art. 35(9)).")
    yield OpenPoint("Whether a high risk remains, so that the authority has to be consulted (Art. 36).")
    yield OpenPoint("Decision, name, date, and the day of the next review.")
