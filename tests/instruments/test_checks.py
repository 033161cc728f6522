"""Broken definitions: every problem is named at once, with file, path and remedy."""

import tomllib
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from instruments.checks import check_instrument
from instruments.digests import read_released, write_released
from instruments.errors import DefinitionError
from instruments.loader import load_instrument
from instruments.release import release_instrument
from instruments.rules import check_rules
from instruments.shape import read_draft

AGREEMENT_END = '{ code = 5, label = "Strongly agree" },\n'


def found(folder: Path) -> set[tuple[str, str]]:
    """Code and path of every problem; each has a file that exists, a message and a remedy."""
    problems = check_instrument(folder)
    for problem in problems:
        assert Path(problem.file).exists()
        assert problem.message.strip()
        assert problem.remedy.strip()
        assert (
            str(problem) == f"{problem.file}: {problem.path}: {problem.message} — {problem.remedy}"
            or not problem.path
        )
    return {(problem.code, problem.path) for problem in problems}


def test_the_toy_has_no_problem(toy_folder):
    assert check_instrument(toy_folder) == []


def test_unknown_keys_wrong_types_and_missing_provenance_are_named_together(copy_toy):
    copy = copy_toy().define(
        ('license = "CC-BY-4.0"', 'license = "CC-BY-4.0"\nlicence = "CC-BY-4.0"'),
        ("development = true", 'development = "yes"'),
        ('provenance = "Written for the toy questionnaire, 2026; reversed in its scale."\n', ""),
        ("maximum_length = 300", 'maximum_length = "300"'),
        ("anchor = true\ntexts = { both", "anker = true\nanchor = true\ntexts = { both"),
        ('{ code = 0, label = "No" }', '{ code = 0, label = "No", color = "red" }'),
        ("{ A1 = 1, A2 = 1, A3 = -1 }", "{ A1 = 1, A2 = 2, A3 = true }"),
    )
    assert found(copy.folder) >= {
        ("unknown-key", "licence"),
        ("wrong-type", "development"),
        ("missing-key", "items[A3].provenance"),
        ("wrong-type", "formats[remark].maximum_length"),
        ("unknown-key", "items[A1].anker"),
        ("unknown-key", "formats[yes-no].options[#1].color"),
        ("bad-key", "scales[AA].keys.A2"),
    }


def test_problems_of_meaning_are_reported_beside_problems_of_shape(copy_toy):
    copy = copy_toy().define(
        ("development = true", "development = 1"),
        ('id = "X2"\nformat = "agreement"', 'id = "X1"\nformat = "agreemant"\ncolour = 1'),
        (
            'items = ["@extras"] },\n]\n\n[[forms]]\nwave = "TC"',
            'items = ["@extra", "X9"] },\n]\n\n[[forms]]\nwave = "TC"',
        ),
        ("keys = { B1 = 1, B2 = 1 }", "keys = { B1 = 1, B3 = 1 }"),
    )
    assert found(copy.folder) >= {
        ("wrong-type", "development"),
        ("unknown-key", "items[X1].colour"),
        ("duplicate-id", "items[X1]"),
        ("unknown-format", "items[X1].format"),
        ("unknown-item", "forms[T0 both].pages[extras].items"),
        ("unknown-pool", "forms[T0 both].pages[extras].items"),
        ("unknown-item", "scales[BB].keys.B3"),
        ("unknown-item", "pools[extras].items"),
    }


def test_a_fault_of_shape_does_not_make_its_translations_look_surplus(copy_toy):
    copy = copy_toy().define(
        ('texts = { both = "I plan to stay." }', 'texts = { both = "I plan to stay." }\nx = 1')
    )
    assert found(copy.folder) == {("unknown-key", "items[X4].x")}


def test_references_to_nothing_are_named(copy_toy):
    copy = copy_toy().define(
        ('stem = "levels"\nanchor = true', 'stem = "level"\nanchor = true'),
        ('id = "S1"\nformat = "progress"', 'id = "S1"\nformat = "progres"'),
        ('items = ["S1", "H1", "R1"]', 'items = ["S1", "H1", "R1", "Q1"]'),
        ('items = ["X1", "X2", "X3", "X4"]', 'items = ["X1", "X2", "X3", "X4", "X5"]'),
    )
    assert found(copy.folder) >= {
        ("unknown-stem", "items[B1].stem"),
        ("unknown-format", "items[S1].format"),
        ("unknown-item", "forms[T2 mentor].pages[close].items"),
        ("unknown-item", "pools[extras].items"),
    }


