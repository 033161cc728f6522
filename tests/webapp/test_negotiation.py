"""The language that suits a browser's wishes: by language and script, whatever the header holds."""

import pytest
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from webapp.config import LOCALES
from webapp.negotiation import best_locale, find_locale, language_tag

OFFERED = ("en", "de", "fr", "es", "pt", "ar", "ur", "hi", "zh_Hans")


def best(header: str, offered: tuple[str, ...] = OFFERED) -> str | None:
    """What a header gets."""
    return best_locale(parse_accept_header(header, LanguageAccept), offered)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("zh-CN", "zh_Hans"),
        ("zh-SG", "zh_Hans"),
        ("zh-Hans-CN", "zh_Hans"),
        ("zh-hans", "zh_Hans"),
        ("zh", "zh_Hans"),
        ("cmn", "zh_Hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_Hans"),
        # Traditional: after everything else that was asked for, and still before a language that was not.
        ("zh-TW, de;q=0.1", "de"),
        ("zh-HK, zh;q=0.9, en-US;q=0.8", "en"),
        ("zh-Hant, fr;q=0.5", "fr"),
        ("zh-TW,zh;q=0.9", "zh_Hans"),
        ("zh-Hant-HK", "zh_Hans"),
        ("zh-MO, *;q=0.5", "zh_Hans"),
        ("zh, zh-TW;q=0.5", "zh_Hans"),
        ("pt-BR", "pt"),
        ("pt-PT, en;q=0.5", "pt"),
        ("ur-PK", "ur"),
        ("ur-IN", "ur"),
        ("ur-Latn, en;q=0.3", "en"),
        ("ur-Latn", "ur"),
        ("hi-Latn, ur;q=0.5", "ur"),
        ("ar-Latn, fr;q=0.1", "fr"),
        ("arb", "ar"),
        ("fr-CA, en;q=0.5", "fr"),
        ("de;q=0.3, es;q=0.8", "es"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de;q=0, de-AT", None),
        ("en-GB-oxendict, de;q=0.5", "en"),
    ],
)
def test_language_and_script_decide(header: str, expected: str) -> None:
    assert best(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "", "*", "*;q=0.1", ",;,;", ";q=", "q=1", "-", "_", "--", "a", "x-klingon", "i-klingon", "12", "日本語", "\u0663\u0661", "de.utf8",
        "ja, sw", "xx;q=nonsense", "a" * 4096, "-" * 4096, "xx," * 1300, "und", "root", "de\x00",
    ],
)  # fmt: skip
def test_what_names_no_language_on_offer_gets_none_and_no_error(header: str) -> None:
    assert best(header) is None


def test_a_script_on_offer_twice_is_told_apart() -> None:
    both = ("zh_Hans", "zh_Hant", "pa_Arab", "pa")

    assert [best(tag, both) for tag in ("zh-TW", "zh-CN", "pa-PK", "pa-IN")] == [
        "zh_Hant", "zh_Hans", "pa_Arab", "pa",
    ]  # fmt: skip
    assert best("de", ()) is None


def test_a_locale_has_one_spelling_for_the_web_and_is_found_by_both() -> None:
    assert language_tag("zh_Hans") == "zh-Hans"
    for locale in LOCALES:
        assert find_locale(language_tag(locale), LOCALES) == find_locale(locale, LOCALES) == locale
    assert find_locale(None, LOCALES) is find_locale("zh", LOCALES) is find_locale("", LOCALES) is None
