"""Settings are read from the environment and checked before anything starts."""

import os
from pathlib import Path

import pytest

from webapp.config import ConfigError, build_config, load_settings

GOOD = {"VICEVERSA_SECRET_KEY": "s" * 32, "VICEVERSA_LINK_KEY": "ab" * 32}


def test_without_any_setting_data_live_in_var_and_keys_are_missing() -> None:
    settings = load_settings({})

    assert settings.database_url == "sqlite:///var/viceversa.db"
    assert settings.secret_key is None
    assert settings.link_key is None


def test_every_setting_is_read(tmp_path: Path) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    for folder in folders:
        folder.mkdir()
    settings = load_settings(
        {
            **GOOD,
            "VICEVERSA_DATABASE_URL": "postgresql://db/x",
            "VICEVERSA_INSTRUMENT_FOLDERS": os.pathsep.join(map(str, folders)),
            "VICEVERSA_TRUST_PROXY": "1",
            "VICEVERSA_TRUSTED_HOSTS": "a.example, b.example",
            "VICEVERSA_HTTPS": "yes",
            "VICEVERSA_DEFAULT_LOCALE": "de",
            "VICEVERSA_TIMEZONE": "Europe/Berlin",
            "VICEVERSA_BASE_URL": "https://a.example/",
            "VICEVERSA_RETENTION": "link_days=60, comments_months=6,",
        }
    )
    config = build_config(settings.app_config(), {})

    assert config["DATABASE_URL"] == "postgresql://db/x"
    assert config["LINK_KEY"] == bytes.fromhex("ab" * 32)
    assert config["INSTRUMENT_FOLDERS"] == folders
    assert config["TRUST_PROXY"] == 1
    assert config["TRUSTED_HOSTS"] == ["a.example", "b.example"]
    assert config["SESSION_COOKIE_SECURE"] is True
    assert config["DEFAULT_LOCALE"] == "de"
    assert config["TIMEZONE"] == "Europe/Berlin"
    assert config["BASE_URL"] == "https://a.example"
    assert settings.retention == {"link_days": 60, "comments_months": 6}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VICEVERSA_SECRET_KEY", ""),
        ("VICEVERSA_SECRET_KEY", "short"),
        ("VICEVERSA_LINK_KEY", ""),
        ("VICEVERSA_LINK_KEY", "ab"),
        ("VICEVERSA_LINK_KEY", "not hex"),
        ("VICEVERSA_TRUST_PROXY", "one"),
        ("VICEVERSA_TRUST_PROXY", "-1"),
        ("VICEVERSA_TIMEZONE", "Nowhere/Land"),
        ("VICEVERSA_TIMEZONE", "../etc"),
        ("VICEVERSA_DEFAULT_LOCALE", "xx"),
        ("VICEVERSA_BASE_URL", "survey.example.org"),
        ("VICEVERSA_BASE_URL", "https://survey.example.org/ /"),
        ("VICEVERSA_BASE_URL", "javascript://x"),
        ("VICEVERSA_DATABASE_URL", "mysql://x"),
        ("VICEVERSA_DATABASE_URL", "nonsense"),
    ],
)
def test_a_bad_setting_is_refused_by_name_with_a_remedy(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config(None, {**GOOD, name: value})

    assert caught.value.setting == name
    assert caught.value.remedy


def test_a_folder_of_instruments_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no-such-folder is no folder"):
        load_settings({**GOOD, "VICEVERSA_INSTRUMENT_FOLDERS": "no-such-folder"})
