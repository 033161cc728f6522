"""The page of languages, what participants are offered and told, and a note beside results that names nobody."""

import re
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from instruments.catalog import get_instrument
from instruments.review import make_review
from instruments.workbench import export_locale, read_incoming, take_back
from surveys.models import AuditEvent, DraftAcknowledgement, Wave
from tests.webapp.conftest import TOY_FOLDERS

PAGE = "/coordinate/spring/languages"


@pytest.fixture
def strict(seeded: Any, write: Callable) -> None:
    """Every wave offers the source only, as one that was planned in a new programme."""
    with write() as session:
        session.execute(update(Wave).values(locales=["en"]))


def languages_of(page: str) -> list[str]:
    return re.findall(r'<a href="\?lang=(\w+)" lang', page)


def lang_of(page: str) -> str:
    return re.findall(r'<html lang="(\w+)"', page)[0]


def test_a_draft_is_offered_by_its_owner_only_and_then_to_everybody(
    client: FlaskClient,
    app: Flask,
    strict: None,
    mentor: str,
    sign_in: Callable,
    read_token: Callable,
    write: Callable,
) -> None:
    # The mentor reads Urdu, and asks for it in every way; no word of it is on the page.
    before = app.test_client().get(f"{mentor}?lang=ur", headers={"Accept-Language": "ur"}).text
    assert (lang_of(before), "ur:" in before, languages_of(before)) == ("en", False, [])

    sign_in(client)
    page = client.get(PAGE).text
    urdu = re.findall(r'<option value="(ur:[0-9a-f]{64})"', page)[0]
    good = {"draft": urdu, "agreed": "y", "csrf_token": read_token(page)}
    for wrong in (
        {"agreed": ""},
        {"draft": f"ur:{'0' * 64}"},
        {"draft": "fr:"},
        {"draft": ""},
        {"csrf_token": ""},
    ):
        assert client.post(PAGE, data={**good, **wrong}).status_code == 400, wrong
    assert "Please tick this first." in client.post(PAGE, data={**good, "agreed": ""}).text
    assert lang_of(app.test_client().get(mentor).text) == "en"

    done = client.post(PAGE, data=good, follow_redirects=True).text

    assert "The draft is offered from now on." in done
    assert ("<bdi>Coordinator</bdi>" in done, urdu in done, "de:" in done) == (True, False, True)
    after = app.test_client().get(mentor).text
    assert (lang_of(after), languages_of(after)) == ("ur", ["en", "ur"])
    with write() as session:
        assert [row.locale for row in session.scalars(select(DraftAcknowledgement))] == ["ur"]
        assert "locale.draft_acknowledged" in session.scalars(select(AuditEvent.action)).all()


def test_a_new_wave_says_and_keeps_what_it_offers(
    client: FlaskClient, strict: None, sign_in: Callable, read_token: Callable, write: Callable
) -> None:
    with write() as session:
        cohort = session.scalars(select(Wave)).first().cohort_id
    sign_in(client)
    page = client.get(f"/coordinate/spring/cohorts/{cohort}/waves/new").text
    assert "Others are drafts that wait for your acknowledgement." in page
    moments = {"opens_at": "2026-04-01T09:00", "closes_at": "2026-04-10T09:00", "kind": "TC"}
    answer = client.post(
        f"/coordinate/spring/cohorts/{cohort}/waves/new", data={**moments, "csrf_token": read_token(page)}
    )

    assert answer.status_code == 303
    with write() as session:
        assert session.scalars(select(Wave.locales).where(Wave.kind == "TC")).one() == ["en"]


def test_what_was_offered_before_the_rule_is_shown_as_that(
    client: FlaskClient, seeded: Any, sign_in: Callable
) -> None:
    sign_in(client)
    page = client.get(PAGE).text

    assert page.count("as a draft, as before drafts had to be acknowledged") == 2
    assert "Offer this draft" not in page
    assert "must not be compared" in page
    assert f'href="{PAGE}"' in client.get("/coordinate/spring/").text


def test_nobody_else_sees_or_acknowledges(
    client: FlaskClient, app: Flask, strict: None, sign_in: Callable, read_token: Callable
) -> None:
    sign_in(client, "researcher@example.org")
    token = read_token(client.get("/").text)
    for browser in (client, app.test_client()):
        assert browser.get(PAGE).status_code in {302, 303, 403, 404}
        assert browser.post(PAGE, data={"csrf_token": token}).status_code in {
            302,
            303,
            400,
            403,
            404,
        }


@pytest.fixture
def own_library(app: Flask, tmp_path: Any) -> Any:
    """The toy in a folder of its own, so that its translations can be reviewed; the digests are the same."""
    import shutil

    folder = tmp_path / "library" / "toy" / "0.1.0"
    shutil.copytree(TOY_FOLDERS[0] / "toy" / "0.1.0", folder)
    app.config["INSTRUMENT_FOLDERS"] = (tmp_path / "library",)
    return folder


def test_the_page_says_how_far_its_words_are(
    app: Flask, mentor: str, own_library: Any, made_up_translations: Any, tmp_path: Any
) -> None:
    """Machine draft, human draft, reviewed, approved; the interface's own state counts too."""
    import shutil

    folder = tmp_path / "reviewed"
    shutil.copytree(made_up_translations, folder)
    catalogue = folder / "ur" / "LC_MESSAGES" / "messages.po"
    notes = {
        "machine": "ur:This translation was drafted by a machine and has not been reviewed yet.",
        "human": "ur:This translation has not been reviewed yet.",
        "reviewed": "ur:This translation has been reviewed, but not approved yet.",
    }
    out = tmp_path / "ur.po"
    out.write_bytes(export_locale(own_library, "ur", "po"))

    def told() -> list[str]:
        page = unescape(app.test_client().get(mentor).text)
        return [name for name, note in notes.items() if note in page]

    def review(state: str, origin: str) -> None:
        done = make_review(state, "committee", "N. N.", date(2026, 11, 20))
        take_back(own_library, "ur", read_incoming(out), review=done, withdraw=done is None, origin=origin)

    review("approved", "human")
    # The questions are approved, the interface around them is a machine's draft.
    assert told() == ["machine"]
    text = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(
        text.replace("X-Review-Status: not reviewed", "X-Review-Status: reviewed"), encoding="utf-8"
    )
    app.config["TRANSLATIONS_FOLDER"] = folder
    assert told() == []
    for state, origin, expected in (
        ("reviewed", "human", ["reviewed"]),
        ("draft", "human", ["human"]),
        ("draft", "machine", ["machine"]),
    ):
        review(state, origin)
        assert told() == expected


def test_the_shipped_translations_are_drafts_and_say_so() -> None:
    infos = [
        info for info in get_instrument("core-battery", "0.1.0").locales.values() if info.origin != "source"
    ]
    assert infos
    assert all(info.is_draft and info.origin == "machine" for info in infos)
