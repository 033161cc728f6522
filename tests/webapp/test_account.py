"""Signing in and out, what protects it, and who is let in where."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys import accounts
from surveys.models import User, UserSession
from webapp.account.views import LIMIT_BOTH, LIMIT_SOURCE, is_local


class TestSignIn:
    @pytest.mark.parametrize(
        ("role", "room"), [("coordinator", "/coordinate/"), ("researcher", "/research/")]
    )
    def test_leads_to_the_room_of_the_role(
        self, client: FlaskClient, seeded, sign_in: Callable, role: str, room: str
    ) -> None:
        answer = sign_in(client, f"{role}@example.org")

        assert (answer.status_code, answer.location) == (303, room)
        page = client.get("/").text
        assert f"<bdi>{role.title()}</bdi>" in page
        assert "Sign out" in page

    def test_goes_back_to_where_the_person_wanted_to_be(
        self, client: FlaskClient, seeded, sign_in: Callable
    ) -> None:
        blocked = client.get("/coordinate/spring/?tab=2")
        assert blocked.status_code == 303
        assert blocked.location == "/account/sign-in?next=/coordinate/spring/?tab%3D2"
        page = client.get(blocked.location).text
        assert 'name="next" value="/coordinate/spring/?tab=2"' in page

        assert sign_in(client, next="/coordinate/spring/?tab=2").location == "/coordinate/spring/?tab=2"

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "\\\\evil",
            "evil",
            "javascript:alert(1)",
            "/\n/evil",
        ],
    )
    def test_never_leads_away_from_this_site(
        self, client: FlaskClient, seeded, sign_in: Callable, target: str
    ) -> None:
        assert not is_local(target)
        assert sign_in(client, next=target).location == "/coordinate/"

    @pytest.mark.parametrize("email", ["coordinator@example.org", "nobody@example.org", "no address"])
    def test_a_wrong_password_and_an_unknown_address_look_the_same(
        self, client: FlaskClient, seeded, sign_in: Callable, email: str
    ) -> None:
        answer = sign_in(client, email, "a wrong password")

        assert answer.status_code == 400
        assert "The e-mail address and the password do not match." in answer.text
        assert "a wrong password" not in answer.text
        assert client.get_cookie("viceversa_session") is None

    def test_missing_fields_are_named_beside_them_and_in_the_summary(
        self, client: FlaskClient, seeded, sign_in: Callable
    ) -> None:
        page = sign_in(client, "", "").text

        assert '<a href="#email">Please enter your e-mail address.</a>' in page
        assert 'id="password-error">Please enter your password.</p>' in page
        assert 'aria-invalid="true"' in page

    def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(
        self, client: FlaskClient, seeded, sign_in: Callable
    ) -> None:
        cookies = sign_in(client).headers.getlist("Set-Cookie")

        session_cookie = next(cookie for cookie in cookies if cookie.startswith("viceversa_session="))
        assert "HttpOnly" in session_cookie
        assert "SameSite=Lax" in session_cookie
        assert "Secure" not in session_cookie

    def test_over_https_both_cookies_are_secure_and_the_form_works_without_a_referer(
        self, client: FlaskClient, seeded, read_token: Callable[[str], str]
    ) -> None:
        page = client.get("/account/sign-in", base_url="https://localhost")
        data = {
            "csrf_token": read_token(page.text),
            "email": "coordinator@example.org",
            "password": "correct horse battery",
        }
        answer = client.post("/account/sign-in", data=data, base_url="https://localhost")

        assert answer.status_code == 303
        for cookie in (*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")):
            assert "Secure" in cookie

    def test_somebody_signed_in_is_led_on(self, client: FlaskClient, seeded, sign_in: Callable) -> None:
        sign_in(client)

        assert client.get("/account/sign-in").location == "/coordinate/"


class TestSession:
    def test_signing_out_ends_the_session_on_the_server(
        self, app: Flask, client: FlaskClient, seeded, sign_in: Callable, read_token: Callable[[str], str]
    ) -> None:
        sign_in(client)
        copied = client.get_cookie("viceversa_session").value
        page = client.get("/").text

        answer = client.post("/account/sign-out", data={"csrf_token": read_token(page)})

        assert answer.status_code == 303
        assert "You are signed out." in client.get(answer.location).text
        thief = app.test_client()
        thief.set_cookie("viceversa_session", copied)
        assert thief.get("/coordinate/").status_code == 303

    def test_a_session_ends_by_itself(self, client: FlaskClient, seeded, sign_in: Callable, clock) -> None:
        sign_in(client)
        assert client.get("/coordinate/").status_code == 200

        clock.forward(hours=13)

        assert client.get("/coordinate/").status_code == 303

    def test_a_forged_cookie_is_nobody(self, client: FlaskClient, seeded) -> None:
        client.set_cookie("viceversa_session", "forged")

        assert client.get("/coordinate/").status_code == 303

    def test_a_locked_account_is_out_at_once(
        self, client: FlaskClient, seeded, sign_in: Callable, clock, write: Callable[[], Session]
    ) -> None:
        sign_in(client)
        with write() as session:
            user = session.scalars(select(User).where(User.email == "coordinator@example.org")).one()
            accounts.disable_user(session, user, now=clock())

        assert client.get("/coordinate/").status_code == 303

    def test_only_a_hash_of_the_token_is_stored(
        self, client: FlaskClient, seeded, sign_in: Callable, write: Callable[[], Session]
    ) -> None:
        sign_in(client)

        with write() as session:
            stored = session.scalars(select(UserSession)).one().token_hash
        assert stored != client.get_cookie("viceversa_session").value


class TestRateLimit:
    def test_too_many_tries_of_one_account_are_stopped_for_a_while(
        self, client: FlaskClient, seeded, sign_in: Callable, clock
    ) -> None:
        statuses = [sign_in(client, password="a wrong guess").status_code for _ in range(LIMIT_BOTH)]
        assert statuses == [400] * LIMIT_BOTH

        stopped = sign_in(client)

        assert stopped.status_code == 429
        assert "There were too many attempts." in stopped.text
        assert 0 < int(stopped.headers["Retry-After"]) <= 900
        clock.forward(minutes=16)
        assert sign_in(client).status_code == 303

    def test_going_through_many_accounts_is_stopped_too(
        self, client: FlaskClient, seeded, sign_in: Callable
    ) -> None:
        for number in range(LIMIT_SOURCE):
            assert sign_in(client, f"p{number}@example.org", "a wrong guess").status_code == 400

        assert sign_in(client, "another@example.org", "a wrong guess").status_code == 429

    def test_one_persons_failures_do_not_lock_out_another(
        self, client: FlaskClient, seeded, sign_in: Callable
    ) -> None:
        for _ in range(LIMIT_BOTH + 1):
            sign_in(client, password="a wrong guess")

        assert sign_in(client, "researcher@example.org").status_code == 303


class TestForgery:
    @pytest.mark.parametrize("address", ["/account/sign-in", "/account/sign-out"])
    @pytest.mark.parametrize("token", [None, "", "forged"])
    def test_a_form_without_its_token_changes_nothing(
        self, client: FlaskClient, seeded, sign_in: Callable, address: str, token: str | None
    ) -> None:
        sign_in(client)
        data = {"email": "coordinator@example.org", "password": "correct horse battery"}

        answer = client.post(address, data=data if token is None else {**data, "csrf_token": token})

        assert answer.status_code == 400
        assert "This form was open for too long" in answer.text
        assert client.get("/coordinate/").status_code == 200

    def test_a_token_of_another_browser_is_worth_nothing(
        self, app: Flask, client: FlaskClient, seeded, read_token: Callable[[str], str]
    ) -> None:
        token = read_token(app.test_client().get("/account/sign-in").text)

        data = {"csrf_token": token, "email": "coordinator@example.org", "password": "correct horse battery"}

        assert client.post("/account/sign-in", data=data).status_code == 400


class TestRooms:
    def test_a_researcher_may_not_coordinate(self, client: FlaskClient, seeded, sign_in: Callable) -> None:
        sign_in(client, "researcher@example.org")

        answer = client.get("/coordinate/")

        assert answer.status_code == 403
        assert "You do not have access to this page." in answer.text

    def test_a_programme_of_others_looks_like_none(
        self, client: FlaskClient, seeded, sign_in: Callable
    ) -> None:
        sign_in(client)

        assert client.get("/coordinate/spring/").status_code == 200
        assert client.get("/coordinate/elsewhere/").status_code == 404