def test_duplicates_of_every_kind_are_named(copy_toy):
    copy = copy_toy().define(
        ('[[items]]\nid = "X3"', '[[items]]\nid = "x2"'),
        ('[[formats]]\nid = "progress"', '[[formats]]\nid = "agreement"'),
        ('[[stems]]\nid = "levels"', '[[stems]]\nid = "meetings"'),
        ('[[scales]]\nid = "BB"', '[[scales]]\nid = "AA"'),
        ('wave = "T2"\nrole = "mentee"', 'wave = "T2"\nrole = "both"'),
        (
            '{ id = "levels", items = ["B1", "B2"] },\n  { id = "extras", items = ["@extras"] },\n]',
            '{ id = "meetings", items = ["B1", "B2", "B1"] },\n  { id = "extras", items = ["@extras"] },\n]',
        ),
    )
    assert found(copy.folder) >= {
        ("duplicate-id", "items[X2]"),
        ("duplicate-id", "formats[agreement]"),
        ("duplicate-id", "stems[meetings]"),
        ("duplicate-id", "scales[AA]"),
        ("duplicate-form", "forms[T2 mentor]"),
        ("duplicate-id", "forms[T0 both].pages[meetings]"),
        ("asked-twice", "forms[T0 both]"),
    }


def test_an_item_on_a_page_and_in_a_pool_of_the_form_is_asked_twice(copy_toy):
    copy = copy_toy().define(('items = ["S1", "H1", "R1"]', 'items = ["S1", "H1", "R1", "X4"]'))
    assert found(copy.folder) == {("asked-twice", "forms[T2 mentor]")}


def test_bad_names_versions_and_locales_are_named(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            ('id = "toy"', 'id = "Toy Form"'),
            ('version = "0.1.0"', 'version = "0.01"'),
            ('source_locale = "en"', 'source_locale = "english"'),
            ('[[items]]\nid = "X4"', '[[items]]\nid = "cohort"'),
            ('[[items]]\nid = "X3"', '[[items]]\nid = "X-3"'),
            ('"both:T0" = "I expect', '"both:T9" = "I expect'),
        )
    )
    assert found(copy.folder) >= {
        ("bad-id", "id"),
        ("bad-version", "version"),
        ("unknown-locale", "source_locale"),
        ("reserved-id", "items[cohort].id"),
        ("bad-id", "items[X-3].id"),
        ("bad-text-key", "items[A2].texts.both:T9"),
    }


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-beta", "１.0.0", "1.0.0\n", "v1.0.0", ""]
)
def test_a_version_is_three_numbers(copy_toy, version):
    copy = copy_toy().untranslated().define(('version = "0.1.0"', f"version = {version!r}".replace("'", '"')))
    assert ("bad-version", "version") in found(copy.folder)


def test_formats_that_cannot_be_scored_are_named(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            (AGREEMENT_END, '{ code = 5, label = "Agree" },\n  { code = 5, label = "Yes, very much" },\n'),
            ('{ code = 0, label = "Stood still" }', '{ code = 3, label = "Stood still" }'),
            ('{ code = 1, label = "Yes" },\n', ""),
            ("maximum_length = 300", ""),
            ("keys = { B1 = 1, B2 = 1 }", "keys = { B1 = 1, B2 = 1, R1 = 1, H1 = 1 }"),
        )
    )
    assert found(copy.folder) >= {
        ("duplicate-code", "formats[agreement].options"),
        ("duplicate-label", "formats[agreement].options"),
        ("uneven-codes", "formats[progress].options"),
        ("too-few-options", "formats[yes-no].options"),
        ("missing-key", "formats[remark].maximum_length"),
        ("unscorable-item", "scales[BB].keys.R1"),
        ("mixed-ranges", "scales[BB].keys"),
    }


