"""Sentences of the coordinator's pages with numbers that no answer touches, each with the value that it has in a world.

Everywhere hold the rules and everybody's name. On the pages to which it belongs holds the rest: the calendar, pairs and links, when
pairs met, what people wrote to the coordinator and how many of these messages there are, what was published of mediations and
comments, and the days in a form. Values are read from the file, not asked of the software under test.
"""

import json
import sqlite3
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from scoring.gates import minimum_for
from tests.webapp.worlds import START
from webapp.coordinate.waves import FIELDWORK
from webapp.coordinate.words import KINDS
from webapp.i18n import force_locale, format_date, format_datetime, format_number, format_share
from webapp.i18n import gettext as _

ROOT = Path(__file__).parents[2]
# The smallest group of which anything is counted, whatever a programme says.
FLOOR = 5
DAY = timedelta(days=1)
# A page: the end of its endpoint's name, and the key of what it is about.
Place = tuple[str, str]


@dataclass(frozen=True)
class Facts:
    """Sentences that hold on every page, and those that hold on one."""

    everywhere: frozenset[str]
    here: Mapping[Place, frozenset[str]]

    def on(self, endpoint: str, values: Mapping[str, str]) -> list[str]:
        """The sentences that hold on a page, longest first, so that no short one takes a piece out of a longer one."""
        page = endpoint.removeprefix("coordinate.")
        places = [(page, "")] + [(page, values[name]) for name in ("wave_id", "cohort_id") if name in values]
        found = self.everywhere.union(*(self.here.get(place, frozenset()) for place in places))
        return sorted(found, key=len, reverse=True)

    @property
    def all(self) -> list[str]:
        """Every sentence, wherever it holds."""
        return sorted(self.everywhere.union(*self.here.values()), key=len, reverse=True)


def read_facts(path: Path, locale: str) -> Facts:
    """The facts of the programme "desk" in a file, in a language; needs an app around it."""
    with sqlite3.connect(path) as connection, force_locale(locale):
        connection.row_factory = sqlite3.Row
        desk = Desk(connection, locale)
        here: dict[Place, set[str]] = defaultdict(set)
        kinds = (
            desk.calendar,
            desk.pairs,
            desk.meetings,
            desk.letters,
            desk.counts,
            desk.themes,
            desk.forms,
            desk.languages,
        )
        for place, sentence in (found for kind in kinds for found in kind()):
            here[place].add(sentence)
        return Facts(
            with_numbers(desk.rules()), {place: with_numbers(found) for place, found in here.items()}
        )


def with_numbers(sentences: Iterable[str]) -> frozenset[str]:
    """Those that have a number, in Latin digits."""
    return frozenset(text for text in map(latin, sentences) if any(sign.isdigit() for sign in text))


def latin(text: str) -> str:
    """A text with Latin digits, one kind of blanks, and without marks of direction."""
    plain = "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in text)
    plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    return " ".join(plain.split())


def day_of(text: str) -> date:
    """The day of a stored date or moment."""
    return date.fromisoformat(text[:10])


