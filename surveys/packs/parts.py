"""What both packs say: the statement as participants read it, times, roles, files, waves and the rules of release."""

from collections.abc import Iterator

from surveys.models import ContactKind, MembershipRole
from surveys.packs.blocks import Block, Bullets, Heading, OpenPoint, Paragraph, Table, bullets, table
from surveys.packs.facts import PackFacts
from surveys.privacy import PrivacyFacts
from surveys.statement_texts import Days, Months, Partner, Sentence, Value, statement_of

NOTICE = (
    "A draft made by Viceversa from the configuration of the programme. It is orientation, not legal advice, and judges nothing: the "
    "controller completes it, decides, and answers for it."
)
OFFICE_NAMES = {
    ContactKind.NEUTRAL: "Contact inside the organisation, no party to the programme",
    ContactKind.EXTERNAL: "Contact outside the organisation",
    ContactKind.SAFEGUARDING: "Told when a comment announces serious harm",
    ContactKind.MODERATOR: "Reads comments",
    ContactKind.PROTECTION: "Data protection officer",
}
ROLES = {
    MembershipRole.COORDINATOR: (
        "Coordinator",
        (
            "names, pairs, dates, published results, messages addressed to them, response rates in steps of ten where a role has ten "
            "people or more"
        ),
        "any answer, score, comment or label of a person or a pair; who has answered",
    ),
    MembershipRole.RESEARCHER: (
        "Researcher",
        "data packages: answers under codes drawn for that file, of groups above the floor",
        "names, addresses, comments, languages, dates, the key table",
    ),
    MembershipRole.MODERATOR: (
        "Moderator",
        "comments without names, under a signed rule of confidentiality",
        "scores, names, who wrote what; never coordinates the same programme",
    ),
    MembershipRole.OVERSEER: (
        "Overseer (works council, data protection officer)",
        "the audit log and the rules in force",
        "answers, comments, results of single people",
    ),
    MembershipRole.CUSTODIAN: (
        "Custodian",
        "nothing alone: two custodians have to act together wherever a way past the rules is opened at all, and the log shows it",
        "everything, as long as there is only one of them",
    ),
}


def contents_line(facts: PackFacts) -> Paragraph:
    """Which configuration the document describes."""
    return Paragraph(
        f"Programme “{facts.privacy.program}” ({facts.slug}) of {facts.privacy.organisation}. Digest of the configuration described "
        f"here: {facts.digest}. If the configuration changes, so does the digest, and `viceversa pack … --check` says that this document is out of date."
    )


def statement_blocks(facts: PrivacyFacts) -> Iterator[Block]:
    """The statement of privacy in full, as it is read before the first question and behind every page."""
    statement = statement_of(facts)
    yield Heading("What participants are told")
    yield Paragraph(
        "The following is shown, in the participant's language, before the first question and on the page that every page links to. Each "
        "response keeps a digest of the statement that was read, and every statement shown is kept word for word "
        "(`viceversa privacy show DIGEST`). The floor stated on a page is that of its wave."
    )
    yield Paragraph(" ".join(in_english(one) for one in statement.promise))
    yield Bullets(tuple(in_english(one) for one in statement.notes))
    for section in statement.sections:
        yield Heading(section.heading, 2)
        yield Bullets(tuple(in_english(one) for one in section.sentences))


def in_english(sentence: Sentence) -> str:
    """A sentence of a statement, filled in."""
    return sentence.text % {name: _value(value) for name, value in sentence.values.items()}


def _value(value: Value) -> str:
    """A value of a sentence."""
    if isinstance(value, Days):
        return _count(value.number, "day")
    if isinstance(value, Months):
        return _count(value.number, "month")
    return "the partner" if isinstance(value, Partner) else str(value)