def test_scales_whose_wording_is_not_what_they_say_are_named(copy_toy):
    copy = copy_toy().define(
        ('wording = "same"', 'wording = "mirrored"'),
        ('wording = "mirrored"\ndirection = "benefit"\n\n', 'wording = "same"\ndirection = "benefit"\n\n'),
    )
    assert found(copy.folder) == {
        ("wrong-wording", "scales[AA].wording"),
        ("wrong-wording", "scales[BB].wording"),
    }


def test_a_scale_of_a_single_role_names_it(copy_toy):
    copy = copy_toy().define(('wording = "same"', 'wording = "single role"'))
    assert found(copy.folder) == {("wrong-wording", "scales[AA].wording")}


def test_a_scale_that_no_form_asks_whole_is_named_for_each_role(copy_toy):
    copy = copy_toy().define(("keys = { A1 = 1, A2 = 1, A3 = -1 }", "keys = { X1 = 1, X2 = 1, S1 = 1 }"))
    problems = [p for p in check_instrument(copy.folder) if p.code == "never-scored"]
    assert [("mentee" in p.message, p.path) for p in problems] == [(True, "scales[AA]")]


def test_forms_without_words_for_a_role_or_wave_are_named(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            (
                'texts = { mentor = "I say no to a bad idea.", mentee = "I drop an idea after a no." }',
                'texts = { mentor = "I say no to a bad idea." }',
            ),
            (
                'texts = { both = "I choose my words when {P} listens." }',
                'texts = { "both:T0" = "I choose my words when {P} listens." }',
            ),
            (
                'texts = { mentor = "With colleagues above me:", mentee = "With colleagues below me:" }',
                'texts = { mentor = "With colleagues above me:" }',
            ),
        )
    )
    assert found(copy.folder) >= {
        ("no-wording", "forms[T0 both].pages[levels].items"),
        ("no-wording", "forms[T2 mentee].pages[levels].items"),
        ("no-wording", "forms[TC both].pages[meetings].items"),
        ("no-wording", "forms[T2 mentor].pages[meetings].items"),
    }


def test_a_page_of_nine_items_is_too_long(copy_toy):
    page = 'pages = [{ id = "meetings", items = ["A1", "A2", "A3", "B1"] }]'
    nine = '"A1", "A2", "A3", "B1", "B2", "X1", "X2", "X3", "X4"'
    copy = copy_toy().define((page, f'pages = [{{ id = "meetings", items = [{nine}] }}]'))
    assert found(copy.folder) == {("page-too-long", "forms[TC both].pages[meetings]")}


def test_whatever_nothing_asks_for_is_named(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            (
                'pages = [\n  { id = "meetings", items = ["A1", "A2", "A3"] },\n  { id = "levels", items = ["B1", "B2"] },\n  { id = "extras", items = ["@extras"] },\n  { id = "close", items = ["S1", "H1", "R1"] },\n]',
                'pages = [{ id = "close", items = ["H1"] }]',
            ),
            ('items = ["H1", "R1"]', 'items = ["H1"]'),
            (
                'TC = "Tell us how the first meetings went."',
                'TC = "Tell us how the first meetings went."\nT4 = "Later."',
            ),
            (
                'mentee = "I thank the person who corrects me." }',
                'mentee = "I thank the person who corrects me.", "mentor:T4" = "Later." }',
            ),
        )
        .append(
            '\n[[stems]]\nid = "idle"\ntexts = { both = "Idle:" }\n\n[[pools]]\nid = "idle"\nitems = ["X1"]\nminimum = 0\nmaximum = 1\ndefault = { both = [] }\n'
        )
    )
    assert found(copy.folder) == {
        ("unused-item", "items[S1]"),
        ("unused-item", "items[R1]"),
        ("unused-stem", "stems[idle]"),
        ("unused-pool", "pools[idle]"),
        ("unused-wave", "waves.T4"),
        ("unused-wording", "items[B1].texts.mentor:T4"),
    }


def test_a_format_that_no_item_uses_is_named(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(('id = "S1"\nformat = "progress"', 'id = "S1"\nformat = "agreement"'))
    )
    assert found(copy.folder) == {("unused-format", "formats[progress]")}


