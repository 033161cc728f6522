"""Papers: the questionnaire with the own link, cards for the coordinator, and the certificate, which says nothing of answers."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Role
from surveys.certificates import Certificate
from surveys.models import Cohort, Wave
from tests.webapp.pdfs import streams_of
from webapp import papers
from webapp.i18n import force_locale

TODAY = date(2026, 3, 2)


def drawn(pdf: bytes) -> bytes:
    """What a PDF draws."""
    return b"".join(streams_of(pdf))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict]]:
    """What the templates are filled with."""
    seen: list[tuple[str, dict]] = []
    real = papers.compile_template

    def note(name: str, data: dict, *, today: date, locale: str) -> bytes:
        seen.append((name, data))
        return real(name, data, today=today, locale=locale)

    monkeypatch.setattr(papers, "compile_template", note)
    return seen


def test_the_paper_asks_every_question_and_leads_to_the_own_link_only(
    client: FlaskClient, mentee: str, mentor: str, asked: list[tuple[str, dict]]
) -> None:
    answer = client.get(f"{mentee}/paper.pdf?lang=en")

    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    ((name, data),) = asked
    assert name == "questionnaire"
    assert [len(page) for page in data["pages"]] == [3, 2, 2, 2]
    words = json.dumps(data["pages"], ensure_ascii=False)
    assert "\u2068Amina Siddiqui\u2069" in words
    assert "{P}" not in words
    assert all(item["others"] for item in data["pages"][0])
    assert data["link"].endswith(mentee)
    assert mentor not in str(data)
    assert data["code"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')


def test_answers_change_nothing_on_the_paper(client: FlaskClient, app: Flask, mentee: str) -> None:
    before = client.get(f"{mentee}/paper.pdf").data
    client.post(f"{mentee}/1", data={"A1": "c:5"})

    assert client.get(f"{mentee}/paper.pdf").data == before


def test_everybody_gets_the_certificate_at_the_end_and_nobody_before(
    client: FlaskClient,
    app: Flask,
    mentee: str,
    clock: Callable,
    write: Callable[[], Session],
    asked: list[tuple[str, dict]],
) -> None:
    assert client.get(f"{mentee}/certificate.pdf").status_code == 303
    assert "certificate.pdf" not in client.get(mentee).text
    with write() as session:
        cohort = session.scalar(select(Cohort).where(Cohort.name == "open"))
        cohort.starts_on, cohort.ends_on = TODAY - timedelta(days=90), clock().date()

    before = client.get(f"{mentee}/certificate.pdf?lang=en")
    client.post(f"{mentee}/1", data={"A1": "c:5"})
    after = client.get(f"{mentee}/certificate.pdf?lang=en")

    assert before.status_code == 200
    assert "certificate.pdf" in client.get(mentee).text
    # Who has answered and who has not get the same one, to the byte.
    assert before.data == after.data
    (_, data), _again = asked
    assert data["rows"][0] == ["Programme", "\u2068Spring 2026\u2069"]
    assert "December 2, 2025" in data["rows"][3][1]


@pytest.mark.parametrize("name", ["x" * 300, "أمينة \u202eAmina", '#panic("a") $x$ *b*', "😀 Zoë"])
@pytest.mark.parametrize("locale", ["en", "ur"])
def test_hostile_names_are_printed_as_they_are(app: Flask, name: str, locale: str) -> None:
    certificate = Certificate(name, Role.MENTOR, name, name, None, TODAY)

    with app.app_context(), force_locale(locale):
        pdf = papers.print_certificate(certificate, today=TODAY)
        other = papers.print_certificate(
            Certificate("Another", Role.MENTOR, name, name, None, TODAY), today=TODAY
        )

    assert pdf.startswith(b"%PDF-")
    assert drawn(pdf) != drawn(other)
    assert "\u202e" not in papers.isolate_name(name)


def test_the_coordinators_paper_names_nobody_and_links_come_once(
    client: FlaskClient,
    app: Flask,
    mentee: str,
    sign_in: Callable,
    write: Callable[[], Session],
    seeded: object,
    asked: list[tuple[str, dict]],
    read_token: Callable[[str], str],
) -> None:
    sign_in(client)
    with write() as session:
        wave = session.scalar(select(Wave).join(Cohort).where(Cohort.name == "open"))
        address = f"/coordinate/spring/waves/{wave.id}"
    page = client.get(f"{address}/?lang=en").text
    paper = re.search(r'href="([^"]+paper\.pdf\?[^"]+)"', page).group(1).replace("&amp;", "&")

    blank = client.get(paper)

    app.test_client().post(f"{mentee}/1", data={"A1": "c:5"})
    assert client.get(paper).data == blank.data
    asked.pop()
    assert blank.mimetype == "application/pdf"
    assert asked[0][1]["link"] == asked[0][1]["code"] == ""
    assert "your partner" in str(asked[0][1]["pages"])
    assert client.get(f"{address}/paper.pdf?role=boss&in=en").status_code == 404
    assert client.get(f"{address}/paper.pdf?role=mentor&in=xx").status_code == 404
    # Everybody has a link by now, so there is no card to print, and no link is shown a second time.
    again = client.post(
        f"{address}/links/issue", data={"csrf_token": read_token(page), "as": "cards"}, follow_redirects=False
    )
    assert again.status_code == 303
    assert len(asked) == 1


def test_a_card_holds_name_link_and_code(app: Flask, asked: list[tuple[str, dict]]) -> None:
    with app.app_context(), force_locale("en"):
        pdf = papers.print_cards(
            "Trial check",
            [papers.LinkCard("Amina", "https://x.org/s/abc")],
            closes="Open until May 3",
            today=TODAY,
        )

    assert pdf.startswith(b"%PDF-")
    (card,) = asked[0][1]["cards"]
    assert card["name"] == "\u2068Amina\u2069"
    assert card["link"] == "https://x.org/s/abc"
    assert "svg" in card["code"]
