"""What two versions differ in, the bump this asks for, and which scores may still be compared."""

import pytest

from instruments.loader import load_instrument
from instruments.revision import check_release, diff_instruments, next_version


def edited(copy_toy, *changes, append=""):
    return load_instrument(copy_toy().untranslated().define(*changes).append(append).folder)


@pytest.fixture
def plain(copy_toy, tmp_path):
    """The toy without its locales, in a place of its own."""
    copy = copy_toy().untranslated()
    instrument = load_instrument(copy.folder)
    copy.folder.rename(tmp_path / "plain")
    return instrument


def test_the_same_version_has_no_difference(toy):
    revision = diff_instruments(toy, toy)
    assert revision.changes == ()
    assert revision.bump == "none"
    assert revision.comparable_scales == ("AA", "BB")


NEW_ITEM = '\n[[items]]\nid = "X5"\nformat = "agreement"\ntexts = { both = "New." }\nprovenance = "Toy."\n'


@pytest.mark.parametrize(
    ("changes", "append", "bump", "comparable"),
    [
        ([('title = "Toy questionnaire"', 'title = "Toy"')], "", "patch", "AA BB"),
        ([('T0 = "Tell us where', 'T0 = "Do tell us where')], "", "patch", "AA BB"),
        ([('prefer_not = "Prefer not to answer"', 'prefer_not = "No answer"')], "", "patch", "AA BB"),
        ([('description = "How easy it', 'description = "How simple it')], "", "patch", "AA BB"),
        (
            [('items = ["X1", "X2", "X3", "X4"]', 'items = ["X1", "X2", "X3", "X4", "X5"]')],
            NEW_ITEM,
            "minor",
            "AA BB",
        ),
        ([('"A3", "B1"] }]', '"A3", "B1", "B2"] }]')], "", "minor", "AA BB"),
        ([('"A1", "A2", "A3", "B1"] }]', '"A2", "A1", "A3", "B1"] }]')], "", "minor", "AA BB"),
        ([("primary = true", "primary = false")], "", "minor", "AA BB"),
        ([("maximum_length = 300", "maximum_length = 400")], "", "minor", "AA BB"),
        ([("maximum_length = 300", "maximum_length = 200")], "", "major", "AA BB"),
        ([("development = true", "development = false")], "", "minor", "AA BB"),
        ([("maximum = 3", "maximum = 4")], "", "minor", "AA BB"),
        ([("maximum = 3", "maximum = 2")], "", "major", "AA BB"),
        ([('mentee = ["X1", "X3"]', 'mentee = ["X1", "X2"]')], "", "minor", "AA BB"),
        ([("A3 = -1", "A3 = 1")], "", "major", "BB"),
        ([("keys = { A1 = 1, A2 = 1, A3 = -1 }", "keys = { A1 = 1, A2 = 1 }")], "", "major", "BB"),
        (
            [('id = "B2"\nformat = "agreement"\nstem = "levels"', 'id = "B2"\nformat = "agreement"')],
            "",
            "major",
            "AA",
        ),
        ([('stem = "levels"\nanchor = true', 'stem = "levels"')], "", "major", "AA"),
        ([('label = "Strongly agree"', 'label = "Fully agree"')], "", "major", ""),
        (
            [
                (
                    '{ code = 5, label = "Strongly agree" },',
                    '{ code = 5, label = "Strongly agree" },\n { code = 6, label = "Wow" },',
                )
            ],
            "",
            "major",
            "",
        ),
        ([('mentor = "With colleagues above me:"', 'mentor = "With those above me:"')], "", "major", "AA"),
        ([("I correct a wrong figure.", "I correct a wrong number.")], "", "major", "AA"),
        ([(', "both:T0" = "I expect that I can be wrong in front of {P}."', "")], "", "major", "BB"),
        (
            [
                (
                    'I can be wrong in front of {P}.", ',
                    'I can be wrong in front of {P}.", "both:TC" = "I could be wrong.", ',
                )
            ],
            "",
            "major",
            "BB",
        ),
        (
            [
                (
                    '[[forms]]\nwave = "TC"\nrole = "both"\npages = [{ id = "meetings", items = ["A1", "A2", "A3", "B1"] }]',
                    "",
                ),
                ('TC = "Tell us how the first meetings went."\n', ""),
            ],
            "",
            "major",
            "AA BB",
        ),
        (
            [
                ('items = ["S1", "H1", "R1"]', 'items = ["H1", "R1"]'),
                (
                    '[[items]]\nid = "S1"\nformat = "progress"\ntexts = { both = "Our work on the first aim:" }\nprovenance = "Written for the toy questionnaire, 2026; asked of mentors only."\n',
                    "",
                ),
                (
                    '[[formats]]\nid = "progress"\nkind = "rating"\noptions = [\n  { code = -1, label = "Went back" },\n  { code = 0, label = "Stood still" },\n  { code = 1, label = "Moved on" },\n]\n',
                    "",
                ),
            ],
            "",
            "major",
            "AA BB",
        ),
    ],
)
def test_each_change_asks_for_its_bump_and_keeps_only_scores_that_still_mean_the_same(
    copy_toy, plain, changes, append, *, bump, comparable
):
    revision = diff_instruments(plain, edited(copy_toy, *changes, append=append))
    assert revision.bump == bump, revision.changes
    assert " ".join(revision.comparable_scales) == comparable


