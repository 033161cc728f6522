"""The facts a statement is made from, the statement's digest, and the promise that outlives the settings."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from instruments.answers import AnswerValue
from instruments.model import Role, WaveKind
from scoring import disclosure
from surveys import privacy, programs, responses, retention, statements, waves
from surveys.errors import ProgramError, StatementError
from surveys.models import ContactKind, PrivacyStatement, Response
from surveys.privacy import PrivacyFacts, wave_facts
from surveys.program_contacts import set_program_contact
from surveys.retention import RetentionPolicy, promised_retention
from surveys.statement_texts import Days, Months, Partner, Sentence, Statement, statement_of


def facts_of(world: Any, policy: RetentionPolicy | None = None) -> PrivacyFacts:
    return wave_facts(world.session, world.wave, policy or RetentionPolicy(), folders=world.folders)


def say(sentence: Sentence) -> str:
    """A reader's side of its own: numbers with a unit, names as they are."""
    words = {
        name: f"{value.number} units"
        if isinstance(value, Days | Months)
        else ("PARTNER" if isinstance(value, Partner) else value)
        for name, value in sentence.values.items()
    }
    return sentence.text % words


def shown(statement: Statement, locale: str = "en", say: Any = say) -> statements.ShownStatement:
    return statements.put_into_words(statement, locale, say)


def keep(world: Any, statement: Statement, *locales: str) -> list[str]:
    made = [shown(statement, locale) for locale in locales or ("en",)]
    statements.keep_statements(world.session, world.program.id, made, now=world.now)
    return [one.digest for one in made]


class TestFacts:
    def test_they_are_those_of_the_wave_and_the_programme(self, world: Any) -> None:
        set_program_contact(
            world.session, world.program, ContactKind.EXTERNAL, name="Helpline", reach="0800 1", now=world.now
        )

        facts = facts_of(world, RetentionPolicy(link_days=60))

        assert (facts.organisation, facts.program) == ("Example Works", "Spring")
        assert (facts.floor, facts.sensitive_floor) == (5, 10)
        assert (facts.instrument_id, facts.instrument_version) == ("toy", "0.1.0")
        assert facts.asks_for_words
        assert facts.retention == RetentionPolicy(link_days=60)
        assert [(one.kind, one.name) for one in facts.offices] == [(ContactKind.EXTERNAL, "Helpline")]

    def test_the_sensitive_floor_is_that_of_the_release_rules(self, world: Any) -> None:
        assert privacy.SENSITIVE_FLOOR == disclosure.SENSITIVE_FLOOR

    def test_the_floor_of_an_invited_wave_stays_where_that_of_the_programme_is_raised(
        self, scene: Any, world: Any
    ) -> None:
        programs.raise_floor(world.session, world.program, 12, now=world.now)
        later = scene.add_wave(WaveKind.TC)

        assert facts_of(world).floor == 5
        raised = wave_facts(world.session, later, RetentionPolicy(), folders=world.folders)
        assert (raised.floor, raised.sensitive_floor) == (12, 12)
        with pytest.raises(ProgramError):
            programs.raise_floor(world.session, world.program, 11, now=world.now)


class TestDigest:
    @pytest.mark.parametrize(
        "change",
        [
            {"floor": 6},
            {"sensitive_floor": 12},
            {"rules_version": "other"},
            {"retention": RetentionPolicy(link_days=89)},
            {"retention": RetentionPolicy(contacts_months=11)},
            {"asks_for_words": False},
            {"instrument_version": "0.1.1"},
            {"organisation": "Other Works"},
            {"log_months": 35},
            {"backup_days": 36},
            {"promise_version": "3"},
            {"offices": (privacy.NamedOffice(ContactKind.SAFEGUARDING, "Sam", "ext. 1"),)},
        ],
    )
    def test_every_change_of_a_promise_changes_it(self, world: Any, change: dict[str, Any]) -> None:
        facts = facts_of(world)
        before, after = statement_of(facts), statement_of(replace(facts, **change))

        assert shown(before).digest != shown(after).digest
        assert before.promise_digest != after.promise_digest
        assert shown(before).digest == shown(statement_of(replace(facts))).digest

    def test_a_sentence_that_is_dropped_changes_it_even_with_the_same_facts(self, world: Any) -> None:
        statement = statement_of(facts_of(world))

        assert shown(replace(statement, notes=statement.notes[1:])).digest != shown(statement).digest
        assert replace(statement, notes=statement.notes[1:]).promise_digest != statement.promise_digest

    def test_another_language_or_wording_has_another_digest_and_the_same_promise(self, world: Any) -> None:
        statement = statement_of(facts_of(world))
        english, german = shown(statement), shown(statement, "de")
        reworded = shown(statement, say=lambda sentence: say(sentence).upper())

        assert len({english.digest, german.digest, reworded.digest}) == 3
        assert english.promise == german.promise == reworded.promise

    def test_nothing_of_a_person_is_in_it(self, world: Any) -> None:
        body = shown(statement_of(facts_of(world))).body

        assert "PARTNER" in body
        assert not re.search("Junior|Senior", body)

    def test_no_sentence_calls_answers_more_than_confidential(self, world: Any) -> None:
        assert "anonym" not in shown(statement_of(facts_of(world))).body.lower()


