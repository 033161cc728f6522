"""Column names, languages and reporting lines are recognised as people write them, and nothing else is."""

import pytest

from surveys.roster_words import (
    COLUMNS,
    LANGUAGES,
    recognise_column,
    recognise_language,
    recognise_reporting_line,
)

COLUMN_NAMES = [
    ("mentor_name", "mentor_name"),
    ("MENTOR NAME", "mentor_name"),
    ("Mentor-Name", "mentor_name"),
    ("mentorName", "mentor_name"),
    ("Mentor", "mentor_name"),
    ("  Mentor\u00a0Name\u200b ", "mentor_name"),
    ("Mentor's name", "mentor_name"),
    ("Reverse Mentor", "mentor_name"),
    ("Mentorin", "mentor_name"),
    ("Mentor*in", "mentor_name"),
    ("Mentor:in", "mentor_name"),
    ("Mentor/-in", "mentor_name"),
    ("Name der Mentorin", "mentor_name"),
    ("Mentorname", "mentor_name"),
    ("Nom du mentor", "mentor_name"),
    ("Nombre de la mentora", "mentor_name"),
    ("Mentor E-Mail", "mentor_email"),
    ("E-Mail Mentor", "mentor_email"),
    ("Mentor\nE-Mail", "mentor_email"),
    ("mentorEmail", "mentor_email"),
    ("Mentor e-mail address", "mentor_email"),
    ("E-Mail-Adresse des Mentors", "mentor_email"),
    ("Courriel du mentor", "mentor_email"),
    ("Adresse électronique mentor mail", "mentor_email"),
    ("Correo electrónico del mentor", "mentor_email"),
    ("Mentor language", "mentor_language"),
    ("Sprache Mentor", "mentor_language"),
    ("Mentorensprache", "mentor_language"),
    ("Langue du mentor", "mentor_language"),
    ("Idioma del mentor", "mentor_language"),
    ("Mentee", "mentee_name"),
    ("Menteename", "mentee_name"),
    ("Mentoré", "mentee_name"),
    ("MENTORÉE", "mentee_name"),
    ("Mentore\u0301", "mentee_name"),
    ("Nom de la mentorée", "mentee_name"),
    ("Mentorado", "mentee_name"),
    ("Menteemail", "mentee_email"),
    ("Mentee-Mail", "mentee_email"),
    ("Courriel du mentoré", "mentee_email"),
    ("Sprache der Mentees", "mentee_language"),
    ("Mentor first name", "mentor_given_name"),
    ("Vorname Mentor", "mentor_given_name"),
    ("Prénom du mentor", "mentor_given_name"),
    ("Mentee Nachname", "mentee_family_name"),
    ("Nom de famille du mentoré", "mentee_family_name"),
    ("Apellidos del mentorado", "mentee_family_name"),
    ("started_on", "started_on"),
    ("Start Date", "started_on"),
    ("Startdatum", "started_on"),
    ("Date de début", "started_on"),
    ("Fecha de inicio", "started_on"),
    ("Reporting line", "reporting_line"),
    ("Berichtslinie", "reporting_line"),
    ("Ligne hiérarchique", "reporting_line"),
    ("Línea jerárquica", "reporting_line"),
]


@pytest.mark.parametrize(("written", "field"), COLUMN_NAMES)
def test_a_column_name_is_recognised(written: str, field: str) -> None:
    assert recognise_column(written) == field


@pytest.mark.parametrize(
    "written",
    [
        "",
        "#",
        "Name",
        "E-Mail",
        "Language",
        "Mentor ID",
        "Mentor phone",
        "Mentor department",
        "Mentor name and mentee name",
        "Mentor Mentee",
        "Mentor name e-mail",
        "Mentore",  # Italian for mentor, or French for mentee without its accent: a guess could swap the roles.
        "Tormentor",
        "Comments",
        "Mentor " * 100,
    ],
)
def test_a_column_name_that_could_mean_something_else_is_not_recognised(written: str) -> None:
    assert recognise_column(written) is None


def test_the_canonical_column_names_mean_themselves() -> None:
    assert [recognise_column(name) for name in COLUMNS] == list(COLUMNS)


@pytest.mark.parametrize(
    ("written", "locale"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("ur-Arab-PK", "ur"),
        ("German", "de"),
        (" deutsch ", "de"),
        ("Deutsch (Österreich)", "de"),
        ("Français", "fr"),
        ("francais", "fr"),
        ("FRANÇAIS", "fr"),
        ("Spanish", "es"),
        ("Español", "es"),
        ("urdu", "ur"),
        ("اردو", "ur"),
        ("اُردُو", "ur"),
        ("العربية", "ar"),
        ("العربيّة", "ar"),
        ("Arabisch", "ar"),
        ("English", "en"),
        ("en-GB", "en"),
        ("pt-BR", "pt"),
        ("português", "pt"),
        ("हिन्दी", "hi"),
        ("zh_Hans", "zh_Hans"),
        ("zh-CN", "zh_Hans"),
        ("Chinese (Simplified)", "zh_Hans"),
        ("中文（简体）", "zh_Hans"),
    ],
)
def test_a_language_is_recognised_by_code_and_by_name(written: str, locale: str) -> None:
    assert recognise_language(written) == locale


@pytest.mark.parametrize(
    "written",
    [
        "",
        "pl",
        "Polish",
        "English / German",
        "d",
        "deutschland",
        "english-german",
        "()",
        "zh-TW",
        "zh-Hant",
        "Chinese (Traditional)",
        "中文（繁體）",
    ],
)
def test_other_languages_are_not_recognised(written: str) -> None:
    assert recognise_language(written) is None


def test_every_language_is_known_by_its_own_code() -> None:
    assert {recognise_language(locale) for locale in LANGUAGES} == set(LANGUAGES)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("none", "none"),
        ("Nein", "none"),
        ("aucune", "none"),
        ("Direct", "direct"),
        ("direkt", "direct"),
        ("Sí", "direct"),
        ("dotted line", "indirect"),
        ("indirekt", "indirect"),
        ("skip-level", "indirect"),
        ("maybe", None),
    ],
)
def test_a_reporting_line_is_recognised(written: str, line: str | None) -> None:
    assert recognise_reporting_line(written) == line