def test_the_way_back_of_an_addition_is_a_removal(copy_toy, plain):
    larger = edited(
        copy_toy,
        ('items = ["X1", "X2", "X3", "X4"]', 'items = ["X1", "X2", "X3", "X4", "X5"]'),
        append=NEW_ITEM,
    )
    assert diff_instruments(plain, larger).bump == "minor"
    assert diff_instruments(larger, plain).bump == "major"


def test_a_new_locale_is_a_patch_and_a_lost_one_a_minor_change(toy, plain):
    assert diff_instruments(plain, toy).bump == "patch"
    assert diff_instruments(toy, plain).bump == "minor"


def test_a_changed_translation_is_a_patch(copy_toy, toy):
    german = load_instrument(copy_toy().edit("de.po", ('msgstr "Ja"', 'msgstr "Ja!"')).folder)
    revision = diff_instruments(toy, german)
    assert revision.bump == "patch"
    assert [change.path for change in revision.changes] == ["locales.de"]


def test_a_rewording_that_keeps_the_meaning_is_a_patch_for_item_stem_and_format(copy_toy, plain):
    kept = "revision = 2\nsame_meaning_since = 1\n"
    new = edited(
        copy_toy,
        (
            'id = "A3"\nformat = "agreement"\nstem = "meetings"\ntexts = { both = "I choose',
            f'id = "A3"\nformat = "agreement"\nstem = "meetings"\n{kept}texts = {{ both = "I do choose',
        ),
        (
            'id = "levels"\ntexts = { mentor = "With colleagues',
            f'id = "levels"\n{kept}texts = {{ mentor = "With the colleagues',
        ),
        ('kind = "choice"\n', f'kind = "choice"\n{kept}'),
        ('label = "Yes"', 'label = "Yes, it has"'),
    )
    revision = diff_instruments(plain, new)
    assert revision.bump == "patch"
    assert revision.comparable_scales == ("AA", "BB")
    assert not any(change.undeclared for change in revision.changes)


def test_a_wording_for_a_new_occasion_is_an_addition(copy_toy, plain):
    new = edited(
        copy_toy,
        ('T2 = "Tell us how it goes half-way."', 'T2 = "Tell us how it goes half-way."\nT4 = "Later."'),
        (
            'texts = { both = "I choose my words when {P} listens." }',
            'texts = { both = "I choose my words when {P} listens.", "both:T4" = "I chose my words." }',
        ),
        (
            '[[forms]]\nwave = "TC"',
            '[[forms]]\nwave = "T4"\nrole = "both"\npages = [{ id = "m", items = ["A3"] }]\n\n[[forms]]\nwave = "TC"',
        ),
    )
    revision = diff_instruments(plain, new)
    assert revision.bump == "minor"
    assert revision.comparable_scales == ("AA", "BB")


@pytest.mark.parametrize(
    ("old", "bump", "new"),
    [
        ("1.2.3", "none", "1.2.4"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.9.0", "minor", "0.10.0"),
    ],
)
def test_the_next_version_follows_the_bump(old, bump, new):
    assert next_version(old, bump) == new


def test_a_first_version_has_nothing_to_declare(toy):
    assert check_release(toy, None) == []


def test_versions_of_two_instruments_are_not_compared(copy_toy, plain):
    (problem,) = check_release(edited(copy_toy, ('id = "toy"', 'id = "other"')), plain)
    assert problem.code == "other-instrument"


def test_a_version_that_is_not_higher_is_refused(plain):
    (problem,) = check_release(plain, plain)
    assert problem.code == "version-bump-too-small"


def test_every_undeclared_rewording_is_named(copy_toy, plain):
    new = edited(
        copy_toy,
        ('version = "0.1.0"', 'version = "1.0.0"'),
        ("I correct a wrong figure.", "I correct a wrong number."),
        ('mentor = "With colleagues above me:"', 'mentor = "With those above me:"'),
        ('label = "Strongly agree"', 'label = "Fully agree"'),
    )
    problems = check_release(new, plain, file="here.toml")
    assert {(p.code, p.path) for p in problems} == {
        ("undeclared-change", "formats[agreement]"),
        ("undeclared-change", "stems[levels]"),
        ("undeclared-change", "items[B1]"),
    }
    assert all(p.file == "here.toml" and "revision" in p.remedy for p in problems)


def test_a_revision_cannot_go_back(copy_toy, plain, tmp_path):
    raised = edited(
        copy_toy, ('id = "X1"\nformat = "agreement"\n', 'id = "X1"\nformat = "agreement"\nrevision = 2\n')
    )
    assert diff_instruments(plain, raised).bump == "patch"
    (change,) = diff_instruments(raised, plain).changes
    assert change.undeclared


def test_a_meaning_cannot_date_from_a_later_revision(copy_toy):
    from instruments.checks import check_instrument

    copy = copy_toy().define(
        ('id = "X1"\nformat = "agreement"\n', 'id = "X1"\nformat = "agreement"\nsame_meaning_since = 2\n')
    )
    assert [(p.code, p.path) for p in check_instrument(copy.folder)] == [
        ("bad-revision", "items[X1].same_meaning_since")
    ]