def test_pools_that_do_not_add_up_are_named(copy_toy):
    copy = (
        copy_toy()
        .define(
            ("maximum = 3", "maximum = 5"),
            (
                'default = { mentor = ["X1", "X2"], mentee = ["X1", "X3"] }',
                'default = { mentor = ["X1", "X1", "A1"] }',
            ),
        )
        .append(
            '\n[[pools]]\nid = "later"\nitems = ["X1", "X2"]\nmirrors = "extras"\n\n[[pools]]\nid = "last"\nitems = ["X1"]\nmirrors = "later"\n\n[[pools]]\nid = "empty"\nitems = ["X1"]\n'
        )
    )
    assert found(copy.folder) >= {
        ("bad-range", "pools[extras]"),
        ("repeated-item", "pools[extras].default.mentor"),
        ("unknown-pick", "pools[extras].default.mentor"),
        ("missing-default", "pools[extras].default.mentee"),
        ("uneven-mirror", "pools[later].mirrors"),
        ("mirrored-mirror", "pools[last].mirrors"),
        ("missing-key", "pools[empty].minimum"),
        ("missing-key", "pools[empty].default"),
    }


def test_a_mirroring_pool_may_not_have_a_default_of_its_own(copy_toy):
    copy = copy_toy().append(
        '\n[[pools]]\nid = "later"\nitems = ["A1", "A2", "A3", "B1"]\ndefault = { both = ["A1"] }\nmirrors = "extras"\n'
    )
    assert ("uneven-mirror", "pools[later].default") in found(copy.folder)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I plan to <b>stay</b>.", "markup"),
        ("I plan to stay&nbsp;here.", "markup"),
        ("<script", "markup"),
        ("I plan to \u202estay.", "bidi-control"),
        ("I plan to\u200f stay.", "bidi-control"),
        ("\u2067I plan to stay.\u2069", "bidi-control"),
        ("I plan\u200b to stay.", "hidden-character"),
        ("I plan \u3164 to stay.", "hidden-character"),
        ("I plan\\nto stay.", "hidden-character"),
        ("I plan to stay. ", "stray-space"),
        ("   ", "empty-text"),
        ("I plan to stay with {p}.", "unknown-placeholder"),
        ("I plan to stay with {P.", "unknown-placeholder"),
        ("I plan to stay with {{P}}.", "unknown-placeholder"),
    ],
)
def test_a_text_with_something_hidden_or_marked_up_is_refused(copy_toy, text, code):
    copy = copy_toy().untranslated().define(("I plan to stay.", text))
    assert found(copy.folder) == {(code, "items[X4].texts.both")}


@pytest.mark.parametrize("text", ["3 < 4 & 5 > 4", "نمی‌خواهم", "I don’t know — really…", "A&B"])
def test_an_unusual_but_honest_text_is_accepted(copy_toy, text):
    assert found(copy_toy().untranslated().define(("I plan to stay.", text)).folder) == set()


def test_the_partner_is_named_only_where_a_name_is_filled_in(copy_toy):
    copy = (
        copy_toy()
        .untranslated()
        .define(
            ('title = "Ease with the partner"', 'title = "Ease with {P}"'),
            ('label = "Moved on"', 'label = "{P} moved on"'),
        )
    )
    assert found(copy.folder) == {
        ("placeholder-out-of-place", "scales[AA].title"),
        ("placeholder-out-of-place", "formats[progress].options.1"),
    }


# Translations