def _count(number: int, unit: str) -> str:
    """A number with its unit."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def retention_table(facts: PrivacyFacts) -> Table:
    """What is kept for how long, by the times in force."""
    kept = facts.retention
    rows = [
        ("Key table (name to pseudonym)", f"{_count(kept.link_days, 'day')} after the last wave of a person's cohorts closed; earlier on erasure", "destroyed"),
        ("Stream A: comments", f"{_count(kept.comments_months, 'month')} after the pairs' end", "deleted"),
        ("Stream A: answers, under pseudonyms", f"{_count(kept.answers_months, 'month')} after the pairs' end", "deleted; published aggregates stay"),
        ("Stream B: messages to the coordinator", f"{_count(kept.messages_months, 'month')} after the programme's end", "deleted"),
        ("Names and addresses", f"{_count(kept.contacts_months, 'month')} after the programme's end, together with stream B; earlier on the person's request to the coordinator (`viceversa program forget`)", "deleted"),
        ("Stream C: what a pair shares", f"{_count(kept.goals_days, 'day')} after the programme's end", "deleted"),
        ("Sign-ins and attempts of people with an office", _count(kept.access_months, "month"), "deleted"),
        ("Audit log, without content", _count(facts.log_months, "month"), "the oldest entries are cut off"),
        ("Receipts of erasures, which lead to nobody", _count(facts.log_months, "month"), "deleted"),
        ("Backups", f"replaced within {_count(facts.backup_days, 'day')}", "by those who run the service"),
        ("Published results; statements of privacy that were shown", "for good", "they hold no single person"),
    ]  # fmt: skip
    return table(("Data", "Kept until", "Then"), rows)


def retention_rules() -> Bullets:
    """What holds for all times."""
    return bullets(
        "Settings can shorten a time, never lengthen it beyond the table of the software.",
        "A shorter time that participants of this programme were once told stays in force, even if the settings are made longer again.",
        "The floor of a wave is frozen with its first invitation; the floor of the programme can be raised, never lowered.",
        "The clock runs by `viceversa retention run`, once a day. The log tells that a time came to its end.",
    )


def roles_table(facts: PackFacts) -> Table:
    """Who may see what, and how many hold each office today."""
    rows = [
        ("Participant", "their own answers, in the browser that gave them; what their pair shares", "the partner's answers, anything about the pair as a pair", "—"),
        *((name, sees, never, str(facts.holders[role])) for role, (name, sees, never) in ROLES.items()),
        ("Sponsor, executives", "published results of groups", "anything about a person or a pair", "—"),
        ("Line managers", "nothing", "everything", "—"),
        (
            "Those who run the service",
            "the database, and apart from it the link key",
            "to be kept with different people: whoever holds both could join names and answers",
            "—",
        ),
    ]  # fmt: skip
    return table(("Who", "Sees", "Never sees", "Holders now"), rows)


def release_rules(facts: PrivacyFacts) -> Bullets:
    """The rules of release in plain words."""
    return bullets(
        f"A result needs at least {facts.floor} people from as many pairs; on sensitive scales at least {facts.sensitive_floor}.",
        "Nothing is seen while a wave is open. When it closes, one release is frozen; it is never computed again.",
        "A group is not shown where a published larger group minus it would leave 1 to 4 people (or fewer than the floor).",
        "Two published groups differ by nobody or by at least as many people as the floor.",
        "Changes over time are not shown where those who answered only once could be found by subtraction.",
        "Up to 9 people: means with one decimal only; more detail only from 10 on; values at the ends of a scale are given as “at least” or “at most”.",
        "Reports are a fixed menu: cohort, role, wave. There are no free filters and no crossing of two traits.",
        "Response rates are told by role only where it has ten people, in steps of ten per cent with open ends.",
        "What is not shown looks the same for nobody as for four people.",
        f"Before each release an auditor attacks it with everything the programme has ever published; what fails is not released (rules version {facts.rules_version}).",
    )


def waves_table(facts: PackFacts) -> Table | Paragraph:
    """The waves planned and held."""
    if not facts.waves:
        return Paragraph("No wave is planned yet.")
    rows = [
        (
            one.cohort,
            one.kind.value,
            one.instrument,
            one.digest[:16],
            f"{one.floor} ({'frozen' if one.floor_is_frozen else 'until the first invitation, then frozen'})",
        )
        for one in facts.waves
    ]
    return table(("Cohort", "Wave", "Questionnaire", "Digest", "Smallest group shown"), rows)


def sensitive_parts(facts: PackFacts) -> Iterator[str]:
    """The sensitive scales and questions of every questionnaire, by their titles and short names."""
    for one in facts.questionnaires:
        instrument = one.instrument
        for scale in instrument.scales:
            if scale.sensitive:
                yield f"{instrument.scale_title(scale.id, instrument.source_locale)} ({scale.id})"
        items = [item.id for item in instrument.items if item.sensitive]
        if items:
            yield f"questions of {instrument.id} {instrument.version}: {', '.join(items)}"


def files_table(facts: PackFacts) -> Table | Paragraph:
    """The data packages made so far."""
    if not facts.files:
        return Paragraph("No data package was made so far.")
    rows = [(one.number, one.written_on.isoformat(), one.purpose) for one in facts.files]
    return table(("Number", "Made on", "Purpose"), rows)


def offices_blocks(facts: PackFacts) -> Iterator[Block]:
    """The people named, and an open point for each who is not."""
    named = facts.privacy.offices
    if named:
        rows = [(OFFICE_NAMES[one.kind], one.name, one.reach) for one in named]
        yield table(("Office", "Name", "Reached by"), rows)
    for kind, name in OFFICE_NAMES.items():
        if facts.privacy.office(kind) is None:
            yield OpenPoint(
                f"{name}: nobody is named yet (`viceversa program contact {facts.slug} {kind.value} --name … --reach …`)."
            )
