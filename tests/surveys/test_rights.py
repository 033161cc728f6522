"""A person's own answers as a file, the receipt of an erasure, and the list of copies."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.model import Missing, Role, WaveKind
from surveys import audit, exports, invitations, meetings, responses, rights, waves
from surveys.contacts import forget_contact
from surveys.errors import InvitationError, ProgramError
from surveys.models import (
    AuditEvent,
    Base,
    Contact,
    DataPackage,
    ErasureReceipt,
    ExtensionWish,
    Goal,
    MediationOutcome,
    Message,
    Pair,
    Participant,
    Program,
    Respondent,
    Response,
    ResponseState,
    TrialDecision,
)
from surveys.withdrawal import withdraw_from_surveys

SECRET = "A remark that nobody else may read, ünïcödé ✓"


def everything(_tag: str) -> bool:
    return True


def answer(world: Any, role: Role, pair: int, given: dict[str, AnswerValue], links: Any = None) -> None:
    person = world.pairs[pair].mentor_id if role is Role.MENTOR else world.pairs[pair].mentee_id
    link = next(one for one in links or world.issued if one.participant_id == person)
    responses.submit_response(
        world.session,
        link.invitation,
        given,
        pseudonyms=world.pseudonyms,
        locale="en",
        now=world.now,
        folders=world.folders,
    )


@pytest.fixture
def answered(scene: Any, world: Any) -> Any:
    """A mentor and their mentee answered the mid wave, the mentor also the first one."""
    first = scene.invite(scene.add_wave(WaveKind.T0, opens_in=timedelta(hours=-2)))
    answer(world, Role.MENTOR, 0, {"A1": AnswerValue(code=1)}, first)
    mine = {
        "A1": AnswerValue(code=4),
        "A2": AnswerValue(missing=Missing.PREFER_NOT),
        "R1": AnswerValue(text=SECRET),
    }
    answer(world, Role.MENTOR, 0, mine)
    answer(
        world, Role.MENTEE, 0, {"A1": AnswerValue(code=5), "R1": AnswerValue(text="The partner's own words")}
    )
    world.session.commit()
    return world


def own(world: Any, **changes: Any) -> tuple[rights.OwnResponse, ...]:
    given = {
        "pseudonyms": world.pseudonyms,
        "may_read": lambda _response: True,
        "unnamed_partner": "your partner",
        "folders": world.folders,
    }
    return rights.own_responses(world.session, world.pairs[0].mentor, **(given | changes))


class TestOwnAnswers:
    def test_every_answer_comes_with_its_question_and_in_words(self, answered: Any) -> None:
        first, mid = own(answered)

        assert (first.wave, mid.wave) == (WaveKind.T0, WaveKind.T2)
        assert (mid.status, mid.about, mid.language) == (ResponseState.SUBMITTED, "Senior0", "en")
        by_item = {one.item: one for one in mid.answers}
        assert list(by_item) == ["A1", "A2", "R1"]
        assert by_item["A1"].code == 4
        assert by_item["A1"].answer == answered.instrument.option_label("agreement", 4, "en")
        assert (by_item["A2"].missing, by_item["A2"].answer) == ("prefer_not", "Prefer not to answer")
        opening = "Thinking about my meetings with Senior0:"
        assert by_item["A2"].question == f"{opening} I can be wrong in front of Senior0."
        assert (by_item["R1"].answer, by_item["R1"].code) == (SECRET, None)

    def test_nothing_of_the_partner_is_in_a_file(self, answered: Any) -> None:
        for content in (
            rights.answers_as_json("Spring", own(answered), now=answered.now),
            rights.answers_as_csv(own(answered)),
        ):
            assert SECRET in content.decode()
            assert "partner's own words" not in content.decode()
            assert answered.instrument.option_label("agreement", 5, "en") not in content.decode()

    def test_no_key_is_in_a_file(self, answered: Any) -> None:
        session = answered.session
        keys = [*session.scalars(select(Respondent.key)), *session.scalars(select(Response.key))]
        keys += [*session.scalars(select(Response.pair_key)), *session.scalars(select(Participant.id))]
        keys += session.scalars(select(Pair.id)).all()
        content = rights.answers_as_json("Spring", own(answered), now=answered.now) + rights.answers_as_csv(
            own(answered)
        )

        assert not [key for key in keys if key.encode() in content]

    def test_both_files_say_the_same(self, answered: Any) -> None:
        parsed = json.loads(rights.answers_as_json("Spring", own(answered), now=answered.now))
        table = rights.answers_as_csv(own(answered)).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(table, newline="")))

        assert (parsed["program"], parsed["written_on"]) == ("Spring", "2026-03-02")
        pairs = [(r["wave"], a["item"], a["answer"]) for r in parsed["responses"] for a in r["answers"]]
        assert [(row["wave"], row["item"], row["answer"]) for row in rows] == pairs
        assert len(rows) == 4
        assert {row["status"] for row in rows} == {"submitted"}

    def test_only_what_may_be_read_is_in_it(self, answered: Any) -> None:
        mine = own(answered)
        tags = []
        own(answered, may_read=lambda response: bool(tags.append(response.tag)))

        assert len(set(tags)) == 2
        assert own(answered, may_read=lambda response: response.tag == tags[1]) == mine[1:]
        assert own(answered, may_read=lambda _response: False) == ()

    def test_whoever_answered_nothing_has_nothing(self, world: Any) -> None:
        assert own(world) == ()

    def test_a_partner_whose_name_was_destroyed_is_called_the_partner(self, answered: Any) -> None:
        answered.session.delete(answered.pairs[0].mentee.contact)
        answered.session.flush()
        answered.session.expire_all()

        assert {response.about for response in own(answered)} == {"your partner"}

    def test_the_wording_of_a_private_questionnaire_stays_out(
        self, answered: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rights, "OPEN_LICENCES", ("nothing",))

        answers = [one for response in own(answered) for one in response.answers]
        assert {one.question for one in answers} == {""}
        assert SECRET in {one.answer for one in answers}

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
    def test_a_spreadsheet_computes_nothing(self, answered: Any, text: str) -> None:
        value = rights.OwnAnswer(item="R1", question=text, code=-1, answer=text, missing="")
        response = own(answered)[0]
        changed = type(response)(**{**vars(response), "answers": (value,), "about": text})
        table = rights.answers_as_csv((changed,)).decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(table, newline=""))

        assert row["question"] == row["answer"] == row["about"] == f"'{text}"
        assert row["code"] == "-1"


class TestReceipt:
    def test_a_receipt_is_known_by_its_code_however_it_is_typed(self, answered: Any) -> None:
        session = answered.session
        erased = withdraw_from_surveys(
            session, answered.pairs[0].mentor, pseudonyms=answered.pseudonyms, now=answered.now
        )
        session.commit()
        code = erased.receipt

        assert code is not None
        for typed in (
            code,
            code.lower(),
            code.replace("-", " "),
            f"  {code.replace('O', '0').replace('I', '1')}",
        ):
            found = rights.find_receipt(session, typed)
            assert found is not None
            assert (found.n_responses, found.n_answers, found.n_comments) == (2, 3, 1)
            assert found.erased_on == answered.now.date()
        for wrong in ("", "A", code[:-1], "x" * 10_000):
            assert rights.find_receipt(session, wrong) is None

    def test_the_code_is_kept_nowhere_and_leads_to_nobody(self, answered: Any) -> None:
        session, person = answered.session, answered.pairs[0].mentor
        key = answered.pseudonyms.respondent_key(session, person.id)
        erased = withdraw_from_surveys(session, person, pseudonyms=answered.pseudonyms, now=answered.now)
        plain = (erased.receipt or "").replace("-", "")

        values = [
            str(value)
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
            for value in row
        ]
        assert len(plain) == 24
        assert not any(plain in value for value in values)
        assert not any(key in value for value in values if key)
        assert "receipt" not in repr(erased)
        assert {column.name for column in ErasureReceipt.__table__.columns} == {
            "code_digest", "erased_on", "n_responses", "n_answers", "n_comments"
        }  # fmt: skip
        assert not ErasureReceipt.__table__.foreign_keys

    def test_whoever_had_nothing_or_leaves_again_gets_none(self, answered: Any) -> None:
        how = {"pseudonyms": answered.pseudonyms, "now": answered.now}
        nothing = withdraw_from_surveys(answered.session, answered.pairs[1].mentor, **how)
        withdraw_from_surveys(answered.session, answered.pairs[0].mentor, **how)
        again = withdraw_from_surveys(answered.session, answered.pairs[0].mentor, **how)

        assert nothing.receipt is None
        assert again.receipt is None
        assert len(answered.session.scalars(select(ErasureReceipt.code_digest)).all()) == 1

    def test_two_receipts_have_nothing_in_common(self, session: Session, now: Any) -> None:
        counts = rights.ReceiptCounts(1, 1, 0)

        assert rights.issue_receipt(session, counts, now=now) != rights.issue_receipt(
            session, counts, now=now
        )

    def test_it_counts_what_the_browser_gave_if_that_is_asked(self, answered: Any) -> None:
        held = own(answered)[1:]
        erased = withdraw_from_surveys(
            answered.session,
            answered.pairs[0].mentor,
            pseudonyms=answered.pseudonyms,
            now=answered.now,
            counted=rights.count_own(held),
        )
        found = rights.find_receipt(answered.session, erased.receipt or "")

        assert (erased.n_responses, erased.n_answers, erased.n_comments) == (2, 3, 1)
        assert found is not None
        assert (found.n_responses, found.n_answers, found.n_comments) == (1, 2, 1)


class TestPackages:
    def write(self, world: Any, folder: Path, name: str = "package.zip") -> None:
        exports.write_data_package(
            world.session,
            world.session.get_one(Program, world.program.id),
            folder / name,
            purpose="Evaluation report 2027",
            now=world.now,
            folders=world.folders,
        )
        world.session.commit()

    def test_people_asked_in_an_exported_wave_learn_of_the_package(
        self, answered: Any, tmp_path: Path
    ) -> None:
        waves.close_wave(answered.session, answered.wave, now=answered.now)
        self.write(answered, tmp_path)

        (package,) = rights.packages_with(answered.session, answered.pairs[0].mentor)

        assert (package.purpose, package.written_on) == ("Evaluation report 2027", answered.now.date())
        assert package.wave_ids == [answered.wave.id]
        # Somebody who did not answer sees the same, or the list would tell who did.
        assert rights.packages_with(answered.session, answered.pairs[1].mentee) == [package]

    def test_whoever_was_not_asked_in_it_is_not_told(self, scene: Any, answered: Any, tmp_path: Path) -> None:
        waves.close_wave(answered.session, answered.wave, now=answered.now)
        self.write(answered, tmp_path)
        late = scene.add_person(Role.MENTOR, "Late")

        assert rights.packages_with(answered.session, late) == []

    def test_a_package_that_could_not_be_written_is_not_listed(self, answered: Any, tmp_path: Path) -> None:
        waves.close_wave(answered.session, answered.wave, now=answered.now)
        answered.session.commit()
        (tmp_path / "package.zip").write_bytes(b"there already")

        with pytest.raises(exports.ExportError):
            self.write(answered, tmp_path)
        answered.session.rollback()

        assert answered.session.scalars(select(DataPackage)).all() == []


class TestAddressedAndShared:
    """What a person wrote with their name, and what a pair shares, in the same files."""

    @pytest.fixture
    def written(self, answered: Any) -> Any:
        mine, other = answered.pairs
        rows = [
            (mine.mentor_id, "contact", "=Call me, please."),
            (mine.mentee_id, "contact", "The partner's message"),
        ]
        for person, kind, body in rows:
            answered.session.add(
                Message(
                    program_id=answered.program.id,
                    participant_id=person,
                    kind=kind,
                    body=body,
                    sent_at=answered.now,
                )
            )
        for pair, text in ((mine, "Learn to listen"), (other, "A goal of others")):
            answered.session.add(
                Goal(pair_id=pair.id, position=1, text=text, levels=["less", "more"], weight=2)
            )
        answered.session.commit()
        return answered

    def goals(self, world: Any, **changes: Any) -> tuple[rights.OwnGoal, ...]:
        given = {"may_open": lambda _pair_id: True, "unnamed_partner": "your partner"}
        return rights.own_goals(world.session, world.pairs[0].mentor, **(given | changes))

    def test_both_are_in_the_file_and_nothing_of_others(self, written: Any) -> None:
        messages = rights.own_messages(written.session, written.pairs[0].mentor, may_open=everything)
        content = rights.answers_as_json(
            "Spring", own(written), messages, self.goals(written), now=written.now
        )
        parsed = json.loads(content)

        assert parsed["messages_to_the_coordinator"] == [
            {"kind": "contact", "sent_on": "2026-03-02", "text": "=Call me, please.", "outcome": ""}
        ]
        (goal,) = parsed["goals_shared_in_the_pair"]
        assert (goal["goal"], goal["with_partner"]) == ("Learn to listen", "Senior0")
        assert goal["levels"] == ["less", "more"]
        assert b"The partner's message" not in content
        assert b"A goal of others" not in content

    def test_as_tables_they_compute_nothing(self, written: Any) -> None:
        messages = rights.messages_as_csv(
            rights.own_messages(written.session, written.pairs[0].mentor, may_open=everything)
        )
        goals = rights.goals_as_csv(self.goals(written)).decode("utf-8-sig")

        (message,) = csv.DictReader(io.StringIO(messages.decode("utf-8-sig"), newline=""))
        (goal,) = csv.DictReader(io.StringIO(goals, newline=""))
        assert message["text"] == "'=Call me, please."
        assert (goal["goal"], goal["levels"]) == ("Learn to listen", "less | more")

    def test_what_was_decided_is_in_it_and_nothing_that_the_partner_decided(
        self, scene: Any, written: Any
    ) -> None:
        wave, pair = scene.add_wave(WaveKind.TC), written.pairs[0]
        for person, choice, text in (
            (pair.mentor_id, "end", "=Enough."),
            (pair.mentee_id, "talk", "The partner's words"),
        ):
            written.session.add(
                TrialDecision(
                    wave_id=wave.id, pair_id=pair.id, participant_id=person, choice=choice, body=text,
                    decided_on=written.now.date(),
                )
            )  # fmt: skip
        for person in (pair.mentee_id, written.pairs[1].mentor_id):
            written.session.add(ExtensionWish(pair_id=pair.id, participant_id=person))
        mediation = Message(
            program_id=written.program.id, participant_id=pair.mentor_id, pair_id=pair.id, kind="mediation", body="",
            sent_at=written.now + timedelta(days=1), state="closed",
        )  # fmt: skip
        written.session.add(mediation)
        written.session.flush()
        written.session.add(MediationOutcome(message_id=mediation.id, result="partly", counted=False))
        written.session.commit()
        decided = rights.own_decisions(
            written.session, pair.mentor, may_open=everything, unnamed_partner="your partner"
        )
        sent = rights.own_messages(written.session, pair.mentor, may_open=everything)
        content = rights.answers_as_json("Spring", own(written), sent, (), decided, now=written.now)

        assert json.loads(content)["decisions_about_the_pair"] == [
            {"with_partner": "Senior0", "about": "trial", "choice": "end", "text": "=Enough.", "decided_on": "2026-03-02"}
        ]  # fmt: skip
        assert [one.outcome for one in sent] == ["", "partly"]
        (line,) = csv.DictReader(
            io.StringIO(rights.decisions_as_csv(decided).decode("utf-8-sig"), newline="")
        )
        assert line["text"] == "'=Enough."
        # The control: the partner's own file has the wish.
        theirs = rights.own_decisions(
            written.session, pair.mentee, may_open=everything, unnamed_partner="your partner"
        )
        assert [(one.about, one.choice) for one in theirs] == [("trial", "talk"), ("going on", "yes")]

    def test_goals_and_notes_need_the_key_of_the_pair_and_no_answer(self, written: Any) -> None:
        mine, other = written.pairs
        assert self.goals(written, may_open=lambda _pair_id: False) == ()
        assert self.goals(written, may_open=lambda pair_id: pair_id == other.id) == ()
        (theirs,) = rights.own_goals(
            written.session, other.mentor, may_open=lambda _pair_id: True, unnamed_partner="your partner"
        )
        assert theirs.goal == "A goal of others"

        link = written.invitation_of(mine, Role.MENTOR).invitation
        facts = {"held_on": "2026-03-01", "took_place": "yes", "format": "virtual", "minutes": "30"}
        met = meetings.log_meeting(written.session, link, facts, form_key="a", now=written.now)
        noted = {"notes": "=Ours", "n_agreed": "2"}
        meetings.save_note(written.session, link, met.meeting_id, noted, version="0", now=written.now)

        def own(person: Any, opened: bool) -> tuple[rights.OwnMeeting, ...]:
            how = {"may_open": lambda _pair_id: opened, "unnamed_partner": "your partner"}
            return rights.own_meetings(written.session, person, **how)

        ((entered,), ()) = (own(mine.mentor, opened) for opened in (True, False))
        assert (entered.minutes, entered.noted.notes) == (30, "=Ours")
        assert own(mine.mentee, True) == ()
        (line,) = csv.DictReader(
            io.StringIO(rights.meetings_as_csv([entered]).decode("utf-8-sig"), newline="")
        )
        assert (line["took_place"], line["notes"], line["n_agreed"], line["n_done"]) == (
            "yes",
            "'=Ours",
            "2",
            "",
        )


class TestTombstones:
    def test_what_is_left_keeps_a_link_from_beginning_anew(self, scene: Any, answered: Any) -> None:
        link = answered.invitation_of(answered.pairs[0], Role.MENTOR)
        withdraw_from_surveys(
            answered.session, answered.pairs[0].mentor, pseudonyms=answered.pseudonyms, now=answered.now
        )
        answered.session.commit()

        with pytest.raises(InvitationError):
            answer(answered, Role.MENTOR, 0, {"A1": AnswerValue(code=4)})
        # A new link looks like any other and opens nothing, so that whoever asks for it does not learn who left.
        again = invitations.reissue_invitation(answered.session, link.invitation, now=answered.now)
        with pytest.raises(InvitationError):
            invitations.find_invitation(answered.session, again.token, now=answered.now)
        assert scene.invite(answered.wave) == []
        assert answered.pseudonyms.respondent_key(answered.session, answered.pairs[0].mentor_id) is None

    def test_the_log_shows_that_somebody_left_and_not_who(self, answered: Any) -> None:
        person = answered.pairs[0].mentor
        withdraw_from_surveys(answered.session, person, pseudonyms=answered.pseudonyms, now=answered.now)
        answered.session.commit()

        (entry,) = [
            one for one in audit.list_events(answered.session) if one.action == "participant.surveys_ended"
        ]
        values = {
            str(value) for column in AuditEvent.__table__.columns if (value := getattr(entry, column.name))
        }
        assert entry.program_id == answered.program.id
        assert person.id not in values
        assert (entry.actor, entry.wave_id) == ("a participant", None)

    @pytest.mark.parametrize(
        ("n_left", "said"),
        [
            (0, "fewer than 5 people"),
            (1, "fewer than 5 people"),
            (4, "fewer than 5 people"),
            (5, "5 people or more"),
            (6, "5 people or more"),
        ],
    )
    def test_a_later_package_says_whether_many_left_and_never_how_many(
        self, scene: Any, tmp_path: Path, n_left: int, said: str
    ) -> None:
        pairs = scene.add_pairs(7)
        wave = scene.add_wave(WaveKind.T2)
        scene.invite(wave)
        waves.close_wave(scene.session, wave, now=scene.now)
        for pair in pairs[:n_left]:
            withdraw_from_surveys(scene.session, pair.mentor, pseudonyms=scene.pseudonyms, now=scene.now)
        manifest = exports.write_data_package(
            scene.session, scene.cohort.program, tmp_path / "package", purpose="Evaluation", now=scene.now,
            folders=scene.folders,
        )  # fmt: skip

        assert manifest.withdrawn == said
        assert json.loads((tmp_path / "package" / "manifest.json").read_text("utf-8"))["withdrawn"] == said


class TestForgetting:
    def test_name_address_and_messages_go_and_answers_stay(self, answered: Any) -> None:
        session, person = answered.session, answered.pairs[0].mentor
        for writer in (person.id, answered.pairs[1].mentor_id):
            session.add(
                Message(
                    program_id=answered.program.id, participant_id=writer, kind="contact", body="Hello.",
                    sent_at=answered.now,
                )
            )  # fmt: skip
        session.flush()

        n_messages = forget_contact(
            session, answered.program, " Junior0.Mentor@Example.org ", now=answered.now
        )
        session.commit()

        assert n_messages == 1
        assert person.contact is None
        assert session.scalars(select(Message.participant_id)).all() == [answered.pairs[1].mentor_id]
        assert len(session.scalars(select(Response.key)).all()) == 3
        assert len(session.scalars(select(Contact.email)).all()) == 3
        assert "participant.contact_forgotten" in {one.action for one in audit.list_events(session)}
        (partner,) = [
            link.invitation for link in answered.issued if link.participant_id == answered.pairs[0].mentee_id
        ]
        assert invitations.partner_name(session, partner) == ""

    def test_what_the_person_chose_goes_too_and_the_partners_choices_stay(
        self, scene: Any, answered: Any
    ) -> None:
        session, pair = answered.session, answered.pairs[0]
        wave = scene.add_wave(WaveKind.TC)
        message = Message(
            program_id=answered.program.id, participant_id=pair.mentor_id, pair_id=pair.id, kind="mediation", body="",
            sent_at=answered.now, state="closed",
        )  # fmt: skip
        session.add(message)
        session.flush()
        session.add(MediationOutcome(message_id=message.id, result="not", counted=False))
        for person in (pair.mentor_id, pair.mentee_id):
            session.add(
                TrialDecision(
                    wave_id=wave.id, pair_id=pair.id, participant_id=person, choice="help", body="Words",
                    decided_on=answered.now.date(),
                )
            )  # fmt: skip
            session.add(ExtensionWish(pair_id=pair.id, participant_id=person))
        session.flush()

        forget_contact(session, answered.program, "junior0.mentor@example.org", now=answered.now)
        session.commit()

        assert session.scalars(select(TrialDecision.participant_id)).all() == [pair.mentee_id]
        assert session.scalars(select(ExtensionWish.participant_id)).all() == [pair.mentee_id]
        assert session.scalars(select(MediationOutcome.message_id)).all() == []

    def test_an_address_of_nobody_is_said(self, answered: Any) -> None:
        with pytest.raises(ProgramError) as caught:
            forget_contact(answered.session, answered.program, "nobody@example.org", now=answered.now)
        assert caught.value.code == "not_found"
        assert len(answered.session.scalars(select(Contact.email)).all()) == 4
