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
from surveys import exports, responses, rights, waves
from surveys.models import (
    Base,
    DataPackage,
    ErasureReceipt,
    Pair,
    Participant,
    Program,
    Respondent,
    Response,
    ResponseState,
)
from surveys.withdrawal import withdraw_from_surveys

SECRET = "A remark that nobody else may read, ünïcödé ✓"


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
