"""Which language a page speaks, and that an explicit choice persists and keeps the place."""

import re
from datetime import UTC, datetime

import pytest
from babel.messages.catalog import Catalog
from flask import Flask
from flask.testing import FlaskClient

from surveys.errors import SurveyError
from webapp import catalogues, i18n
from webapp.errors import translate_error
from webapp.i18n import gettext, isolate, lazy, ngettext


def opening_of(page: str) -> tuple[str, str]:
    """Language and direction of a page."""
    match = re.search(r'<html lang="([\w-]+)" dir="(\w+)"', page)
    assert match
    return match.group(1), match.group(2)


class TestNegotiation:
    @pytest.mark.parametrize(
        ("accepted", "expected"),
        [
            ("", ("en", "ltr")),
            ("de", ("de", "ltr")),
            ("de-AT,de;q=0.9", ("de", "ltr")),
            ("fr-CA, en;q=0.5", ("fr", "ltr")),
            ("ar-EG", ("ar", "rtl")),
            ("ur-PK;q=0.9, en;q=0.5", ("ur", "rtl")),
            ("zh-CN, sw", ("zh-Hans", "ltr")),
            ("ja, sw", ("en", "ltr")),
            ("x" * 4096, ("en", "ltr")),
            ("xx-invalid-;;q=nonsense", ("en", "ltr")),
        ],
    )
    def test_the_browsers_wish_decides_where_nothing_was_chosen(
        self, client: FlaskClient, accepted: str, expected: tuple[str, str]
    ) -> None:
        page = client.get("/", headers={"Accept-Language": accepted}).text

        assert opening_of(page) == expected

    def test_an_explicit_choice_beats_the_browser_and_persists(self, client: FlaskClient) -> None:
        chosen = client.get("/?lang=ur", headers={"Accept-Language": "de"})
        later = client.get("/account/sign-in", headers={"Accept-Language": "de"})

        assert opening_of(chosen.text) == opening_of(later.text) == ("ur", "rtl")
        assert "HttpOnly" in chosen.headers["Set-Cookie"]
        assert "SameSite=Lax" in chosen.headers["Set-Cookie"]

    @pytest.mark.parametrize("spelling", ["zh-Hans", "zh_Hans"])
    def test_a_language_with_a_script_is_chosen_in_both_spellings_and_named_in_that_of_the_web(
        self, client: FlaskClient, spelling: str
    ) -> None:
        chosen = client.get(f"/?lang={spelling}")

        assert opening_of(chosen.text) == ("zh-Hans", "ltr")
        assert chosen.headers["Set-Cookie"].startswith("lang=zh_Hans;")
        assert chosen.headers["Content-Language"] == "zh-Hans"
        assert (
            '<a href="?lang=zh-Hans" lang="zh-Hans" hreflang="zh-Hans" dir="ltr" aria-current' in chosen.text
        )
        assert opening_of(client.get("/account/sign-in").text) == ("zh-Hans", "ltr")

    @pytest.mark.parametrize("wish", ["xx", "", "<script>", "../de", "ur'"])
    def test_an_unknown_choice_is_ignored_and_not_kept(self, client: FlaskClient, wish: str) -> None:
        page = client.get("/", query_string={"lang": wish}, headers={"Accept-Language": "de"})

        assert opening_of(page.text) == ("de", "ltr")
        assert "Set-Cookie" not in page.headers

    def test_a_locale_with_a_gap_is_not_offered(
        self, app: Flask, client: FlaskClient, made_up_translations, tmp_path
    ) -> None:
        whole = (made_up_translations / "de/LC_MESSAGES/messages.po").read_text(encoding="utf-8")
        path = tmp_path / "gaps" / "de" / "LC_MESSAGES" / "messages.po"
        path.parent.mkdir(parents=True)
        gap = whole.replace('msgstr "de:Sign in"', 'msgstr ""')
        assert gap != whole
        path.write_text(gap, encoding="utf-8")
        pot = (made_up_translations / "messages.pot").read_text(encoding="utf-8")
        (tmp_path / "gaps" / "messages.pot").write_text(pot, encoding="utf-8")
        app.config["TRANSLATIONS_FOLDER"] = tmp_path / "gaps"

        page = client.get("/?lang=de").text

        assert opening_of(page) == ("en", "ltr")
        assert "Deutsch" not in page
        # The same file without the gap is offered, so it was the gap.
        path.write_text(whole, encoding="utf-8")
        assert opening_of(client.get("/?lang=de").text) == ("de", "ltr")

    def test_without_any_catalogue_pages_are_in_english(
        self, app: Flask, client: FlaskClient, tmp_path
    ) -> None:
        app.config["TRANSLATIONS_FOLDER"] = tmp_path

        page = client.get("/?lang=de", headers={"Accept-Language": "ur"}).text

        assert opening_of(page) == ("en", "ltr")
        assert 'class="languages"' not in page


