"""Headers on every answer, and nothing from another site on any page."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp import create_app
from webapp.database import dispose_engine

PAGES = (
    "/",
    "/account/sign-in",
    "/nowhere",
    "/s/forged",
    "{mentee}",
    "{mentee}/1",
    "{mentee}/review",
    "{mentee}/withdraw",
)


@pytest.mark.parametrize("address", PAGES)
class TestEveryPage:
    def test_carries_the_security_headers(self, client: FlaskClient, mentee: str, address: str) -> None:
        headers = client.get(address.format(mentee=mentee)).headers

        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert "base-uri 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers

    def test_promises_https_only_over_https(self, client: FlaskClient, mentee: str, address: str) -> None:
        page = client.get(address.format(mentee=mentee), base_url="https://localhost")

        assert page.headers["Strict-Transport-Security"] == "max-age=31536000"

    def test_loads_and_links_nothing_from_elsewhere(
        self, client: FlaskClient, mentee: str, address: str
    ) -> None:
        page = client.get(address.format(mentee=mentee)).text

        assert re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]*)"', page) == []
        for target in re.findall(r'(?:src|href|action)="([^"]*)"', page):
            assert target.startswith(("/", "?", "#"))

    def test_needs_no_inline_style_or_script(self, client: FlaskClient, mentee: str, address: str) -> None:
        page = client.get(address.format(mentee=mentee)).text

        assert " style=" not in page
        assert "<style" not in page
        assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
        assert re.findall(r"\son\w+=", page) == []


def test_static_files_are_cached_under_the_digest_of_their_content(client: FlaskClient) -> None:
    address = re.search(r'href="(/static/style\.css\?v=\w+)"', client.get("/").text)
    assert address

    with client.get(address.group(1)) as answer:
        assert answer.status_code == 200
        assert "max-age=31536000" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_style_sheet_loads_our_own_fonts_alone_and_knows_no_left_or_right(client: FlaskClient) -> None:
    with client.get("/static/style.css") as answer:
        style = answer.text

    assert all(target.startswith('"fonts/') for target in re.findall(r"url\(([^)]*)\)", style))
    assert "@import" not in style
    physical = r"(?:margin|padding|border|inset)-(?:left|right|top|bottom)|(?:^|[\s;{])(?:left|right|top|bottom|width|height):"
    assert re.findall(physical, style) == []
    assert not re.findall(r"text-align:\s*(?:left|right)|float:\s*(?:left|right)", style)


def test_reading_sets_no_cookie_and_saving_one_that_only_this_path_reads(
    client: FlaskClient, mentee: str
) -> None:
    read = [client.get(mentee), client.get(f"{mentee}/1"), client.get(f"{mentee}/review")]
    saved = client.post(f"{mentee}/1", data={"A1": "c:1"})

    assert [answer.headers.get("Set-Cookie") for answer in read] == [None] * 3
    assert len(saved.headers.getlist("Set-Cookie")) == 1
    cookie = saved.headers["Set-Cookie"]
    assert cookie.startswith("answers_")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/s/"):
        assert part in cookie


def test_the_word_of_a_proxy_counts_only_when_it_is_trusted(app: Flask, client: FlaskClient) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    assert "Strict-Transport-Security" not in client.get("/", headers=forwarded).headers
    behind = create_app({**app.config, "TRUST_PROXY": 1})

    page = behind.test_client().get("/", headers=forwarded)
    dispose_engine(behind)

    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
