"""The catalogues' tool: what is extracted, how a new template is merged, what is reported."""

import io
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from webapp import catalogues


def write_sources(root: Path, python: str, template: str = "") -> None:
    """A source tree with one Python file and one page template."""
    for room in catalogues.ROOMS:
        (root / room).mkdir(parents=True, exist_ok=True)
    (root / "surveys" / "errors.py").write_text(python, encoding="utf-8")
    pages = root / "webapp" / "templates" / "participate"
    pages.mkdir(parents=True, exist_ok=True)
    (pages / "page.html").write_text(template, encoding="utf-8")


def read(text: str, locale: str | None = None) -> Catalog:
    """A catalogue from its text."""
    return read_po(io.StringIO(text), locale=locale)


def write_locale(folder: Path, catalog: Catalog, locale: str, headers: dict[str, str] | None = None) -> Path:
    """Put a locale's file where the tool looks for it."""
    path = folder / locale / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = catalogues.render_catalogue(catalog, catalogues.DEFAULT_HEADERS if headers is None else headers)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_way_to_mark_a_sentence_is_extracted(tmp_path: Path) -> None:
    write_sources(
        tmp_path,
        "N_('marked')\n_('short')\ngettext('long')\nlazy('late')\nngettext('one', 'many', 2)\npgettext('menu', 'Open')\n"
        "# Translators: mind the gap\n_('explained')\nprint('not marked')\n",
        "{{ _('in a page') }} {{ ngettext('a page', 'pages', n) }} {% trans %}in a block{% endtrans %}",
    )

    found = {
        (message.context, message.id, tuple(message.auto_comments))
        for message in catalogues.extract_template(tmp_path)
        if message.id
    }

    assert found == {
        (None, "marked", ()),
        (None, "short", ()),
        (None, "long", ()),
        (None, "late", ()),
        (None, ("one", "many"), ()),
        ("menu", "Open", ()),
        (None, "explained", ("mind the gap",)),
        (None, "in a page", ()),
        (None, ("a page", "pages"), ()),
        (None, "in a block", ()),
    }


def test_extracting_twice_gives_the_same_file(tmp_path: Path) -> None:
    write_sources(tmp_path, "_('b')\n_('a')\n")

    first, second = (catalogues.render_template(catalogues.extract_template(tmp_path)) for _ in range(2))

    assert first == second
    assert "Date" not in first


def test_merging_keeps_exact_matches_only(tmp_path: Path) -> None:
    write_sources(tmp_path, "_('The mentor was late.')\npgettext('a', 'Open')\n")
    old = catalogues.merge_catalogue(catalogues.extract_template(tmp_path), "de", None)
    old.get("The mentor was late.").string = "Die Mentorin kam zu spät."
    old.get("Open", "a").string = "Öffnen"
    # The sentence changes by one word, and the other one moves to another context.
    write_sources(tmp_path, "_('The mentee was late.')\npgettext('b', 'Open')\n")

    new = catalogues.merge_catalogue(catalogues.extract_template(tmp_path), "de", old)

    assert new.get("The mentee was late.").string == ""
    assert new.get("Open", "b").string == ""
    assert not any(message.fuzzy for message in new if message.id)


def test_a_sentence_that_comes_back_gets_its_translation_back(tmp_path: Path) -> None:
    write_sources(tmp_path, "_('Sign in')\n")
    first = catalogues.extract_template(tmp_path)
    old = catalogues.merge_catalogue(first, "de", None)
    old.get("Sign in").string = "Anmelden"
    write_sources(tmp_path, "_('Something else')\n")
    between = catalogues.merge_catalogue(catalogues.extract_template(tmp_path), "de", old)
    text = catalogues.render_catalogue(between, catalogues.DEFAULT_HEADERS)
    assert "#~ msgid" in text

    back = catalogues.merge_catalogue(first, "de", read(text, "de"))

    assert back.get("Sign in").string == "Anmelden"


