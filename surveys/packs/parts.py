"""What both packs say: the statement as participants read it, times, roles, files, waves and the rules of release."""

from collections.abc import Iterator

from surveys.break_glass import TIME_TO_DECIDE, TIME_TO_OPEN
from surveys.comments import LEAST_PAIRS_QUOTED, LEAST_PEOPLE, LEAST_PEOPLE_BEHIND
from surveys.extensions import WISH_LIFE
from surveys.models import ContactKind, MembershipRole
from surveys.packs.blocks import Block, Bullets, Heading, OpenPoint, Paragraph, Table, bullets, table
from surveys.packs.facts import PackFacts
from surveys.pledges import PLEDGE_VERSION
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
            "names, pairs, dates, published results and themes, messages addressed to them, trial decisions other than to continue, the "
            "list of talks without reasons, pairs that agreed to go on, response rates in steps of ten where a role has ten people or more"
        ),
        (
            "any answer, score, comment or label of a person or a pair; who has answered; who decided to continue or did not decide; a "
            "theme before it is published"
        ),
    ),
    MembershipRole.RESEARCHER: (
        "Researcher",
        "data packages: answers under codes drawn for that file, of groups above the floor",
        "names, addresses, comments, languages, dates, the key table",
    ),
    MembershipRole.MODERATOR: (
        "Moderator",
        "comments of closed waves without names, each question in an order of its own, after signing the rule of confidentiality",
        "scores, names, who wrote what, which comments come from one person; never coordinates the programme and takes no part in it",
    ),
    MembershipRole.OVERSEER: (
        "Overseer (works council, data protection officer)",
        "the audit log, the rules in force, who holds which office, every request to open one person's answers",
        "answers, comments, results, whose answers a request is about; never coordinates or does research in the programme",
    ),
    MembershipRole.CUSTODIAN: (
        "Custodian",
        (
            "the requests to open one named person's answers; after a second custodian has agreed, those answers once, as a file, through "
            "those who run the service"
        ),
        "any answer alone; never coordinates, does research or takes part in the programme",
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
        ("Stream A: comments and drafts of themes", f"{_count(kept.comments_months, 'month')} after the pairs' end", "deleted; published themes and quotes stay"),
        ("Stream A: answers, under pseudonyms", f"{_count(kept.answers_months, 'month')} after the pairs' end", "deleted; published aggregates stay"),
        ("Stream B: messages to the coordinator, the log of meetings, how mediations ended, the list of talks", f"{_count(kept.messages_months, 'month')} after the programme's end", "deleted"),
        ("Stream B: trial decisions", "until the talks are drawn up, then only those other than to continue, as messages; otherwise as messages", "deleted"),
        ("Names and addresses", f"{_count(kept.contacts_months, 'month')} after the programme's end, together with stream B; earlier on the person's request to the coordinator (`viceversa program forget`)", "deleted"),
        ("Stream C: what a pair shares, and that both want to go on", f"{_count(kept.goals_days, 'day')} after the programme's end", "deleted"),
        ("Stream C: a wish to go on that stayed alone", f"{_count(min(WISH_LIFE.days, kept.goals_days), 'day')} after the pair's last meeting", "deleted; a no is never kept"),
        ("Sign-ins and attempts of people with an office", _count(kept.access_months, "month"), "deleted"),
        ("Audit log, without content", _count(facts.log_months, "month"), "the oldest entries are cut off"),
        ("Requests to open one person's answers, with the person", _count(facts.log_months, "month"), "deleted"),
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
        (
            "Those who run the mail server",
            "mails with names and personal links, where mails are sent; from a reminder, who had not answered",
            "answers",
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


def comment_rules(facts: PrivacyFacts) -> Bullets:
    """What becomes of what people write in their own words."""
    people = max(facts.floor, LEAST_PEOPLE)
    return bullets(
        f"A moderator signs the rule of confidentiality (version {PLEDGE_VERSION}) before reading anything; a new version is signed anew.",
        "Comments can be read once nobody can answer any more: without name, role, pair or day, each question in an order drawn anew. The "
        "language is told only where as many people used it as the floor.",
        f"A theme is written in the moderator's words. It needs at least {people} people who answered the question, and comments that at least "
        f"{LEAST_PEOPLE_BEHIND} different people stand behind.",
        f"Nothing is quoted unless its author ticked that it may be, it was masked, and the wave asked {LEAST_PAIRS_QUOTED} pairs or more.",
        "Themes are published once, for all questions of a wave together, without numbers, roles or scores, and are never changed. Erasing a "
        "comment afterwards changes nothing of them.",
        "Of a question without a theme the coordinator reads the same words whether nobody wrote, few did, or nothing was written yet.",
        "A comment that announces serious harm is passed on by word of mouth to the safeguarding contact. The log then holds the day and the "
        "moderator, neither the comment nor the wave.",
        "No comment is sent to a service outside; none is in a data package.",
    )


def glass_rules(facts: PrivacyFacts) -> Bullets:
    """How one named person's answers are opened, where they must be."""
    decide, open_ = (int(time.total_seconds()) // 3600 for time in (TIME_TO_DECIDE, TIME_TO_OPEN))
    return bullets(
        "Four grounds only: a court order, serious harm that has to be averted, a security incident, or the person's own request.",
        f"Two custodians, each with their password typed again: one asks, another agrees within {decide} hours, and the first opens the answers "
        f"once within {open_} hours, as a file, with `viceversa break-glass open`. No page shows them.",
        "Every step is logged without the person, and overseers see it with ground, reference and names of the custodians. Requests are kept "
        f"as long as the log ({_count(facts.log_months, 'month')}); the reasons belong into a paper file.",
        "Once the key table is destroyed, nothing can be opened any more.",
        "The software cannot stop somebody who holds both the database and the link key; they are to be kept with different people.",
    )


def separation_rules() -> Bullets:
    """What keeps the streams and the rooms apart in the database."""
    return bullets(
        "On PostgreSQL the streams lie in schemas of their own and, unless it is switched off, every room of the service works under a database role that reaches only "
        "what the room needs: the coordinator's reaches no answer and no pseudonym, the moderator's no name. The service does not start where a "
        "role is missing or reaches more; with SQLite there are none.",
        "Roles do not stop somebody who holds the service's own login.",
        "Decisions, talks and wishes to go on are kept without an order from which it could be read who was first.",
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
