"""Error pages: right status, plain sentence, no traceback, and nothing half-written."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.errors import PinnedVersionError
from surveys import responses, waves
from surveys.models import Answer
from webapp import create_app
from webapp.database import EXTENSION, dispose_engine


def test_an_unknown_page_answers_404(client: FlaskClient) -> None:
    page = client.get("/nowhere")

    assert page.status_code == 404
    assert "There is no such page." in page.text


def test_a_wrong_method_answers_405_and_names_the_right_one(client: FlaskClient, mentee: str) -> None:
    answer = client.post(mentee)

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("deep", ["/1", "/2"])
def test_a_body_of_ten_megabytes_is_refused_with_a_sentence(
    client: FlaskClient, mentee: str, write: Callable[[], Session], deep: str
) -> None:
    client.post(mentee + deep, data={"A1": "c:1", "B1": "c:2"})

    answer = client.post(mentee + deep, data={"A1": "x" * 10_000_000})

    assert answer.status_code == 413
    assert "What was sent is too large" in answer.text
    with write() as session:
        assert len(session.scalars(select(Answer)).all()) == 1


def test_a_multipart_body_of_very_many_parts_is_refused(client: FlaskClient, mentee: str) -> None:
    parts = {f"field{number}": "x" for number in range(2000)}

    answer = client.post(f"{mentee}/1", data=parts, content_type="multipart/form-data")

    assert answer.status_code == 413


def test_a_crash_shows_a_sentence_rolls_back_and_keeps_the_link_out_of_the_log(
    client: FlaskClient,
    mentee: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    write: Callable[[], Session],
) -> None:
    real = responses.save_page

    def save_then_crash(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(responses, "save_page", save_then_crash)
    with caplog.at_level(logging.ERROR):
        answer = client.post(f"{mentee}/1", data={"A1": "c:1"})

    assert answer.status_code == 500
    assert "Something went wrong on our side." in answer.text
    assert "a secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert "participate.save_answers" in caplog.text
    assert mentee not in caplog.text
    with write() as session:
        assert session.scalars(select(Answer)).all() == []


def test_a_database_without_tables_still_gives_a_page(app: Flask, client: FlaskClient) -> None:
    with app.extensions[EXTENSION].engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE invitation")

    answer = client.get("/s/forged")

    assert answer.status_code == 500
    assert "Something went wrong on our side." in answer.text


def test_a_changed_questionnaire_is_not_shown_and_the_operator_finds_out_why(
    client: FlaskClient, mentee: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PinnedVersionError("changed", "toy has changed.", "Put it back.")

    monkeypatch.setattr(waves, "instrument_of", refuse)
    with caplog.at_level(logging.ERROR):
        answer = client.get(mentee)

    assert answer.status_code == 503
    assert "This cannot be shown at the moment." in answer.text
    assert "toy has changed." not in answer.text
    assert "toy has changed." in caplog.text


def test_a_wrong_link_key_is_noticed_and_nothing_is_written(
    app: Flask,
    client: FlaskClient,
    mentee: str,
    write: Callable[[], Session],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.post(f"{mentee}/1", data={"A1": "c:1"})
    other = create_app({**app.config, "LINK_KEY": bytes(reversed(range(32)))})
    try:
        with caplog.at_level(logging.ERROR):
            answer = other.test_client().post(f"{mentee}/1", data={"A1": "c:2"})
    finally:
        dispose_engine(other)

    assert answer.status_code == 503
    assert "link key" in caplog.text
    with write() as session:
        assert [row.code for row in session.scalars(select(Answer))] == [1]