def test_a_good_set_of_catalogues_has_no_problem(tmp_path: Path, good: Path) -> None:
    assert catalogues.check_catalogues(tmp_path, good) == []


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Sources with three messages and complete catalogues for them."""
    write_sources(
        tmp_path, "_('Hello %(name)s')\nngettext('%(num)s page', '%(num)s pages', 2)\n_('100 %%')\n"
    )
    folder = tmp_path / "translations"
    folder.mkdir()
    template = catalogues.extract_template(tmp_path)
    (folder / "messages.pot").write_text(catalogues.render_template(template), encoding="utf-8")
    for locale in catalogues.LOCALES[1:]:
        catalog = catalogues.merge_catalogue(template, locale, None)
        catalog.get("Hello %(name)s").string = "Hallo %(name)s"
        # Arabic says "one page" and "two pages" without a number.
        catalog.get("%(num)s page").string = ("eine Seite", *["%(num)s Seiten"] * (catalog.num_plurals - 1))
        catalog.get("100 %%").string = "%%100"
        write_locale(folder, catalog, locale)
    return folder


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (('msgstr "Hallo %(name)s"', 'msgstr ""'), "Not translated"),
        (('msgstr "Hallo %(name)s"', 'msgstr "Hallo"'), "values"),
        (('msgstr "Hallo %(name)s"', 'msgstr "Hallo %(Name)s"'), "values"),
        (('msgstr "Hallo %(name)s"', 'msgstr "Hallo %(name)s 5 %"'), "values"),
        (('msgstr[1] "%(num)s Seiten"', 'msgstr[1] ""'), "Not translated"),
        (('#, python-format\nmsgid "Hello', '#, fuzzy, python-format\nmsgid "Hello'), "fuzzy"),
        (('msgid "Hello %(name)s"', 'msgid "Hullo %(name)s"'), "Not translated"),
        (('"X-Review-Status: not reviewed\\n"\n', ""), "X-Review-Status"),
    ],
)
def test_each_fault_is_reported_for_its_file(
    tmp_path: Path, good: Path, spoil: tuple[str, str], expected: str
) -> None:
    path = good / "de" / "LC_MESSAGES" / "messages.po"
    text = path.read_text(encoding="utf-8")
    assert spoil[0] in text
    path.write_text(text.replace(*spoil), encoding="utf-8")

    problems = catalogues.check_catalogues(tmp_path, good)

    assert [problem.file for problem in problems] == ["de/LC_MESSAGES/messages.po"]
    assert expected in problems[0].message
    assert problems[0].remedy


def test_a_name_that_changes_grammar_is_reported_in_sources_and_translations(
    tmp_path: Path, good: Path
) -> None:
    write_sources(tmp_path, "_('You and %(partner)s')\n_('%(partner)s\\'s line')\n")
    template = catalogues.extract_template(tmp_path)
    (good / "messages.pot").write_text(catalogues.render_template(template), encoding="utf-8")
    for locale in catalogues.LOCALES[1:]:
        catalog = catalogues.merge_catalogue(template, locale, None)
        for message in catalog:
            if message.id:
                message.string = "%(partner)s"
        if locale == "fr":
            catalog.get("You and %(partner)s").string = "Vous êtes proche de %(partner)s"
        write_locale(good, catalog, locale)

    problems = [str(problem) for problem in catalogues.check_catalogues(tmp_path, good)]

    assert [problem.partition(":")[0] for problem in problems] == [
        "messages.pot",
        "fr/LC_MESSAGES/messages.po",
    ]
    assert "genitive" in problems[0]
    assert "de {P}" in problems[1]


def test_a_missing_locale_and_a_stale_template_are_reported(tmp_path: Path, good: Path) -> None:
    (good / "fr" / "LC_MESSAGES" / "messages.po").unlink()
    write_sources(
        tmp_path, "_('Hello %(name)s')\nngettext('%(num)s page', '%(num)s pages', 2)\n_('100 %%')\n_('new')\n"
    )

    files = [problem.file for problem in catalogues.check_catalogues(tmp_path, good)]

    assert files[0] == "messages.pot"
    assert sorted(set(files)) == sorted(
        ["messages.pot", *(f"{locale}/LC_MESSAGES/messages.po" for locale in catalogues.LOCALES[1:])]
    )


def test_review_headers_survive_a_round_trip(tmp_path: Path, good: Path) -> None:
    text = (good / "de" / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8")

    assert catalogues.read_header(text, "X-Translation-Origin") == "machine"
    assert catalogues.read_header(text, "X-Review-Status") == "not reviewed"
    assert catalogues.read_header(text, "X-Nothing") == ""


def test_an_unknown_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert catalogues.main(["nonsense"]) == 2
    assert "python -m webapp.catalogues update" in capsys.readouterr().err