def test_every_fault_of_a_translation_is_named_at_once(copy_toy):
    copy = copy_toy().edit(
        "de.po",
        (
            'msgctxt "X1#1/text@both"\nmsgid "I like coming to work."\nmsgstr "Ich komme gern zur Arbeit."\n\n',
            "",
        ),
        ('msgstr "Ich kenne Menschen in anderen Abteilungen."', 'msgstr ""'),
        ('msgctxt "X3#1/text@both"', '#, fuzzy\nmsgctxt "X3#1/text@both"'),
        ('msgid "I plan to stay."', 'msgid "I intend to stay."'),
        (
            'msgstr "Ich kann {P} eine einfache Frage stellen."',
            'msgstr "Ich kann eine einfache Frage stellen."',
        ),
        ('msgstr "Ich kann mich vor {P} irren."', 'msgstr "Ich kann mich vor {P} und {P} irren."'),
        ('msgstr "Stimme voll zu"', 'msgstr "Stimme zu"'),
        ('msgstr "Ich danke der Person, die mich berichtigt."', 'msgstr "Ich berichtige eine falsche Zahl."'),
        ('msgctxt "R1#1/text@both"', 'msgctxt "R2#1/text@both"'),
        ('msgstr "Unsere Arbeit am ersten Ziel:"', 'msgstr "Unsere <i>Arbeit</i>:"'),
        ("X-Translation-Origin: machine", "X-Translation-Origin: robot"),
        ("X-Review-Status: not reviewed", "X-Review-Status: approved"),
        ("Language: de", "Language: fr"),
    )
    assert found(copy.folder) == {
        ("missing-translation", "X1#1/text@both"),
        ("missing-translation", "X2#1/text@both"),
        ("fuzzy-translation", "X3#1/text@both"),
        ("outdated-translation", "X4#1/text@both"),
        ("placeholder-mismatch", "A1#1/text@both"),
        ("placeholder-mismatch", "A2#1/text@both"),
        ("confused-translation", "format.agreement#1/option.4@both"),
        ("confused-translation", "B1#1/text@mentor"),
        ("surplus-translation", "R2#1/text@both"),
        ("missing-translation", "R1#1/text@both"),
        ("markup", "S1#1/text@both"),
        ("bad-header", "header.X-Translation-Origin"),
        ("bad-header", "header.X-Reviewer"),
        ("wrong-language", "header.Language"),
    }


def test_a_translation_given_twice_is_named(copy_toy):
    copy = copy_toy()
    path = copy.folder / "ur.po"
    path.write_text(
        path.read_text(encoding="utf-8")
        + '\nmsgctxt "X4#1/text@both"\nmsgid "I plan to stay."\nmsgstr "اور"\n',
        encoding="utf-8",
    )
    assert found(copy.folder) == {("duplicate-entry", "X4#1/text@both")}


def test_a_locale_of_no_language_and_one_of_the_source_are_named(copy_toy):
    copy = copy_toy()
    (copy.folder / "ur.po").rename(copy.folder / "klingon.po")
    (copy.folder / "de.po").rename(copy.folder / "en.po")
    problems = check_instrument(copy.folder)
    assert {(Path(p.file).name, p.code) for p in problems} == {
        ("klingon.po", "unknown-locale"),
        ("klingon.po", "wrong-language"),
        ("en.po", "translated-source"),
        ("en.po", "wrong-language"),
    }


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('msgstr "Ja"', 'msgstr "Ja', 78),
        ('msgstr "Ja"', 'msgstr Ja"', 78),
        ('msgstr "Ja"', "", 80),
        ('msgid "Yes"\n', "", 77),
        ('msgid "Yes"\nmsgstr "Ja"', 'msgstr "Ja"\nmsgid "Yes"', 77),
        ('msgstr "Ja"', 'msgstring "Ja"', 78),
    ],
)
def test_an_unreadable_po_is_named_with_its_line_and_the_rest_is_still_checked(copy_toy, old, new, line):
    copy = copy_toy().edit("de.po", (old, new)).edit("ur.po", ('msgstr "ہاں"', 'msgstr ""'))
    problems = {(Path(p.file).name, p.code, p.path) for p in check_instrument(copy.folder)}
    assert problems == {
        ("de.po", "unreadable-po", f"line {line}"),
        ("ur.po", "missing-translation", "format.yes-no#1/option.1@both"),
    }


def test_a_po_in_another_encoding_is_named_with_its_line(copy_toy):
    copy = copy_toy()
    path = copy.folder / "de.po"
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    (problem,) = check_instrument(copy.folder)
    text = path.read_bytes().decode("latin-1")
    first = next(number for number, line in enumerate(text.split("\n"), start=1) if not line.isascii())
    assert (problem.code, problem.path) == ("unreadable-po", f"line {first}")