class TestParticipant:
    def test_the_persons_own_language_beats_the_browsers(self, client: FlaskClient, mentor: str) -> None:
        page = client.get(mentor, headers={"Accept-Language": "de"}).text

        assert opening_of(page) == ("ur", "rtl")

    def test_without_one_the_browser_decides(self, client: FlaskClient, mentee: str) -> None:
        assert opening_of(client.get(mentee, headers={"Accept-Language": "de-CH"}).text) == ("de", "ltr")

    def test_only_languages_of_the_questionnaire_and_the_interface_are_offered(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(mentee, headers={"Accept-Language": "fr"}).text

        # The toy questionnaire speaks English, German and Urdu; the interface also French, Spanish and Arabic.
        assert re.findall(r'<a href="\?lang=(\w+)" lang="(\w+)"', page) == [
            ("en", "en"),
            ("de", "de"),
            ("ur", "ur"),
        ]
        assert opening_of(page) == ("en", "ltr")
        for name in ("English", "Deutsch", "اردو"):
            assert f">{name}</a>" in page

    def test_questions_options_and_interface_are_in_one_language(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(f"{mentee}/1?lang=de").text

        assert "Trifft" in page or "stimme" in page.lower()
        assert "Strongly disagree" not in page
        assert "de:Continue" in page
        assert "Skip to the content" not in page.replace("de:Skip to the content", "")

    def test_switching_on_a_page_of_questions_saves_what_was_chosen_and_keeps_the_place(
        self, client: FlaskClient, mentee: str
    ) -> None:
        answer = client.post(f"{mentee}/2", data={"B1": "c:5", "language": "ur"})

        assert answer.location == f"{mentee}/2?lang=ur"
        page = client.get(answer.location).text
        assert opening_of(page) == ("ur", "rtl")
        assert re.search(r'name="B1" value="c:5" checked', page)
        assert opening_of(client.get(f"{mentee}/3").text) == ("ur", "rtl")

    def test_an_unknown_language_button_is_ignored(self, client: FlaskClient, mentee: str) -> None:
        answer = client.post(f"{mentee}/2", data={"B1": "c:5", "language": "fr", "go": "next"})

        assert answer.location == f"{mentee}/3"

    def test_says_that_a_translation_is_a_machines_draft_and_not_of_the_source(
        self, client: FlaskClient, mentee: str
    ) -> None:
        note = "This translation was drafted by a machine and has not been reviewed yet."

        assert note not in client.get(f"{mentee}?lang=en").text
        assert note in client.get(f"{mentee}?lang=de").text

    def test_errors_are_in_the_readers_language(self, client: FlaskClient, mentee: str) -> None:
        page = client.post(f"{mentee}/1?lang=de", data={"A1": "c:9"}).text

        assert "de:Choose one of the answers shown." in page
        assert "de:We do not know this link." in client.get("/s/forged?lang=de").text

    def test_a_link_to_another_language_stays_on_this_site(self, client: FlaskClient) -> None:
        page = client.get("/s/x?lang=de&next=//evil.example").text

        assert re.findall(r'hreflang="\w+"', page)
        for address in re.findall(r'<a href="([^"]*)" lang=', page):
            assert address.startswith("?")


class TestSentences:
    def test_values_plurals_and_percent_signs(self, app: Flask) -> None:
        with app.test_request_context("/?lang=de"):
            assert gettext("Error %(status)s", status=404) == "de:Error 404"
            assert ngettext("%(num)s page", "%(num)s pages", 1) == "de:1 page"
            assert ngettext("%(num)s page", "%(num)s pages", 3) == "de:3 pages"
            assert gettext("no such sentence, 50 %%") == "no such sentence, 50 %"

    def test_a_lazy_sentence_speaks_the_language_of_the_moment(self, app: Flask) -> None:
        sentence = lazy("Sign in")
        with app.test_request_context("/?lang=de"):
            assert str(sentence) == "de:Sign in"
        with app.test_request_context("/?lang=ur"):
            assert str(sentence) == "ur:Sign in"

    def test_a_language_can_be_forced_outside_a_request(self, app: Flask) -> None:
        with app.app_context():
            with i18n.force_locale("ar"):
                assert gettext("Sign in") == "ar:Sign in"
                assert i18n.text_direction() == "rtl"
            assert gettext("Sign in") == "Sign in"

    def test_errors_of_the_domain_are_translated_with_their_remedy(self, app: Flask) -> None:
        with app.test_request_context("/?lang=de"):
            message, remedy = translate_error(SurveyError())

        assert message == "de:This did not work."
        assert remedy.startswith("de:Please try again.")

    def test_a_name_is_escaped_and_isolated(self) -> None:
        assert isolate("<b>Ada & Bob</b>") == "<bdi>&lt;b&gt;Ada &amp; Bob&lt;/b&gt;</bdi>"

    def test_moments_are_shown_in_the_time_zone_of_the_deployment(self, app: Flask) -> None:
        moment = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
        app.config["TIMEZONE"] = "Europe/Berlin"

        with app.test_request_context("/?lang=de"):
            assert i18n.format_datetime(moment) == "de:12. März 2026, 00:30 (CET)"
            assert i18n.format_date(moment) == "12. März 2026"
            assert i18n.format_number(12345.678, 1) == "12.345,7"
            assert i18n.format_share(0.4) == "40\xa0%"

    def test_every_language_names_itself(self) -> None:
        names = {locale: i18n.locale_name(locale) for locale in i18n.LOCALES}

        assert names == {
            "en": "English",
            "de": "Deutsch",
            "fr": "Français",
            "es": "Español",
            "pt": "Português",
            "ar": "العربية",
            "ur": "اردو",
            "hi": "हिन्दी",
            "zh_Hans": "简体中文",
        }

    @pytest.mark.parametrize(
        ("locale", "date", "time", "number", "share"),
        [
            ("pt", "12 de março de 2026", "00:30", "12.345,7", "40%"),
            ("ar", "12 مارس 2026", "\u206812:30\xa0ص\u2069", "12,345.7", "40%"),
            ("ur", "12 مارچ، 2026", "\u206812:30\xa0AM\u2069", "12,345.7", "40%"),
            ("hi", "12 मार्च 2026", "12:30\xa0am", "12,345.7", "40%"),
            ("zh_Hans", "2026年3月12日", "00:30", "12,345.7", "40%"),
        ],
    )
    def test_dates_and_numbers_follow_each_locale_in_western_digits(
        self, app: Flask, locale: str, date: str, time: str, number: str, share: str
    ) -> None:
        """One kind of digit everywhere: the codes to type, the charts and the files have these."""
        moment = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
        app.config["TIMEZONE"] = "Europe/Berlin"

        with app.test_request_context(f"/?lang={locale}"):
            assert i18n.format_date(moment) == date
            assert time in i18n.format_datetime(moment)
            assert i18n.format_number(12345.678, 1) == number
            assert i18n.format_share(0.4) == share

    @pytest.mark.parametrize(
        ("locale", "forms"),
        [
            ("ar", "zero one two few many other"),
            ("pt", "other one other other other other"),
            ("hi", "other one other other other other"),
            ("zh_Hans", "other other other other other other"),
        ],
    )
    def test_each_number_selects_its_own_plural_form(
        self, app: Flask, tmp_path, locale: str, forms: str
    ) -> None:
        """Each form of the catalogue says which it is; Babel's rule decides, not a test's own."""
        template = Catalog()
        template.add(("%(num)s page", "%(num)s pages"))
        catalog = catalogues.merge_catalogue(template, locale, None)
        # The file's order of the forms is that of its header.
        names = {6: ("zero", "one", "two", "few", "other", "many"), 2: ("one", "other"), 1: ("other",)}
        catalog.get("%(num)s page").string = names[catalog.num_plurals]
        path = tmp_path / locale / "LC_MESSAGES" / "messages.po"
        path.parent.mkdir(parents=True)
        path.write_text(catalogues.render_catalogue(catalog, catalogues.DEFAULT_HEADERS), encoding="utf-8")
        (tmp_path / "messages.pot").write_text(catalogues.render_template(template), encoding="utf-8")
        app.config["TRANSLATIONS_FOLDER"] = tmp_path

        with app.test_request_context(f"/?lang={locale}"):
            found = [ngettext("%(num)s page", "%(num)s pages", n) for n in (0, 1, 2, 3, 11, 100)]
        assert found == forms.split()