class TestWords:
    def test_the_times_in_force_are_named(self, world: Any) -> None:
        policy = RetentionPolicy(11, 22, 3, 14, 5, 6, 7)
        body = shown(statement_of(facts_of(world, policy))).body

        for number in (11, 22, 3, 14, 5, 6):
            assert f" {number} units" in body

    def test_what_becomes_of_ones_own_words_is_told_where_they_are_asked_for(self, world: Any) -> None:
        facts = facts_of(world)

        def told(changed: PrivacyFacts) -> str:
            return " ".join(say(one) for one in statement_of(changed).sentences())

        with_words = told(facts)
        assert "at least 10 people who answered the question, and 3 of them who say the same" in with_words
        assert "only in groups of 15 pairs or more. What was published cannot be taken back." in with_words
        assert "with the quotes that their writers allowed" in with_words
        assert "at least 12 people who answered" in told(replace(facts, floor=12))
        without = told(replace(facts, asks_for_words=False))
        assert not re.search("quote|moderator", without)

    def test_every_exception_is_told_before_the_first_question(self, world: Any) -> None:
        facts = facts_of(world)
        named = replace(facts, offices=(privacy.NamedOffice(ContactKind.SAFEGUARDING, "Sam Safe", "ext. 1"),))
        first = [" ".join(map(say, statement_of(one).notes)) for one in (facts, named)]
        without = " ".join(map(say, statement_of(replace(facts, asks_for_words=False)).notes))

        assert all("court order" in notes for notes in (*first, without))
        assert all(
            "each time two people named for that have to agree" in notes for notes in (*first, without)
        )
        assert all("announces serious harm" in notes for notes in first)
        assert "named nobody yet" in first[0]
        assert "Sam Safe, never to the coordinator" in first[1]
        assert "announces serious harm" not in without

    def test_people_to_turn_to_stand_on_the_page(self, world: Any) -> None:
        offices = tuple(privacy.NamedOffice(kind, f"N-{kind}", "call 1.") for kind in ContactKind)
        body = shown(statement_of(replace(facts_of(world), offices=offices))).body

        for kind in ContactKind:
            assert f"N-{kind}, call 1." in body
        assert "call 1.." not in body


class TestWhatWasRead:
    def answer(self, world: Any, statement: str | None, *, submit: bool = False) -> Response:
        link = world.invitation_of(world.pairs[0], Role.MENTOR)
        how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        given = {"A1": AnswerValue(code=4)}
        if submit:
            responses.submit_response(world.session, link.invitation, given, statement=statement, **how)
        else:
            page = world.instrument.form(WaveKind.T2, Role.MENTOR).pages[0]
            responses.save_page(world.session, link.invitation, page, given, statement=statement, **how)
        return world.session.scalars(select(Response)).one()

    def test_the_response_keeps_the_statement_that_was_read(self, world: Any) -> None:
        (digest,) = keep(world, statement_of(facts_of(world)))

        assert self.answer(world, digest).statement_digest == digest
        assert self.answer(world, digest, submit=True).statement_digest == digest

    def test_going_on_under_another_promise_is_noted_and_another_language_is_not(self, world: Any) -> None:
        facts = facts_of(world)
        english, german = keep(world, statement_of(facts), "en", "de")
        (changed,) = keep(world, statement_of(replace(facts, backup_days=30)))

        assert self.answer(world, english).statement_digest == english
        assert self.answer(world, german).statement_digest == english
        assert self.answer(world, changed, submit=True).statement_digest == changed

    def test_a_statement_that_was_never_kept_is_not_noted(self, world: Any) -> None:
        statement = statement_of(facts_of(world))
        forged = shown(statement, "de").digest
        (digest,) = keep(world, statement)

        assert self.answer(world, forged).statement_digest is None
        assert not statements.was_read(world.session, None, statement)
        assert self.answer(world, digest).statement_digest == digest
        assert self.answer(world, forged).statement_digest == digest
        assert self.answer(world, None).statement_digest == digest
        assert statements.was_read(world.session, digest, statement)
        changed = statement_of(replace(facts_of(world), backup_days=30))
        assert not statements.was_read(world.session, digest, changed)

    def test_it_is_the_same_for_everybody_and_leads_to_nobody(self, world: Any) -> None:
        (digest,) = keep(world, statement_of(facts_of(world)))
        how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        for link in world.issued:
            responses.submit_response(
                world.session, link.invitation, {"A1": AnswerValue(code=4)}, statement=digest, **how
            )

        assert set(world.session.scalars(select(Response.statement_digest))) == {digest}
        assert not Response.__table__.c.statement_digest.foreign_keys
        assert not PrivacyStatement.__table__.foreign_keys