# Files


def test_unreadable_toml_is_named_with_its_line(copy_toy):
    copy = copy_toy().define(("development = true", "development = yes"))
    (problem,) = check_instrument(copy.folder)
    assert problem.code == "unreadable-toml"
    assert "line 8" in problem.message


def test_a_key_given_twice_in_a_table_is_refused_by_the_reader(copy_toy):
    copy = copy_toy().define(("sensitive = true", "sensitive = true\nsensitive = false"))
    assert [p.code for p in check_instrument(copy.folder)] == ["unreadable-toml"]


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00", b"\x00", b"", b"[[items]]\n" * 3, b"a = " + b"[" * 100_000, b"a = " + b"1" * 5000],
)
def test_rubbish_is_reported_and_never_raised(tmp_path, data):
    folder = tmp_path / "toy" / "0.1.0"
    folder.mkdir(parents=True)
    (folder / "instrument.toml").write_bytes(data)
    assert check_instrument(folder)
    with pytest.raises(DefinitionError):
        load_instrument(folder)


def test_a_folder_in_the_place_of_a_file_is_reported(copy_toy):
    copy = copy_toy()
    (copy.folder / "fr.po").mkdir()
    assert found(copy.folder) == {("unreadable-po", "")}


def test_a_folder_without_a_definition_is_reported(tmp_path):
    assert [p.code for p in check_instrument(tmp_path / "nowhere")] == ["no-definition"]


def test_a_version_in_the_wrong_folder_is_named(copy_toy):
    copy = copy_toy()
    moved = copy.folder.with_name("0.2.0")
    copy.folder.rename(moved)
    assert found(moved) == {("wrong-folder", "id")}


ODD: tuple[Any, ...] = (
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    True,
    "",
    " ",
    "A1",
    "@",
    "x" * 3000,
    [],
    [1],
    [[]],
    {},
    {"a": 1},
    {"id": []},
    date(2026, 1, 1),
)


def test_no_odd_value_anywhere_makes_the_checker_raise(toy_folder):
    # Every place of the definition in turn holds an odd value, and the checker must find it or find it harmless.
    definition = tomllib.loads((toy_folder / "instrument.toml").read_text(encoding="utf-8"))
    n_refused = 0
    for number, path in enumerate(_places(definition)):
        raw = deepcopy(definition)
        node = raw
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = ODD[number % len(ODD)]
        draft, problems = read_draft(raw, "instrument.toml")
        n_refused += bool(problems + check_rules(draft))
    assert n_refused > 200


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in entries for place in ((*path, key), *_places(value, (*path, key)))]


# Released versions


def test_a_changed_folder_under_a_pinned_version_is_named(copy_toy):
    copy = copy_toy()
    release_instrument(copy.folder)
    assert check_instrument(copy.folder) == []
    copy.edit("de.po", ('msgstr "Ja"', 'msgstr "Ja!"'))
    (problem,) = check_instrument(copy.folder)
    assert problem.code == "pinned-version-changed"
    assert "the locale de changed" in problem.message