def moment_of(text: str) -> datetime:
    """A stored moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NAMES = (
    "SELECT one.name AS mentor, other.name AS mentee, cohort.name AS cohort, pair.* FROM pair JOIN cohort ON cohort.id = pair.cohort_id "
    "JOIN contact AS one ON one.participant_id = mentor_id JOIN contact AS other ON other.participant_id = mentee_id "
)


@dataclass(frozen=True)
class Desk:
    """Reads one kind of facts after the other."""

    connection: sqlite3.Connection
    locale: str

    def read(self, statement: str, *values: str) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self.connection.execute(statement, values).fetchall()

    def number(self, statement: str, *values: str) -> int:
        """The number that a query counts."""
        return int(self.read(statement, *values)[0][0])

    @property
    def floor(self) -> int:
        """The programme's smallest group."""
        return self.number("SELECT floor FROM program WHERE slug = 'desk'")

    def rules(self) -> Iterator[str]:
        """The questionnaire and the rules, and everybody's name."""
        floor = self.floor
        yield from (
            f"Smallest group shown {floor} people", f"Smallest group shown {self.locale}:{floor} people",
            "for sensitive scales the smallest group is 10.", "people answered (10 for sensitive scales)",
            "its 95 % interval", "is the 95 % interval", "In groups of fewer than 10 people the interval rests",
            f"only from {minimum_for('cohort_contrast')} pairs in each", f"results need at least {floor} pairs in each",
            f"Only groups of at least {floor} people from as many pairs", "In steps of 10 %",
            f"fewer than 10 people were asked, or fewer than {floor} have answered", "10 days are usual", "up to 1 megabyte",
            "Version 0.1.0", "version 0.1.0", "toy 0.1.0", "core-battery 0.1.0", "up to 200 characters",
            # The ends of a scale belong to its name, and the picture says them too.
            "on a scale from 1 to 5",
        )  # fmt: skip
        for words in KINDS.values():
            yield from (_(words.when), _(words.purpose), f"at most {words.minutes} minute")
        yield from (row["name"] for row in self.read("SELECT name FROM contact"))
        yield f"{len(self.read('SELECT id FROM cohort'))} cohorts"

    def calendar(self) -> Iterator[tuple[Place, str]]:
        """When cohorts and waves begin and end, and when results were frozen."""
        for row in self.read("SELECT id, starts_on, ends_on FROM cohort"):
            for day in filter(None, (row["starts_on"], row["ends_on"])):
                for place in (("show_program", ""), ("show_cohort", row["id"])):
                    yield place, format_date(day_of(day))
        for row in self.read("SELECT id, cohort_id, kind, opens_at, closes_at, closed_at FROM wave"):
            places = [("show_wave", row["id"]), ("show_cohort", row["cohort_id"])]
            places += [("list_talks", "")] if row["kind"] == "TC" else []
            for moment in filter(None, (row["opens_at"], row["closes_at"], row["closed_at"])):
                for place in places:
                    yield place, format_datetime(moment_of(moment))
        for row in self.read("SELECT wave_id, frozen_on FROM wave_release"):
            yield ("show_results", row["wave_id"]), format_date(day_of(row["frozen_on"]))

    def pairs(self) -> Iterator[tuple[Place, str]]:
        """How many pairs a cohort has, since when and until when they meet, and how many links a wave has."""
        ended = "ended %(date)s"
        for cohort in self.read("SELECT id FROM cohort"):
            n_pairs = self.number("SELECT count(*) FROM pair WHERE cohort_id = ?", cohort["id"])
            yield ("show_program", ""), f"{n_pairs} pair"
            place = ("show_cohort", cohort["id"])
            yield place, f"Pairs {n_pairs}"
            for pair in self.read(f"{NAMES} WHERE cohort_id = ?", cohort["id"]):
                yield place, f"{pair['mentor']} {pair['mentee']} {format_date(day_of(pair['started_on']))}"
                yield place, f"{_('Correct the address')} {format_date(day_of(pair['started_on']))}"
                if pair["ended_on"]:
                    yield place, _(ended, date=format_date(day_of(pair["ended_on"])))
        for row in self.read("SELECT email FROM contact WHERE bounced"):
            yield ("correct_address", ""), row["email"]
        links = (
            "SELECT wave_id, count(DISTINCT pair_id || participant_id) AS n FROM invitation GROUP BY wave_id"
        )
        for row in self.read(links):
            yield ("show_wave", row["wave_id"]), f"Personal links {row['n']}"

    def meetings(self) -> Iterator[tuple[Place, str]]:
        """How often each pair met, of how many meetings planned, and when and how long they met last."""
        entered = (
            "SELECT held_on, took_place, minutes FROM addressed_meeting WHERE pair_id = ? ORDER BY held_on"
        )
        shown = "%(held)s of %(planned)s"
        for pair in self.read(NAMES):
            met = self.read(entered, pair["id"])
            held = [row for row in met if row["took_place"]]
            if met:
                place = ("show_cohort", pair["cohort_id"])
                names = f"{pair['mentor']} · {pair['mentee']}"
                yield place, f"{names} {_(shown, held=len(held), planned=len(met))}"
                yield place, format_date(day_of(held[-1]["held_on"]))
                yield place, f"{held[-1]['minutes']} minute"

    def letters(self) -> Iterator[tuple[Place, str]]:
        """What people wrote with their names, who goes on, and which talks were drawn: days stand beside the name they belong to."""
        page = ("list_messages", "")
        message = "SELECT name, body, sent_at FROM addressed_message JOIN contact USING (participant_id)"
        for row in self.read(message):
            yield page, f"{row['name']} {format_date(day_of(row['sent_at']))}"
            yield page, row["body"]
        for pair in self.read(
            f"{NAMES.replace('pair.*', 'agreed_on')} JOIN shared_extension ON pair_id = pair.id"
        ):
            names = f"{pair['mentor']} {pair['mentee']} {pair['cohort']}"
            yield page, f"{names} {format_date(day_of(pair['agreed_on']))}"
        held = f"{NAMES.replace('pair.*', 'held_on')} JOIN addressed_talk ON pair_id = pair.id WHERE held_on IS NOT NULL"
        for pair in self.read(held):
            yield (
                ("list_talks", ""),
                f"{pair['mentor']} {pair['mentee']} {format_date(day_of(pair['held_on']))}",
            )
        drawn = "Drawn up on %(day)s."
        for row in self.read("SELECT drawn_on FROM addressed_draw"):
            yield ("list_talks", ""), _(drawn, day=format_date(day_of(row["drawn_on"])))

    def counts(self) -> Iterator[tuple[Place, str]]:
        """How many messages there are, which is no secret, and of mediations what five people or more stand behind."""
        page, smallest = ("list_messages", ""), max(self.floor, FLOOR)
        total = "SELECT count(*) FROM addressed_message WHERE state"
        waiting, done = self.number(f"{total} <> 'closed'"), self.number(f"{total} = 'closed'")
        yield page, f"To see to {waiting}"
        yield page, f"Done {done}"
        yield ("show_program", ""), f"Messages {waiting}"
        yield page, f"in groups of at least {self.floor} people."
        asked = self.read("SELECT participant_id FROM addressed_message WHERE kind = 'mediation'")
        if len({row[0] for row in asked}) >= smallest:
            yield page, f"Asked for {len(asked)}"
        rated = self.read(
            "SELECT participant_id, result FROM addressed_outcome JOIN addressed_message ON id = message_id WHERE counted"
        )
        if len({row["participant_id"] for row in rated}) >= smallest:
            resolved = sum(row["result"] == "resolved" for row in rated)
            yield page, f"Resolved {format_share(resolved / len(rated))}"
            yield page, f"of {len(rated)} told"

    def themes(self) -> Iterator[tuple[Place, str]]:
        """The themes of a wave, word for word as they were frozen, and the day of it."""
        published = "published on %(date)s"
        for row in self.read("SELECT wave_id, published_on, body FROM wave_themes"):
            page = ("show_themes", row["wave_id"])
            yield page, _(published, date=format_date(day_of(row["published_on"])))
            theme: dict[str, Any]
            for theme in json.loads(row["body"])["themes"]:
                for text in (theme["title"], theme["summary"], *theme["quotes"]):
                    yield page, text

    def languages(self) -> Iterator[tuple[Place, str]]:
        """How many texts a translation of a questionnaire at hand has; nobody has looked at any of them."""
        for folder in (ROOT / "instruments/library/core-battery", ROOT / "tests/instruments/toy"):
            for file in folder.glob("*/*.po"):
                n_texts = file.read_text(encoding="utf-8").count("msgctxt")
                values = {"approved": 0, "all": n_texts, "reviewed": 0}
                shown = {name: format_number(value) for name, value in values.items()}
                yield (
                    ("list_languages", ""),
                    _("%(approved)s of %(all)s texts approved, %(reviewed)s reviewed", **shown),
                )

    def forms(self) -> Iterator[tuple[Place, str]]:
        """What forms propose: a window from tomorrow morning on, and today for the day on which a pair ends or begins."""
        opens = (START + DAY).replace(hour=8, minute=0)
        for cohort in self.read("SELECT id FROM cohort"):
            for moment in (opens, opens + FIELDWORK):
                yield ("schedule_wave", cohort["id"]), f"{moment:%Y-%m-%dT%H:%M}"
            yield ("end_pair", cohort["id"]), f"{START:%Y-%m-%d}"
            yield ("match_anew", cohort["id"]), f"{START:%Y-%m-%d}"