class TestRegister:
    def test_a_statement_is_kept_once_and_found_by_its_digest_or_its_beginning(self, world: Any) -> None:
        statement = statement_of(facts_of(world))
        (digest,) = keep(world, statement)
        later = world.now + timedelta(days=3)
        statements.keep_statements(world.session, world.program.id, [shown(statement)], now=later)

        for typed in (digest, digest[:8], f" {digest.upper()} "):
            found = statements.find_statement(world.session, typed)
            assert found.body == shown(statement).body
            assert (found.shown_first_on.isoformat(), found.locale) == ("2026-03-02", "en")
        assert len(world.session.scalars(select(PrivacyStatement)).all()) == 1

    def test_what_is_not_found_says_why(self, world: Any) -> None:
        (digest,) = keep(world, statement_of(facts_of(world)))
        twin = PrivacyStatement(
            digest=digest[:10] + "x" * 54,
            promise="p",
            program_id=world.program.id,
            locale="en",
            shown_first_on=world.now.date(),
            facts={"retention": {}},
            body="",
        )
        world.session.add(twin)
        world.session.flush()

        for typed, code in (
            (digest[:7], "digest"),
            ("g" * 64, "digest"),
            ("%" * 8, "digest"),
            ("0" * 64, "unknown"),
            (digest[:8], "several"),
        ):
            with pytest.raises(StatementError) as caught:
                statements.find_statement(world.session, typed)
            assert caught.value.code == code


class TestPromisedTimes:
    def test_a_shorter_time_that_was_promised_outlives_the_settings(self, world: Any) -> None:
        short = RetentionPolicy(link_days=30, messages_months=6)
        keep(world, statement_of(facts_of(world, short)))

        assert promised_retention(world.session, world.program.id, RetentionPolicy()) == short
        assert promised_retention(world.session, "another programme", RetentionPolicy()) == RetentionPolicy()
        shorter = RetentionPolicy(link_days=20)
        assert promised_retention(world.session, world.program.id, shorter) == RetentionPolicy(
            link_days=20, messages_months=6
        )
        assert facts_of(world).retention == short

    def test_the_clock_deletes_by_the_promise_and_says_so(self, world: Any) -> None:
        self.close(world)
        before = self.run(world)
        keep(world, statement_of(facts_of(world, RetentionPolicy(link_days=30))))
        after = self.run(world)

        # The control: without the promise the link would still be there on this day.
        assert (before.counts["link"], before.policy.link_days) == (0, 90)
        assert (after.counts["link"], after.policy.link_days) == (2, 30)

    def close(self, world: Any) -> None:
        how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        link = world.invitation_of(world.pairs[0], Role.MENTOR)
        responses.submit_response(world.session, link.invitation, {"A1": AnswerValue(code=4)}, **how)
        waves.close_wave(world.session, world.wave, now=world.now)
        # A wave of the toy questionnaire, which has no late ones, stands for a late one.
        world.wave.kind = WaveKind.T3B
        world.session.commit()

    def run(self, world: Any) -> retention.ProgramRetention:
        return retention.apply_retention(
            world.session,
            world.program,
            pseudonyms=world.pseudonyms,
            now=world.now + timedelta(days=40),
            dry_run=True,
        )