@pytest.mark.parametrize("file", ["instrument.toml", "de.po"])
def test_a_comment_may_be_added_to_a_pinned_version(copy_toy, file):
    copy = copy_toy()
    release_instrument(copy.folder)
    path = copy.folder / file
    path.write_text("# A remark.\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert check_instrument(copy.folder) == []


def test_a_locale_added_to_a_pinned_version_is_named(copy_toy):
    copy = copy_toy()
    urdu = (copy.folder / "ur.po").read_text(encoding="utf-8")
    (copy.folder / "ur.po").unlink()
    release_instrument(copy.folder)
    (copy.folder / "ur.po").write_text(urdu, encoding="utf-8")
    (problem,) = check_instrument(copy.folder)
    assert "the locale ur (new)" in problem.message


def reword(copy: Any, revision: str = "") -> None:
    """Change the words of X4 in the definition and in each locale."""
    copy.define(
        (
            'id = "X4"\nformat = "agreement"\ntexts = { both = "I plan to stay." }',
            f'id = "X4"\nformat = "agreement"\n{revision}texts = {{ both = "I mean to stay." }}',
        )
    )
    context = "X4#2/text@both" if revision else "X4#1/text@both"
    for locale in ("de", "ur"):
        copy.edit(
            f"{locale}.po",
            (
                'msgctxt "X4#1/text@both"\nmsgid "I plan to stay."',
                f'msgctxt "{context}"\nmsgid "I mean to stay."',
            ),
        )


def test_a_reworded_item_without_a_revision_or_a_version_bump_is_refused(copy_toy):
    copy = copy_toy()
    release_instrument(copy.folder)
    later = copy.next("0.1.1")
    reword(later)
    assert found(later.folder) == {("undeclared-change", "items[X4]"), ("version-bump-too-small", "version")}


def test_a_reworded_item_with_a_revision_needs_a_major_version(copy_toy):
    copy = copy_toy()
    release_instrument(copy.folder)
    later = copy.next("0.2.0")
    reword(later, "revision = 2\n")
    (problem,) = check_instrument(later.folder)
    assert problem.code == "version-bump-too-small"
    assert "1.0.0" in problem.remedy


def test_a_reworded_item_declared_to_mean_the_same_needs_a_patch(copy_toy):
    copy = copy_toy()
    release_instrument(copy.folder)
    later = copy.next("0.1.1")
    reword(later, "revision = 2\nsame_meaning_since = 1\n")
    assert check_instrument(later.folder) == []


def test_a_major_version_accepts_a_reworded_item_with_its_revision(copy_toy):
    copy = copy_toy()
    release_instrument(copy.folder)
    later = copy.next("1.0.0")
    reword(later, "revision = 2\n")
    assert check_instrument(later.folder) == []


def test_a_version_is_compared_with_the_highest_released_below_it(copy_toy):
    # 0.10.0 comes after 0.9.0. Against 0.9.0 the words of 0.10.1 would pass as declared by revision 2; against 0.10.0,
    # which has other words under revision 2, they do not.
    ninth = copy_toy().next("0.9.0")
    release_instrument(ninth.folder)
    tenth = ninth.next("0.10.0")
    reword(tenth, "revision = 2\nsame_meaning_since = 1\n")
    release_instrument(tenth.folder)
    later = tenth.next("0.10.1").untranslated().define(("I mean to stay.", "I want to stay."))
    assert ("undeclared-change", "items[X4]") in found(later.folder)
    assert check_instrument(ninth.folder) == check_instrument(tenth.folder) == []


def test_a_released_version_whose_folder_is_gone_is_missed(copy_toy):
    copy = copy_toy()
    release_instrument(copy.folder)
    later = copy.next("0.2.0")
    copy.folder.rename(copy.folder.with_name("gone"))
    assert found(later.folder) == {("previous-version-unreadable", "version")}


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "toy = 1\n",
        '[toy."0.1.0"]\nstructure = "x"\n',
        '[toy."0.1.0"]\nstructure = "x"\nsource = "y"\n[toy."0.1.0".locales]\n',
    ],
)
def test_an_unreadable_file_of_releases_is_reported(copy_toy, text):
    copy = copy_toy()
    (copy.folder.parent.parent / "released.toml").write_text(text, encoding="utf-8")
    assert [p.code for p in check_instrument(copy.folder)] == ["unreadable-releases"]


def test_release_refuses_a_definition_with_problems(copy_toy):
    copy = copy_toy().define(("sensitive = true", "sensitive = 1"))
    with pytest.raises(DefinitionError):
        release_instrument(copy.folder)
    assert not (copy.folder.parent.parent / "released.toml").exists()


def test_releases_are_written_and_read_back_and_a_second_release_changes_nothing(copy_toy, toy):
    copy = copy_toy()
    digests = release_instrument(copy.folder)
    file = copy.folder.parent.parent / "released.toml"
    text = file.read_text(encoding="utf-8")
    assert digests.whole == toy.digests.whole
    assert read_released(file)["toy"]["0.1.0"].whole == toy.digests.whole
    release_instrument(copy.folder)
    assert file.read_text(encoding="utf-8") == text
    write_released(file, read_released(file))
    assert file.read_text(encoding="utf-8") == text
