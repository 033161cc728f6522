"""The packs say what the configuration says: every question, rule, time and office, in Markdown that nothing can break."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from instruments.model import Role, WaveKind
from surveys import accounts, programs
from surveys.errors import PackError
from surveys.models import ContactKind, DataPackage, MembershipRole
from surveys.packages import ExportError
from surveys.packs.blocks import Bullets, Document, Heading, OpenPoint, Paragraph, Table, as_markdown
from surveys.packs.council import council_document
from surveys.packs.dpia import dpia_document
from surveys.packs.facts import PackFacts, pack_facts
from surveys.packs.folder import check_pack, write_pack
from surveys.program_contacts import set_program_contact
from surveys.retention import RetentionPolicy

DOCUMENTS = {"dpia": dpia_document, "works-council": council_document}


def facts_of(world: Any, policy: RetentionPolicy | None = None) -> PackFacts:
    return pack_facts(world.session, world.program, policy or RetentionPolicy(), folders=world.folders)


def lay_out(document: Document) -> bytes:
    """A stand-in for the PDF."""
    return b"%PDF " + document.title.encode()


class TestContent:
    def test_the_council_reads_every_question_of_both_roles_in_every_wave(
        self, scene: Any, world: Any
    ) -> None:
        scene.add_wave(WaveKind.TC)
        document = council_document(facts_of(world))
        tables = [block for block in document.blocks if isinstance(block, Table)]
        listed = {row[:2] for block in tables for row in block.rows}

        n_asked = 0
        for kind in (WaveKind.TC, WaveKind.T2):
            for role in Role:
                for item in world.instrument.form(kind, role).item_ids:
                    stem = world.instrument.stem_text(item, role, kind, "en")
                    text = world.instrument.text(item, role, kind, "en")
                    assert any(
                        name.split(" ")[0] == item and words == " ".join(filter(None, (stem, text)))
                        for name, words in listed
                    ), (kind, role, item)
                    n_asked += 1
        assert n_asked > 20

    def test_the_wording_of_a_private_questionnaire_stays_out(self, world: Any) -> None:
        facts = facts_of(world)
        (one,) = facts.questionnaires
        private = replace(one, instrument=replace(one.instrument, license="All rights reserved"))
        text = as_markdown(council_document(replace(facts, questionnaires=(private,))))

        assert world.instrument.text("A1", Role.MENTOR, WaveKind.T2, "en") not in text.replace("\\", "")
        assert world.instrument.text("A1", Role.MENTOR, WaveKind.T2, "en") in as_markdown(
            council_document(facts)
        ).replace("\\", "")
        assert "A1" in text

    @pytest.mark.parametrize("kind", DOCUMENTS)
    def test_the_times_floors_and_offices_in_force_are_named(self, world: Any, kind: str) -> None:
        set_program_contact(
            world.session,
            world.program,
            ContactKind.PROTECTION,
            name="Dora Data",
            reach="room 7",
            now=world.now,
        )
        facts = facts_of(world, RetentionPolicy(11, 22, 3, 14, 5, 6, 7))
        text = as_markdown(DOCUMENTS[kind](facts))

        for time in (
            "11 days",
            "22 days",
            "3 months",
            "14 months",
            "5 months",
            "6 months",
            "36 months",
            "35 days",
        ):
            assert time in text, time
        assert "at least 5 people" in text
        assert "at least 10" in text
        assert "Dora Data" in text
        assert facts.digest in text
        assert "not legal advice" in text
        assert "anonym" not in text.lower()

    def test_what_an_impact_assessment_needs_is_there(self, world: Any) -> None:
        text = as_markdown(dpia_document(facts_of(world)))

        for words in (
            "Art. 6(1)(f) GDPR", "balancing test", "Nowak", "C-434/16", "Art. 15(4)", "vulnerable", "Re-identification",
            "Coercion", "Retaliation", "The partner guesses", "Linkage", "Insiders", "Discovery", "appraisal",
            "To be filled in",
        ):  # fmt: skip
            assert words in text, words

    def test_what_a_works_council_needs_is_there(self, world: Any) -> None:
        text = as_markdown(council_document(facts_of(world)))

        for words in (
            "Sec. 87(1) no. 6 BetrVG",
            "Sec. 94 BetrVG",
            "1 ABR 13/17",
            "orientation",
            "--oversees",
            "audit verify",
        ):
            assert words in text.replace("\\", ""), words

    @pytest.mark.parametrize("kind", DOCUMENTS)
    def test_the_rules_of_comments_and_of_opening_answers_are_those_in_force(
        self, world: Any, kind: str
    ) -> None:
        facts = facts_of(world)
        text = as_markdown(DOCUMENTS[kind](facts))
        for words in (
            "signs the rule of confidentiality (version 1)",
            "at least 10 people who answered the question, and comments that at least 3 different people stand behind",
            "the wave asked 15 pairs or more",
            "another agrees within 72 hours, and the first opens the answers once within 24 hours",
            "works under a database role",
            "a wish to go on that stayed alone",
            "30 days after the pair's last meeting",
        ):
            assert words in text, words

        # A raised floor is higher than ten, and without open questions nothing is said of comments.
        raised = replace(facts, privacy=replace(facts.privacy, floor=12))
        assert "at least 12 people who answered the question" in as_markdown(DOCUMENTS[kind](raised))
        plain = replace(facts, privacy=replace(facts.privacy, asks_for_words=False))
        assert "signs the rule of confidentiality" not in as_markdown(DOCUMENTS[kind](plain))

    def test_the_statement_stands_in_both_word_for_word(self, world: Any) -> None:
        for make in DOCUMENTS.values():
            text = as_markdown(make(facts_of(world)))
            assert "Nobody in your organisation, including the partner and the coordinator" in text
            assert "The connection between your name and your answers: until 90 days" in text

    def test_holders_and_files_are_counted(self, world: Any) -> None:
        user = accounts.add_user(
            world.session, email="o@x.org", name="O", password="long enough password", now=world.now
        )
        accounts.add_membership(world.session, user, world.program, "overseer", now=world.now)
        world.session.add(
            DataPackage(
                program_id=world.program.id, written_on=world.now.date(), purpose="Report | 2027", wave_ids=[],
                manifest_digest="d" * 64,
            )
        )  # fmt: skip
        world.session.flush()
        facts = facts_of(world)

        assert facts.holders[MembershipRole.OVERSEER] == 1
        assert [one.purpose for one in facts.files] == ["Report | 2027"]
        assert "Report \\| 2027" in as_markdown(dpia_document(facts))

    def test_before_the_first_wave_it_describes_what_will_be_asked(self, scene: Any) -> None:
        facts = pack_facts(scene.session, scene.cohort.program, RetentionPolicy(), folders=scene.folders)

        assert facts.waves == ()
        assert facts.questionnaires[0].kinds == scene.instrument.waves

    def test_a_programme_without_a_questionnaire_has_none(self, session: Any, now: Any) -> None:
        empty = programs.create_program(
            session, slug="bare", name="Bare", organisation="X", instrument=None, now=now
        )

        with pytest.raises(PackError) as caught:
            pack_facts(session, empty, RetentionPolicy())
        assert caught.value.code == "no_questionnaire"


class TestMarkdown:
    def test_names_and_questions_cannot_become_mark_up(self) -> None:
        hostile = "a | b\n# c <script> *d* [e](f) `g`"
        document = Document(
            hostile, hostile, hostile,
            (Heading(hostile), Paragraph("1. " + hostile), Bullets((hostile,)), Table(("x", "y"), ((hostile, "z"),)), OpenPoint(hostile)),
        )  # fmt: skip
        text = as_markdown(document)
        row = next(line for line in text.splitlines() if line.endswith("| z |"))

        assert "<script" not in text.replace("\\<script", "")
        assert len(row.replace("\\|", "").split("|")) == 4
        assert not [line for line in text.splitlines() if line.startswith(("# c", "1. "))]
        assert "1\\. a" in text


class TestFolder:
    def write(self, world: Any, folder: Path, kind: Any = "dpia") -> PackFacts:
        facts = facts_of(world)
        write_pack(folder, kind, facts, lay_out, today=world.now.date())
        return facts

    @pytest.mark.parametrize("kind", DOCUMENTS)
    def test_a_fresh_pack_matches(self, world: Any, tmp_path: Path, kind: Any) -> None:
        facts = self.write(world, tmp_path / "pack", kind)

        assert {path.name for path in (tmp_path / "pack").iterdir()} == {
            f"{kind}.md",
            f"{kind}.pdf",
            "pack.json",
        }
        assert check_pack(tmp_path / "pack", kind, facts_of(world)) == ()
        card = json.loads((tmp_path / "pack" / "pack.json").read_text("utf-8"))
        assert (card["digest"], card["made_on"]) == (facts.digest, "2026-03-02")

    @pytest.mark.parametrize(
        ("change", "place"),
        [("floor", "privacy.floor"), ("contact", "privacy.offices"), ("wave", "waves"), ("time", "privacy.retention.link_days"), ("name", "privacy.organisation")],
    )  # fmt: skip
    def test_every_change_of_the_configuration_is_named(
        self, scene: Any, world: Any, tmp_path: Path, change: str, place: str
    ) -> None:
        self.write(world, tmp_path / "pack")
        policy = RetentionPolicy()
        if change == "floor":
            programs.raise_floor(world.session, world.program, 7, now=world.now)
        elif change == "contact":
            set_program_contact(
                world.session, world.program, ContactKind.EXTERNAL, name="E", reach="1", now=world.now
            )
        elif change == "wave":
            scene.add_wave(WaveKind.TC)
        elif change == "name":
            world.program.organisation = "Other Works"
        else:
            policy = RetentionPolicy(link_days=1)

        found = check_pack(tmp_path / "pack", "dpia", facts_of(world, policy))

        assert f"changed since: {place}" in found

    def test_a_file_that_was_edited_or_taken_away_is_named(self, world: Any, tmp_path: Path) -> None:
        self.write(world, tmp_path / "pack")
        (tmp_path / "pack" / "dpia.md").write_text("softer words", "utf-8")
        (tmp_path / "pack" / "dpia.pdf").unlink()

        assert check_pack(tmp_path / "pack", "dpia", facts_of(world)) == (
            "edited by hand, or damaged: dpia.md",
            "missing: dpia.pdf",
        )

    def test_nothing_is_written_over_and_what_fails_leaves_nothing(self, world: Any, tmp_path: Path) -> None:
        self.write(world, tmp_path / "pack")
        with pytest.raises(ExportError):
            self.write(world, tmp_path / "pack")

        def fail(_document: Document) -> bytes:
            raise RuntimeError

        with pytest.raises(RuntimeError):
            write_pack(tmp_path / "other", "dpia", facts_of(world), fail, today=world.now.date())
        assert not [path.name for path in tmp_path.iterdir() if path.name != "pack" and path.is_dir()]

    def test_what_is_no_pack_or_another_one_is_said(self, world: Any, tmp_path: Path) -> None:
        self.write(world, tmp_path / "pack")
        for number, broken in enumerate(
            ("[]", "{}", "no json", '{"facts": {}, "files": {}, "kind": 1, "program": "x"}')
        ):
            folder = tmp_path / f"broken{number}"
            folder.mkdir()
            (folder / "pack.json").write_text(broken, "utf-8")
            with pytest.raises(PackError) as caught:
                check_pack(folder, "dpia", facts_of(world))
            assert caught.value.code == "no_pack"
        with pytest.raises(PackError) as caught:
            check_pack(tmp_path / "nowhere", "dpia", facts_of(world))
        assert caught.value.code == "no_pack"
        with pytest.raises(PackError) as caught:
            check_pack(tmp_path / "pack", "works-council", facts_of(world))
        assert caught.value.code == "other_pack"
